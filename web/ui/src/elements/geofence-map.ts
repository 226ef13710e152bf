/**
 * `<geofence-map>`: geofences and units on a map, and the geofence that is being drawn. A click fires `point` with where it
 * was (Place). Who has no pointer draws by text, beside it.
 */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import type { Place } from "../fixes";
import { outlineOf, shapeOf, type Draft } from "../geofence-draft";
import { icons } from "../icons";
import type { Area } from "../map/engine";
import { lengthText, scaleBar } from "../map/grid";
import { MapHost } from "../map/host";
import { mapUnits } from "../map/present";
import { store } from "../store";
import { strings } from "../strings";
import { styled } from "../styled";
import { mapStyles } from "./map-styles";

const SCALE_PX = 110;
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

@customElement("geofence-map")
export class GeofenceMap extends LitElement {
  static override styles = mapStyles;

  @property({ attribute: false }) areas: readonly Area[] = [];
  /** What is being drawn; null: nothing is. */
  @property({ attribute: false }) draft: Draft | null = null;
  /** The one to bring into view. */
  @property({ attribute: false }) chosen: number | null = null;
  @query(".map") private container!: HTMLElement;
  private fitted = false;
  private readonly map: MapHost = new MapHost(this, () => this.container, {
    hovered: () => undefined,
    picked: () => undefined,
    pointed: (place) => this.dispatchEvent(new CustomEvent<Place>("point", { detail: place })),
    taken: () => (this.fitted = true),
    resized: () => this.requestUpdate(),
  });

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.fixVersion, s.theme]);
  }

  override updated(changed: PropertyValues<this>): void {
    const { engine } = this.map;
    if (!engine) return;
    engine.show(mapUnits(), null, store.now());
    engine.showAreas(this.areas);
    engine.showDraft(this.draft);
    if (!this.fitted) this.fitAll(false);
    else if (changed.has("chosen") && this.chosen !== null) this.fit(this.areas.filter(({ id }) => id === this.chosen));
  }

  /** Bring what is being drawn into view, when it was written elsewhere. */
  showDraft(): void {
    const shape = this.draft && shapeOf(this.draft);
    if (shape) this.map.engine?.fit(corners(outlineOf(shape)), false, !calm.matches);
  }

  private fit(areas: readonly Area[]): void {
    const places = areas.flatMap(({ shape }) => corners(outlineOf(shape)));
    if (places.length > 0) this.map.engine?.fit(places, true, !calm.matches);
  }

  private fitAll(animate: boolean): void {
    const places = [...this.areas.flatMap(({ shape }) => corners(outlineOf(shape))), ...mapUnits()];
    if (places.length === 0) return;
    this.fitted = true;
    this.map.engine?.fit(places, true, animate && !calm.matches);
  }

  override render() {
    const { engine, failed, view } = this.map;
    const bar = view && scaleBar(view.metresPerPixel, SCALE_PX);
    return html`<div class="map" data-testid="geofence-map" data-ready=${engine ? "yes" : "no"} data-areas=${this.areas.length}></div>
      ${failed
        ? html`<div class="note">${strings.map.noWebGl}</div>`
        : engine
          ? nothing
          : html`<div class="note" role="status">${strings.map.loading}</div>`}
      ${engine
        ? html`<div class="tools">
            ${this.tool(icons.fit, strings.map.fit, () => this.fitAll(true))}
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
    this.fitted = true;
    this.map.engine?.zoom(by, !calm.matches);
  }

  private tool(icon: unknown, label: string, act: () => void) {
    return html`<button type="button" class="icon" title=${label} aria-label=${label} @click=${act}>${icon}</button>`;
  }
}

const corners = (rings: readonly (readonly [number, number])[][]): Place[] => rings.flat().map(([lon, lat]) => ({ lat, lon }));

declare global {
  interface HTMLElementTagNameMap {
    "geofence-map": GeofenceMap;
  }
}
