/**
 * The archive's public values as they arrive in JSON. docs/interfaces.md has their meaning; nothing here has behaviour.
 */

import type { Alert } from "../model-incidents";

export type TrackKind = "video" | "audio" | "metadata";

/** Times in RFC 3339; `end` null: not over yet. */
export interface Interval {
  start: string;
  end: string | null;
}

export interface GapEntry extends Interval {
  reason: string;
  detail: string;
  /** How many are told of as one. */
  count: number;
  /** What is missing; null: everything. */
  track: TrackKind | null;
}

export interface PrivacyEntry extends Interval {
  hides: ("position" | "stream")[];
}

export interface Bookmark {
  id: number;
  utc: string;
  text: string;
  created_by: string;
}

export interface Hold {
  id: number;
  from: string;
  /** Null: everything from then on. */
  to: string | null;
  /** A category of the policy; null: until it is released. */
  category: string | null;
  reason: string;
  placed_by: string;
  placed: string;
  released: string | null;
  released_by: string | null;
}

/** Who wore a camera. */
export interface Assignment {
  id: number;
  wearer: string;
  from: string;
  /** Null: until somebody else does. */
  to: string | null;
}

/** When somebody wore which unit, and what is recorded of that time. */
export interface Worn extends Assignment {
  camera: string;
  recordings: { start: string; end: string }[];
}

export interface WearerFound {
  wearer: string;
  assignments: Worn[];
}

export interface DeletedEntry extends Interval {
  deleted: string;
  /** Why it could go, as a clause. */
  rule: string;
}

/** What there is of a camera in an interval; `first` and `last` of all there is. */
export interface Timeline {
  recordings: Interval[];
  /** What of them came from a dock or a card. */
  imported: Interval[];
  gaps: GapEntry[];
  privacy: PrivacyEntry[];
  bookmarks: Bookmark[];
  holds: Hold[];
  assignments: Assignment[];
  deleted: DeletedEntry[];
  /** In the order in which they happened. */
  alerts: Alert[];
  first: string | null;
  last: string | null;
}

/** What is asked of a new export. */
export interface ExportRequest {
  cameras: readonly string[];
  from: string;
  to: string;
  kind: "video" | "package";
  burn_in: boolean;
}
