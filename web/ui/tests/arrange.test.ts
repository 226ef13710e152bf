import { describe, expect, it } from "vitest";
import { arrange } from "../src/arrange";

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
