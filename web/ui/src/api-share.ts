/** Calls of somebody who was sent a share: by its key once, then by the cookie that this gets. docs/interfaces.md has the meaning. */

import { ApiError, json, request } from "./api";
import type { Fix } from "./model";

export interface SharedCamera {
  camera: string;
  name: string;
  from: string;
  /** Null: it grows. */
  to: string | null;
  rights: string[];
  /** Whose name stands over its picture; null: nobody's. */
  watermark: string | null;
}

/** What was shared, as it is now. */
export interface Shared {
  share: { id: number; recipient: string; sound: boolean; positions: boolean; expires: string };
  incident: { title: string; from: string; to: string | null; live: boolean; cameras: SharedCamera[] };
}

export function openShare(key: string): Promise<Shared> {
  return json<Shared>("/api/share", "POST", { key });
}

export function shared(): Promise<Shared> {
  return json<Shared>("/api/share/incident");
}

const iso = (at: number) => new Date(at).toISOString();
const path = (id: string) => `/api/share/cameras/${encodeURIComponent(id)}`;

/**
 * Of what was asked for that which was shared; milliseconds since the Unix epoch. It begins inside: its beginning is told
 * more exactly than to the millisecond, and what lies before it is refused.
 */
function within({ from, to }: SharedCamera, wanted: { from: number; to: number }): { from: number; to: number } {
  return { from: Math.max(wanted.from, Date.parse(from) + 1), to: to === null ? wanted.to : Math.min(wanted.to, Date.parse(to)) };
}

export function sharedPlaylistUrl(one: SharedCamera, from: number, to: number): string {
  const part = within(one, { from, to });
  const query = new URLSearchParams({ from: iso(part.from), to: iso(part.to) });
  return `${path(one.camera)}/playlist.m3u8?${query.toString()}`;
}

export async function sharedPlaylist(one: SharedCamera, from: number, to: number, signal: AbortSignal): Promise<string> {
  const part = within(one, { from, to });
  if (part.from >= part.to) throw new ApiError(404, ""); // nothing of this time was shared
  return (await request(sharedPlaylistUrl(one, from, to), { signal })).text();
}

export async function sharedFixes(id: string): Promise<Fix[]> {
  return (await json<{ fixes: Fix[] }>(`${path(id)}/positions`)).fixes;
}
