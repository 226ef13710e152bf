/**
 * Units that would lie over each other, as one mark that says how many they are and the worst that one of them is in. Pure
 * geometry on the Mercator square, whose sides are 1; knows nothing of how it is drawn.
 */

import type { Look } from "../faces";
import type { Place } from "../fixes";
import type { MapUnit } from "./units";

/** MapLibre's world has so many pixels across at zoom 0. */
export const WORLD_PX = 512;
/** Marks nearer to each other than this lie over each other. */
const REACH_PX = 32;
const FARTHEST_LATITUDE = 85.05;

/** Where a place lies on the Mercator square: x east from 180° W, y south. */
export interface Spot {
  x: number;
  y: number;
}

export interface Single extends Spot {
  unit: MapUnit;
}

export interface Cluster extends Spot {
  units: readonly MapUnit[];
  worst: Look;
  /** No position in it is younger than a minute. */
  old: boolean;
}

export interface Clustered {
  /** Those that stand alone, in the order they came. */
  singles: readonly Single[];
  clusters: readonly Cluster[];
}

/** Where a unit stands, and whoever comes near enough to it joins. */
interface Seed extends Spot {
  members: Single[];
}

/** The worst last. */
const BADNESS: readonly Look[] = ["recorded", "disabled", "live", "connecting", "private", "reason", "refused", "stale", "offline", "unknown"];

export function spotOf({ lat, lon }: Place): Spot {
  const sine = Math.sin((Math.max(-FARTHEST_LATITUDE, Math.min(FARTHEST_LATITUDE, lat)) * Math.PI) / 180);
  return { x: lon / 360 + 0.5, y: 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI) };
}

export function worstOf(units: readonly MapUnit[]): Look {
  return units.reduce<Look>((worst, { look }) => (BADNESS.indexOf(look) > BADNESS.indexOf(worst) ? look : worst), "recorded");
}

/**
 * Who stands alone at a zoom, and who does not. The same units give the same clusters wherever the view is, and at all zooms
 * between two whole ones, so that nothing changes while one drags. A unit in alarm always stands alone.
 */
export function clusterUnits(units: readonly MapUnit[], zoom: number): Clustered {
  const reach = REACH_PX / (WORLD_PX * 2 ** Math.floor(zoom));
  const singles: Single[] = [];
  const seeds: Seed[] = [];
  const cells = new Map<string, Seed[]>();
  for (const unit of units) {
    const spot = spotOf(unit);
    const single = { unit, ...spot };
    if (unit.alarm) {
      singles.push(single);
      continue;
    }
    const column = Math.floor(spot.x / reach);
    const row = Math.floor(spot.y / reach);
    const near = nearest(spot, reach, around(cells, column, row));
    if (near !== null) {
      near.members.push(single);
      continue;
    }
    const seed = { ...spot, members: [single] };
    seeds.push(seed);
    const key = `${column} ${row}`;
    const cell = cells.get(key);
    if (cell) cell.push(seed);
    else cells.set(key, [seed]);
  }
  const clusters: Cluster[] = [];
  for (const { members } of seeds) {
    if (members.length === 1) singles.push(...members);
    else clusters.push(clusterOf(members));
  }
  return { singles, clusters };
}

/** What has begun in a cell and in those that touch it. */
function around(cells: ReadonlyMap<string, readonly Seed[]>, column: number, row: number): Seed[] {
  const found: Seed[] = [];
  for (let dx = -1; dx <= 1; dx++)
    for (let dy = -1; dy <= 1; dy++) found.push(...(cells.get(`${column + dx} ${row + dy}`) ?? []));
  return found;
}

function nearest(spot: Spot, reach: number, seeds: readonly Seed[]): Seed | null {
  let best: Seed | null = null;
  let least = reach;
  for (const seed of seeds) {
    const apart = Math.hypot(seed.x - spot.x, seed.y - spot.y);
    if (apart < least) [best, least] = [seed, apart];
  }
  return best;
}

function clusterOf(members: readonly Single[]): Cluster {
  const mean = (axis: "x" | "y") => members.reduce((sum, member) => sum + member[axis], 0) / members.length;
  const units = members.map(({ unit }) => unit);
  return { x: mean("x"), y: mean("y"), units, worst: worstOf(units), old: units.every(({ old }) => old) };
}
