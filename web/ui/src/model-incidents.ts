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
}

export type NewGeofence = Omit<Geofence, "id" | "created_by" | "created">;
