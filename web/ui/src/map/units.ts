/** Units as MapLibre draws them: GeoJSON for places, trails and accuracy; layers; and the images of each state. */

import type { Feature, FeatureCollection, Polygon } from "geojson";
import type { GeoJSONSource, GeoJSONSourceSpecification, LayerSpecification } from "maplibre-gl";
import type { Look } from "../faces";
import { TRAIL_MS, type Dated } from "../fixes";
import { stateColor, type Palette } from "./palette";

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
  trail: readonly Dated[];
}

/** Where somebody has been, drawn in one piece. */
export type Path = readonly Dated[];

export const UNIT_LAYERS = ["unit-discs"];
export const EMPTY: FeatureCollection = { type: "FeatureCollection", features: [] };
const FADE_STEPS = 10;
const METRES_PER_DEGREE = 111_195;
const CIRCLE_POINTS = 48;
const DISC_PX = 26;
const WEDGE_PX = 52;

export const emptySource: GeoJSONSourceSpecification = { type: "geojson", data: EMPTY };
export const unitSources = {
  grid: emptySource,
  paths: emptySource,
  accuracy: emptySource,
  trails: emptySource,
  units: { ...emptySource, promoteId: "id" },
};

export function gridLayer(palette: Palette): LayerSpecification {
  return {
    id: "grid",
    type: "line",
    source: "grid",
    paint: { "line-color": palette.line, "line-width": 1, "line-opacity": 0.55 },
  };
}

export function unitLayers(palette: Palette): LayerSpecification[] {
  return [
    {
      id: "paths",
      type: "line",
      source: "paths",
      layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": palette.accent, "line-width": 3, "line-opacity": 0.4 },
    },
    {
      id: "accuracy",
      type: "fill",
      source: "accuracy",
      paint: { "fill-color": ["get", "color"], "fill-opacity": 0.12, "fill-outline-color": ["get", "color"] },
    },
    {
      id: "trails",
      type: "line",
      source: "trails",
      layout: { "line-cap": "butt", "line-join": "round" },
      paint: { "line-color": ["get", "color"], "line-width": 2.5, "line-opacity": ["get", "opacity"] },
    },
    {
      id: "unit-lit",
      type: "circle",
      source: "units",
      filter: ["get", "lit"],
      paint: {
        "circle-radius": 22,
        "circle-color": palette.accent,
        "circle-opacity": 0.22,
        "circle-stroke-color": palette.accent,
        "circle-stroke-width": 2,
      },
    },
    {
      id: "unit-wedges",
      type: "symbol",
      source: "units",
      filter: ["has", "course"],
      layout: {
        "icon-image": ["concat", "wedge ", ["get", "look"], ["get", "fill"]],
        "icon-rotate": ["get", "course"],
        "icon-rotation-alignment": "map",
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
      },
    },
    {
      id: "unit-discs",
      type: "symbol",
      source: "units",
      layout: {
        "icon-image": ["concat", "disc ", ["get", "look"], ["get", "fill"]],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "text-field": ["get", "name"],
        "text-font": ["system-ui", "sans-serif"],
        "text-size": 12,
        "text-variable-anchor": ["left", "right", "top", "bottom"],
        "text-radial-offset": 1.5,
        "text-optional": true,
        "text-padding": 4,
      },
      paint: { "text-color": palette.text, "text-halo-color": palette.ground, "text-halo-width": 1.6 },
    },
  ];
}

