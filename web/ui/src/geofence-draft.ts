/**
 * A geofence that is being drawn: by points on a map or by text, whichever comes to hand; each shows what the other has
 * done. Pure: knows nothing of maps or elements.
 */

import { distance, type Place } from "./fixes";
import type { Shape } from "./model-incidents";

const METRES_PER_DEGREE = 111_195;
const CIRCLE_POINTS = 64;
/** What the gateway takes. */
export const LEAST_RADIUS_M = 10;
export const MOST_RADIUS_M = 1_000_000;

type Ring = [number, number][];

export type Draft =
  /** `holes` came with a text, and stay as they are. */
  | { kind: "polygon"; points: readonly Place[]; holes: readonly Ring[] }
  | { kind: "circle"; centre: Place | null; radius: number | null };

export const NO_POLYGON: Draft = { kind: "polygon", points: [], holes: [] };
export const NO_CIRCLE: Draft = { kind: "circle", centre: null, radius: null };

/** What a shape is drawn as: rings of [longitude, latitude], the outer one first. */
export function outlineOf(shape: Shape): Ring[] {
  if (shape.type === "Polygon") return shape.coordinates;
  const [lon, lat] = shape.coordinates;
  const dLat = shape.radius_m / METRES_PER_DEGREE;
  const dLon = dLat / Math.max(0.01, Math.cos((lat * Math.PI) / 180));
  const ring = Array.from({ length: CIRCLE_POINTS + 1 }, (_, i): [number, number] => {
    const turn = (2 * Math.PI * i) / CIRCLE_POINTS;
    return [lon + dLon * Math.sin(turn), lat + dLat * Math.cos(turn)];
  });
  return [ring];
}

/** A corner more; of a circle first its centre, then how far it reaches. */
export function pointed(draft: Draft, place: Place): Draft {
  if (draft.kind === "polygon") return { ...draft, points: [...draft.points, place] };
  if (draft.centre === null) return { ...draft, centre: place };
  return { ...draft, radius: Math.max(LEAST_RADIUS_M, Math.round(distance(draft.centre, place))) };
}

/** Without what was pointed at last. */
export function takenBack(draft: Draft): Draft {
  if (draft.kind === "polygon") return { ...draft, points: draft.points.slice(0, -1) };
  return draft.radius === null ? { ...draft, centre: null } : { ...draft, radius: null };
}

/** What it is to the gateway; null: something is missing. */
export function shapeOf(draft: Draft): Shape | null {
  if (draft.kind === "circle") {
    const { centre, radius } = draft;
    if (centre === null || radius === null || radius < LEAST_RADIUS_M || radius > MOST_RADIUS_M) return null;
    return { type: "Point", coordinates: [centre.lon, centre.lat], radius_m: radius };
  }
  const ring = draft.points.map(({ lon, lat }): [number, number] => [lon, lat]);
  const [first] = ring;
  return first && ring.length > 2 ? { type: "Polygon", coordinates: [[...ring, first], ...draft.holes] } : null;
}

export function draftOf(shape: Shape): Draft {
  if (shape.type === "Point") {
    const [lon, lat] = shape.coordinates;
    return { kind: "circle", centre: { lat, lon }, radius: shape.radius_m };
  }
  const [outer = [], ...holes] = shape.coordinates;
  return { kind: "polygon", points: outer.slice(0, -1).map(([lon, lat]) => ({ lat, lon })), holes };
}

// ---- text

/** `52.520000, 13.405000`: a tenth of a metre. */
export const placeText = ({ lat, lon }: Place) => `${lat.toFixed(6)}, ${lon.toFixed(6)}`;

/** The corners of a polygon, one a line. */
export const textOf = (points: readonly Place[]) => points.map(placeText).join("\n");

/** A place as people write it: `52.52, 13.405`, latitude first; null: it is none. */
export function placeIn(text: string): Place | null {
  const found = /^\s*([+-]?\d+(?:\.\d+)?)\s*°?\s*[,; \t]\s*([+-]?\d+(?:\.\d+)?)\s*°?\s*$/.exec(text);
  const [lat, lon] = [Number(found?.[1] ?? NaN), Number(found?.[2] ?? NaN)];
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lat, lon } : null;
}

/** What a text draws: places, one a line, or GeoJSON; null or the number of the line that cannot be read: it draws nothing. */
export function draftIn(text: string): Draft | { wrongLine: number } | null {
  if (text.trim().startsWith("{")) return geojsonIn(text);
  const lines = text.split("\n").map((line, n) => ({ line, n: n + 1 }));
  const points = [];
  for (const { line, n } of lines) {
    if (!line.trim()) continue;
    const place = placeIn(line);
    if (place === null) return { wrongLine: n };
    points.push(place);
  }
  return { kind: "polygon", points, holes: [] };
}

interface Geometry {
  type?: unknown;
  coordinates?: unknown;
  radius_m?: unknown;
  geometry?: Geometry;
  features?: Geometry[];
}

function geojsonIn(text: string): Draft | null {
  let value: Geometry | undefined;
  try {
    value = JSON.parse(text) as Geometry;
  } catch {
    return null;
  }
  if (value.type === "FeatureCollection") value = value.features?.[0];
  if (value?.type === "Feature") value = value.geometry;
  if (value?.type === "Polygon" && isRings(value.coordinates)) return draftOf({ type: "Polygon", coordinates: value.coordinates });
  if (value?.type === "Point" && isPosition(value.coordinates)) {
    const radius = typeof value.radius_m === "number" ? value.radius_m : null;
    const [lon, lat] = value.coordinates;
    return { kind: "circle", centre: { lat, lon }, radius };
  }
  return null;
}

const isPosition = (value: unknown): value is [number, number] =>
  Array.isArray(value) && value.length >= 2 && value.every((part) => typeof part === "number" && Number.isFinite(part));

const isRings = (value: unknown): value is Ring[] =>
  Array.isArray(value) && value.length > 0 && value.every((ring) => Array.isArray(ring) && ring.length > 3 && ring.every(isPosition));
