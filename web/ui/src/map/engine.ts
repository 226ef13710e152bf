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
import { earthLayers, earthSources, streetLayers } from "./basemap";
import type { Cluster, Clustered } from "./clusters";
import earthUrl from "./earth-worker?worker&url";
import { gridLines, type Bounds } from "./grid";
import { UnitOverlay, type Hit } from "./overlay";
import type { Palette } from "./palette";
import { drawPaths, gridLayer, groundSources, pathLayer, type MapUnit, type Path } from "./units";

export type { Area } from "./areas";
export type { MapUnit, Path } from "./units";

const REGION = "/region.pmtiles";
const CLOSEST_FIT = 16;
const FOLLOW_ZOOM = 16.5;
const NEAR_ZOOM = 13;
const MOST_ZOOM = 20;
/** Nearer than this, units that lie over each other stay so. */
const LAST_SPLIT_ZOOM = 18.5;
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
  /** Somebody clicked on units that no view takes apart. */
  crowd?(place: Place): void;
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

let earth: Promise<unknown> | undefined;

/** Have MapLibre's workers know the earth. Once: they are those of all maps. */
function bringEarth(): Promise<unknown> {
  earth ??= maplibre.importScriptInWorkers(new URL(earthUrl, window.location.href).href).catch((error: unknown) => {
    earth = undefined; // the link was down: the next map tries again
    throw error;
  });
  return earth;
}

export class MapEngine {
  private readonly map: MapLibreMap;
  private readonly overlay: UnitOverlay;
  private told: ViewChange | null = null;
  /** What the grid is drawn for: more than is in view. */
  private gridded: { bounds: Bounds; zoom: number } | null = null;
  private paths: readonly Path[] = [];
  private areas: readonly Area[] = [];
  private draft: Draft | null = null;

