/** Calls about people and what they have open: users, sessions, tokens, passwords. docs/interfaces.md has the meaning. */

import { json, request } from "./api";
import type { OpenSession, Role, Token, User } from "./model";

const userPath = (name: string) => `/api/users/${encodeURIComponent(name)}`;

export async function users(signal?: AbortSignal): Promise<User[]> {
  return (await json<{ users: User[] }>("/api/users", "GET", undefined, signal)).users;
}

/** Without a password the gateway makes one: it is in this answer and nowhere else. */
export function addUser(user: {
  name: string;
  role: Role;
  groups: string[];
  cameras: string[];
}): Promise<User & { password: string }> {
  return json("/api/users", "POST", user);
}

/** `password` null, or a change to or from the role nvr without one: one is made, and in this answer alone. */
export function changeUser(
  name: string,
  change: { role?: Role; groups?: string[]; cameras?: string[]; password?: string | null },
): Promise<User & { password?: string }> {
  return json(userPath(name), "PATCH", change);
}

export async function removeUser(name: string): Promise<void> {
  await request(userPath(name), { method: "DELETE" });
}

/** Ends one's other sessions, too. */
export async function changePassword(old: string, wanted: string): Promise<void> {
  await request("/api/session/password", {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ old, new: wanted }),
  });
}

/** The browsers that are logged in as `user`. */
export async function sessions(user: string, signal?: AbortSignal): Promise<OpenSession[]> {
  const path = `/api/sessions?${new URLSearchParams({ user }).toString()}`;
  return (await json<{ sessions: OpenSession[] }>(path, "GET", undefined, signal)).sessions;
}

export async function endSession(id: string): Promise<void> {
  await request(`/api/sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** The programs that may act as `user`. */
export async function tokens(user: string, signal?: AbortSignal): Promise<Token[]> {
  const path = `/api/tokens?${new URLSearchParams({ user }).toString()}`;
  return (await json<{ tokens: Token[] }>(path, "GET", undefined, signal)).tokens;
}

/** The token itself is in this answer and nowhere else. `expires`: after how long, as in `30d`; null: never. */
export function createToken(name: string, user: string, expires: string | null): Promise<Token & { token: string }> {
  return json("/api/tokens", "POST", { name, user, expires });
}

export async function revokeToken(id: string): Promise<void> {
  await request(`/api/tokens/${encodeURIComponent(id)}`, { method: "DELETE" });
}
