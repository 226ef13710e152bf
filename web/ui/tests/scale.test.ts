import { expect, test } from "vitest";
import { around, DAY, HOUR, including, lengthOf, MINUTE, pixelOf, ticks, timeOf, zoomed } from "../src/archive/scale";

const noon = Date.parse("2026-11-22T12:00:00Z");

test("what is under the pointer stays under it while the bar is enlarged", () => {
  const window = around(noon, HOUR);
  const at = noon + 10 * MINUTE;
  for (const factor of [0.5, 2, 1e-9, 1e9]) {
    const other = zoomed(window, factor, at);
    expect(pixelOf(other, 900, at)).toBeCloseTo(pixelOf(window, 900, at));
    expect(lengthOf(other)).toBeGreaterThanOrEqual(30_000);
    expect(lengthOf(other)).toBeLessThanOrEqual(7 * DAY);
  }
});

test("a pixel and its time belong to each other", () => {
  const window = around(noon, HOUR);
  expect(timeOf(window, 600, pixelOf(window, 600, noon + 1234))).toBeCloseTo(noon + 1234);
});

test("the bar follows no further than it must", () => {
  const window = around(noon, HOUR);
  expect(including(window, noon)).toBe(window);
  const later = including(window, noon + 40 * MINUTE);
  expect(later.to).toBe(noon + 46 * MINUTE);
  expect(lengthOf(later)).toBe(HOUR);
  expect(including(window, noon - 40 * MINUTE).from).toBe(noon - 46 * MINUTE);
});

test.each([
  [DAY, 1200, 2 * HOUR],
  [HOUR, 1200, 5 * MINUTE],
  [10 * MINUTE, 1200, MINUTE],
  [MINUTE, 390, 30_000],
])("ticks are round and have room: %d ms on %d px", (length, width, step) => {
  const window = around(noon, length);
  const found = ticks(window, width);
  expect(found.step).toBe(step);
  expect(found.at.every((at) => at % step === 0)).toBe(true);
  expect(found.at.length).toBeGreaterThan(1);
});
