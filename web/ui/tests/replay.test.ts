import { describe, expect, it } from "vitest";
import { dated } from "../src/api-map";
import type { Dated } from "../src/fixes";
import { LOST_MS, ReplayClock, unitAt } from "../src/map/replay";

const T0 = Date.parse("2026-11-23T10:00:00Z");
const run = (...points: [seconds: number, lat: number, lon: number][]): Dated[] =>
  dated({
    geometry: { coordinates: [points.map(([, lat, lon]) => [lon, lat])] },
    properties: {
      times: [points.map(([seconds]) => new Date(T0 + seconds * 1000).toISOString())],
      speeds_mps: [points.map(() => null)],
    },
  }).flat();

describe("the clock of a replay", () => {
  it("plays at its speed, and stops at the end", () => {
    const clock = new ReplayClock(T0, T0 + 60_000);
    clock.tick(1_000);
    expect(clock.at).toBe(T0 + 10_000);
    clock.speed = 60;
    clock.tick(1_000);
    expect([clock.at, clock.playing]).toEqual([T0 + 60_000, false]);
    clock.toggle();
    expect([clock.at, clock.playing]).toEqual([T0, true]);
  });

  it("stands still while it is paused, and goes nowhere outside its hours", () => {
    const clock = new ReplayClock(T0, T0 + 60_000);
    clock.toggle();
    clock.tick(5_000);
    expect(clock.at).toBe(T0);
    clock.seek(T0 + 1e9);
    expect(clock.at).toBe(T0 + 60_000);
    clock.seek(0);
    expect(clock.at).toBe(T0);
  });
});

describe("where a unit was", () => {
  const runs = [run([0, 51.5, -0.12], [100, 51.501, -0.12]), run([400, 51.502, -0.12], [500, 51.502, -0.12])];
  const at = (seconds: number) => unitAt("u", "Unit", runs, T0 + seconds * 1000);

  it("is on the straight line between two points of a run, with its course", () => {
    const seen = at(50);
    expect(seen?.lat).toBeCloseTo(51.5005);
    expect(seen?.course).toBeCloseTo(0);
    expect(seen?.old).toBe(false);
    expect(seen?.trail.at(-1)?.fix.lat).toBe(seen?.lat);
  });

  it("is not made up between two runs: it stays, gets old, and is forgotten", () => {
    expect(at(130)).toMatchObject({ lat: 51.501, old: false, course: null });
    expect(at(200)).toMatchObject({ lat: 51.501, old: true });
    expect(at(399.999)?.lat).toBe(51.501);
    expect(unitAt("u", "Unit", runs.slice(0, 1), T0 + 100_000 + LOST_MS + 1)).toBeNull();
  });

  it("is unknown before it said anything", () => {
    expect(at(-1)).toBeNull();
    expect(unitAt("u", "Unit", [], T0)).toBeNull();
  });

  it("stands still without a course", () => {
    expect(at(450)).toMatchObject({ lat: 51.502, old: false, course: null });
  });

  it("has a trail of ten minutes", () => {
    const long = [run(...Array.from({ length: 20 }, (_, i): [number, number, number] => [i * 60, 51 + i / 1000, 0]))];
    const trail = unitAt("u", "Unit", long, T0 + 19 * 60_000)?.trail ?? [];
    expect(trail[0]?.at).toBe(T0 + 10 * 60_000);
  });

  it("goes the short way round across 180°", () => {
    const seen = unitAt("u", "Unit", [run([0, 0, 179.9], [100, 0, -179.9])], T0 + 50_000);
    expect(Math.abs(seen?.lon ?? 0)).toBeCloseTo(180);
  });

  it("is said to be of the past", () => {
    expect(at(50)?.look).toBe("recorded");
  });
});
