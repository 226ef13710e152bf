/**
 * One WHEP session (draft-ietf-wish-whep): offer out, answer in, a MediaStream that plays; an ICE restart when the
 * network changes. Knows nothing of elements, cameras or retries.
 */

import type { Vitals } from "./link-health";
import { restartFragment, restartedAnswer } from "./ice";
import { end, exchange, newConnection, sessionName, type Exchange } from "./sdp-exchange";

export interface WhepOptions extends Exchange {
  /** The session is over, and nobody here asked for it. Called at most once. */
  onLost: () => void;
  /** Offer no codec that this browser may name and not decode. */
  plain?: boolean;
}

/** How large the picture is shown: for a small one the camera's second stream will do. */
export type Size = "full" | "small";

/** Why a session shows nothing: no way to the gateway's port, no picture on it, or none that can be decoded. */
export type Obstacle = "unreachable" | "silent" | "undecodable";

/** ICE may find its way back, by itself or by a restart; after this long it has not. */
const RECOVERY_MS = 8_000;
/** The gateway may take this long to hear that a session ends. */
const CLOSE_MS = 1_000;

export class WhepSession {
  private recoveryTimer = 0;
  private over = false;
  /** What `vitals` has told of already: pictures, and the seconds that they waited. */
  private emitted = 0;
  private delayed = 0;

  private constructor(
    /** The gateway's name for this session: its anchors carry it. */
    readonly id: string,
    readonly stream: MediaStream,
    private readonly resource: string,
    private answer: string,
    private readonly connection: RTCPeerConnection,
    private readonly options: WhepOptions,
  ) {
    connection.addEventListener("connectionstatechange", this.connectionChanged);
    window.addEventListener("pagehide", this.lose);
    this.connectionChanged();
  }

  /**
   * Begin watching. Resolves once the answer is in; the first picture follows.
   *
   * @throws whatever `fetch` rejects with, or a DOMException when the answer cannot be used or `signal` aborts
   */
  static async open(endpoint: string, options: WhepOptions): Promise<WhepSession> {
    const connection = newConnection();
    const stream = new MediaStream();
    connection.addEventListener("track", (event) => stream.addTrack(event.track));
    try {
      const video = connection.addTransceiver("video", { direction: "recvonly" });
      if (options.plain) video.setCodecPreferences(plainCodecs());
      connection.addTransceiver("audio", { direction: "recvonly" });
      const { resource, answer } = await exchange(connection, endpoint, options);
      return new WhepSession(sessionName(resource), stream, resource, answer, connection, options);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Why nothing is shown, as far as this side can tell. */
  async obstacle(): Promise<Obstacle> {
    if (this.connection.connectionState !== "connected") return "unreachable";
    let packets = 0;
    (await this.connection.getStats()).forEach((report: RTCInboundRtpStreamStats) => {
      if (report.type === "inbound-rtp" && report.kind === "video") packets += report.packetsReceived ?? 0;
    });
    return packets > 0 ? "undecodable" : "silent";
  }

  /** The picture is shown this large from now on: another stream comes in with a keyframe, if the camera has one. */
  async resize(size: Size): Promise<void> {
    const headers = { "Content-Type": "application/json" };
    try {
      await this.options.fetch(this.resource, { method: "PATCH", headers, body: JSON.stringify({ size }) });
    } catch {
      // over already, or out of reach, which the connection notices: the picture that there is is better than none
    }
  }

  /** How the pictures come. */
  async vitals(): Promise<Vitals> {
    const vitals: Vitals = { packetsReceived: 0, packetsLost: 0, roundTrip: null, buffer: 0 };
    (await this.connection.getStats()).forEach((report: RTCInboundRtpStreamStats & RTCIceCandidatePairStats) => {
      if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined)
        vitals.roundTrip = report.currentRoundTripTime * 1000;
      if (report.type !== "inbound-rtp" || report.kind !== "video") return;
      vitals.packetsReceived = report.packetsReceived ?? 0;
      vitals.packetsLost = report.packetsLost ?? 0;
      const emitted = (report.jitterBufferEmittedCount ?? 0) - this.emitted;
      const delay = (report.jitterBufferDelay ?? 0) - this.delayed;
      this.emitted += emitted;
      this.delayed += delay;
      vitals.buffer = emitted > 0 ? (1000 * delay) / emitted : 0;
    });
    return vitals;
  }

  /** End it here and at the gateway. */
  close(): void {
    if (this.over) return;
    this.over = true;
    window.clearTimeout(this.recoveryTimer);
    window.removeEventListener("pagehide", this.lose);
    this.connection.removeEventListener("connectionstatechange", this.connectionChanged);
    // In this order: closing tells the gateway, too, which then knows no session to delete.
    void Promise.race([end(this.resource, this.options.fetch), pause(CLOSE_MS)]).then(() => this.connection.close());
  }

  private readonly connectionChanged = () => {
    const state = this.connection.connectionState;
    if (state === "closed") this.lose();
    else if (state === "disconnected" || state === "failed") this.recover();
    else if (state === "connected") {
      window.clearTimeout(this.recoveryTimer);
      this.recoveryTimer = 0;
    }
  };

  private recover(): void {
    if (this.recoveryTimer !== 0) return;
    this.recoveryTimer = window.setTimeout(this.lose, RECOVERY_MS);
    // Refused: the session is over there. Out of reach: so is the picture, and who retries opens a new one.
    this.restartIce().catch(this.lose);
  }

  /** New credentials on both sides; media goes on by the old ones for as long as they work. */
  private async restartIce(): Promise<void> {
    const offer = await this.connection.createOffer({ iceRestart: true });
    const response = await this.options.fetch(this.resource, {
      method: "PATCH",
      headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" },
      body: restartFragment(offer.sdp ?? ""),
    });
    const fragment = await response.text();
    if (this.over) return;
    this.answer = restartedAnswer(this.answer, fragment);
    await this.connection.setLocalDescription(offer);
    await this.connection.setRemoteDescription({ type: "answer", sdp: this.answer });
  }

  private readonly lose = () => {
    if (this.over) return;
    this.close();
    this.options.onLost();
  };
}

/** H.265 is offered where the hardware may decode it, which shows only then. */
const plainCodecs = () =>
  (RTCRtpReceiver.getCapabilities("video")?.codecs ?? []).filter((codec) => codec.mimeType !== "video/H265");

const pause = (ms: number) => new Promise((resolve) => window.setTimeout(resolve, ms));
