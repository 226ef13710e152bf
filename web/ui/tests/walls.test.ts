import { describe, expect, it } from "vitest";
import { ordered, pagesOf, placed, swapped, without } from "../src/walls";

describe("what stands where on a wall", () => {
  it("has two units change places", () => {
    expect(swapped(["a", "b", "c"], 0, 2)).toEqual(["c", "b", "a"]);
  });

  it("moves a unit to an empty place, also behind the last", () => {
    expect(swapped(["a", null, "b"], 0, 1)).toEqual([null, "a", "b"]);
    expect(swapped(["a", "b"], 1, 4)).toEqual(["a", null, null, null, "b"]);
  });

  it("keeps no empty places behind the last unit", () => {
    expect(swapped(["a", null, "b"], 2, 1)).toEqual(["a", "b"]);
  });

  it("puts a unit where another stood; the other leaves, or changes places if the one was there already", () => {
    expect(placed(["a", "b"], 1, "c")).toEqual(["a", "c"]);
    expect(placed(["a", "b"], 3, "c")).toEqual(["a", "b", null, "c"]);
    expect(placed(["a", "b"], 0, "b")).toEqual(["b", "a"]);
  });

  it("leaves a place empty where there are places, and closes up where there are none", () => {
    expect(without({ layout: "4", tiles: ["a", "b", "c"] }, "b")).toEqual(["a", null, "c"]);
    expect(without({ layout: "auto", tiles: ["a", "b", "c"] }, "b")).toEqual(["a", "c"]);
  });

  it("has all units: as they were put, then those that are new; who has gone leaves an empty place", () => {
    expect(ordered(["c", "gone", "a"], ["a", "b", "c", "d"])).toEqual(["c", null, "a", "b", "d"]);
    expect(ordered([], ["a", "b"])).toEqual(["a", "b"]);
  });

  it("has as many pages as it takes, and at least one", () => {
    expect(pagesOf([], 4)).toBe(1);
    expect(pagesOf(["a", "b", "c", "d", null], 4)).toBe(1);
    expect(pagesOf(["a", null, null, null, "b"], 4)).toBe(2);
    expect(pagesOf(["a", "b"], null)).toBe(1);
  });
});
