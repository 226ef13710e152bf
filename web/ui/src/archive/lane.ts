/**
 * What the gateway says of a camera's time, ready to be drawn and asked: numbers for times, nothing without an end.
 * Times are milliseconds since the Unix epoch.
 */

import { Coverage, type Span } from "./coverage";
import type { Assignment, Bookmark, Hold, Timeline } from "./model";

export interface Lane {
  camera: string;
  coverage: Coverage;
  gaps: readonly (Span & { reason: string; detail: string })[];
  /** When the wearer's privacy mode hid the picture. */
  privacy: readonly Span[];
  deleted: readonly (Span & { rule: string; deleted: number })[];
  holds: readonly (Span & { hold: Hold })[];
  assignments: readonly (Span & { assignment: Assignment })[];
  bookmarks: readonly { at: number; bookmark: Bookmark }[];
  /** When what there is of the camera begins and ends, in all. */
  first: number | null;
  last: number | null;
}

/** @param now what is not over yet ends here, or at the end of what was asked for */
export function laneOf(camera: string, timeline: Timeline, now: number): Lane {
  const span = (start: string, end: string | null): Span => ({ from: Date.parse(start), to: end === null ? now : Date.parse(end) });
  const moment = (value: string | null) => (value === null ? null : Date.parse(value));
  return {
    camera,
    coverage: new Coverage(timeline.recordings.map(({ start, end }) => span(start, end))),
    gaps: timeline.gaps.map(({ start, end, reason, detail }) => ({ ...span(start, end), reason, detail })),
    privacy: timeline.privacy
      .filter(({ hides }) => hides.includes("stream"))
      .map(({ start, end }) => span(start, end)),
    deleted: timeline.deleted.map(({ start, end, rule, deleted }) => ({
      ...span(start, end),
      rule,
      deleted: Date.parse(deleted),
    })),
    holds: timeline.holds.map((hold) => ({ ...span(hold.from, hold.to), hold })),
    assignments: timeline.assignments.map((assignment) => ({ ...span(assignment.from, assignment.to), assignment })),
    bookmarks: timeline.bookmarks
      .map((bookmark) => ({ at: Date.parse(bookmark.utc), bookmark }))
      .sort((a, b) => a.at - b.at),
    first: moment(timeline.first),
    last: moment(timeline.last),
  };
}

/** What a moment of a lane is. */
export type Moment =
  | { kind: "recorded" }
  | { kind: "gap"; from: number; to: number; reason: string; detail: string }
  | { kind: "private"; from: number; to: number }
  | { kind: "deleted"; from: number; to: number; rule: string; deleted: number }
  | { kind: "nothing" };

export function momentOf(lane: Lane, at: number): Moment {
  const covers = (span: Span) => span.from <= at && at < span.to;
  const secret = lane.privacy.find(covers);
  if (secret) return { kind: "private", from: secret.from, to: secret.to };
  // A gap may lie inside a recording.
  const gap = lane.gaps.find(covers);
  if (gap) return { kind: "gap", ...gap };
  if (lane.coverage.covers(at)) return { kind: "recorded" };
  const deleted = lane.deleted.find(covers);
  return deleted ? { kind: "deleted", ...deleted } : { kind: "nothing" };
}
