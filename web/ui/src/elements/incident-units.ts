/**
 * `<incident-units>`: the units of an incident, each with its interval and ways to its picture now and its recording; more
 * can be added, those nearby with one touch.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { addToIncident } from "../api-incidents";
import { Watch } from "../controllers";
import { stateOf } from "../faces";
import { utcDay, utcTime } from "../format";
import { icons } from "../icons";
import type { Incident, IncidentCamera } from "../model-incidents";
import { hashOf } from "../route";
import { store } from "../store";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import "./nearby-units";
import { sectionStyles } from "./section-styles";
import "./state-mark";

const words = incidentStrings.units;

@customElement("incident-units")
export class IncidentUnits extends LitElement {
  static override styles = [
    controls,
    sectionStyles,
    css`
      .unit {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        align-items: center;
        gap: 0 var(--s2);
      }
      .name {
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .ways {
        display: flex;
        gap: var(--s1);
      }
      small {
        grid-column: 2 / 4;
      }
      .kept {
        display: inline-flex;
        vertical-align: -3px;
      }
      .kept svg {
        width: 14px;
        height: 14px;
      }
      .add {
        display: flex;
        gap: var(--s2);
      }
    `,
  ];

  @property({ attribute: false }) incident!: Incident;
  @state() private busy = false;
  @state() private error = "";

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.session, s.link.downSince]);
  }

  /** Units that can be taken in. */
  private get others() {
    const inside = new Set(this.incident.cameras.map(({ camera }) => camera));
    return (store.cameras ?? []).filter((camera) => camera.rights.includes("respond") && !inside.has(camera.id));
  }

  private async add(unit: string): Promise<void> {
    this.busy = true;
    this.error = "";
    try {
      store.duty.takeIncident(await addToIncident(this.incident.id, unit));
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  }

  private readonly chosen = (event: Event): void => {
    const select = event.target as HTMLSelectElement;
    const unit = select.value;
    select.value = "";
    if (unit) void this.add(unit);
  };

  override render() {
    const { incident, others } = this;
    const may = incident.may.includes("change") && others.length > 0;
    return html`<div class="head">
        <h2>${words.title}</h2>
      </div>
      <ul data-testid="incident-units">
        ${incident.cameras.map((one) => html`<li>${this.renderUnit(one)}</li>`)}
      </ul>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${may
        ? html`<select data-testid="add-unit" aria-label=${words.add} ?disabled=${this.busy} .value=${""} @change=${this.chosen}>
              <option value="">+ ${words.add}</option>
              ${others.map((unit) => html`<option value=${unit.id}>${unit.name}</option>`)}
            </select>
            <nearby-units
              .incident=${incident}
              .addable=${new Set(others.map(({ id }) => id))}
              ?busy=${this.busy}
              @add=${(event: CustomEvent<string>) => void this.add(event.detail)}
            ></nearby-units>`
        : nothing}`;
  }

  private renderUnit(one: IncidentCamera) {
    const camera = store.camera(one.camera);
    const from = Date.parse(one.from);
    return html`<div class="unit" data-testid="incident-camera" data-camera=${one.camera}>
      ${camera ? html`<state-mark look=${stateOf(camera, store.link.downSince !== null)} bare></state-mark>` : html`<span></span>`}
      <span class="name">${one.name}</span>
      <span class="ways">
        ${camera?.rights.includes("live")
          ? html`<a class="button" data-testid="to-live" href=${hashOf({ name: "unit", id: one.camera })} title="${words.live}: ${one.name}"
              >${icons.live}<span class="unseen">${words.live} ${one.name}</span></a
            >`
          : nothing}
        ${camera?.rights.includes("recorded")
          ? html`<a
              class="button"
              data-testid="to-archive"
              href=${hashOf({ name: "archive", cameras: [one.camera], at: from })}
              title="${words.archive}: ${one.name}"
              >${icons.archive}<span class="unseen">${words.archive} ${one.name}</span></a
            >`
          : nothing}
        ${this.incident.may.includes("change") && this.incident.cameras.length > 1
          ? html`<button
              class="plain icon"
              data-testid="take-out"
              title=${words.remove(one.name)}
              aria-label=${words.remove(one.name)}
              @click=${() => this.dispatchEvent(new CustomEvent<IncidentCamera>("take-out", { detail: one }))}
            >
              ${icons.close}
            </button>`
          : nothing}
      </span>
      <small class="figures"
        ><span class="kept" title=${incidentStrings.incident.held}>${icons.hold}</span> ${words.from(moment(from), this.end(one))}</small
      >
    </div>`;
  }

  private end({ from, to }: IncidentCamera): string {
    if (to === null) return words.goes;
    const [begin, end] = [Date.parse(from), Date.parse(to)];
    return utcDay(begin) === utcDay(end) ? utcTime(end) : moment(end);
  }
}

const moment = (at: number) => `${utcDay(at)} ${utcTime(at)}`;

declare global {
  interface HTMLElementTagNameMap {
    "incident-units": IncidentUnits;
  }
}