  private constructor(
    container: HTMLElement,
    private palette: Palette,
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
      maxZoom: MOST_ZOOM,
      fadeDuration: 0,
      renderWorldCopies: true,
      keyboard: true,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.overlay = new UnitOverlay(this.map.getCanvasContainer(), palette);
    this.map.on("render", () => this.lookOver());
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
      const hit = this.overlay.at(point, REACH_PX);
      if (this.draft === null) this.map.getCanvas().style.cursor = hit === null ? "" : "pointer";
      listener.hovered(hit && "unit" in hit ? hit.unit : null);
    });
    this.map.on("mouseout", () => listener.hovered(null));
    this.map.on("click", ({ point, lngLat }) => {
      if (!listener.pointed) this.pick(this.overlay.at(point, REACH_PX));
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
    const [hasStreets] = await Promise.all([findStreets(), bringEarth()]);
    return new MapEngine(container, palette, hasStreets, listener);
  }

  destroy(): void {
    this.map.remove();
  }

  /** @param now the time the trails fade by, milliseconds since the Unix epoch */
  show(units: readonly MapUnit[], lit: string | null, now: number): void {
    this.overlay.show(units, lit, now);
  }

  /** Who stands in the view, alone or with others. */
  get inView(): Clustered {
    return this.overlay.inView;
  }

  private pick(hit: Hit | null): void {
    if (hit === null) return;
    if ("unit" in hit) this.listener.picked(hit.unit);
    else this.open(hit.cluster, true);
  }

  /** Go so near to a cluster that its units stand apart. */
  open({ units }: Cluster, animate: boolean): void {
    const [first] = units;
    if (this.map.getZoom() >= LAST_SPLIT_ZOOM && first) return this.listener.crowd?.(first);
    this.listener.taken();
    this.frame(units, Math.min(MOST_ZOOM, this.map.getZoom() + 4), animate);
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
    this.gridded = null;
    this.overlay.setPalette(palette);
    this.map.setStyle(this.style(), { diff: false });
  }

  /** Bring units into view, unless they are there already and `force` is false. */
  fit(units: readonly Place[], force: boolean, animate: boolean): void {
    if (units.length === 0) return;
    if (!force && this.allInside(units)) return;
    this.frame(units, CLOSEST_FIT, animate);
  }

  private frame(places: readonly Place[], maxZoom: number, animate: boolean): void {
    const bounds = new maplibre.LngLatBounds();
    for (const { lat, lon } of places) bounds.extend([lon, lat]);
    const { clientWidth, clientHeight } = this.map.getContainer();
    const padding = Math.min(70, clientWidth / 5, clientHeight / 5);
    this.map.fitBounds(bounds, { padding, maxZoom, animate, duration: 500 });
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

  /** Mark a place that is spoken of; null: none. */
  pin(place: Place | null): void {
    this.overlay.pin(place);
  }

  /** Bring a place into the middle, near enough to see who is around. */
  bring(place: Place, animate: boolean): void {
    this.map.easeTo({ center: [place.lon, place.lat], zoom: Math.max(NEAR_ZOOM, this.map.getZoom()), animate, duration: 500 });
  }

  zoom(by: 1 | -1, animate: boolean): void {
    this.map.zoomTo(Math.round(this.map.getZoom()) + by, { animate, duration: 200 });
  }

  private style(): StyleSpecification {
    const grid = gridLayer(this.palette);
    return {
      version: 8,
      sources: {
        ...earthSources,
        ...(this.hasStreets && {
          streets: { type: "vector" as const, url: `pmtiles://${new URL(REGION, window.location.href).href}` },
        }),
        ...areaSources,
        ...groundSources,
      },
      layers: [
        ...earthLayers(this.palette, this.hasStreets),
        ...(this.hasStreets ? streetLayers(this.palette) : []),
        grid,
        ...areaLayers(this.palette),
        pathLayer(this.palette),
        ...draftLayers(this.palette),
      ],
    };
  }

  private redraw(): void {
    drawPaths(this.map.getSource<GeoJSONSource>("paths"), this.paths);
    drawAreas(this.map.getSource<GeoJSONSource>("areas"), this.areas);
    drawDraft(this.map.getSource<GeoJSONSource>("draft"), this.draft);
    this.gridded = null;
    this.drawGrid();
  }

  /** The units move with the map beneath them. */
  private lookOver(): void {
    const { clientWidth, clientHeight } = this.map.getContainer();
    this.overlay.look({ middle: this.middle, zoom: this.map.getZoom(), width: clientWidth, height: clientHeight });
  }

  private drawGrid(): void {
    const box = this.map.getBounds();
    const view: Bounds = { west: box.getWest(), east: box.getEast(), south: box.getSouth(), north: box.getNorth() };
    const { metresPerPixel } = this;
    const zoom = this.map.getZoom();
    if (this.gridded?.zoom === zoom && within(view, this.gridded.bounds)) return;
    const bounds = widened(view);
    this.gridded = { bounds, zoom };
    const { lines, step } = gridLines(bounds, metresPerPixel);
    this.map.getSource<GeoJSONSource>("grid")?.setData(lines);
    this.tell({ metresPerPixel, grid: step });
  }

  private tell(view: ViewChange): void {
    if (view.metresPerPixel === this.told?.metresPerPixel && view.grid === this.told.grid) return;
    this.told = view;
    this.listener.viewed(view);
  }

  private get metresPerPixel(): number {
    const latitude = (this.map.getCenter().lat * Math.PI) / 180;
    return (EQUATOR_M * Math.cos(latitude)) / (512 * 2 ** this.map.getZoom());
  }
}

function within(view: Bounds, { west, east, south, north }: Bounds): boolean {
  return view.west >= west && view.east <= east && view.south >= south && view.north <= north;
}

/** With as much again on every side, so that dragging a little draws nothing anew. */
function widened({ west, east, south, north }: Bounds): Bounds {
  const [width, height] = [east - west, north - south];
  return { west: west - width, east: east + width, south: south - height, north: north + height };
}
