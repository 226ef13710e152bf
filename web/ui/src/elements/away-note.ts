/** `<away-note>`: what was missed while the gateway could not be heard, with the ways to it, until it is put aside. */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { kindOf, unitOf } from "../alerts";
import type { Unit } from "../away";
import { Watch } from "../controllers";
import { age } from "../format";
import { icons } from "../icons";
import { hashOf } from "../route";
import { store } from "../store";
import { linkStrings } from "../strings-link";
import { controls } from "./controls";

const words = linkStrings.away;
/** More than one of a kind are a number that leads to their list. */
const NAMED = 3;

@customElement("away-note")
export class AwayNote extends LitElement {
  static override styles = [
    controls,
    css`
      .note {
        display: flex;
        align-items: center;
        gap: var(--s3);
        padding: var(--s2) var(--s2) var(--s2) var(--s4);
        border-bottom: 1px solid var(--accent);
        background: color-mix(in srgb, var(--panel), var(--accent) 12%);
      }
      ul {
        display: flex;
        flex: 1;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 var(--s4);
        min-width: 0;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      a {
        display: inline-flex;
        align-items: center;
        min-height: var(--control);
        color: inherit;
        overflow-wrap: anywhere;
      }
    `,
  ];

  constructor() {
    super();
    new Watch(this, (s) => [s.away.missed]);
  }

  override render() {
    const { missed } = store.away;
    // The region stays, so that what comes into it is read out once.
    return html`<div role="status">${missed === null ? nothing : this.renderNote(missed)}</div>`;
  }

  private renderNote({ away, alerts, incidents, wentOffline, cameBack }: NonNullable<typeof store.away.missed>) {
    const [alert] = alerts;
    const [incident] = incidents;
    const parts = [
      alert === undefined
        ? nothing
        : alerts.length === 1
          ? link(hashOf({ name: "alerts", id: alert.id, query: "" }), `${kindOf(alert)}: ${unitOf(alert, store)}`)
          : link(hashOf({ name: "alerts", id: null, query: "" }), words.alerts(alerts.length)),
      incident === undefined
        ? nothing
        : incidents.length === 1
          ? link(hashOf({ name: "incident", id: incident.id }), incident.title)
          : link(hashOf({ name: "incidents", query: "" }), words.incidents(incidents.length)),
      ...units(wentOffline, words.oneOffline, words.offline),
      ...units(cameBack, words.oneBack, words.back),
    ].filter((part) => part !== nothing);
    return html`<div class="note" data-testid="away-note">
      <ul>
        <li><strong class="figures">${words.title(age(away))}</strong></li>
        ${parts.length === 0 ? html`<li>${words.nothing}</li>` : parts}
      </ul>
      <button class="plain icon" data-testid="away-dismiss" aria-label=${words.dismiss} title=${words.dismiss} @click=${() => store.away.dismiss()}>
        ${icons.close}
      </button>
    </div>`;
  }
}

const link = (href: string, text: string) => html`<li><a href=${href}>${text}</a></li>`;

function units(some: readonly Unit[], one: (name: string) => string, many: (n: number) => string) {
  if (some.length > NAMED) return [link(hashOf({ name: "map" }), many(some.length))];
  return some.map(({ id, name }) => link(hashOf({ name: "unit", id }), one(name)));
}

declare global {
  interface HTMLElementTagNameMap {
    "away-note": AwayNote;
  }
}
