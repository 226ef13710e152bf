import { expect, test } from "vitest";
import { Coverage, merged, within, without } from "../src/archive/coverage";

const coverage = new Coverage([
  { from: 5_000, to: 6_000 },
  { from: 1_000, to: 2_000 },
  { from: 2_050, to: 3_000 }, // less than a picture is missing
]);

test("spans come in any order, and a seam is no gap", () => {
  expect(coverage.spans).toEqual([
    { from: 1_000, to: 3_000 },
    { from: 5_000, to: 6_000 },
  ]);
});

test.each([
  [999, false, 1_000],
  [1_000, true, 1_000],
  [2_020, true, 2_020],
  [3_000, false, 5_000],
  [6_000, false, null],
])("at %d: recorded %s, goes on at %s", (at, covered, next) => {
  expect(coverage.covers(at)).toBe(covered);
  expect(coverage.next(at)).toBe(next);
});

test("one jumps between the begins of recordings", () => {
  expect(coverage.begunBefore(5_500)).toBe(5_000);
  expect(coverage.begunBefore(5_000)).toBe(1_000);
  expect(coverage.begunBefore(900)).toBeNull();
  expect(coverage.beginsAfter(1_000)).toBe(5_000);
  expect(coverage.beginsAfter(5_000)).toBeNull();
  expect(coverage.end).toBe(6_000);
  expect(new Coverage([]).end).toBeNull();
});

test("what the eye cannot tell apart is drawn as one", () => {
  expect(merged(coverage.spans, 2_500)).toEqual([{ from: 1_000, to: 6_000 }]);
  expect(within(coverage.spans, { from: 2_900, to: 5_000 })).toEqual([{ from: 1_000, to: 3_000 }]);
});

test("who goes to the next recording does not stop where a few pictures were lost", () => {
  const torn = new Coverage([
    { from: 0, to: 10_000 },
    { from: 10_400, to: 20_000 },
    { from: 21_000, to: 30_000 },
  ]);
  expect(torn.covers(10_200)).toBe(false);
  expect(torn.beginsAfter(0)).toBe(21_000);
  expect(torn.begunBefore(21_000)).toBe(0);
});

test("holes are taken out of spans", () => {
  const spans = [{ from: 0, to: 10 }, { from: 20, to: 30 }];
  expect(without(spans, [{ from: 4, to: 6 }, { from: 8, to: 22 }, { from: 30, to: 40 }])).toEqual([
    { from: 0, to: 4 },
    { from: 6, to: 8 },
    { from: 22, to: 30 },
  ]);
});
