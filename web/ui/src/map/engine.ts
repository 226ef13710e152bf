/**
 * MapLibre behind a small face: the style, the units, the view. Loaded after the wall, as a chunk of its own. Knows
 * nothing of the store.
 */

import type { GeoJSONSource, Map as MapLibreMap, StyleSpecification } from "maplibre-gl";
import maplibre from "maplibre-gl/dist/maplibre-gl-csp.js";
import workerUrl from "maplibre-gl/dist/maplibre-gl-csp-worker.js?url";
import { PMTiles, Protocol } from "pmtiles";
import type { Place } from "../fixes";
import type { Draft } from "../geofence-draft";
import { areaLayers, areaSources, draftLayers, drawAreas, drawDraft, type Area } from "./areas";
import { earthLayers, earthSources, loadEarth, streetLayers, type Earth } from "./basemap";
import { gridLines, type Bounds } from "./grid";
import type { Palette } from "./palette";
import {
  drawPaths,
  drawUnits,
  gridLayer,
  UNIT_LAYERS,
  unitImage,
  unitLayers,
  unitSources,
  type MapUnit,
  type Path,
} from "./units";

export type { Area } from "./areas";
export type { MapUnit, Path } from "./units";

const REGION = "/region.pmtiles";
const CLOSEST_FIT = 16;
const FOLLOW_ZOOM = 16.5;
const EMPTY_VIEW: { center: [number, number]; zoom: number } = { center: [10, 30], zoom: 1.2 };
/** A pointer this near to a unit means it. */
const REACH_PX = 10;
/** So near to a trail a click means it. */
const POINTED_PX = 24;
const EQUATOR_M = 40_075_016.7;

export interface ViewChange {
  metresPerPixel: number;
  /** Side of a grid cell in metres. */
  grid: number;
}

export interface MapListener {
  hovered(id: string | null): void;
  picked(id: string): void;
  /** Somebody clicked beside the units. `reach`: metres that a pointer does not tell apart. */
  pointed?(place: Place, reach: number): void;
  /** Somebody wants to do something with a place: by the other button, or a long touch. */
  asked?(place: Place): void;
  /** The view was moved by hand: it no longer follows. */
  taken(): void;
  viewed(change: ViewChange): void;
  /** The space has changed: what was brought into view may no longer be. */
  resized(): void;
}

let streets: Promise<boolean> | undefined;

/** Whether the gateway has street tiles. Asked once. */
function findStreets(): Promise<boolean> {
  streets ??= (async () => {
    const archive = new PMTiles(new URL(REGION, window.location.href).href);
    try {
      await archive.getHeader();
    } catch {
      return false; // none dropped in: Natural Earth and the grid stand alone
    }
    const protocol = new Protocol();
    protocol.add(archive);
    maplibre.addProtocol("pmtiles", protocol.tile);
    return true;
  })();
  return streets;
}

export class MapEngine {
  private readonly map: MapLibreMap;
  private units: readonly MapUnit[] = [];
  private paths: readonly Path[] = [];
  private areas: readonly Area[] = [];
  private draft: Draft | null = null;
  private lit: string | null = null;
  private now = 0;

