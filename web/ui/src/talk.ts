/**
 * One talk to a camera: the microphone, and a WHIP session (RFC 9725) that sends it. Knows nothing of elements or cameras.
 *
 * The microphone is asked for when a talk begins, not before, and let go of when it ends.
 */

import { end, exchange, newConnection, sessionName, type Exchange } from "./sdp-exchange";

/** What stands in the way, for who shows it to say in words. */
export type Hindrance = "insecure" | "denied" | "no-microphone" | "microphone-busy" | "unreachable";

export class TalkError extends Error {
  constructor(readonly hindrance: Hindrance) {
    super(hindrance);
  }
}

export interface TalkOptions extends Exchange {
  /** The speaker is heard from now on. */
  onTalking: () => void;
  /** The talk is over, and nobody here asked for it; why, as a clause of the gateway's or as what is in the way here. */
  onEnded: (why: string | TalkError | null) => void;
}

/** From the answer to the first packet; then something keeps the gateway's port from this computer. */
const CONNECT_MS = 10_000;
/** The gateway says why it ended a talk by another way than it ends it: this is waited for. */
const REASON_MS = 500;

/** Talks that are under way, by the name that the gateway gave them. */
const open = new Map<string, Talk>();

/** The gateway says that a talk is over, and why. */
export function talkEnded(session: string, why: string): void {
  open.get(session)?.lost(why);
}

export class Talk {
  private over = false;
  private timer = 0;

  private constructor(
    private readonly id: string,
    private readonly resource: string,
    private readonly connection: RTCPeerConnection,
    private readonly microphone: Microphone,
    private readonly options: TalkOptions,
  ) {
    open.set(id, this);
    this.timer = window.setTimeout(() => this.lost(new TalkError("unreachable")), CONNECT_MS);
    connection.addEventListener("connectionstatechange", this.changed);
    window.addEventListener("pagehide", this.leave);
    this.changed();
  }

  /**
   * Ask for the microphone, and have it heard. Resolves once the gateway has reached the camera; `onTalking` follows.
   *
   * @throws {TalkError} this side is in the way; or whatever `fetch` rejects with, or a DOMException when aborted
   */
  static async begin(endpoint: string, options: TalkOptions): Promise<Talk> {
    const microphone = await Microphone.open(options.signal);
    const connection = newConnection();
    try {
      const transceiver = connection.addTransceiver(microphone.track, { direction: "sendonly" });
      transceiver.setCodecPreferences(laws());
      const { resource } = await exchange(connection, endpoint, options);
      return new Talk(sessionName(resource), resource, connection, microphone, options);
    } catch (error) {
      connection.close();
      microphone.close();
      throw error;
    }
  }

  /** How loud the microphone is now, 0 to 1. */
  level(): number {
    return this.microphone.level();
  }

  /** End it here and at the gateway. */
  close(): void {
    if (this.over) return;
    this.over = true;
    open.delete(this.id);
    window.clearTimeout(this.timer);
    window.removeEventListener("pagehide", this.leave);
    this.connection.removeEventListener("connectionstatechange", this.changed);
    this.microphone.close();
    // In this order: closing tells the gateway, too, which then knows no talk to delete.
    void end(this.resource, this.options.fetch).finally(() => this.connection.close());
  }

  /** It is over there. */
  lost(why: string | TalkError | null): void {
    if (this.over) return;
    this.close();
    this.options.onEnded(why);
  }

  private readonly leave = () => this.close();

  private readonly changed = () => {
    const state = this.connection.connectionState;
    if (state === "connected") {
      window.clearTimeout(this.timer);
      this.options.onTalking();
    } else if (state === "failed" || state === "closed") {
      window.clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.lost(null), REASON_MS);
    }
  };
}

/** The microphone of this computer while somebody talks. */
class Microphone {
  private readonly samples: Float32Array<ArrayBuffer>;

  private constructor(
    readonly track: MediaStreamTrack,
    private readonly context: AudioContext,
    private readonly analyser: AnalyserNode,
  ) {
    this.samples = new Float32Array(analyser.fftSize);
  }

  static async open(signal: AbortSignal): Promise<Microphone> {
    // Browsers hide the microphone from pages that came over plain HTTP.
    if (!window.isSecureContext) throw new TalkError("insecure");
    const stream = await navigator.mediaDevices
      .getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } })
      .catch((error: unknown) => {
        throw new TalkError(hindranceOf(error instanceof DOMException ? error.name : ""));
      });
    const [track] = stream.getAudioTracks();
    if (!track) throw new TalkError("no-microphone");
    if (signal.aborted) {
      track.stop();
      signal.throwIfAborted();
    }
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    return new Microphone(track, context, analyser);
  }

  /** Decibels look as loudness sounds: -60 dB of full scale is 0, 0 dB is 1. */
  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    const decibels = 10 * Math.log10(sum / this.samples.length + 1e-12);
    return Math.min(1, Math.max(0, 1 + decibels / 60));
  }

  close(): void {
    this.track.stop();
    void this.context.close();
  }
}

/** By the name of what getUserMedia rejects with (Media Capture and Streams 10.2). */
export function hindranceOf(name: string): Hindrance {
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "no-microphone";
  return "microphone-busy";
}

/** What cameras play, so that nothing has to be coded anew. */
const laws = () =>
  (RTCRtpSender.getCapabilities("audio")?.codecs ?? []).filter(({ mimeType }) =>
    ["audio/pcmu", "audio/pcma"].includes(mimeType.toLowerCase()),
  );
