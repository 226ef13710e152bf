/**
 * `<alert-row>`: one alert of the inbox: what, whom, when, where, and what can be done about it. With `whole` also whom
 * outside was told of it. Fires `resolve` and `incident`
 * when somebody wants to resolve it, or to open an incident from it.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { kindOf, placeOf, unitOf } from "../alerts";
import { EverySecond, Watch } from "../controllers";
import { age, coordinates, utcDateTime, utcTime } from "../format";
import { icons } from "../icons";
import type { Alert } from "../model-incidents";
import { hashOf } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import "./alert-deliveries";
import { controls } from "./controls";

const words = incidentStrings.inbox;
/** The recording is shown from so long before it happened. */
const BEFORE_MS = 10_000;

@customElement("alert-row")
export class AlertRow extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        grid-template-columns: 20px minmax(0, 1fr) auto;
        gap: var(--s1) var(--s3);
        padding: var(--s3) var(--s4);
      }
      :host([grade="high"][open]) {
        box-shadow: inset 3px 0 var(--alarm);
      }
      .mark {
        padding-top: 1px;
        color: var(--quiet);
      }
      :host([grade="high"][open]) .mark {
        color: var(--alarm);
      }
      .what {
        display: grid;
        gap: 2px;
        min-width: 0;
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--s2);
      }
      strong {
        font-weight: 600;
      }
      a {
        color: var(--accent);
        overflow-wrap: anywhere;
      }
      .head a {
        color: inherit;
      }
      p {
        margin: 0;
        overflow-wrap: anywhere;
      }
      small {
        color: var(--quiet);
        font-size: var(--small);
        overflow-wrap: anywhere;
      }
      .acts {
        display: flex;
        align-items: start;
        gap: var(--s2);
      }
      alert-deliveries {
        grid-column: 2 / -1;
        margin-top: var(--s3);
      }
      @media (max-width: 720px) {
        :host {
          padding: var(--s3);
        }
        .acts {
          grid-column: 1 / -1;
        }
        .acts > * {
          flex: 1;
        }
      }
    `,
  ];

  @property({ attribute: false }) alert!: Alert;
  /** It stands on the page of its incident. */
  @property({ type: Boolean }) inside = false;
  /** With whom outside was told. */
  @property({ type: Boolean }) whole = false;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.session, s.duty.incidents.told]);
  }

  override willUpdate(): void {
    this.setAttribute("grade", this.alert.grade);
    this.toggleAttribute("open", this.alert.resolved === null);
  }

  override render() {
    const { alert } = this;
    const at = Date.parse(alert.utc);
    return html`<span class="mark">${alert.grade === "high" ? icons.alarm : icons.alerts}</span>
      <div class="what">
        <div class="head">
          <strong>${kindOf(alert)}</strong> ${this.renderUnit()}
          <span class="quiet figures">${strings.unit.ago(age(store.now() - at))}</span>
        </div>
        <p data-testid="alert-says">${alert.text}</p>
        <small class="figures">${this.facts(at).join(" · ")}</small>
        ${alert.resolved
          ? html`<small data-testid="alert-resolution"
              >${words.resolvedBy(alert.resolved.by, utcDateTime(Date.parse(alert.resolved.utc)))}: “${alert.resolved.word}”</small
            >`
          : nothing}
      </div>
      <div class="acts">${this.renderActs(at)}</div>
      ${this.whole ? html`<alert-deliveries .alert=${alert.id}></alert-deliveries>` : nothing}`;
  }

  private renderUnit() {
    const { camera } = this.alert;
    const name = unitOf(this.alert, store);
    if (camera === null || !store.camera(camera)) return html`<span>${name}</span>`;
    return html`<a href=${hashOf({ name: "unit", id: camera })} data-testid="alert-unit">${name}</a>`;
  }

  private facts(at: number): string[] {
    const { alert } = this;
    const { count, last, by } = alert.detail;
    const place = placeOf(alert);
    return [
      `${utcDateTime(at)} ${strings.bar.utc}`,
      ...(place ? [coordinates(place.lat, place.lon)] : []),
      ...(typeof by === "string" && by ? [words.by(by)] : []),
      ...(count && count > 1 && last ? [words.times(count, utcTime(Date.parse(last)))] : []),
      ...(alert.ended && alert.resolved === null ? [words.over(utcTime(Date.parse(alert.ended)))] : []),
    ];
  }

  private renderActs(at: number) {
    const { alert, whole } = this;
    const camera = alert.camera === null ? undefined : store.camera(alert.camera);
    const before = hashOf({ name: "archive", cameras: camera ? [camera.id] : [], at: at - BEFORE_MS });
    return html`${whole
        ? nothing
        : html`<a class="button" href=${hashOf({ name: "alerts", id: alert.id, query: "" })} title=${words.link} aria-label=${words.link}
            >${icons.link}</a
          >`}
      ${camera?.rights.includes("recorded")
        ? html`<a class="button" href=${before} title=${words.archiveHint(camera.name)} data-testid="alert-archive"
            >${icons.archive} ${words.archive}</a
          >`
        : nothing}
      ${this.inside ? nothing : this.renderIncident()}
      ${alert.resolved === null && store.mayRespond(alert.camera)
        ? html`<button data-testid="row-resolve" @click=${() => this.dispatchEvent(new CustomEvent("resolve"))}>
            ${incidentStrings.banner.resolve}
          </button>`
        : nothing}`;
  }

  /** A way to the incident that it belongs to, or to open one. */
  private renderIncident() {
    const { alert } = this;
    const known = store.duty.incidents.ofAlert(alert.id);
    if (known)
      return html`<a class="button" data-testid="row-incident" href=${hashOf({ name: "incident", id: known.id })}
        >${icons.incidents} ${incidentStrings.banner.toIncident}</a
      >`;
    if (alert.camera === null || !store.mayRespond(alert.camera)) return nothing;
    return html`<button data-testid="row-incident" @click=${() => this.dispatchEvent(new CustomEvent("incident"))}>
      ${icons.incidents} ${incidentStrings.opening.word}
    </button>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "alert-row": AlertRow;
  }
}