  private constructor(
    container: HTMLElement,
    private palette: Palette,
    private readonly earth: Earth,
    readonly hasStreets: boolean,
    private readonly listener: MapListener,
  ) {
    this.map = new maplibre.Map({
      container,
      style: this.style(),
      ...EMPTY_VIEW,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxPitch: 0,
      maxZoom: 20,
      fadeDuration: 0,
      renderWorldCopies: true,
      keyboard: true,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.on("styleimagemissing", ({ id }) => {
      const image = unitImage(id, this.palette, 2);
      if (image && !this.map.hasImage(id)) this.map.addImage(id, image, { pixelRatio: 2 });
    });
    this.map.on("style.load", () => this.redraw());
    this.map.on("move", () => this.drawGrid());
    this.map.on("resize", () => {
      this.drawGrid();
      listener.resized();
    });
    for (const kind of ["dragstart", "zoomstart"] as const)
      this.map.on(kind, (event) => {
        if (event.originalEvent) listener.taken();
      });
    this.map.on("mousemove", ({ point }) => {
      const id = this.unitAt(point);
      if (this.draft === null) this.map.getCanvas().style.cursor = id === null ? "" : "pointer";
      listener.hovered(id);
    });
    this.map.on("mouseout", () => listener.hovered(null));
    this.map.on("click", ({ point, lngLat }) => {
      const id = this.unitAt(point);
      if (id !== null && !listener.pointed) listener.picked(id);
      listener.pointed?.({ lat: lngLat.lat, lon: lngLat.lng }, this.metresPerPixel * POINTED_PX);
    });
    this.map.on("contextmenu", ({ lngLat }) => listener.asked?.({ lat: lngLat.lat, lon: lngLat.lng }));
    const canvas = this.map.getCanvas();
    canvas.setAttribute("aria-hidden", "true"); // the list of units beside it says the same in words
    canvas.tabIndex = -1;
  }

  /** @throws when the browser has no WebGL */
  static async create(container: HTMLElement, palette: Palette, listener: MapListener): Promise<MapEngine> {
    maplibre.setWorkerUrl(new URL(workerUrl, window.location.href).href);
    const [earth, hasStreets] = await Promise.all([loadEarth(), findStreets()]);
    return new MapEngine(container, palette, earth, hasStreets, listener);
  }

  destroy(): void {
    this.map.remove();
  }

  /** @param now the time the trails fade by, milliseconds since the Unix epoch */
  show(units: readonly MapUnit[], lit: string | null, now: number): void {
    this.units = units;
    this.lit = lit;
    this.now = now;
    this.drawUnits();
  }

  /** Where somebody has been, under the units. */
  showPaths(paths: readonly Path[]): void {
    this.paths = paths;
    drawPaths(this.map.getSource<GeoJSONSource>("paths"), paths);
  }

  /** Geofences, under the units. */
  showAreas(areas: readonly Area[]): void {
    this.areas = areas;
    drawAreas(this.map.getSource<GeoJSONSource>("areas"), areas);
  }

  /** A geofence that is being drawn, over everything; two clicks are two of its corners. */
  showDraft(draft: Draft | null): void {
    this.draft = draft;
    if (draft === null) this.map.doubleClickZoom.enable();
    else this.map.doubleClickZoom.disable();
    this.map.getCanvas().style.cursor = draft === null ? "" : "crosshair";
    drawDraft(this.map.getSource<GeoJSONSource>("draft"), draft);
  }

  /** What is in the middle. */
  get middle(): Place {
    const { lat, lng } = this.map.getCenter();
    return { lat, lon: lng };
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.map.setStyle(this.style(), { diff: false });
  }

  /** Bring units into view, unless they are there already and `force` is false. */
  fit(units: readonly Place[], force: boolean, animate: boolean): void {
    if (units.length === 0) return;
    const bounds = new maplibre.LngLatBounds();
    for (const unit of units) bounds.extend([unit.lon, unit.lat]);
    if (!force && this.allInside(units)) return;
    const { clientWidth, clientHeight } = this.map.getContainer();
    const padding = Math.min(70, clientWidth / 5, clientHeight / 5);
    this.map.fitBounds(bounds, { padding, maxZoom: CLOSEST_FIT, animate, duration: 500 });
  }

  private allInside(units: readonly Place[]): boolean {
    const { clientWidth, clientHeight } = this.map.getContainer();
    return units.every((unit) => {
      const { x, y } = this.map.project([unit.lon, unit.lat]);
      return x > 16 && y > 16 && x < clientWidth - 16 && y < clientHeight - 16;
    });
  }

  /** Keep one unit in the middle. */
  follow(unit: MapUnit, first: boolean, animate: boolean): void {
    const zoom = first ? FOLLOW_ZOOM : this.map.getZoom();
    this.map.easeTo({ center: [unit.lon, unit.lat], zoom, animate, duration: first ? 500 : 900 });
  }

  zoom(by: 1 | -1, animate: boolean): void {
    this.map.zoomTo(Math.round(this.map.getZoom()) + by, { animate, duration: 200 });
  }

  private style(): StyleSpecification {
    const grid = gridLayer(this.palette);
    return {
      version: 8,
      sources: {
        ...earthSources(this.earth),
        ...(this.hasStreets && {
          streets: { type: "vector" as const, url: `pmtiles://${new URL(REGION, window.location.href).href}` },
        }),
        ...areaSources,
        ...unitSources,
      },
      layers: [
        ...earthLayers(this.palette, this.hasStreets),
        ...(this.hasStreets ? streetLayers(this.palette) : []),
        grid,
        ...areaLayers(this.palette),
        ...unitLayers(this.palette),
        ...draftLayers(this.palette),
      ],
    };
  }

  private redraw(): void {
    drawPaths(this.map.getSource<GeoJSONSource>("paths"), this.paths);
    drawAreas(this.map.getSource<GeoJSONSource>("areas"), this.areas);
    drawDraft(this.map.getSource<GeoJSONSource>("draft"), this.draft);
    this.drawUnits();
    this.drawGrid();
  }

  private drawUnits(): void {
    drawUnits((id) => this.map.getSource<GeoJSONSource>(id), this.units, this.lit, this.palette, this.now);
  }

  private drawGrid(): void {
    const box = this.map.getBounds();
    const view: Bounds = { west: box.getWest(), east: box.getEast(), south: box.getSouth(), north: box.getNorth() };
    const { metresPerPixel } = this;
    const { lines, step } = gridLines(view, metresPerPixel);
    this.map.getSource<GeoJSONSource>("grid")?.setData(lines);
    this.listener.viewed({ metresPerPixel, grid: step });
  }

  private get metresPerPixel(): number {
    const latitude = (this.map.getCenter().lat * Math.PI) / 180;
    return (EQUATOR_M * Math.cos(latitude)) / (512 * 2 ** this.map.getZoom());
  }

  private unitAt(point: { x: number; y: number }): string | null {
    if (!this.map.getLayer("unit-discs")) return null;
    const found = this.map.queryRenderedFeatures(
      [
        [point.x - REACH_PX, point.y - REACH_PX],
        [point.x + REACH_PX, point.y + REACH_PX],
      ],
      { layers: UNIT_LAYERS },
    );
    const id: unknown = found[0]?.properties.id;
    return typeof id === "string" ? id : null;
  }
}
