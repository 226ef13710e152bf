/**
 * `<nearest-panel>`: the units around a place of the map, the nearest first: how far, in which direction, how old that is; and
 * what to do about it. Fires `incident` and `close`.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property } from "lit/decorators.js";
import { nearby } from "../api-incidents";
import { EverySecond, Fetched } from "../controllers";
import { bearing, OLD_MS, type Place } from "../fixes";
import { age, coordinates, metres } from "../format";
import { icons } from "../icons";
import type { Near } from "../model-incidents";
import { store } from "../store";
import { strings } from "../strings";
import { mapStrings } from "../strings-map";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { panelOnMap } from "./panel-on-map";

const words = mapStrings.near;
const SHOWN = 8;

@customElement("nearest-panel")
export class NearestPanel extends LitElement {
  static override styles = [
    controls,
    panelOnMap,
    css`
      ol {
        max-height: min(300px, 36dvh);
        margin: 0;
        padding: var(--s1) 0;
        overflow: auto;
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: var(--s1);
        padding: 0 var(--s1);
      }
      .unit {
        display: grid;
        flex: 1;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 0 var(--s3);
        min-width: 0;
        padding: var(--s1) var(--s2);
        text-align: left;
      }
      .name {
        overflow: hidden;
        text-overflow: ellipsis;
      }
      small {
        color: var(--quiet);
        font-weight: 400;
      }
      .old {
        color: var(--stale);
      }
      .foot {
        padding: var(--s2);
        border-top: 1px solid var(--line);
      }
      .foot button {
        width: 100%;
      }
      p {
        margin: 0;
        padding: var(--s3);
      }
    `,
  ];

  @property({ attribute: false }) place!: Place;
  private askedAt = 0;
  private readonly found = new Fetched(this, async (signal): Promise<readonly Near[]> => {
    const { lat, lon } = this.place;
    const units = await nearby(lat, lon, SHOWN, signal);
    this.askedAt = Date.now();
    return units;
  });

  constructor() {
    super();
    new EverySecond(this);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.get("place")) void this.found.anew();
  }

  override render() {
    return html`<header>
        <h2>${words.title} <small class="figures">${coordinates(this.place.lat, this.place.lon)}</small></h2>
        <button class="plain icon" title=${words.again} aria-label=${words.again} ?disabled=${this.found.busy} @click=${() => void this.found.again()}>
          ${icons.undo}
        </button>
        <button class="plain icon" data-testid="nearest-close" title=${words.close} aria-label=${words.close} @click=${() => this.dispatchEvent(new CustomEvent("close"))}>
          ${icons.close}
        </button>
      </header>
      ${fetched(this.found, (units) => this.renderUnits(units))}
      ${store.may("respond")
        ? html`<div class="foot">
            <button data-testid="nearest-incident" @click=${() => this.dispatchEvent(new CustomEvent("incident"))}>
              ${icons.incidents} ${words.incident}
            </button>
          </div>`
        : nothing}`;
  }

  private renderUnits(units: readonly Near[]) {
    if (units.length === 0) return html`<p class="quiet">${words.nobody}</p>`;
    return html`<ol data-testid="nearest">
      ${units.map((near) => this.renderUnit(near))}
    </ol>`;
  }

  private renderUnit({ camera, name, distance_m, age_s, fix }: Near) {
    const since = age_s * 1000 + Date.now() - this.askedAt;
    const point = strings.compass[Math.round(bearing(this.place, fix) / 45) % 8] ?? "";
    return html`<li @pointerenter=${() => store.light(camera)} @pointerleave=${() => store.light(null)}>
      <button
        class="plain unit"
        data-testid="nearest-unit"
        data-camera=${camera}
        title=${words.view(name)}
        @focus=${() => store.light(camera)}
        @click=${() => store.go({ name: "unit", id: camera })}
      >
        <span class="name">${name}</span>
        <span class="figures">${words.away(metres(distance_m), point)}</span>
        <small class="figures ${since > OLD_MS ? "old" : ""}">${words.ago(age(since))}</small>
      </button>
      <button class="plain icon" title=${words.follow(name)} aria-label=${words.follow(name)} @click=${() => store.map.follow(camera)}>
        ${icons.fit}
      </button>
    </li>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "nearest-panel": NearestPanel;
  }
}
