/**
 * Fetches what there is of some cameras in the days that are shown, and keeps it until it may be old. Where the bar shows
 * less than hours, it looks closer: the gateway tells of an interval only what can be told apart at its scale. Times are
 * milliseconds since the Unix epoch. Knows nothing of elements.
 */

import { ApiError } from "../api";
import { timeline } from "./api";
import { grown, laneOf, refined, type Lane } from "./lane";
import { DAY, HOUR, lengthOf, MINUTE, SECOND, type Window } from "./scale";

export interface LaneFailure {
  message: string;
  refused: boolean;
  reasonNeeded: boolean;
  /** It is tried again by itself. */
  retrying: boolean;
}

/** What is asked of the outside world. */
export interface Around {
  /** The gateway's time. */
  now(): number;
  /** Why somebody looks at a camera, if they had to say. */
  reason(camera: string): string | null;
  /** Whether a camera is recorded now. */
  recording(camera: string): boolean;
  changed(): void;
}

/** The answer to one question. */
interface Part {
  window: Window;
  lane: Lane | null;
  attempt: AbortController | null;
  /** When it came, or failed to, by this computer's clock. */
  at: number;
}

interface Entry {
  days: Part;
  /** A closer look at a part of them. */
  close: Part | null;
  failure: LaneFailure | null;
  /** Both together. */
  lane: Lane | null;
  /** It is recorded without a break since it was asked for. */
  growing: boolean;
  /** What became of it since: one a second. */
  grown: { of: Lane; until: number; lane: Lane } | null;
}

const RETRY_MS = 3 * SECOND;
/** What is recorded is on the disk after so long. */
const WRITTEN_MS = 2 * SECOND;

const onGrid = ({ from, to }: Window, step: number): Window => ({
  from: Math.floor(from / step) * step,
  to: Math.ceil(to / step) * step,
});

/** What is asked for: whole days, so that moving within one asks for nothing. */
const days = (window: Window) => onGrid(window, DAY);

/** The part to be looked at closer while the bar shows this; null: none. */
function closer(window: Window): Window | null {
  const length = lengthOf(window);
  if (length <= 20 * MINUTE) return onGrid(window, 10 * MINUTE);
  return length <= 4 * HOUR ? onGrid(window, HOUR) : null;
}

const includes = (outer: Window, inner: Window) => outer.from <= inner.from && inner.to <= outer.to;

export class Lanes {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly around: Around) {}

  lane(camera: string): Lane | null {
    const entry = this.entries.get(camera);
    if (!entry?.lane) return null;
    entry.growing &&= this.around.recording(camera);
    if (!entry.growing) return entry.lane;
    const until = Math.floor((this.around.now() - WRITTEN_MS) / SECOND) * SECOND;
    if (entry.grown?.of !== entry.lane || entry.grown.until !== until)
      entry.grown = { of: entry.lane, until, lane: grown(entry.lane, until) };
    return entry.grown.lane;
  }

  failure(camera: string): LaneFailure | null {
    return this.entries.get(camera)?.failure ?? null;
  }

  /** Whether what there is of a camera in a window is here. */
  knows(camera: string, window: Window): boolean {
    const known = this.entries.get(camera)?.days;
    return known?.attempt === null && includes(known.window, window);
  }

  /** How long ago it was asked for, milliseconds; zero while it is. */
  age(camera: string): number {
    const known = this.entries.get(camera)?.days;
    return known?.attempt === null ? Date.now() - known.at : 0;
  }

  /** See to it that these cameras are known in this window; others are forgotten. */
  want(cameras: readonly string[], window: Window): void {
    for (const [camera, entry] of this.entries) {
      if (cameras.includes(camera)) continue;
      abort(entry);
      this.entries.delete(camera);
    }
    for (const camera of cameras) {
      const entry = this.entries.get(camera);
      if (entry?.failure?.retrying && this.age(camera) > RETRY_MS) this.refresh(camera);
      if (entry?.failure) continue;
      if (!entry || !includes(entry.days.window, window)) this.loadDays(camera, days(window));
      this.lookCloser(camera, closer(window), window);
    }
  }

  /** Try again what failed, for example with the reason that was missing. */
  again(camera: string): void {
    if (this.entries.get(camera)?.failure) this.refresh(camera);
  }

  /** Ask again for what is shown. */
  refresh(camera: string): void {
    const entry = this.entries.get(camera);
    if (!entry) return;
    const { close } = entry;
    this.loadDays(camera, entry.days.window);
    if (close) this.loadClose(camera, close.window);
  }

  stop(): void {
    for (const entry of this.entries.values()) abort(entry);
    this.entries.clear();
  }

  private lookCloser(camera: string, wanted: Window | null, window: Window): void {
    const entry = this.entries.get(camera);
    if (!entry?.lane) return;
    const { close } = entry;
    if (wanted === null) {
      if (!close) return;
      close.attempt?.abort();
      entry.close = null;
      compose(entry);
    } else if (!close || !includes(close.window, window) || lengthOf(close.window) > lengthOf(wanted))
      this.loadClose(camera, wanted);
  }

  private loadDays(camera: string, window: Window): void {
    const part = newPart(window);
    const entry = this.entries.get(camera) ?? { days: part, close: null, failure: null, lane: null, growing: false, grown: null };
    if (entry.days !== part) {
      entry.days.attempt?.abort();
      Object.assign(part, { lane: entry.days.lane, at: entry.days.at });
    }
    Object.assign(entry, { days: part, failure: null });
    this.entries.set(camera, entry);
    void this.load(camera, part).then((error) => {
      if (entry.days !== part) return;
      const failure = error === null ? null : failureOf(error);
      // What was known before is better than nothing.
      entry.failure = failure?.retrying && part.lane ? null : failure;
      entry.growing = error === null;
      compose(entry);
      this.around.changed();
    });
  }

  private loadClose(camera: string, window: Window): void {
    const entry = this.entries.get(camera);
    if (!entry) return;
    const { close } = entry;
    close?.attempt?.abort();
    const part = newPart(window);
    if (close && includes(close.window, window)) part.lane = close.lane;
    entry.close = part;
    void this.load(camera, part).then((error) => {
      if (error !== null || entry.close !== part) return;
      compose(entry);
      this.around.changed();
    });
  }

  /** Resolves with what went wrong; null: nothing, or it was given up. */
  private async load(camera: string, part: Part): Promise<unknown> {
    const { attempt, window } = part;
    try {
      const asked = { id: camera, ...window, reason: this.around.reason(camera), ...(attempt && { signal: attempt.signal }) };
      part.lane = laneOf(camera, await timeline(asked), this.around.now());
      part.at = Date.now();
    } catch (error) {
      part.attempt = null;
      part.at = Date.now();
      return attempt?.signal.aborted ? null : error;
    }
    part.attempt = null;
    return null;
  }
}

const newPart = (window: Window): Part => ({ window, lane: null, attempt: new AbortController(), at: 0 });

function abort({ days, close }: Entry): void {
  days.attempt?.abort();
  close?.attempt?.abort();
}

function compose(entry: Entry): void {
  const { days, close } = entry;
  entry.lane = days.lane && close?.lane ? refined(days.lane, close.lane, close.window) : days.lane;
}

function failureOf(error: unknown): LaneFailure {
  const status = error instanceof ApiError ? error.status : -1;
  return {
    message: (error as Error).message,
    refused: status === 403 || status === 404,
    reasonNeeded: error instanceof ApiError && error.reasonNeeded,
    retrying: status === 0 || status >= 500,
  };
}
