/** How the wall shares its space among the tiles. Lengths in pixels. */

const GAP = 8;
/** A tile's name and state, above its picture. */
const HEADER = 36;
const LEAST_WIDTH = 270;
/** Pictures are 16:9 or 4:3: a tile has room for the one, and grows to the other where the wall has height to spare. */
const WIDE = 9 / 16;
const TALL = 3 / 4;

export interface Arrangement {
  columns: number;
  /** Width of a tile. */
  tile: number;
  /** Height of a tile. */
  row: number;
}

/**
 * All `n` tiles in sight, as large as possible; narrower than 270 px, or with no height to keep to (null), the wall
 * scrolls instead.
 */
export function arrange(n: number, width: number, height: number | null): Arrangement {
  const across = (columns: number) => Math.floor((width - GAP * (columns - 1)) / columns);
  const scrolling = (columns: number): Arrangement => {
    const tile = across(columns);
    return { columns, tile, row: Math.round(tile * WIDE + HEADER) };
  };
  if (height === null) return scrolling(1);
  let best: Arrangement = { columns: 1, tile: 0, row: 0 };
  for (let columns = 1; columns <= n; columns++) {
    const rows = Math.ceil(n / columns);
    const room = Math.floor((height - GAP * (rows - 1)) / rows);
    const tile = Math.floor(Math.min(across(columns), (room - HEADER) / WIDE));
    if (tile > best.tile) best = { columns, tile, row: Math.round(Math.min(room, tile * TALL + HEADER)) };
  }
  return best.tile >= LEAST_WIDTH ? best : scrolling(Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP))));
}
