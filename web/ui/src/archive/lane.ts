/**
 * What the gateway says of a camera's time, ready to be drawn and asked: numbers for times, nothing without an end.
 * Times are milliseconds since the Unix epoch.
 */

import type { Alert } from "../model-incidents";
import { Coverage, within, without, type Span } from "./coverage";
import type { Assignment, Bookmark, Hold, Timeline, TrackKind } from "./model";

export interface GapSpan extends Span {
  reason: string;
  detail: string;
  /** How many are told of as one; between them there is something. */
  count: number;
  /** What is missing; null: everything. */
  track: TrackKind | null;
}

export interface Lane {
  camera: string;
  /** Of what there are pictures. */
  coverage: Coverage;
  /** What of it came from a dock or a card. */
  imported: readonly Span[];
  /** When there are no pictures, and why. */
  gaps: readonly GapSpan[];
  /** When there are pictures, but sound or metadata are missing. */
  partial: readonly GapSpan[];
  /** When the wearer's privacy mode hid the picture. */
  privacy: readonly Span[];
  deleted: readonly (Span & { rule: string; deleted: number })[];
  holds: readonly (Span & { hold: Hold })[];
  assignments: readonly (Span & { assignment: Assignment })[];
  bookmarks: readonly { at: number; bookmark: Bookmark }[];
  alerts: readonly { at: number; alert: Alert }[];
  /** When what there is of the camera begins and ends, in all. */
  first: number | null;
  last: number | null;
  /** When the gateway was asked. */
  asked: number;
}

/** What is still being recorded was on the disk up to so long ago. */
const GROWS_WITHIN_MS = 5_000;

/** @param now what is not over yet ends here, or at the end of what was asked for */
export function laneOf(camera: string, timeline: Timeline, now: number): Lane {
  const span = ({ start, end }: { start: string; end: string | null }): Span => ({
    from: Date.parse(start),
    to: end === null ? now : Date.parse(end),
  });
  const moment = (value: string | null) => (value === null ? null : Date.parse(value));
  const gaps = timeline.gaps.map((gap) => ({ ...gap, ...span(gap) }));
  const ofPictures = gaps.filter(({ track }) => track === null || track === "video");
  // Of several that are told of as one it is not known where they lie.
  const holes = ofPictures.filter(({ count }) => count === 1);
  return {
    camera,
    coverage: new Coverage(without(timeline.recordings.map(span), holes)),
    imported: timeline.imported.map(span),
    gaps: ofPictures,
    partial: gaps.filter((gap) => !ofPictures.includes(gap)),
    privacy: timeline.privacy.filter(({ hides }) => hides.includes("stream")).map(span),
    deleted: timeline.deleted.map((deleted) => ({ ...span(deleted), rule: deleted.rule, deleted: Date.parse(deleted.deleted) })),
    holds: timeline.holds.map((hold) => ({ ...span({ start: hold.from, end: hold.to }), hold })),
    assignments: timeline.assignments.map((one) => ({ ...span({ start: one.from, end: one.to }), assignment: one })),
    bookmarks: timeline.bookmarks
      .map((bookmark) => ({ at: Date.parse(bookmark.utc), bookmark }))
      .sort((a, b) => a.at - b.at),
    alerts: timeline.alerts.map((alert) => ({ at: Date.parse(alert.utc), alert })),
    first: moment(timeline.first),
    last: moment(timeline.last),
    asked: now,
  };
}

/** A lane with what a closer look at a part of it told apart. */
export function refined(lane: Lane, part: Lane, window: Span): Lane {
  const around = <S extends Span>(spans: readonly S[], closer: readonly S[]) => [...closer, ...without(spans, [window])];
  const inside = part.coverage.spans.map(({ from, to }) => ({ from: Math.max(from, window.from), to: Math.min(to, window.to) }));
  return {
    ...lane,
    coverage: new Coverage(around(lane.coverage.spans, within(inside, window))),
    imported: around(lane.imported, part.imported),
    gaps: around(lane.gaps, part.gaps),
    partial: around(lane.partial, part.partial),
  };
}

/** A lane whose recording goes on: it reaches up to `until` if it reached up to the present when it was asked for. */
export function grown(lane: Lane, until: number): Lane {
  const { end } = lane.coverage;
  if (end === null || lane.asked - end > GROWS_WITHIN_MS || until <= end) return lane;
  return { ...lane, coverage: new Coverage([...lane.coverage.spans, { from: end, to: until }]), last: until };
}

/** What a moment of a lane is. */
export type Moment =
  | { kind: "recorded" }
  | ({ kind: "gap" } & GapSpan)
  | { kind: "private"; from: number; to: number }
  | { kind: "deleted"; from: number; to: number; rule: string; deleted: number }
  | { kind: "nothing" };

export function momentOf(lane: Lane, at: number): Moment {
  const covers = covering(at);
  const secret = lane.privacy.find(covers);
  if (secret) return { kind: "private", from: secret.from, to: secret.to };
  if (lane.coverage.covers(at)) return { kind: "recorded" };
  const gap = lane.gaps.find(covers);
  if (gap) return { kind: "gap", ...gap };
  const deleted = lane.deleted.find(covers);
  return deleted ? { kind: "deleted", ...deleted } : { kind: "nothing" };
}

/** Whether a span has a moment in it. */
export const covering = (at: number) => (span: Span) => span.from <= at && at < span.to;
