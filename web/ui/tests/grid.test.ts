import { describe, expect, it } from "vitest";
import { gridLines, lengthText, niceStep, scaleBar } from "../src/map/grid";

describe("grid", () => {
  it("steps by 1, 2 or 5", () => {
    expect([0.9, 90, 130, 499, 501].map(niceStep)).toEqual([1, 100, 200, 500, 1000]);
  });

  it("stays in place while the view moves a little", () => {
    const view = { west: 18.06, east: 18.08, south: 59.32, north: 59.34 };
    const lons = (shift: number) =>
      gridLines({ ...view, west: view.west + shift, east: view.east + shift }, 2)
        .lines.features.map((line) => line.geometry.coordinates.map(([lon]) => lon?.toFixed(6)))
        .flatMap(([from, to]) => (from === to && from !== undefined ? [from] : []));
    const before = new Set(lons(0));
    const after = lons(0.001);
    expect(after.length).toBeGreaterThan(5);
    expect(after.filter((lon) => !before.has(lon)).length).toBeLessThanOrEqual(1);
  });

  it("has few lines at every scale", () => {
    for (let zoom = 1; zoom < 20; zoom++) {
      const metresPerPixel = 78_271 / 2 ** zoom;
      const half = (500 * metresPerPixel) / 111_195;
      const { lines } = gridLines({ west: -half, east: half, south: -half, north: half }, metresPerPixel);
      expect(lines.features.length).toBeLessThan(30);
    }
  });

  it("gives a bar that fits", () => {
    expect(scaleBar(2, 110)).toEqual({ metres: 200, pixels: 100 });
    expect(lengthText(5_000)).toBe("5 km");
  });
});
