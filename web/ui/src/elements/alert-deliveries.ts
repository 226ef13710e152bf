/** `<alert-deliveries>`: whom outside (web hooks, mail) was told of an alert, and how far that got. */

import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import { deliveries } from "../api-incidents";
import { Fetched } from "../controllers";
import { utcDateTime, utcTime } from "../format";
import type { Delivery } from "../model-incidents";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import { fetched } from "./page-state";

const words = incidentStrings.deliveries;

@customElement("alert-deliveries")
export class AlertDeliveries extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      h2 {
        margin: 0 0 var(--s1);
        font-size: var(--small);
        font-weight: 600;
      }
      p {
        margin: 0;
      }
      ul {
        display: grid;
        gap: var(--s1);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ type: Number }) alert = 0;
  private readonly found = new Fetched(this, (signal) => deliveries(this.alert, signal));

  override render() {
    return html`<h2>${words.title}</h2>
      ${fetched(this.found, (found) =>
        found.length === 0
          ? html`<p class="quiet">${words.none}</p>`
          : html`<ul data-testid="deliveries">
              ${found.map(
                (delivery) =>
                  html`<li>
                    <strong>${delivery.channel}</strong> <span class="figures">${stateOf(delivery)}</span>
                    ${delivery.error ? html`<div class="error">${delivery.error}</div>` : ""}
                  </li>`,
              )}
            </ul>`,
      )}`;
  }
}

function stateOf({ delivered, next, attempts }: Delivery): string {
  if (delivered !== null) return words.done(utcDateTime(Date.parse(delivered)));
  if (next === null) return words.failed(attempts);
  return attempts === 0 ? words.first : words.waiting(attempts, utcTime(Date.parse(next)));
}
