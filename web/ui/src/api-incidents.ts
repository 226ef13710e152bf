/** Calls about alerts, geofences, incidents and shares. docs/interfaces.md has the meaning. */

import { json, request, withReason } from "./api";
import type { ExportJob } from "./model";
import type { Alert, Delivery, Geofence, Incident, Near, NewGeofence, NewIncident, NewShare, Note, Share } from "./model-incidents";

const camera = (id: string) => `/api/cameras/${encodeURIComponent(id)}`;

// ---- alerts

export interface AlertsAsked {
  camera?: string;
  kind?: string;
  /** RFC 3339: of that time and since. */
  from?: string;
  /** The number to go on from: older ones. */
  before?: number;
  limit?: number;
}

function query(values: object): string {
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

// ---- incidents

const incidentPath = (id: number) => `/api/incidents/${id}`;

/** What incidents are looked for by; what is empty does not matter. */
export interface IncidentsAsked {
  /** Words. */
  q?: string;
  /** "true": nobody has closed it; "false": somebody has. */
  open?: string;
  camera?: string;
  /** Those that touch the interval, RFC 3339. */
  from?: string;
  to?: string;
  /** Goes on below a number. */
  before?: string;
  limit?: number;
}

/** The newest first. */
export async function incidents(asked: IncidentsAsked, signal?: AbortSignal): Promise<Incident[]> {
  return (await json<{ incidents: Incident[] }>(`/api/incidents${query(asked)}`, "GET", undefined, signal)).incidents;
}

export function incident(id: number, signal?: AbortSignal): Promise<Incident> {
  return json<Incident>(incidentPath(id), "GET", undefined, signal);
}

export function openIncident(wanted: NewIncident): Promise<Incident> {
  return json<Incident>("/api/incidents", "POST", wanted);
}

export function changeIncident(id: number, change: Partial<Pick<Incident, "title" | "tags" | "category">>): Promise<Incident> {
  return json<Incident>(incidentPath(id), "PATCH", change);
}

export function closeIncident(id: number): Promise<Incident> {
  return json<Incident>(`${incidentPath(id)}/close`, "POST");
}

export function reopenIncident(id: number): Promise<Incident> {
  return json<Incident>(`${incidentPath(id)}/reopen`, "POST");
}

/** Its recordings can be deleted then, unless something else keeps them. */
export async function removeIncident(id: number, reason: string): Promise<void> {
  await request(incidentPath(id), withReason({ method: "DELETE" }, reason));
}

export function addToIncident(id: number, unit: string, from: string | null = null): Promise<Incident> {
  return json<Incident>(`${incidentPath(id)}/cameras`, "POST", { camera: unit, ...(from === null ? {} : { from }) });
}

/** Have it keep more of a unit: a moment before its begin, or after its end. */
export function changeIncidentUnit(id: number, unit: string, change: { from?: string; to?: string }): Promise<Incident> {
  return json<Incident>(`${incidentPath(id)}/cameras/${encodeURIComponent(unit)}`, "PATCH", change);
}

export async function takeFromIncident(id: number, unit: string, reason: string): Promise<Incident> {
  const path = `${incidentPath(id)}/cameras/${encodeURIComponent(unit)}`;
  return (await (await request(path, withReason({ method: "DELETE" }, reason))).json()) as Incident;
}

export async function notes(id: number, signal?: AbortSignal): Promise<Note[]> {
  return (await json<{ notes: Note[] }>(`${incidentPath(id)}/notes`, "GET", undefined, signal)).notes;
}

/** @param utc the moment it is about; null: now */
export function addNote(id: number, text: string, utc: string | null): Promise<Note> {
  return json<Note>(`${incidentPath(id)}/notes`, "POST", { text, ...(utc === null ? {} : { utc }) });
}

export async function exportIncident(id: number, reason: string): Promise<ExportJob> {
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" };
  return (await (await request(`${incidentPath(id)}/export`, reason ? withReason(init, reason) : init)).json()) as ExportJob;
}

/** Units by their distance from a place, the nearest first. */
export async function nearby(lat: number, lon: number, limit: number, signal?: AbortSignal): Promise<Near[]> {
  const path = `/api/nearby${query({ lat: String(lat), lon: String(lon), limit: String(limit) })}`;
  return (await json<{ units: Near[] }>(path, "GET", undefined, signal)).units;
}

// ---- shares

const sharesPath = (id: number) => `${incidentPath(id)}/shares`;

export async function shares(id: number, signal?: AbortSignal): Promise<Share[]> {
  return (await json<{ shares: Share[] }>(sharesPath(id), "GET", undefined, signal)).shares;
}

/** The share with its address, which is told this one time. */
export async function makeShare(id: number, wanted: NewShare, reason: string): Promise<Share & { url: string }> {
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wanted) };
  return (await (await request(sharesPath(id), reason ? withReason(init, reason) : init)).json()) as Share & { url: string };
}

export function revokeShare(id: number, share: number): Promise<Share> {
  return json<Share>(`${sharesPath(id)}/${share}`, "DELETE");
}