/** Give the sources what is known now. Sources that a style still loads are given it when it has. */
export function drawUnits(
  source: (id: string) => GeoJSONSource | undefined,
  units: readonly MapUnit[],
  lit: string | null,
  palette: Palette,
  now: number,
): void {
  const features = (list: Feature[]): FeatureCollection => ({ type: "FeatureCollection", features: list });
  source("units")?.setData(
    features(
      units.map((unit) => ({
        type: "Feature",
        geometry: { type: "Point", coordinates: [unit.lon, unit.lat] },
        properties: {
          id: unit.id,
          name: unit.name,
          look: unit.look,
          fill: unit.old ? " hollow" : "",
          lit: unit.id === lit,
          ...(unit.course === null ? {} : { course: unit.course }),
        },
      })),
    ),
  );
  source("accuracy")?.setData(
    features(
      units.flatMap((unit) =>
        unit.accuracy === null ? [] : [circle(unit, unit.accuracy, stateColor(palette, unit.look))],
      ),
    ),
  );
  source("trails")?.setData(features(units.flatMap((unit) => trail(unit, stateColor(palette, unit.look), now))));
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

function circle(unit: MapUnit, radius: number, color: string): Feature<Polygon> {
  const dLat = radius / METRES_PER_DEGREE;
  const dLon = dLat / Math.max(0.01, Math.cos((unit.lat * Math.PI) / 180));
  const ring = Array.from({ length: CIRCLE_POINTS + 1 }, (_, i) => {
    const turn = (2 * Math.PI * i) / CIRCLE_POINTS;
    return [unit.lon + dLon * Math.sin(turn), unit.lat + dLat * Math.cos(turn)];
  });
  return { type: "Feature", properties: { color }, geometry: { type: "Polygon", coordinates: [ring] } };
}

/** A trail in steps of a minute, each fainter than the next. */
function trail(unit: MapUnit, color: string, now: number): Feature[] {
  const steps: [number, number][][] = Array.from({ length: FADE_STEPS }, () => []);
  let previous: [number, number] | undefined;
  let previousStep = -1;
  for (const { fix, at } of unit.trail) {
    const step = Math.floor(((now - at) / TRAIL_MS) * FADE_STEPS);
    const here: [number, number] = [fix.lon, fix.lat];
    const points = steps[Math.max(0, step)];
    if (points) {
      if (previous && step !== previousStep) points.push(previous); // no hole between two steps
      points.push(here);
    }
    previous = here;
    previousStep = step;
  }
  return steps.flatMap((coordinates, step) =>
    coordinates.length < 2
      ? []
      : [
          {
            type: "Feature" as const,
            properties: { color, opacity: 0.85 * (1 - step / FADE_STEPS) },
            geometry: { type: "LineString" as const, coordinates },
          },
        ],
  );
}

/** The image a layer asks for by name: `disc live`, `wedge stale hollow`. */
export function unitImage(name: string, palette: Palette, ratio: number): ImageData | null {
  const [kind, look, fill] = name.split(" ");
  const color = stateColor(palette, look as Look);
  const hollow = fill === "hollow";
  const size = kind === "wedge" ? WEDGE_PX : DISC_PX;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size * ratio;
  const draw = canvas.getContext("2d");
  if (!draw) return null;
  draw.scale(ratio, ratio);
  draw.translate(size / 2, size / 2);
  if (kind === "wedge") wedge(draw, color, palette.ground, hollow);
  else disc(draw, look as Look, color, palette.ground, hollow);
  return draw.getImageData(0, 0, canvas.width, canvas.height);
}

/** Points up: north, before the layer turns it. */
function wedge(draw: CanvasRenderingContext2D, color: string, ground: string, hollow: boolean): void {
  draw.beginPath();
  draw.moveTo(0, -24);
  draw.lineTo(9, -7);
  draw.lineTo(-9, -7);
  draw.closePath();
  draw.lineJoin = "round";
  draw.lineWidth = hollow ? 1.6 : 2;
  draw.fillStyle = hollow ? ground : color;
  draw.strokeStyle = hollow ? color : ground;
  draw.fill();
  draw.stroke();
}

function disc(draw: CanvasRenderingContext2D, look: Look, color: string, ground: string, hollow: boolean): void {
  const full = 2 * Math.PI;
  const ring = (radius: number) => {
    draw.beginPath();
    draw.arc(0, 0, radius, 0, full);
  };
  ring(11.5);
  draw.fillStyle = ground;
  draw.fill();
  draw.strokeStyle = color;
  draw.lineWidth = 2.2;
  draw.lineCap = "butt";
  if (look === "stale" || look === "unknown") draw.setLineDash([4, 2.6]);
  ring(8.6);
  draw.stroke();
  draw.setLineDash([]);
  draw.fillStyle = color;
  if ((look === "live" || look === "recorded") && !hollow) {
    ring(4.4);
    draw.fill();
  } else if (look === "offline" || look === "disabled" || look === "refused") {
    draw.beginPath();
    draw.moveTo(-5.6, look === "offline" ? 5.6 : 0);
    draw.lineTo(5.6, look === "offline" ? -5.6 : 0);
    draw.stroke();
  }
}
