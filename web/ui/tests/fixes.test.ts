import { describe, expect, it } from "vitest";
import { bearing, distance, Trail, TRAIL_MS } from "../src/fixes";
import type { Fix } from "../src/model";

const START = Date.parse("2026-11-22T14:00:00Z");

function fix(seconds: number, lat: number, lon: number, motion: Partial<Fix> = {}): Fix {
  const utc = new Date(START + seconds * 1000).toISOString();
  return {
    utc,
    lat,
    lon,
    altitude_m: null,
    speed_mps: null,
    course_deg: null,
    accuracy_m: null,
    constellations: [],
    satellites: null,
    carrier: "onvif-event",
    received_utc: utc,
    ...motion,
  };
}

function trail(...fixes: Fix[]): Trail {
  const made = new Trail();
  fixes.forEach((each) => made.add(each));
  return made;
}

describe("distance and bearing", () => {
  it("measure a degree along the equator and the meridian", () => {
    expect(distance({ lat: 0, lon: 0 }, { lat: 0, lon: 1 })).toBeCloseTo(111_195, -1);
    expect(bearing({ lat: 0, lon: 0 }, { lat: 0, lon: 1 })).toBeCloseTo(90);
    expect(bearing({ lat: 1, lon: 0 }, { lat: 0, lon: 0 })).toBeCloseTo(180);
  });
});

describe("Trail", () => {
  it("finds the place between two fixes in proportion", () => {
    const seen = trail(fix(0, 59, 18), fix(2, 60, 20)).sighting(START + 500);
    expect(seen?.lat).toBeCloseTo(59.25);
    expect(seen?.lon).toBeCloseTo(18.5);
    expect(seen?.measuredAt).toBe(START);
  });

  it("does not invent a way across more than five seconds", () => {
    const seen = trail(fix(0, 59, 18), fix(5.1, 60, 20)).sighting(START + 2_500);
    expect(seen?.lat).toBe(59);
  });

  it("knows nothing before the first fix and holds the last one after it", () => {
    const made = trail(fix(0, 59, 18), fix(1, 59.1, 18));
    expect(made.sighting(START - 1)).toBeUndefined();
    expect(made.sighting(START + 60_000)?.lat).toBe(59.1);
  });

  it("turns the short way round north", () => {
    const made = trail(fix(0, 59, 18, { course_deg: 350 }), fix(2, 59, 18, { course_deg: 20 }));
    expect(made.sighting(START + 1_000)?.course).toBeCloseTo(5);
  });

  it("does not cross the date line the long way", () => {
    const seen = trail(fix(0, 0, 179.9), fix(2, 0, -179.9)).sighting(START + 1_000);
    expect(seen?.lon).toBe(179.9);
  });

  it("works out speed and course that the carrier does not send, and says so", () => {
    const metre = 1 / 111_195;
    const seen = trail(fix(0, 0, 0), fix(1, 0, 2 * metre), fix(2, 0, 4 * metre)).latest();
    expect(seen?.speed).toBeCloseTo(2, 2);
    expect(seen?.course).toBeCloseTo(90);
    expect(seen?.speedDerived && seen.courseDerived).toBe(true);
  });

  it("names no course for who stands still, and no motion across a silence", () => {
    expect(trail(fix(0, 0, 0), fix(2, 0, 0)).latest()?.course).toBeNull();
    expect(trail(fix(0, 0, 0), fix(9, 0, 1)).latest()?.speed).toBeNull();
  });

  it("keeps what the carrier sends", () => {
    const seen = trail(fix(0, 0, 0), fix(2, 0, 1, { speed_mps: 1.4, course_deg: 274 })).latest();
    expect([seen?.speed, seen?.speedDerived, seen?.course, seen?.courseDerived]).toEqual([1.4, false, 274, false]);
  });

  it("sorts late fixes in, replaces doubles and forgets after ten minutes", () => {
    const made = trail(fix(0, 1, 1), fix(2, 3, 3), fix(1, 2, 2), fix(2, 4, 4));
    expect(made.fixes.map(({ fix: each }) => each.lat)).toEqual([1, 2, 4]);
    made.add(fix(TRAIL_MS / 1000 + 1, 5, 5));
    expect(made.fixes.map(({ fix: each }) => each.lat)).toEqual([2, 4, 5]);
  });

  it("ignores a fix without a time or a place", () => {
    expect(trail(fix(0, Number.NaN, 1), { ...fix(0, 1, 1), utc: "yesterday" }).last).toBeUndefined();
  });
});
