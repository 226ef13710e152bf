/**
 * The part of time that a bar shows: how it is moved and enlarged, and where its ticks are. Times are milliseconds since
 * the Unix epoch, lengths pixels. Knows nothing of elements.
 */

/** From when to when the bar shows. */
export interface Window {
  from: number;
  to: number;
}

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Lengths that one can choose by name. */
export const LENGTHS = { minutes: 10 * MINUTE, hour: HOUR, day: DAY } as const;
const SHORTEST = 30 * SECOND;
const LONGEST = 7 * DAY;
/** Two ticks with words are at least this far apart. */
const TICK_PX = 84;
const STEPS = [
  1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
].map((s) => s * SECOND);

export const lengthOf = (window: Window) => window.to - window.from;

/** A window of a length with a moment in its middle. */
export function around(at: number, length: number): Window {
  const wanted = Math.min(LONGEST, Math.max(SHORTEST, length));
  return { from: at - wanted / 2, to: at + wanted / 2 };
}

/** Enlarge by a factor (below 1: show less time), while `at` stays where it is. */
export function zoomed(window: Window, factor: number, at: number): Window {
  const length = Math.min(LONGEST, Math.max(SHORTEST, lengthOf(window) * factor));
  const share = (at - window.from) / lengthOf(window);
  return { from: at - share * length, to: at + (1 - share) * length };
}

export function moved(window: Window, by: number): Window {
  return { from: window.from + by, to: window.to + by };
}

/** The window moved no further than it takes to have a moment in it, some way from its edge. */
export function including(window: Window, at: number): Window {
  const margin = lengthOf(window) / 10;
  if (at < window.from + margin) return moved(window, at - margin - window.from);
  if (at > window.to - margin) return moved(window, at + margin - window.to);
  return window;
}

export const pixelOf = (window: Window, width: number, at: number) => ((at - window.from) / lengthOf(window)) * width;
export const timeOf = (window: Window, width: number, x: number) => window.from + (x / width) * lengthOf(window);

export interface Ticks {
  /** Between two of them. */
  step: number;
  at: number[];
}

/** Round moments, UTC, as many as have room. */
export function ticks(window: Window, width: number): Ticks {
  const least = (lengthOf(window) * TICK_PX) / Math.max(1, width);
  const step = STEPS.find((candidate) => candidate >= least) ?? DAY;
  const at = [];
  for (let t = Math.ceil(window.from / step) * step; t <= window.to; t += step) at.push(t);
  return { step, at };
}
