/**
 * Where the units were around the moment that is played: fetches the fixes of an hour at a time and keeps the last few.
 * Times are milliseconds since the Unix epoch. Knows nothing of elements.
 */

import { Trail, type Dated, type Sighting } from "../fixes";
import { fixes } from "./api";
import { HOUR } from "./scale";

/** Hours that are kept of all units together. */
const MOST_HOURS = 24;
/** A fix that is older than this says nothing of a moment. */
const STALE_MS = 5 * 60_000;
/** The hour that has not ended is asked for again after this long. */
const AGAIN_MS = 15_000;

interface Hour {
  trail: Trail;
  attempt: AbortController | null;
  /** When it was asked for, by this computer's clock. */
  at: number;
}

export class Tracks {
  /** Grows with everything that comes. */
  version = 0;
  private readonly hours = new Map<string, Hour>();

  constructor(
    private readonly now: () => number,
    private readonly reason: (camera: string) => string | null,
    private readonly changed: () => void,
  ) {}

  stop(): void {
    for (const { attempt } of this.hours.values()) attempt?.abort();
    this.hours.clear();
  }

  /** The fixes of the hour that a moment lies in, in order; fetched if they are not here yet. */
  of(camera: string, at: number): readonly Dated[] {
    return this.hour(camera, at)?.trail.fixes ?? [];
  }

  /** Where a unit was at a moment; undefined: unknown. */
  sighting(camera: string, at: number): Sighting | undefined {
    const seen = this.hour(camera, at)?.trail.sighting(at);
    return seen && at - seen.measuredAt < STALE_MS ? seen : undefined;
  }

  private hour(camera: string, at: number): Hour | undefined {
    const start = Math.floor(at / HOUR) * HOUR;
    const key = `${start} ${camera}`;
    const known = this.hours.get(key);
    const growing = known && start + HOUR > this.now() && Date.now() - known.at > AGAIN_MS;
    if (known && !growing) return known;
    if (!known?.attempt) void this.load(camera, start, key);
    return this.hours.get(key);
  }

  private async load(camera: string, start: number, key: string): Promise<void> {
    const attempt = new AbortController();
    const hour: Hour = { trail: this.hours.get(key)?.trail ?? new Trail(HOUR, Infinity), attempt, at: Date.now() };
    this.hours.set(key, hour);
    const oldest = this.hours.keys().next();
    if (this.hours.size > MOST_HOURS && !oldest.done) this.hours.delete(oldest.value);
    try {
      const asked = { id: camera, from: start, to: start + HOUR, reason: this.reason(camera), signal: attempt.signal };
      for (const fix of await fixes(asked)) hour.trail.add(fix);
    } catch {
      // No right, no reason yet or no link: the map says that there is no position, the picture says why.
      if (attempt.signal.aborted) return;
    }
    hour.attempt = null;
    this.version++;
    this.changed();
  }
}
