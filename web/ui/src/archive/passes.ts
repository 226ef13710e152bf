/**
 * When a wearer was at a place that somebody points at on the map. Times are milliseconds since the Unix epoch, lengths
 * metres. Knows nothing of elements.
 */

import { distance, type Dated, type Place } from "../fixes";

/** Between two fixes this far apart in time the wearer may have been away: two passes. */
const PASS_MS = 20_000;

/**
 * The moment of the fix nearest to `place`. A wearer who came by several times is taken at the pass nearest in time to
 * `now`. Null: they were never within `reach` of it.
 *
 * @param fixes in order of time
 */
export function momentAt(fixes: readonly Dated[], place: Place, reach: number, now: number): number | null {
  const passes: { at: number; away: number; last: number }[] = [];
  for (const { fix, at } of fixes) {
    const away = distance(fix, place);
    if (away > reach) continue;
    const pass = passes.at(-1);
    if (!pass || at - pass.last > PASS_MS) passes.push({ at, away, last: at });
    else {
      pass.last = at;
      if (away < pass.away) Object.assign(pass, { at, away });
    }
  }
  const [first, ...others] = passes;
  if (!first) return null;
  return others.reduce((best, pass) => (Math.abs(pass.at - now) < Math.abs(best.at - now) ? pass : best), first).at;
}
