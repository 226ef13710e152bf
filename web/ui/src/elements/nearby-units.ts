/**
 * `<nearby-units>`: the units around an incident now, the nearest first. Where that is follows from its units, else from the
 * place it was opened at. Fires `add` (the unit's id).
 */

import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property } from "lit/decorators.js";
import { nearby } from "../api-incidents";
import { Fetched, Watch } from "../controllers";
import type { Place } from "../fixes";
import { age, metres } from "../format";
import { icons } from "../icons";
import type { Incident, Near } from "../model-incidents";
import { store } from "../store";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { sectionStyles } from "./section-styles";

const words = incidentStrings.units;
/** So many are asked for: those of the incident are among them. */
const MOST = 20;
const SHOWN = 5;

@customElement("nearby-units")
export class NearbyUnits extends LitElement {
  static override styles = [
    controls,
    sectionStyles,
    css`
      :host {
        margin-top: var(--s4);
      }
      li {
        display: flex;
        align-items: center;
        gap: var(--s2);
      }
      li span {
        flex: 1;
        min-width: 0;
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) incident!: Incident;
  /** The units that can be added. */
  @property({ attribute: false }) addable: ReadonlySet<string> = new Set();
  @property({ type: Boolean }) busy = false;
  private readonly found = new Fetched(this, async (signal): Promise<readonly Near[] | null> => {
    const centre = this.centre;
    return centre && nearby(centre.place.lat, centre.place.lon, MOST, signal);
  });

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras]);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("incident");
    if (before && before.id !== this.incident.id) void this.found.anew();
  }

  /** Where it happens: where its first unit that says so is now, else where it was opened. */
  private get centre(): { place: Place; name: string } | null {
    for (const { camera, name } of this.incident.cameras) {
      const place = store.trail(camera).latest();
      if (place) return { place, name: words.nearbyOf(name) };
    }
    const { lat, lon } = this.incident.origin;
    return lat === undefined || lon === undefined ? null : { place: { lat, lon }, name: words.nearbyPlace };
  }

  override render() {
    return html`<div class="head">
        <h3>${words.nearby} <small>${this.centre?.name ?? ""}</small></h3>
        <button class="plain icon" title=${words.again} aria-label=${words.again} ?disabled=${this.found.busy} @click=${() => void this.found.again()}>
          ${icons.fit}
        </button>
      </div>
      ${fetched(this.found, (found) => this.renderFound(found))}`;
  }

  private renderFound(found: readonly Near[] | null) {
    if (found === null) return html`<p class="quiet">${words.noPlace}</p>`;
    const others = found.filter(({ camera }) => this.addable.has(camera)).slice(0, SHOWN);
    if (others.length === 0) return html`<p class="quiet" data-testid="nobody-near">${words.nobody}</p>`;
    return html`<ul data-testid="nearby">
      ${others.map(
        (near) =>
          html`<li>
            <span>${near.name}<br /><small class="figures">${words.away(metres(near.distance_m), age(near.age_s * 1000))}</small></span>
            <button
              data-testid="add-near"
              aria-label=${words.addNear(near.name)}
              ?disabled=${this.busy}
              @click=${() => this.dispatchEvent(new CustomEvent("add", { detail: near.camera }))}
            >
              ${icons.add} ${words.addDo}
            </button>
          </li>`,
      )}
    </ul>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "nearby-units": NearbyUnits;
  }
}
