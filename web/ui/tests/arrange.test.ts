import { describe, expect, it } from "vitest";
import { alike, areasOf, arrange, arrangeGrid, neighbour, placesOf } from "../src/arrange";

describe("arrange", () => {
  it("keeps every tile in sight while they are wide enough", () => {
    for (let n = 1; n <= 9; n++) {
      const { columns, tile, row } = arrange(n, 1_300, 900);
      const rows = Math.ceil(n / columns);
      expect(columns * tile + (columns - 1) * 8).toBeLessThanOrEqual(1_300);
      expect(rows * row + (rows - 1) * 8).toBeLessThanOrEqual(900);
    }
  });

  it("scrolls rather than shrink below what can be read", () => {
    expect(arrange(16, 600, 400)).toMatchObject({ columns: 2, tile: 296 });
  });

  it("puts one below the other where there is no height to keep to", () => {
    expect(arrange(4, 374, null)).toEqual({ columns: 1, tile: 374, row: 246 });
  });
});

describe("layouts", () => {
  const names = ["1", "4", "9", "16", "1+5", "1+7"] as const;

  it.each(names)("%s: covers its grid without a hole or an overlap, and all of it is in sight", (layout) => {
    const cells = areasOf(layout).flatMap(({ column, row, span }) =>
      Array.from({ length: span * span }, (_, i) => `${column + (i % span)}:${row + Math.floor(i / span)}`),
    );
    const { columns, tile, row } = arrangeGrid(layout, 1_300, 900);
    expect(new Set(cells).size).toBe(cells.length);
    expect(cells).toHaveLength(columns * columns);
    expect(columns * tile + (columns - 1) * 8).toBeLessThanOrEqual(1_300);
    expect(columns * row + (columns - 1) * 8).toBeLessThanOrEqual(900);
  });

  it("have as many places as they say", () => {
    expect(names.map(placesOf)).toEqual([1, 4, 9, 16, 6, 8]);
    expect(placesOf("auto")).toBeNull();
  });

  it("lead from the large tile to the small ones beside and below it, and back", () => {
    const areas = areasOf("1+5");
    expect(neighbour(areas, 0, "right")).toBe(1);
    expect(neighbour(areas, 0, "down")).toBe(3);
    expect(neighbour(areas, 2, "left")).toBe(0);
    expect(neighbour(areas, 4, "up")).toBe(0);
    expect(neighbour(areas, 5, "up")).toBe(2);
    expect(neighbour(areas, 0, "up")).toBeNull();
  });

  it("lead off the page to the left of the first and to the right of the last", () => {
    const areas = areasOf("4");
    expect(neighbour(areas, 0, "left")).toBe(-1);
    expect(neighbour(areas, 3, "right")).toBe(4);
    expect(neighbour(areas, 1, "right")).toBe(2);
    expect(neighbour(alike(5, 3), 4, "up")).toBe(1);
  });
});
