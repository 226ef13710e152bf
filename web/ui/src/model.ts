/**
 * The gateway's public values as they arrive in JSON. docs/interfaces.md has their meaning; nothing here has behaviour.
 */

import type { Alert, Geofence, Incident } from "./model-incidents";

/** What somebody may do; the page cares for these. */
export type Right =
  | "live"
  | "recorded"
  | "position"
  | "audio"
  | "export"
  | "respond"
  | "configure"
  | "audit"
  | "metrics"
  | "logged_in";

export type CameraStatus = "disabled" | "connecting" | "live" | "stale" | "offline";

export interface Track {
  kind: "video" | "audio" | "metadata";
  codec: string;
}

/** One GNSS position, WGS 84. Null where the carrier says nothing. */
export interface Fix {
  utc: string;
  lat: number;
  lon: number;
  altitude_m: number | null;
  speed_mps: number | null;
  course_deg: number | null;
  accuracy_m: number | null;
  constellations: string[] | null;
  satellites: number | null;
  carrier: string | null;
  received_utc: string | null;
}

/** How a body-worn camera, or the phone beside it, is; percents are 0 to 100, null where it does not say. */
export interface UnitHealth {
  utc: string;
  battery_percent: number | null;
  charging: boolean | null;
  signal_percent: number | null;
  storage_free_percent: number | null;
  carrier: string | null;
}

export interface Camera {
  id: string;
  name: string;
  status: CameraStatus;
  reason: string | null;
  tracks: Track[];
  position: Fix | null;
  /** The newest known value of each; null: it never said how it is. */
  health: UnitHealth | null;
  viewers: number;
  /** It has a backchannel: it can be talked to. */
  talk: boolean;
  /** Who talks to it now. */
  talking: string | null;
  recording: boolean;
  record_on: "always" | "event";
  /** While offline: when the next attempt starts. */
  retry_utc: string | null;
  /** UTC of the last picture the gateway has. */
  video_utc: string | null;
  source: "file" | "database";
  /** The groups that users can be limited to. */
  groups: string[];
  /** What this person may do with it. */
  rights: Right[];
  /** The viewer's name stands over its picture. */
  watermark: boolean;
  /** A live view has to say why. */
  reason_needed: boolean;
  /** How many watch, when the policy has the wearer told; else null. */
  watched: number | null;
  /** The wearer's privacy mode hides the picture. */
  private: boolean;
  /** The wearer's privacy mode, while it is on. */
  privacy: Privacy | null;
  /** The policy says what its wearer's privacy mode does: there is something to switch. */
  has_privacy: boolean;
}

export interface Privacy {
  since: string;
  hides: ("position" | "stream")[];
  /** Whether recording goes on. */
  recording: boolean;
}

/** Which stream of a camera a WHEP session sees, best first, and what keeps it from the best. */
export interface StreamState {
  quality: "original" | "second" | "reduced";
  trouble: "slow link" | "slow link, no smaller picture" | "slow link, gateway busy" | null;
}

export interface Session {
  user: {
    name: string;
    role: Role;
    /** The camera groups they are limited to. */
    groups: string[];
    /** The cameras they are limited to, beside those of the groups; neither: no limit. */
    cameras: string[];
    /** What they may do, be it with some cameras only. */
    rights: Right[];
    /** Those of them that hold for all cameras, and for what is not about cameras. */
    everywhere: Right[];
  };
  csrf: string;
}

export type Role = "administrator" | "dispatcher" | "supervisor" | "auditor" | "nvr";

/** An account, as who may configure sees it. */
export interface User {
  name: string;
  role: Role;
  /** The camera groups they are limited to. */
  groups: string[];
  /** The cameras they are limited to, beside those of the groups; neither: no limit. */
  cameras: string[];
  /** False: this nvr account cannot log in before it gets a new password. */
  has_password: boolean;
  created_utc: string;
  /** The OpenID Connect provider that says role and groups; null: a password of the gateway's. */
  issuer: string | null;
}

/** A camera group: it is there as long as a camera or a user names it. */
export interface Group {
  name: string;
  /** Ids, of those that one may see. */
  cameras: string[];
  /** Who is limited to it; only for who may configure. */
  users?: string[];
}

/** One row of the audit. */
export interface AuditEntry {
  /** Its number in the chain. */
  id: number;
  utc: string;
  actor: string;
  action: string;
  outcome: string;
  camera: string | null;
  address: string;
  reason: string | null;
  detail: Record<string, unknown>;
}

/** Some of its rows, newest first; `before` names where to go on, null: there are no more. */
export interface AuditPage {
  rows: AuditEntry[];
  before: number | null;
}

/** Whether rows of the audit are as they were written. */
export interface Proof {
  day: string;
  holds: boolean;
  /** The numbers of the first and the last row it went over; both 0: there were none. */
  first: number;
  last: number;
  broken: { row: number; fault: string; detail: string } | null;
  /** Where the chain stands: kept elsewhere, it proves later that nothing was written anew. */
  head: string;
}

/** The policy, as far as one may read it. */
export interface Policy {
  /** Offered where a reason is asked; none: people write their own. */
  reasons: string[];
  /** What a hold may be for, beside until it is released. */
  categories: string[];
  /** What holds for who asks, in sentences. */
  holds: string[];
  /** The whole of it, for who may configure or read the audit. A `line` of null: it is the default. */
  policy: { line: number | null; says: string }[] | null;
}

/** What came of reading the settings file again. */
export interface SettingsReading {
  applied: unknown[];
  /** What waits for the next start. */
  pending: unknown[];
}

interface LogIn {
  id: string;
  user: string;
  created_utc: string;
  /** To the minute; null: not since. */
  seen_utc: string | null;
  expires_utc: string | null;
  /** The one that asks. */
  current: boolean;
}

