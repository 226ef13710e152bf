/**
 * `<live-picture>`: one camera's moving picture. Watches while it is in sight, closes its session while it is not,
 * notices a frozen picture, and keeps the last one to show when no more come.
 *
 * Fires `picture` (PictureState) when that changes, and `frame` (the UTC of the frame on screen in milliseconds, or
 * null) at most five times a second.
 */

import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { request, whepEndpoint, withReason } from "../api";
import { Watch } from "../controllers";
import { BLANK, type Look, type PictureState } from "../faces";
import { linkIsSlow } from "../first-load";
import { LiveFeed, type FeedFailure } from "../live-feed";
import type { Camera } from "../model";
import { park, unpark } from "../parked-feeds";
import { store } from "../store";
import type { Fetch } from "../sdp-exchange";
import type { Size } from "../whep";

/** Without a frame for this long, the picture is frozen. */
const FROZEN_MS = 3_000;
/** Scrolled out of sight, or in a tab behind others, for this long: the session ends. A glance elsewhere costs none. */
const UNSEEN_MS = 1_000;
const BEHIND_MS = 15_000;
/** Frozen for this long although the camera is live: another session may do better. */
const RESTART_MS = 8_000;
const FRAME_EVENT_MS = 200;
const CHECK_MS = 1_000;
/** Between two looks at how the pictures come. */
const EXAMINE_MS = 3_000;
/** The picture that is kept needs no more pixels than this across. */
const HELD_WIDTH = 960;

const NO_RIGHT: FeedFailure = { message: "", refused: true, reasonNeeded: false, retryAt: 0 };
const NO_REASON: FeedFailure = { message: "", refused: true, reasonNeeded: true, retryAt: 0 };

@customElement("live-picture")
export class LivePicture extends LitElement {
  static override styles = css`
    :host {
      display: block;
      position: relative;
      overflow: hidden;
      background: var(--picture);
    }
    video,
    canvas {
      position: absolute;
      inset: 0;
      width: 100%;
      height: 100%;
      object-fit: contain;
    }
    canvas {
      visibility: hidden;
    }
    :host([held]) canvas {
      visibility: visible;
    }
    :host([held]) video {
      visibility: hidden;
    }
    :host([look="stale"]) :is(video, canvas),
    :host([look="live"][held]) canvas,
    :host([look="unknown"]) :is(video, canvas) {
      filter: grayscale(1) brightness(0.6);
    }
    :host([look="offline"]) :is(video, canvas),
    :host([look="connecting"]) :is(video, canvas),
    :host([look="disabled"]) :is(video, canvas) {
      filter: grayscale(0.7) brightness(0.35);
    }
  `;

  @property({ attribute: false }) camera!: Camera;
  @property({ type: Boolean }) muted = true;
  @property({ reflect: true }) look: Look = "connecting";
  /** Watch a camera that connects on demand, too. */
  @property({ type: Boolean }) eager = false;
  /** A small one is content with the camera's second stream. */
  @property() size: Size = "full";
  /** The last picture is shown because no new one comes. */
  @property({ type: Boolean, reflect: true }) held = false;

  @query("video") private video!: HTMLVideoElement;
  @query("canvas") private canvas!: HTMLCanvasElement;

  private feed: LiveFeed | null = null;
  private inSight = false;
  private lastFrameAt: number | null = null;
  private playing = false;
  private sessionSince = 0;
  private told: PictureState | null = null;
  private frameToldAt = 0;
  private checkTimer = 0;
  private examinedAt = 0;
  /** Runs while nobody sees the picture, which is still watched. */
  private unseenTimer = 0;
  /** Ends this picture's part in an incident of watching. */
  private unwatch: (() => void) | null = null;
  private readonly sight = new IntersectionObserver((entries) => {
    this.inSight = entries.at(-1)?.isIntersecting ?? false;
    this.decide();
  });

