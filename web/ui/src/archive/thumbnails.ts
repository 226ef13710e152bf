/**
 * Small pictures of moments, for who points at the timeline: one is fetched at a time, the newest that was asked for, and
 * the last ones are kept. Times are milliseconds since the Unix epoch. Knows nothing of elements.
 */

import type { Picture } from "./api";

/** So many are kept, about 10 kB each. */
const KEPT = 100;

export interface Thumbnail {
  /** For an <img>. */
  url: string;
  /** When it was taken: a keyframe near the moment. */
  utc: number;
}

export class Thumbnails {
  /** By camera and moment; null: there is none. The oldest first. */
  private readonly kept = new Map<string, Thumbnail | null>();
  private attempt: AbortController | null = null;

  constructor(private readonly load: (camera: string, at: number, signal: AbortSignal) => Promise<Picture>) {}

  /** The picture of a moment, if it was fetched; undefined: it was not. */
  known(camera: string, at: number): Thumbnail | null | undefined {
    return this.kept.get(keyOf(camera, at));
  }

  /** Fetch the picture of a moment; what was under way is given up. Null: there is none, or something else was asked for. */
  async fetch(camera: string, at: number): Promise<Thumbnail | null> {
    this.attempt?.abort();
    const attempt = new AbortController();
    this.attempt = attempt;
    let found: Thumbnail | null = null;
    try {
      const { blob, utc } = await this.load(camera, at, attempt.signal);
      if (!attempt.signal.aborted) found = { url: URL.createObjectURL(blob), utc };
    } catch {
      // No picture, no right, no link: what lies there is said in words.
    }
    if (attempt.signal.aborted) return null;
    this.keep(keyOf(camera, at), found);
    return found;
  }

  close(): void {
    this.attempt?.abort();
    for (const thumbnail of this.kept.values()) if (thumbnail) URL.revokeObjectURL(thumbnail.url);
    this.kept.clear();
  }

  private keep(key: string, thumbnail: Thumbnail | null): void {
    this.kept.set(key, thumbnail);
    const [oldest] = this.kept;
    if (this.kept.size <= KEPT || !oldest) return;
    if (oldest[1]) URL.revokeObjectURL(oldest[1].url);
    this.kept.delete(oldest[0]);
  }
}

const keyOf = (camera: string, at: number) => `${at} ${camera}`;
