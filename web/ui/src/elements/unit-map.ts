/**
 * `<unit-map>`: every unit on the map, with heading, accuracy and trail. Shows all until somebody moves the view;
 * with `focus`, keeps that unit in the middle. The same units stand in a list for keyboard and screen reader.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import type { Place } from "../fixes";
import { age, coordinates } from "../format";
import { icons } from "../icons";
import { lengthText, scaleBar } from "../map/grid";
import type { MapEngine, MapUnit } from "../map/engine";
import { MapHost } from "../map/host";
import { mapUnits } from "../map/present";
import type { Geofence } from "../model-incidents";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { styled } from "../styled";
import "./incident-dialog";
import { mapStyles } from "./map-styles";

const SCALE_PX = 110;
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

@customElement("unit-map")
export class UnitMap extends LitElement {
  static override styles = [
    ...mapStyles,
    css`
      .units {
        margin: 0;
        padding: 0;
        list-style: none;
      }
    `,
  ];

  /** The unit to keep in the middle, or null for all. */
  @property() focused: string | null = null;
  @query(".map") private container!: HTMLElement;
  /** Somebody has moved the view: it stays where they put it. */
  private taken = false;
  /** Where somebody wants to open an incident. */
  @state() private opening: Place | null = null;
  private drawnAreas: readonly Geofence[] | null = null;
  private fitted = "";
  private followed = "";
  private readonly map: MapHost = new MapHost(this, () => this.container, {
    hovered: (id) => store.light(id),
    picked: (id) => store.go({ name: "unit", id }),
    asked: (place) => (this.opening = store.may("respond") ? place : null),
    taken: () => (this.taken = true),
    resized: () => this.fitAgain(),
  });

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.fixVersion, s.lit, s.link.downSince, s.theme, s.duty.geofences.all, s.duty.geofences.shown]);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("focused")) this.taken = false;
  }

  override updated(): void {
    const { engine } = this.map;
    if (!engine) return;
    const units = mapUnits();
    engine.show(units, store.lit ?? this.focused, store.now());
    this.showAreas(engine);
    const unit = units.find((candidate) => candidate.id === this.focused);
    const animate = !calm.matches;
    if (this.taken) return;
    if (unit) {
      const place = `${unit.id} ${unit.lat} ${unit.lon}`;
      if (place !== this.followed) engine.follow(unit, !this.followed.startsWith(`${unit.id} `), animate && this.followed !== "");
      this.followed = place;
      this.fitted = "";
    } else {
      const who = units.map((candidate) => candidate.id).join(" ");
      engine.fit(units, who !== this.fitted, animate && this.fitted !== "");
      this.fitted = who;
      this.followed = "";
    }
  }

  private showAreas(engine: MapEngine): void {
    const { all, shown } = store.duty.geofences;
    const drawn = shown ? all : null;
    if (drawn === this.drawnAreas) return;
    this.drawnAreas = drawn;
    engine.showAreas((drawn ?? []).map(({ id, name, shape }) => ({ id, name, shape, chosen: false })));
  }

  private fitAgain(): void {
    this.fitted = "";
    this.followed = "";
    this.requestUpdate();
  }

  private fitAll(): void {
    this.taken = this.focused !== null;
    this.map.engine?.fit(mapUnits(), true, !calm.matches);
  }

  override render() {
    const units = mapUnits();
    return html`
      <div class="map" data-testid="map" data-ready=${this.map.engine ? "yes" : "no"} data-units=${units.length}></div>
      ${this.renderNote(units)}
      <ul class="units ${this.map.failed ? "" : "unseen"}" aria-label=${strings.map.units}>
        ${units.map((unit) => this.renderUnit(unit))}
      </ul>
      ${this.map.engine ? this.renderTools() : nothing} ${this.renderFoot()}
      ${this.opening
        ? html`<incident-dialog .place=${this.opening} @close=${() => (this.opening = null)}></incident-dialog>`
        : nothing}
    `;
  }

  private renderNote(units: MapUnit[]) {
    if (this.map.failed) return html`<div class="note">${strings.map.failed}</div>`;
    if (!this.map.engine) return html`<div class="note" role="status">${strings.map.loading}</div>`;
    if (units.length === 0)
      return html`<div class="note on-map" role="status"><span>${strings.map.noPositions}</span></div>`;
    return nothing;
  }

  private renderUnit(unit: MapUnit) {
    const since = store.now() - (store.trail(unit.id).last?.at ?? 0);
    const label = strings.map.unit(unit.name, strings.status[unit.look], coordinates(unit.lat, unit.lon), age(since));
    return html`<li>
      <button
        data-testid="map-unit"
        data-camera=${unit.id}
        data-lit=${store.lit === unit.id ? "yes" : "no"}
        @focus=${() => store.light(unit.id)}
        @blur=${() => store.light(null)}
        @click=${() => store.go({ name: "unit", id: unit.id })}
      >
        ${label}
      </button>
    </li>`;
  }

  private renderTools() {
    const tool = (icon: unknown, label: string, act: () => void) =>
      html`<button class="icon" title=${label} aria-label=${label} @click=${act}>${icon}</button>`;
    const zoom = (by: 1 | -1) => () => {
      this.taken ||= this.focused === null;
      this.map.engine?.zoom(by, !calm.matches);
    };
    return html`<div class="tools">
      ${tool(icons.fit, strings.map.fit, () => this.fitAll())} ${tool(icons.add, strings.map.zoomIn, zoom(1))}
      ${tool(icons.minus, strings.map.zoomOut, zoom(-1))} ${this.renderFences()}
      ${store.may("respond")
        ? tool(icons.incidents, incidentStrings.opening.here, () => (this.opening = this.map.engine?.middle ?? null))
        : nothing}
    </div>`;
  }

  private renderFences() {
    const { all, shown } = store.duty.geofences;
    if (!all?.length) return nothing;
    const label = shown ? incidentStrings.geofences.hide : incidentStrings.geofences.show;
    return html`<button
      class="icon"
      data-testid="map-geofences"
      title=${label}
      aria-label=${label}
      aria-pressed=${shown}
      @click=${() => store.duty.showGeofences(!shown)}
    >
      ${icons.fence}
    </button>`;
  }

  private renderFoot() {
    const { engine, view } = this.map;
    if (!engine || !view) return nothing;
    const bar = scaleBar(view.metresPerPixel, SCALE_PX);
    return html`<div class="foot figures">
      <span class="scale" ${styled({ "--width": `${Math.round(bar.pixels)}px` })} data-testid="scale"
        >${lengthText(bar.metres)}</span
      >
      <span>${strings.map.grid(lengthText(view.grid))}</span>
      <span class="credit">${engine.hasStreets ? strings.map.openStreetMap : strings.map.naturalEarth}</span>
    </div>`;
  }
}