  constructor() {
    super();
    new Watch(this, (s) => [s.reasonVersion]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.sight.observe(this);
    document.addEventListener("visibilitychange", this.decide);
    window.addEventListener("pagehide", this.leave);
    this.checkTimer = window.setInterval(() => this.check(), CHECK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sight.disconnect();
    document.removeEventListener("visibilitychange", this.decide);
    window.removeEventListener("pagehide", this.leave);
    window.clearInterval(this.checkTimer);
    // A tile that is put elsewhere on the wall is out of the page for no longer than this task.
    queueMicrotask(() => {
      if (!this.isConnected) this.handOver();
    });
  }

  override render() {
    return html`<video data-testid="video" autoplay playsinline .muted=${this.muted} tabindex="-1"></video
      ><canvas aria-hidden="true"></canvas>`;
  }

  override firstUpdated(): void {
    this.video.requestVideoFrameCallback(this.frameShown);
    this.tell();
  }

  override updated(changed: PropertyValues<this>): void {
    const before = changed.get("camera");
    if (before && before.id !== this.camera.id) this.reset();
    // A session has the sound that there was when it began, and the delay that suits it.
    else if (before && before.tracks.length > 0 && hasSound(before) !== hasSound(this.camera)) this.feed?.restart();
    this.decide();
    if (BLANK.has(this.look)) this.wipe();
  }

  /** Another camera: nothing of the last one may stay on screen. */
  private reset(): void {
    this.leave();
    this.feed = null;
    this.wipe();
    this.tell();
  }

  /** Out of the page: who shows this unit next may go on with what runs. */
  private handOver(): void {
    this.inSight = false;
    const feed = this.feed?.session ? this.feed : null;
    if (feed) {
      this.feed = null;
      park(this.camera.id, feed);
    }
    this.leave();
  }

  /** Let go of the last picture. */
  private wipe(): void {
    this.held = false;
    this.lastFrameAt = null;
    this.canvas.width = 0;
  }

  private readonly leave = (): void => {
    window.clearTimeout(this.unseenTimer);
    this.unseenTimer = 0;
    this.hold();
    this.feed?.stop();
    this.unwatch?.();
    this.unwatch = null;
  };

  /** Watch, or not. */
  private readonly decide = (): void => {
    if (!this.hasUpdated) return;
    const status = this.camera.status;
    // "disabled" is a camera that connects when somebody watches. What runs is kept while the camera comes or returns.
    const opens = status === "live" || (status === "disabled" && this.eager);
    const watchable = opens || (status !== "offline" && this.feed?.running === true);
    const seen = this.inSight && !document.hidden;
    if (!watchable || this.obstacle !== null || !seen) {
      if (watchable && this.obstacle === null && this.feed?.running)
        this.unseenTimer ||= window.setTimeout(this.leave, this.inSight ? BEHIND_MS : UNSEEN_MS);
      else if (this.feed?.running) this.leave();
      this.tell();
      return;
    }
    window.clearTimeout(this.unseenTimer);
    this.unseenTimer = 0;
    this.feed ??= this.takeOver() ?? new LiveFeed(whepEndpoint(this.camera.id), fetchFor(this.camera.id), this.feedChanged, linkIsSlow);
    this.feed.resize(this.size);
    // A reason that is given now does not wait for the next attempt.
    if (this.feed.failure?.reasonNeeded && store.reasonFor(this.camera.id) !== null) this.feed.restart();
    else this.feed.start();
    this.unwatch ??= store.watching(this.camera.id);
  };

  /** What another picture of this unit has left just now. */
  private takeOver(): LiveFeed | null {
    const feed = unpark(this.camera.id);
    if (!feed) return null;
    feed.changed = this.feedChanged;
    this.feed = feed;
    this.feedChanged();
    return feed;
  }

  /** Why watching is not even tried. */
  private get obstacle(): FeedFailure | null {
    if (!this.camera.rights.includes("live")) return NO_RIGHT; // a private camera gives it to nobody
    return this.camera.reason_needed && store.reasonFor(this.camera.id) === null ? NO_REASON : null;
  }

  private readonly feedChanged = (): void => {
    const session = this.feed?.session;
    if (session && this.video.srcObject !== session.stream) {
      this.hold();
      this.sessionSince = Date.now();
      this.video.srcObject = session.stream;
      // autoplay does it, except where the browser wants a gesture: then the picture waits for one
      this.video.play().catch(() => undefined);
    } else if (!session) this.hold();
    this.tell();
  };

  /** Keep the picture that is on screen, and let go of the stream. */
  private hold(): void {
    if (!this.hasUpdated) return;
    const { videoWidth, videoHeight, srcObject } = this.video;
    if (this.feed?.session) store.health.ended(this.feed.session.id);
    if (!srcObject) return;
    if (videoWidth > 0 && this.lastFrameAt !== null && this.obstacle === null) {
      const scale = Math.min(1, HELD_WIDTH / videoWidth);
      this.canvas.width = Math.round(videoWidth * scale);
      this.canvas.height = Math.round(videoHeight * scale);
      this.canvas.getContext("2d")?.drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
      this.held = true;
    }
    this.video.srcObject = null;
    this.playing = false;
    this.tell();
  }

  private readonly frameShown = (_now: number, meta: VideoFrameCallbackMetadata): void => {
    this.video.requestVideoFrameCallback(this.frameShown);
    const session = this.feed?.session;
    if (!session) return;
    const here = Date.now();
    this.lastFrameAt = here;
    if (!this.playing) {
      this.playing = true;
      this.held = false;
      this.feed?.healthy();
      this.tell();
    }
    if (here - this.frameToldAt < FRAME_EVENT_MS) return;
    this.frameToldAt = here;
    const utc = meta.rtpTimestamp === undefined ? null : store.frameClock(session.id).utcOf(meta.rtpTimestamp);
    this.dispatchEvent(new CustomEvent<number | null>("frame", { detail: utc }));
  };

  private check(): void {
    const here = Date.now();
    const silence = here - Math.max(this.lastFrameAt ?? 0, this.sessionSince);
    const session = this.feed?.session;
    if (session && here - this.examinedAt > EXAMINE_MS) {
      this.examinedAt = here;
      void session.vitals().then((vitals) => store.health.picture(session.id, vitals));
    }
    if (this.playing && silence > FROZEN_MS) {
      this.playing = false;
      this.tell();
    }
    if (!this.feed?.session || this.camera.status !== "live" || silence <= RESTART_MS) return;
    if ((this.lastFrameAt ?? 0) < this.sessionSince) void this.feed.fruitless();
    else this.feed.restart();
  }

  private tell(): void {
    const detail: PictureState = {
      lastFrameAt: this.lastFrameAt,
      playing: this.playing,
      failure: this.obstacle ?? this.feed?.failure ?? null,
      session: this.feed?.session?.id ?? null,
    };
    if (same(detail, this.told)) return;
    this.told = detail;
    this.dispatchEvent(new CustomEvent<PictureState>("picture", { detail }));
  }
}

/** Calls about one unit, with why it is watched. */
function fetchFor(unit: string): Fetch {
  return (path, init) => {
    const reason = store.reasonFor(unit);
    return request(path, reason === null ? init : withReason(init, reason));
  };
}

function same(a: PictureState, b: PictureState | null): boolean {
  return (Object.keys(a) as (keyof PictureState)[]).every((key) => a[key] === b?.[key]);
}

const hasSound = (camera: Camera) => camera.tracks.some((track) => track.kind === "audio");

declare global {
  interface HTMLElementTagNameMap {
    "live-picture": LivePicture;
  }
}
