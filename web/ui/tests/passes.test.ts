import { expect, test } from "vitest";
import { momentAt } from "../src/archive/passes";
import type { Dated } from "../src/fixes";
import type { Fix } from "../src/model";

/** A degree of latitude is 111 km: `metres` north of the equator. */
const fix = (at: number, metres: number): Dated => ({ at, fix: { lat: metres / 111_195, lon: 0 } as Fix });
const place = { lat: 50 / 111_195, lon: 0 };
/** Up the street, a rest there, and back down again. */
const walk = [
  ...Array.from({ length: 11 }, (_, n) => fix(n * 1_000, n * 10)),
  ...Array.from({ length: 11 }, (_, n) => fix(60_000 + n * 1_000, 100 - n * 10)),
];

test("the nearest fix in space is taken", () => {
  expect(momentAt(walk.slice(0, 11), place, 12, 0)).toBe(5_000);
});

test("of several passes the one nearest to what is played", () => {
  expect(momentAt(walk, place, 12, 1_000)).toBe(5_000);
  expect(momentAt(walk, place, 12, 61_000)).toBe(65_000);
});

test("where nobody was leads nowhere", () => {
  expect(momentAt(walk, { lat: 1, lon: 1 }, 12, 0)).toBeNull();
  expect(momentAt([], place, 12, 0)).toBeNull();
});
