import { describe, expect, it } from "vitest";
import type { Look } from "../src/faces";
import { clusterUnits, spotOf, worstOf } from "../src/map/clusters";
import type { MapUnit } from "../src/map/units";

const unit = (id: string, lat: number, lon: number, more: Partial<MapUnit> = {}): MapUnit => ({
  id,
  name: id,
  look: "live",
  lat,
  lon,
  course: null,
  accuracy: null,
  old: false,
  trail: [],
  ...more,
});

describe("clusters", () => {
  it("stand for units that would lie over each other, and only for those", () => {
    const { singles, clusters } = clusterUnits([unit("a", 51.5, -0.12), unit("b", 51.5001, -0.1201), unit("c", 51.6, -0.3)], 12);
    expect(singles.map(({ unit: { id } }) => id)).toEqual(["c"]);
    expect(clusters.map(({ units }) => units.map(({ id }) => id))).toEqual([["a", "b"]]);
  });

  it("come apart when one is near enough, and are the same at all zooms between two whole ones", () => {
    const units = [unit("a", 51.5, -0.12), unit("b", 51.5005, -0.1205), unit("c", 51.5011, -0.121)];
    expect(clusterUnits(units, 18).clusters).toEqual([]);
    expect(clusterUnits(units, 14.9)).toEqual(clusterUnits(units, 14));
  });

  it("never hide a unit in alarm", () => {
    const { singles, clusters } = clusterUnits(
      [unit("a", 51.5, -0.12), unit("sos", 51.5, -0.12, { alarm: true }), unit("b", 51.5, -0.12)],
      3,
    );
    expect(singles.map(({ unit: { id } }) => id)).toEqual(["sos"]);
    expect(clusters).toHaveLength(1);
    expect(clusters[0]?.units).toHaveLength(2);
  });

  it.each<[Look[], Look]>([
    [["live", "live"], "live"],
    [["disabled", "live"], "live"],
    [["live", "stale", "live"], "stale"],
    [["stale", "offline", "live"], "offline"],
    [["recorded", "recorded"], "recorded"],
  ])("show the worst: %s are %s", (looks, worst) => {
    expect(worstOf(looks.map((look, i) => unit(String(i), 0, 0, { look })))).toBe(worst);
  });

  it("are hollow only if no position in them is new", () => {
    const both = (old: boolean) => clusterUnits([unit("a", 1, 1, { old: true }), unit("b", 1, 1, { old })], 10).clusters[0]?.old;
    expect([both(true), both(false)]).toEqual([true, false]);
  });

  it("hold every unit exactly once, wherever they are", () => {
    const units = Array.from({ length: 500 }, (_, i) => unit(`u${i}`, 85 * Math.sin(i), 180 * Math.cos(i * i)));
    for (const zoom of [0, 5, 11, 19]) {
      const { singles, clusters } = clusterUnits(units, zoom);
      const all = [...singles.map((single) => single.unit.id), ...clusters.flatMap((cluster) => cluster.units.map(({ id }) => id))];
      expect(all.sort()).toEqual(units.map(({ id }) => id).sort());
      for (const { x, y } of [...singles, ...clusters]) expect(Math.min(x, 1 - x, y, 1 - y)).toBeGreaterThanOrEqual(0);
    }
  });

  it("know the corners of the Mercator square", () => {
    expect(spotOf({ lat: 0, lon: 0 })).toEqual({ x: 0.5, y: 0.5 });
    expect(spotOf({ lat: 85.0511, lon: -180 }).y).toBeCloseTo(0, 4);
  });
});
