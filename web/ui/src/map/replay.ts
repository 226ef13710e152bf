/**
 * Looking back on a map: a clock that plays some hours at up to sixty times their pace, and where each unit was then. Times
 * are milliseconds since the Unix epoch. Pure: whoever owns one tells it how much time has passed.
 */

import { bearing, distance, OLD_MS, TRAIL_MS, type Dated } from "../fixes";
import type { MapUnit } from "./units";

export const SPEEDS = [1, 4, 10, 30, 60] as const;
/** Hours that can be looked back over. */
export const SPANS = [1, 3, 8, 24] as const;
/** After a longer silence than this nothing is known of a unit. */
export const LOST_MS = 5 * 60_000;
const LEAST_TRAVEL_M = 1.5;

/** Plays from `from` to `to` and stops there. */
export class ReplayClock {
  at: number;
  playing = true;
  /** Times the pace of the world. */
  speed = 10;

  constructor(
    readonly from: number,
    readonly to: number,
  ) {
    this.at = from;
  }

  /** So much real time has passed. */
  tick(elapsed: number): void {
    if (!this.playing) return;
    this.seek(this.at + elapsed * this.speed);
    if (this.at >= this.to) this.playing = false;
  }

  seek(at: number): void {
    this.at = Math.max(this.from, Math.min(this.to, at));
  }

  /** Play or pause; at the end it begins anew. */
  toggle(): void {
    if (!this.playing && this.at >= this.to) this.at = this.from;
    this.playing = !this.playing;
  }
}

/**
 * Where a unit was at a moment, as a map draws it; null: nothing is known.
 *
 * @param runs the way it went, in order; within a run positions came without a break, so it went straight between two points
 */
export function unitAt(id: string, name: string, runs: readonly (readonly Dated[])[], at: number): MapUnit | null {
  const run = runs.filter(([first]) => first && first.at <= at).at(-1) ?? [];
  const after = firstAfter(run, at);
  const [before, next] = [run[after - 1], run[after]];
  if (!before || (!next && at - before.at > LOST_MS)) return null;
  const here = next ? between(before, next, (at - before.at) / (next.at - before.at)) : before.fix;
  const trail = runs.flatMap((other) => other.slice(firstAfter(other, at - TRAIL_MS), firstAfter(other, at)));
  return {
    id,
    name,
    look: "recorded",
    lat: here.lat,
    lon: here.lon,
    course: next && distance(before.fix, next.fix) >= LEAST_TRAVEL_M ? bearing(before.fix, next.fix) : null,
    accuracy: null,
    old: !next && at - before.at > OLD_MS,
    trail: next ? [...trail, { at, fix: { ...before.fix, ...here } }] : trail,
  };
}

function between(a: Dated, b: Dated, t: number): { lat: number; lon: number } {
  const east = ((b.fix.lon - a.fix.lon + 540) % 360) - 180; // the short way round, across 180° too
  return { lat: a.fix.lat + (b.fix.lat - a.fix.lat) * t, lon: a.fix.lon + east * t };
}

/** Index of the first fix after a moment. */
function firstAfter(run: readonly Dated[], at: number): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((run[middle]?.at ?? Infinity) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
