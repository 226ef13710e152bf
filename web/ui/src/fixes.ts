/**
 * A unit's recent positions: which one belongs to a moment, and the motion between them. Times are milliseconds since
 * the Unix epoch. Knows nothing of the network or of elements.
 */

import type { Fix } from "./model";

/** How long a trail reaches back. */
export const TRAIL_MS = 10 * 60_000;
/** Nothing is interpolated across a longer silence than this. */
export const INTERPOLATE_MS = 5_000;
/** Older than this, a position is drawn hollow. */
export const OLD_MS = 60_000;
const EARTH_RADIUS_M = 6_371_008.8;
/** Two fixes closer than this say nothing of the direction of travel. */
const LEAST_TRAVEL_M = 1.5;
/** A trail needs no more points than one a second. */
const MOST_FIXES = 1_200;
/** Of what is older than a minute, a trail to look at needs no more than a point in so long. */
export const COARSE_MS = 5_000;

const radians = (degrees: number) => (degrees * Math.PI) / 180;
const degrees = (value: number) => (value * 180) / Math.PI;

export interface Place {
  lat: number;
  lon: number;
}

/** Great-circle distance in metres (haversine). */
export function distance(a: Place, b: Place): number {
  const dLat = radians(b.lat - a.lat);
  const dLon = radians(b.lon - a.lon);
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Initial course from a to b, degrees clockwise from true north. */
export function bearing(a: Place, b: Place): number {
  const dLon = radians(b.lon - a.lon);
  const y = Math.sin(dLon) * Math.cos(radians(b.lat));
  const x =
    Math.cos(radians(a.lat)) * Math.sin(radians(b.lat)) -
    Math.sin(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.cos(dLon);
  return (degrees(Math.atan2(y, x)) + 360) % 360;
}

/** One fix with its time as a number. */
export interface Dated {
  fix: Fix;
  at: number;
}

/** What is known of a unit at a moment. */
export interface Sighting extends Place {
  /** The measured fix at or before the moment: its age is the age of all this. */
  measured: Fix;
  measuredAt: number;
  /** Metres a second, or null. */
  speed: number | null;
  speedDerived: boolean;
  /** Degrees clockwise from true north, or null. */
  course: number | null;
  courseDerived: boolean;
}

const mix = (a: number, b: number, t: number) => a + (b - a) * t;

function mixAngle(a: number, b: number, t: number): number {
  const turn = ((b - a + 540) % 360) - 180;
  return (a + turn * t + 360) % 360;
}

/** Fixes in order of their UTC: by default those of the last ten minutes. */
export class Trail {
  /**
   * @param reach how long it reaches back from the newest, milliseconds
   * @param most how many fixes it keeps
   * @param coarse of those that are older than a minute it keeps one in so long, milliseconds; 0: all
   */
  constructor(
    private readonly reach = TRAIL_MS,
    private readonly most = MOST_FIXES,
    private readonly coarse = 0,
  ) {}

  /** Grows with each change, so that watchers can compare. */
  version = 0;
  private dated: Dated[] = [];

  get fixes(): readonly Dated[] {
    return this.dated;
  }

  get last(): Dated | undefined {
    return this.dated.at(-1);
  }

  /** Take one fix. A second one for the same moment replaces the first. */
  add(fix: Fix): void {
    const at = Date.parse(fix.utc);
    if (!Number.isFinite(at) || !Number.isFinite(fix.lat) || !Number.isFinite(fix.lon)) return;
    const place = this.placeOf(at);
    const same = this.dated[place]?.at === at ? 1 : 0;
    this.dated.splice(place, same, { fix, at });
    const newest = this.dated.at(-1)?.at ?? at;
    const keepFrom = Math.max(this.placeOf(newest - this.reach), this.dated.length - this.most);
    if (keepFrom > 0) this.dated.splice(0, keepFrom);
    if (this.coarse > 0) this.thin(newest - OLD_MS);
    this.version++;
  }

  /** Let go of the last fix before a moment if the one before it is near enough in time. */
  private thin(before: number): void {
    const index = this.placeOf(before) - 1;
    const [earlier, here] = [this.dated[index - 1], this.dated[index]];
    if (earlier && here && here.at - earlier.at < this.coarse) this.dated.splice(index, 1);
  }

  /** Index of the first fix at or after a moment. */
  private placeOf(at: number): number {
    let low = 0;
    let high = this.dated.length;
    const newest = this.dated.at(-1);
    if (newest && newest.at < at) return high; // the usual case
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.dated[middle]?.at ?? Infinity) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Where the unit was at a moment: between two fixes in proportion, unless they are more than five seconds apart;
   * else the last one before it. Undefined before the first fix.
   */
  sighting(at: number): Sighting | undefined {
    let index = this.placeOf(at);
    if (this.dated[index]?.at !== at) index--;
    const before = this.dated[index];
    if (!before) return undefined;
    const after = this.dated[index + 1];
    const { speed, course } = this.motionAt(index);
    const seen: Sighting = {
      lat: before.fix.lat,
      lon: before.fix.lon,
      measured: before.fix,
      measuredAt: before.at,
      speed: before.fix.speed_mps ?? speed,
      speedDerived: before.fix.speed_mps === null,
      course: before.fix.course_deg ?? course,
      courseDerived: before.fix.course_deg === null,
    };
    if (!after || after.at - before.at > INTERPOLATE_MS) return seen;
    const t = (at - before.at) / (after.at - before.at);
    seen.lat = mix(before.fix.lat, after.fix.lat, t);
    if (Math.abs(after.fix.lon - before.fix.lon) < 180) seen.lon = mix(before.fix.lon, after.fix.lon, t);
    if (before.fix.speed_mps !== null && after.fix.speed_mps !== null)
      seen.speed = mix(before.fix.speed_mps, after.fix.speed_mps, t);
    if (before.fix.course_deg !== null && after.fix.course_deg !== null)
      seen.course = mixAngle(before.fix.course_deg, after.fix.course_deg, t);
    return seen;
  }

  /** The newest thing known. */
  latest(): Sighting | undefined {
    return this.last && this.sighting(this.last.at);
  }

  /** Speed and course from the travel of the two to five seconds before a fix. */
  private motionAt(index: number): { speed: number | null; course: number | null } {
    const here = this.dated[index];
    if (!here) return { speed: null, course: null };
    let from: Dated | undefined;
    for (let i = index - 1; i >= 0; i--) {
      const candidate = this.dated[i];
      if (!candidate || here.at - candidate.at > INTERPOLATE_MS) break;
      from = candidate;
      if (here.at - candidate.at >= 2_000) break;
    }
    if (!from || from.at === here.at) return { speed: null, course: null };
    const metres = distance(from.fix, here.fix);
    const speed = metres / ((here.at - from.at) / 1000);
    return { speed, course: metres >= LEAST_TRAVEL_M ? bearing(from.fix, here.fix) : null };
  }
}
