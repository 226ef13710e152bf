/**
 * The gateway's HTTP calls, and their failures as sentences. No state but the CSRF token that belongs to the cookie.
 */

import type { Camera, CameraChange, CameraSettings, Device, NewCamera, Provider, Session } from "./model";
import { strings } from "./strings";

/** What the page reads of a problem document (RFC 9457). */
interface Problem {
  type?: string;
  title?: string;
  detail?: string;
}

/** The problem type of a view that the policy lets nobody open without saying why. */
const REASON_NEEDED = "/problems/reason-needed";
const REASON_HEADER = "X-Reason";

/** A call that did not succeed. `status` 0: the gateway could not be reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Seconds from Retry-After, when the gateway named any. */
    readonly retryAfter: number | null = null,
    /** The view has to be asked for with a reason. */
    readonly reasonNeeded = false,
  ) {
    super(message);
  }
}

let csrf = "";

/**
 * `fetch` with the cookie and the CSRF token.
 *
 * @throws {ApiError} for anything but a 2xx, with the detail of the problem document (RFC 9457)
 */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (csrf && init.method && init.method !== "GET") headers.set("X-CSRF-Token", csrf);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, strings.errors.unreachable);
  }
  if (response.ok) return response;
  const after = Number(response.headers.get("Retry-After") ?? NaN);
  const problem = await problemOf(response);
  throw new ApiError(
    response.status,
    problem.detail ?? problem.title ?? strings.errors.status(response.status),
    Number.isFinite(after) ? after : null,
    problem.type === REASON_NEEDED,
  );
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return {}; // a proxy's page, or nothing at all
  }
}

/** The same request with why one watches, in a form that a header can carry. */
export function withReason(init: RequestInit, reason: string): RequestInit {
  const headers = new Headers(init.headers);
  headers.set(REASON_HEADER, encodeURIComponent(reason));
  return { ...init, headers };
}

export async function json<T>(path: string, method = "GET", body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  const response = await request(path, init);
  return (await response.json()) as T;
}

const cameraPath = (id: string) => `/api/cameras/${encodeURIComponent(id)}`;

/** The session the cookie stands for, or null when there is none. */
export async function currentSession(): Promise<Session | null> {
  try {
    return remember(await json<Session>("/api/session"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

export async function logIn(username: string, password: string): Promise<Session> {
  return remember(await json<Session>("/api/session", "POST", { username, password }));
}

export async function providers(signal?: AbortSignal): Promise<Provider[]> {
  return (await json<{ providers: Provider[] }>("/api/session/providers", "GET", undefined, signal)).providers;
}

function remember(session: Session): Session {
  csrf = session.csrf;
  return session;
}

export async function logOut(): Promise<void> {
  await request("/api/session", { method: "DELETE" });
  csrf = "";
}

export function addCamera(camera: NewCamera): Promise<Camera> {
  return json<Camera>("/api/cameras", "POST", camera);
}

/** Needs the right to configure. */
export async function cameraSettings(id: string): Promise<CameraSettings> {
  return (await json<Camera & { settings: CameraSettings }>(cameraPath(id))).settings;
}

export function changeCamera(id: string, change: CameraChange): Promise<Camera> {
  return json<Camera>(cameraPath(id), "PATCH", change);
}

export async function removeCamera(id: string): Promise<void> {
  await request(cameraPath(id), { method: "DELETE" });
}

/** Ask the network for ONVIF devices. Takes about three seconds. */
export async function discover(signal: AbortSignal): Promise<Device[]> {
  return (await json<{ devices: Device[] }>("/api/discovery", "POST", {}, signal)).devices;
}

/** Where a camera's whole trail can be had as a file. */
export function positionsFile(id: string, format: "gpx" | "geojson" | "kml"): string {
  return `${cameraPath(id)}/positions?format=${format}`;
}

/** Where a camera is talked to (WHIP). `takeOver`: whoever talks now is cut off. */
export function talkEndpoint(id: string, takeOver: boolean): string {
  return `${cameraPath(id)}/talk${takeOver ? "?take_over=true" : ""}`;
}

/** Where a camera is watched (WHEP). */
export function whepEndpoint(id: string): string {
  return `${cameraPath(id)}/whep`;
}
