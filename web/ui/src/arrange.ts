/** How the wall shares its space among the tiles. Lengths in pixels. */

import type { Layout } from "./walls";

const GAP = 8;
/** A tile's name and state, above its picture. */
const HEADER = 36;
const LEAST_WIDTH = 270;
/** Pictures are 16:9 or 4:3: a tile has room for the one, and grows to the other where the wall has height to spare. */
const WIDE = 9 / 16;
const TALL = 3 / 4;

/** Where a tile stands in the grid, from 1, and how many columns and rows it covers. */
export interface Area {
  column: number;
  row: number;
  span: number;
}

export interface Arrangement {
  columns: number;
  /** Width of a tile. */
  tile: number;
  /** Height of a tile. */
  row: number;
}

/** The layouts with a number of their own: how many columns and rows, and how many of both the first tile covers. */
const GRIDS: Record<Exclude<Layout, "auto">, { side: number; first: number }> = {
  "1": { side: 1, first: 1 },
  "4": { side: 2, first: 1 },
  "9": { side: 3, first: 1 },
  "16": { side: 4, first: 1 },
  "1+5": { side: 3, first: 2 },
  "1+7": { side: 4, first: 3 },
};

/** How many places a page of the wall has; null: as many as there are units. */
export function placesOf(layout: Layout): number | null {
  return layout === "auto" ? null : areasOf(layout).length;
}

/** The places of a page, in the order of reading: the large one first, then those beside it, then those below. */
export function areasOf(layout: Exclude<Layout, "auto">): readonly Area[] {
  const { side, first } = GRIDS[layout];
  const areas: Area[] = [{ column: 1, row: 1, span: first }];
  for (let row = 1; row <= side; row++)
    for (let column = 1; column <= side; column++)
      if (column > first || row > first) areas.push({ column, row, span: 1 });
  return areas;
}

/** The areas of `n` tiles that are all alike. */
export function alike(n: number, columns: number): readonly Area[] {
  return Array.from({ length: n }, (_, i) => ({ column: (i % columns) + 1, row: Math.floor(i / columns) + 1, span: 1 }));
}

const across = (columns: number, width: number) => Math.floor((width - GAP * (columns - 1)) / columns);

function scrolling(columns: number, width: number): Arrangement {
  const tile = across(columns, width);
  return { columns, tile, row: Math.round(tile * WIDE + HEADER) };
}

/** `columns` by `rows` tiles in sight, as large as possible. */
function fitting(columns: number, rows: number, width: number, height: number): Arrangement {
  const room = Math.floor((height - GAP * (rows - 1)) / rows);
  const tile = Math.floor(Math.min(across(columns, width), (room - HEADER) / WIDE));
  return { columns, tile, row: Math.round(Math.min(room, tile * TALL + HEADER)) };
}

/**
 * All `n` tiles in sight, as large as possible; narrower than 270 px, or with no height to keep to (null), the wall
 * scrolls instead.
 */
export function arrange(n: number, width: number, height: number | null): Arrangement {
  if (height === null) return scrolling(1, width);
  let best: Arrangement = { columns: 1, tile: 0, row: 0 };
  for (let columns = 1; columns <= n; columns++) {
    const fits = fitting(columns, Math.ceil(n / columns), width, height);
    if (fits.tile > best.tile) best = fits;
  }
  return best.tile >= LEAST_WIDTH
    ? best
    : scrolling(Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP))), width);
}

/** The tiles of a layout: all in sight, however small; one below the other where there is no height to keep to. */
export function arrangeGrid(layout: Exclude<Layout, "auto">, width: number, height: number | null): Arrangement {
  const { side } = GRIDS[layout];
  return height === null ? scrolling(1, width) : fitting(side, side, width, height);
}

/** From a row of tiles to the next. */
export function pitch(row: number): number {
  return row + GAP;
}

/** How wide a tile is that covers so many columns. */
export function widthOf({ tile }: Arrangement, span: number): number {
  return span * tile + (span - 1) * GAP;
}

export type Direction = "left" | "right" | "up" | "down";

/**
 * Which place one gets to from place `from` in a direction; before the first or after the last, left and right lead off
 * the page (-1, or as many as there are places), up and down nowhere (null).
 */
export function neighbour(areas: readonly Area[], from: number, direction: Direction): number | null {
  const here = areas[from];
  if (!here) return null;
  const middle = ({ column, row, span }: Area) => ({ x: column + span / 2, y: row + span / 2 });
  const { x, y } = middle(here);
  const beside = [...areas.entries()].filter(([, area]) => {
    const beyond = {
      left: area.column + area.span <= here.column,
      right: area.column >= here.column + here.span,
      up: area.row + area.span <= here.row,
      down: area.row >= here.row + here.span,
    }[direction];
    const sideways = direction === "left" || direction === "right";
    const overlaps = sideways
      ? area.row < here.row + here.span && here.row < area.row + area.span
      : area.column < here.column + here.span && here.column < area.column + area.span;
    return beyond && overlaps;
  });
  const distance = (area: Area) => Math.hypot(middle(area).x - x, middle(area).y - y);
  const [nearest] = beside.sort(([, a], [, b]) => distance(a) - distance(b));
  if (nearest) return nearest[0];
  if (direction === "left") return from - 1;
  return direction === "right" ? from + 1 : null;
}
