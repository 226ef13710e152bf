/** Calls about alerts, geofences, incidents and shares. docs/interfaces.md has the meaning. */

import { json, request } from "./api";
import type { Alert, Delivery, Geofence, NewGeofence } from "./model-incidents";

const camera = (id: string) => `/api/cameras/${encodeURIComponent(id)}`;

// ---- alerts

export interface AlertsAsked {
  camera?: string;
  kind?: string;
  /** The number to go on from: older ones. */
  before?: number;
  limit?: number;
}

function query(values: AlertsAsked | Record<string, string>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

/** Some of them, the newest first; `before` names where to go on, null: there are no more. */
export interface AlertsFound {
  alerts: Alert[];
  before: number | null;
}

export function alerts(asked: AlertsAsked, signal?: AbortSignal): Promise<AlertsFound> {
  return json<AlertsFound>(`/api/alerts${query(asked)}`, "GET", undefined, signal);
}

export function alert(id: number, signal?: AbortSignal): Promise<Alert> {
  return json<Alert>(`/api/alerts/${id}`, "GET", undefined, signal);
}

export function resolveAlert(id: number, word: string): Promise<Alert> {
  return json<Alert>(`/api/alerts/${id}/resolve`, "POST", { word });
}

export async function deliveries(id: number, signal?: AbortSignal): Promise<Delivery[]> {
  return (await json<{ deliveries: Delivery[] }>(`/api/alerts/${id}/deliveries`, "GET", undefined, signal)).deliveries;
}

export function raiseSos(unit: string, text: string): Promise<Alert> {
  return json<Alert>(`${camera(unit)}/sos`, "POST", text ? { text } : {});
}

// ---- geofences

export async function geofences(signal?: AbortSignal): Promise<Geofence[]> {
  return (await json<{ geofences: Geofence[] }>("/api/geofences", "GET", undefined, signal)).geofences;
}

export function addGeofence(wanted: NewGeofence): Promise<Geofence> {
  return json<Geofence>("/api/geofences", "POST", wanted);
}

export function changeGeofence(id: number, change: Partial<NewGeofence>): Promise<Geofence> {
  return json<Geofence>(`/api/geofences/${id}`, "PATCH", change);
}

export async function removeGeofence(id: number): Promise<void> {
  await request(`/api/geofences/${id}`, { method: "DELETE" });
}
