/** Geofences as MapLibre draws them: outlines with their names under the units, and the one that is being drawn above. */

import type { Feature, FeatureCollection, Position } from "geojson";
import type { GeoJSONSource, LayerSpecification } from "maplibre-gl";
import type { Draft } from "../geofence-draft";
import { outlineOf } from "../geofence-draft";
import type { Shape } from "../model-incidents";
import type { Palette } from "./palette";
import { EMPTY, emptySource } from "./units";

/** A geofence on the map. */
export interface Area {
  id: number;
  name: string;
  shape: Shape;
  /** It is the one that is spoken of. */
  chosen: boolean;
}

export const areaSources = { areas: emptySource, draft: emptySource };

export function areaLayers(palette: Palette): LayerSpecification[] {
  const colour = ["case", ["get", "chosen"], palette.accent, palette.quiet] as unknown as string;
  return [
    { id: "area-fills", type: "fill", source: "areas", paint: { "fill-color": colour, "fill-opacity": 0.08 } },
    {
      id: "area-edges",
      type: "line",
      source: "areas",
      layout: { "line-join": "round" },
      paint: { "line-color": colour, "line-width": 1.8, "line-dasharray": [4, 2] },
    },
    {
      id: "area-names",
      type: "symbol",
      source: "areas",
      layout: {
        "text-field": ["get", "name"],
        "text-font": ["system-ui", "sans-serif"],
        "text-size": 12,
        "text-max-width": 10,
        "text-padding": 4,
      },
      paint: { "text-color": colour, "text-halo-color": palette.ground, "text-halo-width": 1.6 },
    },
  ];
}

export function draftLayers(palette: Palette): LayerSpecification[] {
  return [
    {
      id: "draft-fill",
      type: "fill",
      source: "draft",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": palette.accent, "fill-opacity": 0.16 },
    },
    {
      id: "draft-edge",
      type: "line",
      source: "draft",
      filter: ["!=", ["geometry-type"], "Point"],
      layout: { "line-join": "round" },
      paint: { "line-color": palette.accent, "line-width": 2.5 },
    },
    {
      id: "draft-points",
      type: "circle",
      source: "draft",
      filter: ["==", ["geometry-type"], "Point"],
      paint: {
        "circle-radius": 5,
        "circle-color": palette.ground,
        "circle-stroke-color": palette.accent,
        "circle-stroke-width": 2.5,
      },
    },
  ];
}

const feature = (geometry: Feature["geometry"], properties: Feature["properties"] = {}): Feature => ({
  type: "Feature",
  geometry,
  properties,
});

const collection = (features: Feature[]): FeatureCollection => ({ type: "FeatureCollection", features });

export function drawAreas(source: GeoJSONSource | undefined, areas: readonly Area[]): void {
  source?.setData(
    collection(
      areas.map(({ name, shape, chosen }) => feature({ type: "Polygon", coordinates: outlineOf(shape) }, { name, chosen })),
    ),
  );
}

export function drawDraft(source: GeoJSONSource | undefined, draft: Draft | null): void {
  source?.setData(draft === null ? EMPTY : collection(drawn(draft)));
}

function drawn(draft: Draft): Feature[] {
  const point = ({ lon, lat }: { lon: number; lat: number }) => feature({ type: "Point", coordinates: [lon, lat] });
  if (draft.kind === "circle") {
    const { centre, radius } = draft;
    if (centre === null) return [];
    const shape: Shape = { type: "Point", coordinates: [centre.lon, centre.lat], radius_m: radius ?? 0 };
    return [...(radius ? [feature({ type: "Polygon", coordinates: outlineOf(shape) })] : []), point(centre)];
  }
  const line: Position[] = draft.points.map(({ lon, lat }) => [lon, lat]);
  const [first] = line;
  const points = draft.points.map(point);
  if (!first || line.length < 2) return points;
  if (line.length === 2) return [feature({ type: "LineString", coordinates: line }), ...points];
  return [feature({ type: "Polygon", coordinates: [[...line, first], ...draft.holes] }), ...points];
}