/** A browser that is logged in. */
export interface OpenSession extends LogIn {
  method: "password" | "oidc";
  address: string;
  agent: string;
}

/** A program that may act as a user. */
export interface Token extends LogIn {
  name: string;
}

/** Where else than here one can log in. */
export interface Provider {
  name: string;
  /** Where the browser goes for it. */
  url: string;
}

/** A device that answered a discovery; `camera` is the id of the camera that already uses it. */
export interface Device {
  endpoint: string;
  onvif: string;
  name: string;
  model: string;
  location: string;
  address: string;
  camera: string | null;
}

/** What POST /api/cameras takes: exactly one of `url` and `onvif`. */
export interface NewCamera {
  id: string;
  name: string;
  url?: string;
  onvif?: string;
  username?: string;
  password?: string;
  transport?: "tcp" | "udp";
  record?: boolean;
  connect?: "always" | "on_demand";
  position?: string;
  groups?: string[];
}

/** How a camera is configured, for who may configure it; of the password only whether there is one. */
export interface CameraSettings {
  url: string | null;
  onvif: string | null;
  username: string;
  has_password: boolean;
  transport: "tcp" | "udp";
  record: boolean;
  record_on: "always" | "event";
  connect: "always" | "on_demand";
  /** `metadata`, `onvif`, `http` (a phone), or the address of a receiver. */
  position: string;
}

export type CameraChange = Partial<Omit<NewCamera, "id">>;

export type ExportStatus = "queued" | "running" | "done" | "failed" | "cancelled";

export interface ExportFile {
  name: string;
  bytes: number;
  sha256: string;
}

/** Recordings that are made into files. */
export interface ExportJob {
  id: string;
  status: ExportStatus;
  /** 0 to 1. */
  progress: number;
  cameras: string[];
  from: string;
  to: string;
  kind: "video" | "package";
  /** The incident that it is of; null: it was asked for by units and times. */
  incident: number | null;
  /** Unit, time and position are drawn into the pictures. */
  burn_in: boolean;
  created_by: string;
  created: string;
  finished: string | null;
  /** A sentence. */
  error: string | null;
  files: ExportFile[];
}

/** How full the disk of the recordings is, best first. */
export type DiskLevel = "ok" | "low" | "clearing" | "full";

/** What is told of the disk as it happens. Sizes in bytes; null: the disk has not said. `warnings`: sentences. */
export interface DiskNews {
  level: DiskLevel;
  free: number | null;
  total: number | null;
  warnings: string[];
}

/** What is kept of one camera, as of the last minute. */
export interface CameraStorage {
  camera: string;
  bytes: number;
  bytes_a_day: number;
  from: string;
  to: string;
  /** Until its own rule deletes its oldest; null: it has none. */
  retention_days: number | null;
  /** How long the policy has it kept; null: until its room is needed. */
  keep_days: number | null;
  /** How much of it the policy has kept; null: what fits. */
  max_bytes: number | null;
}

/** The disk of the recordings, and how long that goes well. */
export interface StorageReport {
  /** Null: the disk has not said. Below `warn_free` people are told, below `keep_free` the oldest goes. */
  disk: { total: number; free: number; keep_free: number; warn_free: number } | null;
  level: DiskLevel;
  bytes: number;
  /** Until room has to be made that no rule makes; null: rules make it before. */
  full_days: number | null;
  warnings: string[];
  cameras: CameraStorage[];
}

/** A chain of rows: a camera's ledger, or the audit. */
export interface ChainStanding {
  rows: number;
  /** Number and hash of the newest. */
  head: string;
  /** Of them, those that an anchor outside holds. */
  anchored_rows: number;
}

/** Where anchors go. */
export interface AnchorPlace {
  kind: "file" | "timestamp";
  where: string;
  anchored_utc: string | null;
  /** Why the last try failed, as a clause; null: it did not. */
  problem: string | null;
}

/** How far the archive can be proved. */
export interface EvidenceStanding {
  /** All that was written until then is anchored outside; null: nothing is. */
  anchored_utc: string | null;
  /** As in `1h`. */
  anchor_every: string;
  places: AnchorPlace[];
  /** The key that signs now. */
  key: string;
  keys: { id: string; public: string; since: string; previous: string | null }[];
  audit: ChainStanding;
  cameras: ({ id: string } & ChainStanding)[];
  /** The last verification of the whole archive; null: there was none. */
  verified: { utc: string; findings: number; anchored_utc: string | null } | null;
}

/** What /api/events sends. */
export type ServerEvent =
  | { type: "state"; utc: string; cameras: Camera[]; alerts: Alert[] }
  | { type: "camera"; camera: Camera }
  | { type: "removed"; id: string }
  | { type: "fixes"; fixes: { camera: string; fix: Fix }[] }
  | { type: "anchor"; session: string; rtp: number; utc: string }
  | ({ type: "quality"; session: string } & StreamState)
  /** A WHEP session was ended because of a right it had needed; `reason` is a clause. */
  | { type: "ended"; session: string; camera: string; right: Right; reason: string }
  /** A talk of this log-in is over; `reason` is a clause. */
  | { type: "talk_ended"; session: string; camera: string; reason: string }
  | ({ type: "export" } & ExportJob)
  | { type: "export_removed"; id: string }
  | { type: "alert"; alert: Alert }
  | { type: "incident"; incident: Incident }
  | { type: "incident_removed"; id: number }
  | { type: "geofence"; geofence: Geofence }
  | { type: "geofence_removed"; id: number }
  | ({ type: "storage" } & DiskNews)
  | { type: "ping"; utc: string }
  /** The echo of what this page sent; only `EventStream` sees it. */
  | { type: "pong"; id: number; utc: string };
