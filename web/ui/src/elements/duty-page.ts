/**
 * `<duty-page>`: what a supervisor looks at for ten seconds: open alerts, open incidents, then the units, those that
 * something is wrong with first. A phone begins with it. Everything in it is told of by the socket: nothing is asked for.
 */

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { kindOf, unitOf } from "../alerts";
import { EverySecond, Watch } from "../controllers";
import { stateOf } from "../faces";
import { age, utcMinute } from "../format";
import { icons } from "../icons";
import type { Camera } from "../model";
import type { Alert, Incident } from "../model-incidents";
import { hashOf } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { linkStrings } from "../strings-link";
import { Windowed } from "../windowed";
import { controls } from "./controls";
import { pageStyles } from "./page-styles";
import "./state-mark";
import { styled } from "../styled";

const words = linkStrings.duty;
const ROW_PX = 56;

@customElement("duty-page")
export class DutyPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        --page: 720px;
        box-sizing: border-box;
        height: 100%;
        margin: 0 auto;
        overflow: auto;
      }
      section {
        margin-bottom: var(--s6);
      }
      .title {
        display: flex;
        align-items: center;
        gap: var(--s2);
        min-height: var(--control);
      }
      .title a {
        display: inline-flex;
        align-items: center;
        min-height: var(--control);
        margin-left: auto;
        font-size: var(--small);
        font-weight: 400;
      }
      .rows > li {
        padding: 0;
      }
      .rows a {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        align-items: center;
        gap: 0 var(--s3);
        box-sizing: border-box;
        width: 100%;
        min-height: 56px;
        padding: var(--s2) var(--s4);
        color: inherit;
        text-decoration: none;
      }
      .rows strong {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      small {
        grid-column: 2 / 4;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        color: var(--quiet);
      }
      .high svg {
        color: var(--alarm);
      }
      .units {
        padding: var(--before) 0 var(--after);
      }
      .hint {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s2);
      }
      @media (max-width: 720px) {
        :host {
          padding: var(--s3) var(--s3) var(--s6);
        }
      }
    `,
  ];

  private readonly rows: Windowed = new Windowed(this, () => ROW_PX);

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.query, s.link.downSince, s.duty.alerts.open, s.duty.incidents.told, s.app.hinted]);
  }

  override render() {
    const open = store.duty.incidents.told.filter(({ closed }) => closed === null);
    const incidents = hashOf({ name: "incidents", query: "" });
    const alerts = hashOf({ name: "alerts", id: null, query: "" });
    return html`<h1 class="unseen">${words.title}</h1>
      ${this.renderSome(words.alerts, store.duty.alerts.open, (alert) => this.renderAlert(alert), words.noAlerts, alerts, words.allAlerts)}
      ${this.renderSome(words.incidents, open, (one) => this.renderIncident(one), words.noIncidents, incidents, words.allIncidents)}
      ${this.renderUnits()} ${store.app.hinted ? this.renderHint() : nothing}`;
  }

  /** At the foot: it waits for nobody, and is said until somebody does it or does not want to hear of it. */
  private renderHint() {
    const { install, dismiss } = linkStrings.app;
    return html`<p class="hint">
      <button data-testid="install" @click=${() => void store.app.install()}>${install}</button>
      <button class="plain" data-testid="install-dismiss" @click=${() => store.app.dismissHint()}>${dismiss}</button>
    </p>`;
  }

  private renderSome<T extends { id: number }>(
    title: string,
    some: readonly T[],
    render: (one: T) => TemplateResult,
    none: string,
    all: string,
    allTitle: string,
  ) {
    return html`<section>
      <h2 class="title">
        ${title} ${some.length > 0 ? html`<span class="quiet figures">${some.length}</span>` : nothing}
        <a href=${all}>${allTitle}</a>
      </h2>
      ${some.length > 0
        ? html`<ul class="rows">
            ${repeat(
              some,
              ({ id }) => id,
              (one) => html`<li>${render(one)}</li>`,
            )}
          </ul>`
        : html`<p class="quiet">${store.cameras === null ? words.loading : none}</p>`}
    </section>`;
  }

  private renderAlert(alert: Alert) {
    return html`<a
      class=${alert.grade}
      href=${hashOf({ name: "alerts", id: alert.id, query: "" })}
      data-testid="duty-alert"
      data-alert=${alert.id}
    >
      ${icons.alarm}<strong>${kindOf(alert)} · ${unitOf(alert, store)}</strong>
      <span class="figures">${age(store.now() - Date.parse(alert.utc))}</span>
      <small>${alert.text}</small>
    </a>`;
  }

  private renderIncident(one: Incident) {
    const since = Date.parse(one.from);
    const units = one.cameras.map(({ name }) => name).join(", ");
    return html`<a href=${hashOf({ name: "incident", id: one.id })} data-testid="duty-incident" data-incident=${one.id}>
      ${icons.incidents}<strong>${one.title}</strong>
      <span class="figures">${age(store.now() - since)}</span>
      <small class="figures">${utcMinute(since)} ${strings.bar.utc}${units ? ` · ${units}` : ""}</small>
    </a>`;
  }

  private renderUnits() {
    const all = store.matching();
    const { from, to } = this.rows.range(all.length);
    if (all.length === 0)
      return html`<section>
        <h2 class="title">${words.units}</h2>
        <p class="quiet">${store.cameras === null ? words.loading : words.noUnits}</p>
      </section>`;
    return html`<section>
      <h2 class="title">${words.units} <span class="quiet figures">${all.length}</span></h2>
      <ul class="rows units" ${styled({ "--before": `${from * ROW_PX}px`, "--after": `${(all.length - to) * ROW_PX}px` })}>
        ${repeat(
          all.slice(from, to),
          ({ id }) => id,
          (camera, index) =>
            html`<li aria-setsize=${all.length} aria-posinset=${from + index + 1}>${this.renderUnit(camera)}</li>`,
        )}
      </ul>
    </section>`;
  }

  private renderUnit(camera: Camera) {
    const fix = store.trail(camera.id).latest();
    return html`<a href=${hashOf({ name: "unit", id: camera.id })} data-testid="duty-unit" data-camera=${camera.id}>
      <state-mark bare look=${stateOf(camera, store.link.downSince !== null)}></state-mark>
      <strong>${camera.name}</strong>
      <span class="quiet figures">${fix ? words.fix(age(store.now() - fix.measuredAt)) : words.noFix}</span>
    </a>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "duty-page": DutyPage;
  }
}
