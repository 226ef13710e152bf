/** What a map knows of a unit, where somebody has been, and the grid: what lies under the units as MapLibre draws it. */

import type { FeatureCollection } from "geojson";
import type { GeoJSONSource, GeoJSONSourceSpecification, LayerSpecification } from "maplibre-gl";
import type { Look } from "../faces";
import type { Dated } from "../fixes";
import type { Palette } from "./palette";

export interface MapUnit {
  id: string;
  name: string;
  look: Look;
  lat: number;
  lon: number;
  course: number | null;
  accuracy: number | null;
  /** The position is older than a minute. */
  old: boolean;
  /** An alert of high priority about it is open: no cluster hides it. */
  alarm?: boolean;
  trail: readonly Dated[];
}

/** Where somebody has been, drawn in one piece. */
export type Path = readonly Dated[];

export const EMPTY: FeatureCollection = { type: "FeatureCollection", features: [] };
export const emptySource: GeoJSONSourceSpecification = { type: "geojson", data: EMPTY };
export const groundSources = { grid: emptySource, paths: emptySource };

export function gridLayer(palette: Palette): LayerSpecification {
  return {
    id: "grid",
    type: "line",
    source: "grid",
    paint: { "line-color": palette.line, "line-width": 1, "line-opacity": 0.55 },
  };
}

export function pathLayer(palette: Palette): LayerSpecification {
  return {
    id: "paths",
    type: "line",
    source: "paths",
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": palette.accent, "line-width": 3, "line-opacity": 0.4 },
  };
}

export function drawPaths(source: GeoJSONSource | undefined, paths: readonly Path[]): void {
  source?.setData({
    type: "FeatureCollection",
    features: paths.map((path) => ({
      type: "Feature",
      properties: {},
      geometry: { type: "LineString", coordinates: path.map(({ fix }) => [fix.lon, fix.lat]) },
    })),
  });
}
