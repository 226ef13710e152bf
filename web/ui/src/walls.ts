/**
 * What stands where on a wall: values and how they change. Places are numbered from 0 through all pages, in the order
 * of reading. Knows nothing of elements, the network or who is logged in.
 */

export const LAYOUTS = ["auto", "1", "4", "9", "16", "1+5", "1+7"] as const;
export type Layout = (typeof LAYOUTS)[number];

/** The unit in each place; null: the place is empty. */
export type Tiles = readonly (string | null)[];

export interface Arranged {
  layout: Layout;
  tiles: Tiles;
}

/** A wall that somebody has saved. */
export interface Wall extends Arranged {
  id: number;
  name: string;
  /** UTC. */
  changed: string;
}

/** The units of two places change places; one of them may be empty, or lie behind the last. */
export function swapped(tiles: Tiles, one: number, other: number): Tiles {
  const after = Array.from({ length: Math.max(tiles.length, one + 1, other + 1) }, (_, i) => tiles[i] ?? null);
  [after[one], after[other]] = [after[other] ?? null, after[one] ?? null];
  return trimmed(after);
}

/** A unit goes to a place. Whatever stood there leaves the wall, unless the unit was on it already: then they swap. */
export function placed(tiles: Tiles, place: number, unit: string): Tiles {
  const before = tiles.indexOf(unit);
  if (before >= 0) return swapped(tiles, before, place);
  const after = Array.from({ length: Math.max(tiles.length, place + 1) }, (_, i) => tiles[i] ?? null);
  after[place] = unit;
  return after;
}

/** A unit leaves the wall. Where tiles have places the place stays, empty; else the others move up. */
export function without({ layout, tiles }: Arranged, unit: string): Tiles {
  return layout === "auto" ? tiles.filter((one) => one !== unit) : trimmed(tiles.map((one) => (one === unit ? null : one)));
}

/** The units of `known` in the order in which `tiles` has them, and behind them those that it does not know. */
export function ordered(tiles: Tiles, known: readonly string[]): Tiles {
  const all = new Set(known);
  const kept = tiles.map((one) => (one !== null && all.has(one) ? one : null));
  const there = new Set(kept);
  return trimmed([...kept, ...known.filter((id) => !there.has(id))]);
}

/** How many pages there are when a page has so many places (null: all are on one). */
export function pagesOf(tiles: Tiles, places: number | null): number {
  return places === null ? 1 : Math.max(1, Math.ceil(trimmed(tiles).length / places));
}

/** Without the empty places behind the last unit. */
function trimmed(tiles: Tiles): Tiles {
  let { length } = tiles;
  while (length > 0 && (tiles[length - 1] ?? null) === null) length--;
  return tiles.slice(0, length);
}
