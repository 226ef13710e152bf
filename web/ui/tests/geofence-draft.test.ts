import { expect, test } from "vitest";
import { distance } from "../src/fixes";
import { draftIn, draftOf, NO_CIRCLE, NO_POLYGON, outlineOf, placeIn, pointed, shapeOf, takenBack, textOf, type Draft } from "../src/geofence-draft";
import type { Shape } from "../src/model-incidents";

const A = { lat: 52.52, lon: 13.4 };
const B = { lat: 52.53, lon: 13.4 };
const C = { lat: 52.53, lon: 13.42 };
const SQUARE: Shape = {
  type: "Polygon",
  coordinates: [
    [[0, 0], [0, 3], [3, 3], [3, 0], [0, 0]],
    [[1, 1], [1, 2], [2, 2], [1, 1]],
  ],
};

const drawn = (start: Draft, ...places: { lat: number; lon: number }[]) => places.reduce(pointed, start);

test("a polygon is what was pointed at, closed", () => {
  expect(shapeOf(drawn(NO_POLYGON, A, B))).toBeNull();
  expect(shapeOf(drawn(NO_POLYGON, A, B, C))).toEqual({
    type: "Polygon",
    coordinates: [[[13.4, 52.52], [13.4, 52.53], [13.42, 52.53], [13.4, 52.52]]],
  });
  expect(shapeOf(takenBack(drawn(NO_POLYGON, A, B, C)))).toBeNull();
});

test("a circle is a centre and how far from it was pointed", () => {
  const circle = drawn(NO_CIRCLE, A, B);
  expect(shapeOf(circle)).toEqual({ type: "Point", coordinates: [13.4, 52.52], radius_m: Math.round(distance(A, B)) });
  expect(shapeOf(takenBack(circle))).toBeNull();
  expect(takenBack(takenBack(circle))).toEqual(NO_CIRCLE);
  const [ring = []] = outlineOf({ type: "Point", coordinates: [13.4, 52.52], radius_m: 500 });
  for (const [lon, lat] of ring) expect(Math.abs(distance(A, { lat, lon }) - 500)).toBeLessThan(2);
});

test("what was drawn can be written, and what was written drawn", () => {
  const polygon = drawn(NO_POLYGON, A, B, C);
  expect(draftIn(polygon.kind === "polygon" ? textOf(polygon.points) : "")).toEqual(polygon);
  expect(shapeOf(draftOf(SQUARE))).toEqual(SQUARE);
  for (const text of [SQUARE, { type: "Feature", geometry: SQUARE }, { type: "FeatureCollection", features: [{ type: "Feature", geometry: SQUARE }] }])
    expect(draftIn(JSON.stringify(text))).toEqual(draftOf(SQUARE));
  expect(draftIn('{"type": "Point", "coordinates": [13.4, 52.52], "radius_m": 50}')).toEqual({ kind: "circle", centre: A, radius: 50 });
});

test.each(['{"type"', "{}", '{"type": "Polygon", "coordinates": [[1, 2], [3, 4]]}', '{"type": "LineString", "coordinates": [[1, 2], [3, 4]]}'])(
  "GeoJSON that encloses nothing draws nothing: %s",
  (text) => expect(draftIn(text)).toBeNull(),
);

test("a line that is no place is named", () => {
  expect(draftIn("52.5, 13.4\n\n52.6, east")).toEqual({ wrongLine: 3 });
});

test.each([
  ["52.52, 13.4", A],
  ["52.52 13.4", A],
  ["52.52°; 13.4°", A],
  ["91, 13.4", null],
  ["52.52", null],
  ["", null],
])("a place is read as people write it: %s", (text, place) => expect(placeIn(text)).toEqual(place));
