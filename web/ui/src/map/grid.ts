/** A grid of whole metres, so that street level is not blank, and the scale to read it by. */

import type { FeatureCollection, LineString } from "geojson";

const METRES_PER_DEGREE = 111_195;
/** About so many pixels lie between two lines. */
const SPACING_PX = 90;
/** Cells at this latitude's width hold for a tenth of a degree, so that the grid stays put while the map moves. */
const BAND_DEGREES = 0.1;
const FARTHEST_LATITUDE = 85;

export interface Bounds {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((m) => m * power >= least) ?? 10) * power;
}

/** `200 m`, `5 km` */
export function lengthText(metres: number): string {
  return metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
}

/** @param metresPerPixel at the middle of the view */
export function gridLines(view: Bounds, metresPerPixel: number): { lines: FeatureCollection<LineString>; step: number } {
  const step = niceStep(metresPerPixel * SPACING_PX);
  const middle = Math.round((view.south + view.north) / 2 / BAND_DEGREES) * BAND_DEGREES;
  const narrowing = Math.cos((Math.min(FARTHEST_LATITUDE, Math.abs(middle)) * Math.PI) / 180);
  const stepLat = step / METRES_PER_DEGREE;
  const stepLon = stepLat / narrowing;
  const lines: FeatureCollection<LineString> = { type: "FeatureCollection", features: [] };
  const line = (coordinates: [number, number][]) =>
    lines.features.push({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } });
  const { west, east } = view;
  const south = Math.max(-FARTHEST_LATITUDE, view.south);
  const north = Math.min(FARTHEST_LATITUDE, view.north);
  for (let lat = Math.ceil(south / stepLat) * stepLat; lat <= north; lat += stepLat) line([[west, lat], [east, lat]]);
  for (let lon = Math.ceil(west / stepLon) * stepLon; lon <= east; lon += stepLon) line([[lon, south], [lon, north]]);
  return { lines, step };
}

/** The longest nice length that fits in `most` pixels. */
export function scaleBar(metresPerPixel: number, most: number): { metres: number; pixels: number } {
  const longest = metresPerPixel * most;
  const power = 10 ** Math.floor(Math.log10(longest));
  const metres = ([5, 2].find((m) => m * power <= longest) ?? 1) * power;
  return { metres, pixels: metres / metresPerPixel };
}
