/**
 * HLS media playlists (RFC 8216) as far as the page reads them itself: which UTC a moment of the media has, and the
 * playlist without its gaps. Times are milliseconds since the Unix epoch, media times seconds.
 */

/** A stretch of media: what is played from `start` was filmed from `utc` on. */
export interface Piece {
  start: number;
  duration: number;
  utc: number;
}

/** Where a moment lies in the media. `gap`: nothing was recorded then, `start` is where it goes on. */
export type Place =
  | { kind: "media"; start: number }
  | { kind: "gap"; start: number; utc: number }
  | { kind: "outside" };

/** Pieces and media times are rounded: what is this near belongs together, milliseconds. */
const SEAM_MS = 100;

export function utcOf(pieces: readonly Piece[], media: number): number | null {
  const piece = pieces.findLast((candidate) => candidate.start <= media + 1e-6) ?? pieces[0];
  return piece ? piece.utc + (media - piece.start) * 1000 : null;
}

export function placeOf(pieces: readonly Piece[], utc: number): Place {
  let ends = -Infinity;
  for (const piece of pieces) {
    const end = piece.utc + piece.duration * 1000;
    if (utc < piece.utc) {
      if (ends === -Infinity) return { kind: "gap", start: piece.start, utc: piece.utc };
      if (piece.utc - ends <= SEAM_MS) return { kind: "media", start: piece.start };
      return { kind: "gap", start: piece.start, utc: piece.utc };
    }
    if (utc < end) return { kind: "media", start: piece.start + (utc - piece.utc) / 1000 };
    ends = end;
  }
  return { kind: "outside" };
}

interface Entry {
  /** Its tags and its URI, as they stand there. */
  lines: string[];
  duration: number;
  utc: number | null;
  gap: boolean;
}

/** Tags that stand before a segment and belong to it alone (RFC 8216 4.3.2). */
const OF_SEGMENT = /^#EXT(INF|-X-(BYTERANGE|PROGRAM-DATE-TIME|GAP|DISCONTINUITY$|MAP|BITRATE))/;

function entries(text: string): { head: string[]; list: Entry[]; foot: string[] } {
  const head: string[] = [];
  const list: Entry[] = [];
  let lines: string[] = [];
  for (const line of text.split(/\r?\n/).filter((candidate) => candidate.trim() !== "")) {
    if (line.startsWith("#") && !OF_SEGMENT.test(line) && lines.length === 0 && list.length === 0) head.push(line);
    else lines.push(line);
    if (line.startsWith("#")) continue;
    const value = (tag: string) => lines.find((candidate) => candidate.startsWith(tag))?.slice(tag.length);
    const date = value("#EXT-X-PROGRAM-DATE-TIME:");
    list.push({
      lines,
      duration: parseFloat(value("#EXTINF:") ?? "0"),
      utc: date === undefined ? null : Date.parse(date),
      gap: lines.includes("#EXT-X-GAP"),
    });
    lines = [];
  }
  return { head, list, foot: lines };
}

/**
 * The playlist without what is missing (EXT-X-GAP), so that the media follow one another without a hole: whose UTC they
 * have says the EXT-X-PROGRAM-DATE-TIME.
 */
export function withoutGaps(text: string): string {
  const { head, list, foot } = entries(text);
  const lines = [...head];
  let broken = false;
  for (const entry of list) {
    if (entry.gap) {
      // A new initialisation holds for what comes after the gap, too.
      lines.push(...entry.lines.filter((line) => line.startsWith("#EXT-X-MAP")));
      broken = true;
      continue;
    }
    if (broken && !entry.lines.includes("#EXT-X-DISCONTINUITY")) lines.push("#EXT-X-DISCONTINUITY");
    broken = false;
    lines.push(...entry.lines);
  }
  return [...lines, ...foot].join("\n") + "\n";
}

/** Whether more may be added to a playlist (RFC 8216 4.3.3.4). */
export function grows(text: string): boolean {
  return !/^#EXT-X-ENDLIST\s*$/m.test(text);
}

/** The pieces of a playlist as a player has them that plays it as it stands, gaps and all. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  let utc = 0;
  for (const entry of entries(text).list) {
    utc = entry.utc ?? utc;
    if (!entry.gap) pieces.push({ start, duration: entry.duration, utc });
    start += entry.duration;
    utc += entry.duration * 1000;
  }
  return pieces;
}
