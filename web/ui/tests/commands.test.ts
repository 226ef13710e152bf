import { expect, test } from "vitest";
import { commandOf } from "../src/archive/commands";

const press = (key: string, held: Partial<KeyboardEvent> = {}) =>
  commandOf({ key, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...held });

test("keys do what editors of video are used to", () => {
  expect([" ", "k", "j", "l", ",", ".", "[", "]", "i", "o"].map((key) => press(key))).toEqual([
    "toggle",
    "toggle",
    "slower",
    "faster",
    "frame-back",
    "frame-ahead",
    "bookmark-back",
    "bookmark-ahead",
    "mark-in",
    "mark-out",
  ]);
  expect(press("ArrowLeft")).toBe("back");
  expect(press("ArrowLeft", { shiftKey: true })).toBe("recording-back");
  expect(press("B", { shiftKey: true })).toBe("bookmark");
});

test("the browser's own keys are left to it", () => {
  expect(press("c", { ctrlKey: true })).toBeNull();
  expect(press("l", { metaKey: true })).toBeNull();
  expect(press("5")).toBeNull();
});
