/**
 * Alerts, geofences, incidents and shares as they arrive in JSON. docs/interfaces.md has their meaning; nothing here has
 * behaviour.
 */

import type { Fix } from "./model";

export type AlertKind =
  | "sos"
  | "geofence_enter"
  | "geofence_leave"
  | "unit_lost"
  | "no_movement"
  | "camera_offline"
  | "battery_low"
  | "storage_low"
  | "not_recording";

/** What is "off" is never told of. */
export type Grade = "high" | "activity";

export interface Alert {
  id: number;
  kind: AlertKind;
  grade: Grade;
  /** Null: it is about the gateway. */
  camera: string | null;
  /** A sentence. */
  text: string;
  /** What else is known; `fix` only for who may know the unit's position, `by` who pressed a button, `count` how often. */
  detail: { fix?: Fix | null; by?: string; count?: number; last?: string } & Record<string, unknown>;
  /** When it happened, and when the gateway knew. */
  utc: string;
  created: string;
  /** When its cause was over; null: it goes on, or nobody can tell. */
  ended: string | null;
  resolved: Resolution | null;
}

export interface Resolution {
  by: string;
  utc: string;
  /** What became of it, in their words. */
  word: string;
}

/** How far somebody outside was told of an alert. */
export interface Delivery {
  /** `webhook:NAME`, `mail:NAME` */
  channel: string;
  created: string;
  attempts: number;
  /** When it is tried again; null: it is over. */
  next: string | null;
  delivered: string | null;
  /** Why the last attempt failed, a sentence. */
  error: string | null;
}

/** A ring of [longitude, latitude], or a point with a radius (RFC 7946, and `radius_m` beside it). */
export type Shape =
  | { type: "Polygon"; coordinates: [number, number][][] }
  | { type: "Point"; coordinates: [number, number]; radius_m: number };

export type Tells = "enter" | "leave" | "both";

export interface Geofence {
  id: number;
  name: string;
  shape: Shape;
  /** The units it is for, and the groups; neither: all units. */
  cameras: string[];
  groups: string[];
  tells: Tells;
  grade: Grade | "off";
  created_by: string;
  created: string;
  /** What this person may do with it. */
  may: "change"[];
}

export type NewGeofence = Omit<Geofence, "id" | "created_by" | "created" | "may">;

/** What an incident has of one unit. Times in RFC 3339. */
export interface IncidentCamera {
  camera: string;
  name: string;
  from: string;
  /** Null: it grows. */
  to: string | null;
  /** It ends when the incident does. */
  follows: boolean;
  /** The number of what keeps its recordings. */
  hold: number;
  added_by: string;
  added: string;
}

/** What it was opened from; empty: a time, or what this person may not know of. */
export interface Origin {
  alert?: number;
  camera?: string;
  lat?: number;
  lon?: number;
  radius_m?: number;
}

/** Cameras by interval, and what people wrote about it. */
export interface Incident {
  id: number;
  title: string;
  /** Of the policy: under which its recordings go on once it has let go of them. */
  category: string | null;
  tags: string[];
  origin: Origin;
  from: string;
  /** Null: it is live, and grows. */
  to: string | null;
  live: boolean;
  opened_by: string;
  opened: string;
  closed_by: string | null;
  closed: string | null;
  cameras: IncidentCamera[];
  /** Their numbers. */
  alerts: number[];
  /** How many there are. */
  notes: number;
  /** What this person may do with it. */
  may: ("change" | "close" | "export")[];
}

export interface NewIncident {
  title?: string;
  origin?: Origin;
  cameras?: readonly string[];
  from?: string;
  to?: string;
}

/** What somebody wrote about a moment. It is never changed. */
export interface Note {
  id: number;
  /** The moment it is about. */
  utc: string;
  text: string;
  created_by: string;
  created: string;
}

/** A unit by its distance from a place. */
export interface Near {
  camera: string;
  name: string;
  distance_m: number;
  /** How old its position was. */
  age_s: number;
  fix: Fix;
}

/** A link by which somebody without an account sees one incident for a while. */
export interface Share {
  id: number;
  recipient: string;
  sound: boolean;
  positions: boolean;
  created_by: string;
  created: string;
  expires: string;
  revoked_by: string | null;
  revoked: string | null;
  /** Null: it holds. */
  ended: "revoked" | "expired" | "orphaned" | null;
}

export interface NewShare {
  recipient: string;
  expires: string;
  sound: boolean;
  positions: boolean;
}
