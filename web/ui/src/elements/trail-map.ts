/**
 * `<trail-map>`: where the units of the archive were, moving with the picture. A click fires `place` with where it was
 * (Place) and how many metres a pointer does not tell apart.
 */

import { html, LitElement, nothing } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { Watch } from "../controllers";
import type { Dated, Place } from "../fixes";
import { coordinates } from "../format";
import { icons } from "../icons";
import { lengthText, scaleBar } from "../map/grid";
import type { Area, MapUnit } from "../map/engine";
import { MapHost } from "../map/host";
import { archiveStrings } from "../strings-archive";
import { strings } from "../strings";
import { styled } from "../styled";
import { mapStyles } from "./map-styles";

const words = archiveStrings.map;
const SCALE_PX = 90;
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

export interface Pointed {
  place: Place;
  reach: number;
}

@customElement("trail-map")
export class TrailMap extends LitElement {
  static override styles = mapStyles;

  /** Where each was at the moment that is shown. */
  @property({ attribute: false }) units: readonly MapUnit[] = [];
  /** Where each has been around it; another array when something came. */
  @property({ attribute: false }) paths: readonly (readonly Dated[])[] = [];
  /** Places with a name, and geofences; another array when there are others. */
  @property({ attribute: false }) areas: readonly Area[] = [];
  @property({ type: Number }) at = 0;
  /** Said over the map, for a moment. */
  @property() note = "";
  @query(".map") private container!: HTMLElement;
  private taken = false;
  private fitted = "";
  private drawn: readonly (readonly Dated[])[] = [];
  private drawnAreas: readonly Area[] = [];
  private readonly map: MapHost = new MapHost(this, () => this.container, {
    hovered: () => undefined,
    picked: () => undefined,
    pointed: (place, reach) => this.point({ place, reach }),
    taken: () => (this.taken = true),
    resized: () => {
      this.fitted = "";
      this.requestUpdate();
    },
  });

  constructor() {
    super();
    new Watch(this, (s) => [s.theme]);
  }

  private point(detail: Pointed): void {
    this.dispatchEvent(new CustomEvent<Pointed>("place", { detail }));
  }

  override updated(): void {
    const { engine } = this.map;
    if (!engine) return;
    engine.show(this.units, null, this.at);
    if (this.paths !== this.drawn) engine.showPaths((this.drawn = this.paths));
    if (this.areas !== this.drawnAreas) engine.showAreas((this.drawnAreas = this.areas));
    if (this.taken) return;
    // Live there are no ways: then it is the units that are to be seen, all of them.
    const ways = this.paths.map((path) => `${path.length} ${path[0]?.at ?? 0}`);
    const who = (ways.length > 0 ? ways : this.units.map(({ name }) => name)).join(",");
    if (who !== this.fitted) this.fit(this.fitted !== "");
    else engine.fit(this.units, false, !calm.matches);
    this.fitted = who;
  }

  private fit(animate: boolean): void {
    const places = [...this.paths.flatMap((path) => path.map(({ fix }) => fix)), ...this.units];
    this.map.engine?.fit(places, true, animate && !calm.matches);
  }

  override render() {
    const { engine, failed, view } = this.map;
    const bar = view && scaleBar(view.metresPerPixel, SCALE_PX);
    return html`<div class="map" data-testid="trail-map" data-ready=${engine ? "yes" : "no"} data-units=${this.units.length}></div>
      <ul class="unseen" aria-label=${words.label}>
        ${this.units.map((unit) => html`<li>${unit.name}, ${coordinates(unit.lat, unit.lon)}</li>`)}
      </ul>
      ${this.renderNote(failed)}
      ${engine
        ? html`<div class="tools">
            ${this.tool(icons.fit, strings.map.fit, () => {
              this.taken = false;
              this.fit(true);
            })}
            ${this.tool(icons.add, strings.map.zoomIn, () => this.zoom(1))}
            ${this.tool(icons.minus, strings.map.zoomOut, () => this.zoom(-1))}
          </div>`
        : nothing}
      ${engine && bar
        ? html`<div class="foot figures">
            <span class="scale" ${styled({ "--width": `${Math.round(bar.pixels)}px` })}>${lengthText(bar.metres)}</span>
            <span class="credit">${engine.hasStreets ? strings.map.openStreetMap : strings.map.naturalEarth}</span>
          </div>`
        : nothing}`;
  }

  private zoom(by: 1 | -1): void {
    this.taken = true;
    this.map.engine?.zoom(by, !calm.matches);
  }

  private tool(icon: unknown, label: string, act: () => void) {
    return html`<button class="icon" title=${label} aria-label=${label} @click=${act}>${icon}</button>`;
  }

  private renderNote(failed: boolean) {
    if (failed) {
      const places = this.units.map((unit) => `${unit.name} ${coordinates(unit.lat, unit.lon)}`).join(" · ");
      return html`<div class="note"><span>${strings.map.failed}</span><span class="figures">${places}</span></div>`;
    }
    if (!this.map.engine) return html`<div class="note" role="status">${strings.map.loading}</div>`;
    const note = this.note || (this.units.length === 0 && this.paths.every((path) => path.length === 0) ? words.none : "");
    return note ? html`<div class="note on-map" role="status"><span>${note}</span></div>` : nothing;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "trail-map": TrailMap;
  }
}
