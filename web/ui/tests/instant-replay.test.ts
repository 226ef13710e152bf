import { expect, it } from "vitest";
import { replayCommand, SETTLED_MS, settled, STEP_MS, stepped } from "../src/replay";
import { roomCommand } from "../src/room-commands";

const NOW = 1_800_000_000_000;

it("asks for nothing that still grows", () => {
  expect(settled(NOW + 3_600_000, NOW)).toBe(NOW - SETTLED_MS);
  expect(settled(NOW - 60_000, NOW)).toBe(NOW - 60_000);
  expect(SETTLED_MS).toBeLessThan(3_000); // what happened three seconds ago is to be seen
});

it("steps back freely, and ahead no further than what is on the disk", () => {
  expect(stepped(NOW - 30_000, -STEP_MS, NOW)).toBe(NOW - 35_000);
  expect(stepped(NOW - 30_000, STEP_MS, NOW)).toBe(NOW - 25_000);
  expect(stepped(NOW - 4_000, STEP_MS, NOW)).toBe(NOW - SETTLED_MS);
});

it("knows its keys, whichever case they are in", () => {
  expect(["r", "R", "Escape", "ArrowLeft", "PageUp", " ", "x"].map((key) => replayCommand({ key }))).toEqual([
    "end", "end", "end", "back", "further", "toggle", null,
  ]);
  expect(["[", "]", "L", "n", "q"].map((key) => roomCommand({ key }))).toEqual(["mark-back", "mark-ahead", "live", "note", null]);
});
