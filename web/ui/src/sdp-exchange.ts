/**
 * The HTTP part that WHEP and WHIP (RFC 9725) share: offer out, answer in, and the end of the session that it began.
 * Which media a connection has, and what becomes of it later, is its owner's.
 */

import { iceServers } from "./ice";

/** How the HTTP part is done; rejects for anything but a 2xx. */
export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

export interface Exchange {
  fetch: Fetch;
  signal: AbortSignal;
}

/** What the gateway has begun. */
export interface Begun {
  /** The session's address. */
  resource: string;
  /** The SDP answer. */
  answer: string;
}

const CONFIGURATION: RTCConfiguration = { bundlePolicy: "max-bundle" };

/** A connection whose media all go one way. */
export function newConnection(): RTCPeerConnection {
  return new RTCPeerConnection(CONFIGURATION);
}

/**
 * Send a connection's offer and take the answer. When that fails the session, if there is one already, is ended.
 *
 * @throws whatever `fetch` rejects with, or a DOMException when the answer cannot be used or `signal` aborts
 */
export async function exchange(connection: RTCPeerConnection, endpoint: string, { fetch, signal }: Exchange): Promise<Begun> {
  let resource: string | undefined;
  try {
    // Sent before any candidate is gathered: the gateway waits to be asked and needs none, and its answer names the
    // servers to gather with.
    const offer = await connection.createOffer();
    signal.throwIfAborted();
    // Not aborted while under way: a session that the gateway has begun must be ended, so its name must be heard.
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: offer.sdp ?? "",
    });
    resource = response.headers.get("Location") ?? undefined;
    const answer = await response.text();
    signal.throwIfAborted();
    if (resource === undefined) throw new DOMException("no Location in the answer", "OperationError");
    connection.setConfiguration({ ...CONFIGURATION, iceServers: iceServers(response.headers.get("Link")) });
    await connection.setLocalDescription(offer);
    await connection.setRemoteDescription({ type: "answer", sdp: answer });
    signal.throwIfAborted();
    return { resource, answer };
  } catch (error) {
    if (resource !== undefined) void end(resource, fetch);
    throw error;
  }
}

/** The gateway's name for a session. */
export function sessionName(resource: string): string {
  return decodeURIComponent(resource.split("?")[0]?.split("/").at(-1) ?? "");
}

/** DELETE the session. `keepalive` lets it go out while the page closes; a failure means that it is over already. */
export async function end(resource: string, fetch: Fetch): Promise<void> {
  try {
    await fetch(resource, { method: "DELETE", keepalive: true });
  } catch {
    // over already, or out of reach: the gateway notices by itself
  }
}
