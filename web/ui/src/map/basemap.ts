/**
 * What lies under the units: street tiles when the gateway has a region.pmtiles (Protomaps basemap schema, version 4),
 * and always Natural Earth's land and borders, which come with the page.
 */

import type { LayerSpecification, SourceSpecification } from "maplibre-gl";
import type { Palette } from "./palette";

/** Natural Earth's 1:50 million coast is off by kilometres at street level: it fades out before it could mislead. */
const LAND_FADES: [number, number] = [8, 11];
const FONT = ["system-ui", "sans-serif"];

/** Their addresses are `earth-worker`'s. */
export const earthSources: Record<string, SourceSpecification> = {
  land: { type: "geojson", data: "earth://land", tolerance: 0.4 },
  borders: { type: "geojson", data: "earth://borders", tolerance: 0.4 },
};

export function earthLayers(palette: Palette, streets: boolean): LayerSpecification[] {
  const fade = (to: number) =>
    ["interpolate", ["linear"], ["zoom"], LAND_FADES[0], 1, LAND_FADES[1], to] as unknown as number;
  return [
    { id: "ground", type: "background", paint: { "background-color": streets ? palette.water : palette.ground } },
    {
      id: "sea",
      type: "background",
      paint: { "background-color": palette.water, "background-opacity": fade(0) },
    },
    {
      id: "land",
      type: "fill",
      source: "land",
      paint: { "fill-color": palette.land, "fill-opacity": fade(0), "fill-antialias": true },
    },
    {
      id: "coast",
      type: "line",
      source: "land",
      paint: { "line-color": palette.line, "line-width": 1, "line-opacity": fade(0) },
    },
    {
      id: "borders",
      type: "line",
      source: "borders",
      paint: { "line-color": palette.line, "line-width": 1, "line-opacity": fade(0), "line-dasharray": [3, 2] },
    },
  ];
}

const kindIs = (...kinds: string[]) => ["in", ["get", "kind"], ["literal", kinds]] as unknown as boolean;

/** Streets by their width in pixels at zoom 12, 15 and 18. */
const STREETS: [string, number, [number, number, number]][] = [
  ["path", 14, [0.3, 0.8, 3]],
  ["minor_road", 12, [0.5, 2, 12]],
  ["major_road", 7, [1.2, 4, 18]],
  ["highway", 4, [2, 6, 22]],
];

export function streetLayers(palette: Palette): LayerSpecification[] {
  const source = "streets";
  const layers: LayerSpecification[] = [
    { id: "earth", type: "fill", source, "source-layer": "earth", paint: { "fill-color": palette.land } },
    {
      id: "greens",
      type: "fill",
      source,
      "source-layer": "landuse",
      filter: kindIs("park", "forest", "wood", "grass", "cemetery", "nature_reserve", "recreation_ground", "pitch", "golf_course"),
      paint: { "fill-color": palette.green },
    },
    {
      id: "waters",
      type: "fill",
      source,
      "source-layer": "water",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": palette.water },
    },
    {
      id: "rivers",
      type: "line",
      source,
      "source-layer": "water",
      filter: ["==", ["geometry-type"], "LineString"],
      paint: { "line-color": palette.water, "line-width": 1.5 },
    },
    {
      id: "buildings",
      type: "fill",
      source,
      "source-layer": "buildings",
      minzoom: 13,
      paint: { "fill-color": palette.building, "fill-outline-color": palette.line },
    },
    {
      id: "rails",
      type: "line",
      source,
      "source-layer": "roads",
      minzoom: 11,
      filter: kindIs("rail"),
      paint: { "line-color": palette.line, "line-width": 1, "line-dasharray": [4, 2] },
    },
  ];
  for (const [kind, minzoom, [far, middle, near]] of STREETS)
    layers.push({
      id: `street-${kind}`,
      type: "line",
      source,
      "source-layer": "roads",
      minzoom,
      filter: kindIs(kind),
      layout: { "line-cap": "round", "line-join": "round" },
      paint: {
        "line-color": palette.street,
        "line-width": ["interpolate", ["exponential", 1.6], ["zoom"], 12, far, 15, middle, 18, near],
      },
    });
  const label = (id: string, layer: string, minzoom: number, size: number, along: boolean): LayerSpecification => ({
    id,
    type: "symbol",
    source,
    "source-layer": layer,
    minzoom,
    filter: ["has", "name"],
    layout: {
      "text-field": ["get", "name"],
      "text-font": FONT,
      "text-size": size,
      "symbol-placement": along ? "line" : "point",
      "text-max-width": 8,
    },
    paint: { "text-color": palette.quiet, "text-halo-color": palette.land, "text-halo-width": 1.5 },
  });
  layers.push(label("street-names", "roads", 14, 11, true), label("place-names", "places", 4, 13, false));
  return layers;
}
