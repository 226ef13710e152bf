/**
 * Fetches what there is of some cameras in the days that are shown, and keeps it until it may be old. Times are
 * milliseconds since the Unix epoch. Knows nothing of elements.
 */

import { ApiError } from "../api";
import { timeline } from "./api";
import { laneOf, type Lane } from "./lane";
import { DAY, type Window } from "./scale";

export interface LaneFailure {
  message: string;
  refused: boolean;
  reasonNeeded: boolean;
}

interface Entry {
  window: Window | null;
  lane: Lane | null;
  failure: LaneFailure | null;
  attempt: AbortController | null;
  /** When it came, by this computer's clock. */
  at: number;
}

/** What is asked for: whole days, so that moving within one asks for nothing. */
const days = ({ from, to }: Window): Window => ({ from: Math.floor(from / DAY) * DAY, to: Math.ceil(to / DAY) * DAY });

export class Lanes {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly now: () => number,
    private readonly reason: (camera: string) => string | null,
    private readonly changed: () => void,
  ) {}

  lane(camera: string): Lane | null {
    return this.entries.get(camera)?.lane ?? null;
  }

  failure(camera: string): LaneFailure | null {
    return this.entries.get(camera)?.failure ?? null;
  }

  /** Whether what there is of a camera in a window is here. */
  knows(camera: string, window: Window): boolean {
    const entry = this.entries.get(camera);
    return entry?.attempt === null && entry.window !== null && entry.window.from <= window.from && window.to <= entry.window.to;
  }

  /** How old what is known of a camera is, milliseconds. */
  age(camera: string): number {
    return Date.now() - (this.entries.get(camera)?.at ?? 0);
  }

  /** See to it that these cameras are known in this window; others are forgotten. */
  want(cameras: readonly string[], window: Window): void {
    for (const [camera, { attempt }] of this.entries) {
      if (cameras.includes(camera)) continue;
      attempt?.abort();
      this.entries.delete(camera);
    }
    for (const camera of cameras) {
      const entry = this.entries.get(camera);
      const known = entry?.window;
      if (entry?.failure || (known && known.from <= window.from && window.to <= known.to)) continue;
      void this.load(camera, days(window));
    }
  }

  /** Try again what failed, for example with the reason that was missing. */
  again(camera: string): void {
    if (this.entries.get(camera)?.failure) this.refresh(camera);
  }

  /** Ask again for what is shown. */
  refresh(camera: string): void {
    const window = this.entries.get(camera)?.window;
    if (window) void this.load(camera, window);
  }

  stop(): void {
    for (const { attempt } of this.entries.values()) attempt?.abort();
    this.entries.clear();
  }

  private async load(camera: string, window: Window): Promise<void> {
    const before = this.entries.get(camera);
    before?.attempt?.abort();
    const attempt = new AbortController();
    const entry: Entry = { window, lane: before?.lane ?? null, failure: null, attempt, at: before?.at ?? 0 };
    this.entries.set(camera, entry);
    try {
      const asked = { id: camera, ...window, reason: this.reason(camera), signal: attempt.signal };
      entry.lane = laneOf(camera, await timeline(asked), this.now());
      entry.at = Date.now();
    } catch (error) {
      if (attempt.signal.aborted) return;
      const status = error instanceof ApiError ? error.status : -1;
      entry.failure = {
        message: (error as Error).message,
        refused: status === 403 || status === 404,
        reasonNeeded: error instanceof ApiError && error.reasonNeeded,
      };
    }
    entry.attempt = null;
    this.changed();
  }
}
