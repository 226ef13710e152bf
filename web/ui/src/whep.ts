/**
 * One WHEP session (draft-ietf-wish-whep): offer out, answer in, a MediaStream that plays. Knows nothing of elements,
 * cameras or retries.
 */

/** How the HTTP part is done; rejects for anything but a 2xx. */
export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

export interface WhepOptions {
  fetch: Fetch;
  /** The session is over, and nobody here asked for it. Called at most once. */
  onLost: () => void;
  signal: AbortSignal;
}

/** The gateway's answer carries every candidate, so ours are of little use: wait no longer than this for them. */
const GATHER_MS = 200;
/** ICE may find its way back from "disconnected"; after this long it has not. */
const DISCONNECTED_MS = 4_000;
/** The gateway may take this long to hear that a session ends. */
const CLOSE_MS = 1_000;

export class WhepSession {
  private lostTimer = 0;
  private over = false;

  private constructor(
    /** The gateway's name for this session: its anchors carry it. */
    readonly id: string,
    readonly stream: MediaStream,
    private readonly resource: string,
    private readonly connection: RTCPeerConnection,
    private readonly options: WhepOptions,
  ) {
    connection.addEventListener("connectionstatechange", this.connectionChanged);
    this.connectionChanged();
  }

  /**
   * Begin watching. Resolves once the answer is in; the first picture follows.
   *
   * @throws whatever `fetch` rejects with, or a DOMException when the answer cannot be used or `signal` aborts
   */
  static async open(endpoint: string, options: WhepOptions): Promise<WhepSession> {
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const stream = new MediaStream();
    connection.addEventListener("track", (event) => stream.addTrack(event.track));
    let resource: string | undefined;
    try {
      connection.addTransceiver("video", { direction: "recvonly" });
      connection.addTransceiver("audio", { direction: "recvonly" });
      await connection.setLocalDescription();
      await gathered(connection);
      options.signal.throwIfAborted();
      // Not aborted while under way: a session that the gateway has opened must be ended, so its name must be heard.
      const response = await options.fetch(endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: connection.localDescription?.sdp ?? "",
      });
      resource = response.headers.get("Location") ?? undefined;
      const sdp = await response.text();
      options.signal.throwIfAborted();
      if (resource === undefined) throw new DOMException("no Location in the WHEP answer", "OperationError");
      await connection.setRemoteDescription({ type: "answer", sdp });
      options.signal.throwIfAborted();
      const id = resource.split("?")[0]?.split("/").at(-1) ?? "";
      return new WhepSession(decodeURIComponent(id), stream, resource, connection, options);
    } catch (error) {
      connection.close();
      if (resource !== undefined) void end(resource, options.fetch);
      throw error;
    }
  }

  /** End it here and at the gateway. */
  close(): void {
    if (this.over) return;
    this.over = true;
    window.clearTimeout(this.lostTimer);
    this.connection.removeEventListener("connectionstatechange", this.connectionChanged);
    // In this order: closing tells the gateway, too, which then knows no session to delete.
    void Promise.race([end(this.resource, this.options.fetch), pause(CLOSE_MS)]).then(() => this.connection.close());
  }

  private readonly connectionChanged = () => {
    window.clearTimeout(this.lostTimer);
    const state = this.connection.connectionState;
    if (state === "failed" || state === "closed") this.lose();
    if (state === "disconnected") this.lostTimer = window.setTimeout(() => this.lose(), DISCONNECTED_MS);
  };

  private lose(): void {
    if (this.over) return;
    this.close();
    this.options.onLost();
  }
}

/** DELETE the session. `keepalive` lets it go out while the page closes; a failure means that it is over already. */
async function end(resource: string, fetch: Fetch): Promise<void> {
  try {
    await fetch(resource, { method: "DELETE", keepalive: true });
  } catch {
    // over already, or out of reach: the gateway notices by itself
  }
}

const pause = (ms: number) => new Promise((resolve) => window.setTimeout(resolve, ms));

function gathered(connection: RTCPeerConnection): Promise<void> {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      window.clearTimeout(timer);
      connection.removeEventListener("icegatheringstatechange", check);
      resolve();
    };
    const check = () => {
      if (connection.iceGatheringState === "complete") done();
    };
    const timer = window.setTimeout(done, GATHER_MS);
    connection.addEventListener("icegatheringstatechange", check);
  });
}
