/** How long to wait before the next attempt: longer after each failure, and never the same for all who wait. */

/** Milliseconds; `failures` counts those before, from 0. `chance` is from 0 to 1. */
export function backoff(failures: number, first: number, last: number, chance = Math.random()): number {
  return Math.min(last, first * 2 ** failures) * (0.75 + chance / 2);
}
