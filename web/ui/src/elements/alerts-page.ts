/**
 * `<alerts-page>`: the inbox: what is open, the gravest first, and what was resolved, by whom and how. What is filtered by
 * stands in the address; so does one alert alone.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { alert, alerts, type AlertsFound } from "../api-incidents";
import { Fetched, Watch } from "../controllers";
import { icons } from "../icons";
import type { Alert } from "../model-incidents";
import { hashOf } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import "./alert-row";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./resolve-dialog";

const words = incidentStrings.inbox;
type Filter = "camera" | "kind" | "grade";
const wide = window.matchMedia("(min-width: 721px)");
/** So many are asked for at a time. */
const PAGE = 50;

@customElement("alerts-page")
export class AlertsPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        --page: 1040px;
        margin: 0 auto;
      }
      summary {
        display: none;
      }
      .filters {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: var(--s2) var(--s3);
        margin-bottom: var(--s6);
      }
      .filters label {
        flex: 1 1 160px;
        max-width: 260px;
      }
      .rows > li {
        display: block;
        padding: 0;
      }
      h2 {
        display: flex;
        gap: var(--s2);
        margin-bottom: var(--s2);
      }
      .older {
        margin-top: var(--s3);
      }
      @media (max-width: 720px) {
        .head .actions > .icon {
          flex: none;
        }
        summary {
          display: flex;
          align-items: center;
          min-height: 44px;
          color: var(--accent);
        }
        .filters label {
          max-width: none;
          flex-basis: 40%;
        }
      }
    `,
  ];

  /** One of them alone; null: all. */
  @property({ attribute: false }) only: number | null = null;
  /** What is filtered by, as in the address. */
  @property() query = "";
  @state() private resolving: Alert | null = null;
  @state() private older: readonly AlertsFound[] = [];
  @state() private busy = false;
  @state() private error = "";
  private readonly found = new Fetched(this, async (signal): Promise<AlertsFound> => {
    if (this.only !== null) return { alerts: [await alert(this.only, signal)], before: null };
    return this.ask(null, signal);
  });

  constructor() {
    super();
    new Watch(this, (s) => [s.duty.alerts.open, s.duty.alerts.resolved, s.cameras, s.session]);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("query") && !changed.has("only")) return;
    this.older = [];
    if (this.hasUpdated) void this.found.anew();
  }

  private get asked(): Record<Filter, string> {
    const given = new URLSearchParams(this.query);
    return { camera: given.get("camera") ?? "", kind: given.get("kind") ?? "", grade: given.get("grade") ?? "" };
  }

  /** Some of them; those that are open are known without it. */
  private ask(before: number | null, signal?: AbortSignal): Promise<AlertsFound> {
    const { camera, kind } = this.asked;
    return alerts({ camera, kind, limit: PAGE, ...(before === null ? {} : { before }) }, signal);
  }

  private async loadOlder(before: number): Promise<void> {
    const { query } = this;
    this.busy = true;
    this.error = "";
    try {
      const next = await this.ask(before);
      if (query === this.query) this.older = [...this.older, next]; // nothing else was asked for meanwhile
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  }

  private async openIncident({ id }: Alert): Promise<void> {
    this.error = "";
    try {
      await store.openIncident({ alert: id });
    } catch (error) {
      this.error = (error as Error).message;
    }
  }

  private fits(candidate: Alert): boolean {
    const { camera, kind, grade } = this.asked;
    return (!camera || candidate.camera === camera) && (!kind || candidate.kind === kind) && (!grade || candidate.grade === grade);
  }

  private readonly filter = (event: Event): void => {
    const { name, value } = event.target as HTMLSelectElement;
    const given = Object.entries({ ...this.asked, [name]: value }).filter(([, wanted]) => wanted);
    store.go({ name: "alerts", id: null, query: new URLSearchParams(given).toString() });
  };

  override render() {
    return html`<div class="head">
        <h1>${words.title}</h1>
        <div class="actions">
          ${this.renderSound()}
          <a class="button" data-testid="to-geofences" href=${hashOf({ name: "geofences" })}>${icons.fence} ${words.geofences}</a>
        </div>
      </div>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${this.only === null ? this.renderAll() : this.renderOne(this.only)}
      ${this.resolving
        ? html`<resolve-dialog .alert=${this.resolving} @close=${() => (this.resolving = null)}></resolve-dialog>`
        : nothing}`;
  }

  private renderSound() {
    const { muted } = store.duty.sound;
    const label = muted ? incidentStrings.banner.unmute : incidentStrings.banner.mute;
    return html`<button
      class="icon"
      aria-pressed=${muted}
      title=${label}
      aria-label=${label}
      @click=${() => store.duty.sound.setMuted(!muted)}
    >
      ${muted ? icons.muted : icons.sound}
    </button>`;
  }

  private renderAll() {
    const open = store.duty.alerts.open.filter((candidate) => this.fits(candidate));
    return html`<p class="lead">${words.lead}</p>
      ${this.renderFilters()}
      <section>
        <h2>${words.open} <span class="quiet figures" data-testid="alerts-open-count">${open.length}</span></h2>
        ${open.length === 0
          ? html`<div class="note" data-testid="alerts-calm">
              <strong>${this.query ? words.calmFiltered : words.calm}</strong>
              ${this.query ? nothing : html`<span>${words.calmText}</span>`}
            </div>`
          : this.renderRows(open, "alerts-open")}
      </section>
      <section>
        <h2>${words.resolved}</h2>
        ${fetched(this.found, (first) => this.renderResolved([first, ...this.older]))}
      </section>`;
  }

  private renderFilters() {
    const { asked } = this;
    const choice = (name: Filter, label: string, options: readonly (readonly [string, string])[]) =>
      html`<label
        >${label}
        <select name=${name} data-testid="alerts-${name}" @change=${this.filter}>
          <option value="">${words.any}</option>
          ${options.map(([value, word]) => html`<option value=${value} ?selected=${value === asked[name]}>${word}</option>`)}
        </select>
      </label>`;
    return html`<details class="filter" ?open=${this.query !== "" || wide.matches}>
      <summary>${words.filter}</summary>
      <div class="filters" role="group" aria-label=${words.filter}>
      ${choice("camera", words.unit, (store.cameras ?? []).map(({ id, name }) => [id, name] as const))}
      ${choice("kind", words.kind, Object.entries(incidentStrings.kinds))}
      ${choice("grade", words.grade, Object.entries(incidentStrings.grades))}
      ${this.query ? html`<a class="button" href=${hashOf({ name: "alerts", id: null, query: "" })}>${words.clear}</a>` : nothing}
      </div>
    </details>`;
  }

  private renderRows(list: readonly Alert[], testid: string) {
    return html`<ul class="rows" data-testid=${testid}>
      ${repeat(
        list,
        ({ id }) => id,
        (one) =>
          html`<li><alert-row data-alert=${one.id} .alert=${one} @resolve=${() => (this.resolving = one)} @incident=${() => void this.openIncident(one)}></alert-row></li>`,
      )}
    </ul>`;
  }

  private renderResolved(pages: readonly AlertsFound[]) {
    const all = [...store.duty.alerts.resolved, ...pages.flatMap((page) => page.alerts.filter(({ resolved }) => resolved !== null))];
    const list = [...new Map(all.map((one) => [one.id, one])).values()].filter((one) => this.fits(one));
    const before = pages.at(-1)?.before ?? null;
    return html`${list.length === 0
      ? html`<p class="quiet" data-testid="alerts-none">${this.query ? words.noneFiltered : words.noneResolved}</p>`
      : this.renderRows(list, "alerts-resolved")}
    ${before === null
      ? nothing
      : html`<button class="older" data-testid="alerts-older" ?disabled=${this.busy} @click=${() => void this.loadOlder(before)}>
          ${this.busy ? strings.page.loading : words.older}
        </button>`}`;
  }

  private renderOne(id: number) {
    const told = store.duty.alerts.find(id);
    const asked = this.found.value?.alerts[0];
    const one = told ?? (asked?.id === id ? asked : undefined);
    return html`<p class="lead"><a href=${hashOf({ name: "alerts", id: null, query: "" })}>${words.all}</a></p>
      ${one
        ? html`<div class="rows"><alert-row whole data-alert=${id} .alert=${one} @resolve=${() => (this.resolving = one)} @incident=${() => void this.openIncident(one)}></alert-row></div>`
        : this.found.missing
          ? html`<div class="note" data-testid="alert-gone"><strong>${words.goneTitle}</strong><span>${words.gone}</span></div>`
          : fetched(this.found, () => html``)}`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "alerts-page": AlertsPage;
  }
}
