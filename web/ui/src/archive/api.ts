/** Calls about the archive: timelines, playlists, pictures, bookmarks, holds, exports. docs/interfaces.md has the meaning. */

import { json, request, withReason } from "../api";
import type { ExportJob, Fix } from "../model";
import type { Assignment, Bookmark, ExportRequest, Hold, Timeline, WearerFound } from "./model";

const camera = (id: string) => `/api/cameras/${encodeURIComponent(id)}`;
const iso = (at: number) => new Date(at).toISOString();
const interval = (from: number, to: number) => new URLSearchParams({ from: iso(from), to: iso(to) });

/** A request with the reason that was given for looking at a unit, if one was. */
async function because<T>(path: string, reason: string | null, init: RequestInit = {}): Promise<T> {
  const response = await request(path, reason === null ? init : withReason(init, reason));
  return (await response.json()) as T;
}

const body = (method: string, value: unknown): RequestInit => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(value),
});

/** What is wanted of a camera, and why. Times in milliseconds since the Unix epoch. */
export interface Asked {
  id: string;
  from: number;
  to: number;
  reason: string | null;
  /** Of a playlist: pictures alone, which come sooner, as no sound has to be encoded. */
  silent?: boolean;
  signal?: AbortSignal;
}

const signalOf = ({ signal }: Asked): RequestInit => (signal ? { signal } : {});

export function timeline(asked: Asked): Promise<Timeline> {
  const query = interval(asked.from, asked.to).toString();
  return because<Timeline>(`${camera(asked.id)}/timeline?${query}`, asked.reason, signalOf(asked));
}

export function playlistUrl({ id, from, to, reason, silent }: Asked): string {
  const query = interval(from, to);
  if (silent) query.set("tracks", "video");
  if (reason !== null) query.set("reason", reason);
  return `${camera(id)}/playlist.m3u8?${query.toString()}`;
}

export async function playlist(asked: Asked): Promise<string> {
  return (await request(playlistUrl(asked), signalOf(asked))).text();
}

export async function fixes({ id, from, to, reason, signal }: Asked): Promise<Fix[]> {
  const path = `${camera(id)}/positions?${interval(from, to).toString()}`;
  return (await because<{ fixes: Fix[] }>(path, reason, signal ? { signal } : {})).fixes;
}

/** A picture of the past, and when it was taken. */
export interface Picture {
  blob: Blob;
  utc: number;
}

/** The picture of a moment, `width` pixels wide; up to 320 it is the nearest keyframe. */
export async function picture(id: string, at: number, width: number, reason: string | null, signal: AbortSignal): Promise<Picture> {
  const query = new URLSearchParams({ at: iso(at), width: String(width) });
  const path = `${camera(id)}/snapshot.jpg?${query.toString()}`;
  const response = await request(path, reason === null ? { signal } : withReason({ signal }, reason));
  return { blob: await response.blob(), utc: Date.parse(response.headers.get("X-Picture-UTC") ?? iso(at)) };
}

// ---- bookmarks

export function addBookmark(id: string, at: number, text: string): Promise<Bookmark> {
  return because<Bookmark>(`${camera(id)}/bookmarks`, null, body("POST", { utc: iso(at), text }));
}

export async function removeBookmark(id: string, bookmark: number): Promise<void> {
  await request(`${camera(id)}/bookmarks/${bookmark}`, { method: "DELETE" });
}

// ---- holds

export interface NewHold {
  from: string;
  to: string | null;
  category: string | null;
  reason: string;
}

export function placeHold(id: string, hold: NewHold): Promise<Hold> {
  return because<Hold>(`${camera(id)}/holds`, hold.reason, body("POST", hold));
}

export async function releaseHold(id: string, hold: number, reason: string): Promise<void> {
  await request(`${camera(id)}/holds/${hold}`, withReason({ method: "DELETE" }, reason));
}

// ---- exports

export async function exports(signal?: AbortSignal): Promise<ExportJob[]> {
  return (await json<{ exports: ExportJob[] }>("/api/exports", "GET", undefined, signal)).exports;
}

export function startExport(wanted: ExportRequest, reason: string): Promise<ExportJob> {
  return because<ExportJob>("/api/exports", reason || null, body("POST", wanted));
}

/** Cancel it while it is under way, else remove it with its files. */
export async function removeExport(id: string): Promise<void> {
  await request(`/api/exports/${encodeURIComponent(id)}`, { method: "DELETE" });
}

export function exportFile(id: string, name: string): string {
  return `/api/exports/${encodeURIComponent(id)}/files/${encodeURIComponent(name)}`;
}

// ---- who wore a camera

/** Those whose name has `name` in it, by name; of each by start. */
export async function findWearers(name: string, reason: string | null): Promise<WearerFound[]> {
  const query = new URLSearchParams({ name });
  return (await because<{ wearers: WearerFound[] }>(`/api/wearers?${query.toString()}`, reason)).wearers;
}

export function assign(id: string, wanted: Omit<Assignment, "id">): Promise<Assignment> {
  return json<Assignment>(`${camera(id)}/assignments`, "POST", wanted);
}

export function changeAssignment(id: string, assignment: number, change: Partial<Assignment>): Promise<Assignment> {
  return json<Assignment>(`${camera(id)}/assignments/${assignment}`, "PATCH", change);
}
