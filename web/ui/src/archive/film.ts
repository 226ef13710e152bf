/**
 * What was recorded of one camera, in a <video>: fetches the playlist of an hour around the moment that is wanted, and
 * the next one when that is left. Knows which UTC is on the screen. Times are milliseconds since the Unix epoch.
 *
 * Plays by hls.js where there are Media Source Extensions (iPhones from iOS 17.1 on, too), else by the browser's own HLS.
 */

import type Hls from "hls.js/light";
import type { ErrorData, Fragment, HlsConfig } from "hls.js/light";
import { ApiError } from "../api";
import { strings } from "../strings";
import { grows, piecesOf, placeOf, utcOf, withoutGaps, type Piece } from "./playlist";
import { loaderOf } from "./playlist-loader";
import { MINUTE, SECOND } from "./scale";

/** What is fetched at a time, before and after the moment that is wanted. */
const BEFORE_MS = 10 * MINUTE;
const AFTER_MS = 50 * MINUTE;
/** A playlist of the present in which nothing is yet is asked for again no more often than this. */
const AGAIN_MS = 4 * SECOND;
/** What is recorded now is in a playlist that is asked for after so long: a chunk's length, until it is told of, and the way. */
const TOLD_AFTER_MS = 8 * SECOND;
/** While so much lies ahead at single speed, what is recorded now is not asked for. */
const PLENTY_MS = 30 * SECOND;
const RETRY_MS = 3 * SECOND;
/** Seconds of media that are fetched ahead at single speed. */
const AHEAD_S = 20;
/** A picture's own time is rounded down: a little later is inside it. */
const INSIDE_S = 0.0005;
/** Before anything was played a picture is taken to last this long, seconds; steps are tried until there is another. */
const FRAME_S = 1 / 60;
const MOST_TRIES = 12;
/** A picture is on the screen so soon after the browser has arrived at it, or it is the same as before. */
const SHOWN_WITHIN_MS = 60;
const SEEK_MS = 2_000;
/** A picture this far ahead of the moment that is played is not its own. */
const TOO_LATE_S = 0.1;
/** A picture that comes to the screen later than this, at single speed, was not late: those before it are missing. */
const LATEST_S = 0.4;
/** Nearer to the end of what there is it stands when it seeks beyond, seconds. */
const LAST_S = 0.1;
/** Browsers play no faster. */
const FASTEST = 16;

/** How long hls.js tries to fetch a piece before it says so. */
const PATIENCE: HlsConfig["fragLoadPolicy"] = {
  default: {
    maxTimeToFirstByteMs: 8_000,
    maxLoadTimeMs: 60_000,
    timeoutRetry: { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: 1, retryDelayMs: 500, maxRetryDelayMs: 500 },
  },
};

export interface FilmSource {
  /** Why there is a source: what the failures are told of. */
  fetchPlaylist(from: number, to: number, signal: AbortSignal): Promise<string>;
  playlistUrl(from: number, to: number): string;
  /** The gateway's time. */
  now(): number;
}

/** What there is at a moment. */
export type Presence =
  | { kind: "media" }
  /** Nothing was recorded; it goes on at `next`. */
  | { kind: "gap"; next: number }
  /** Nothing more in what is loaded. */
  | { kind: "end" }
  /** Nothing yet: it is being recorded, and comes by itself. */
  | { kind: "edge" }
  | { kind: "loading" }
  | { kind: "failed" };

export interface FilmFailure {
  message: string;
  refused: boolean;
  reasonNeeded: boolean;
  /** It is tried again by itself, as long as it takes. */
  retrying: boolean;
}

export class Film {
  failure: FilmFailure | null = null;
  /** The UTC of the picture on the screen. */
  frameUtc: number | null = null;

  private hls: Hls | null = null;
  private pieces: readonly Piece[] = [];
  /** `at`: the gateway's time when it was last asked for. */
  private loaded: { from: number; to: number; at: number; grows: boolean } | null = null;
  private attempt: AbortController | null = null;
  private retryTimer = 0;
  private wanted = 0;
  /** Where to go once the browser has arrived where it was sent before. */
  private pending: number | null = null;
  private frameMedia: number | null = null;
  private frameS: number | null = null;
  /** How much later than by the video's clock the picture came to the screen, seconds of media. */
  private lateS = 0;
  private recovered = false;
  /** The place that the browser was sent to a second time. */
  private lookedAt: number | null = null;
  private callback = 0;
  /** One step after the other. */
  private stepped: Promise<number | null> = Promise.resolve(null);

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly source: FilmSource,
    /** Something to be seen has changed: a picture, a failure, what is loaded. */
    private readonly changed: () => void,
  ) {
    video.addEventListener("seeked", this.arrived);
    this.callback = video.requestVideoFrameCallback(this.shown);
  }

  close(): void {
    this.unload();
    this.video.removeEventListener("seeked", this.arrived);
    this.video.removeEventListener("seeked", this.lookAgain);
    this.video.cancelVideoFrameCallback(this.callback);
  }

  private unload(): void {
    this.attempt?.abort();
    this.attempt = null;
    window.clearTimeout(this.retryTimer);
    this.hls?.destroy();
    this.hls = null;
    this.pieces = [];
    this.loaded = null;
    this.pending = null;
    this.frameUtc = null;
    this.frameMedia = null;
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** Whether it waits for media of a moment that it has. */
  get waiting(): boolean {
    return this.video.seeking || this.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
  }

  /** The moment that is on the screen now, also between two pictures; null: none. */
  get utc(): number | null {
    const { pieces, video, lateS } = this;
    return pieces.length === 0 ? null : utcOf(pieces, video.currentTime - (video.paused ? 0 : lateS));
  }

  /** Up to when there is something, while more is being recorded; null: all there is is here. */
  get edge(): number | null {
    const last = this.pieces.at(-1);
    return this.loaded?.grows && last ? last.utc + last.duration * 1000 : null;
  }

  /** Whether what was recorded of a moment may not have been told of yet. */
  private comes(utc: number): boolean {
    const { loaded } = this;
    return loaded !== null && loaded.grows && utc > loaded.at - TOLD_AFTER_MS;
  }

  at(utc: number): Presence {
    if (this.failure) return { kind: this.failure.retrying ? "loading" : "failed" };
    if (!this.loaded || this.attempt) return { kind: "loading" };
    if (utc < this.loaded.from || utc >= this.loaded.to) return { kind: "loading" };
    const place = placeOf(this.pieces, utc);
    if (place.kind === "media") return { kind: "media" };
    if (place.kind === "gap") return { kind: "gap", next: place.utc };
    return { kind: this.comes(utc) ? "edge" : "end" };
  }

  /** Bring the picture of a moment, or of the next one that there is. Fetches what is not loaded. */
  seek(utc: number): void {
    this.wanted = utc;
    const { failure } = this;
    if (this.attempt || failure?.refused || failure?.retrying) return;
    this.failure = null;
    const { loaded } = this;
    if (!loaded || utc < loaded.from || utc >= loaded.to) return void this.load();
    const place = placeOf(this.pieces, utc);
    if (place.kind !== "outside" || this.edge !== null) this.go(this.startOf(utc));
    else if (loaded.to > loaded.at && this.source.now() - loaded.at > AGAIN_MS) void this.load();
  }

  /** Ask again, for example with the reason that was missing. */
  again(): void {
    this.failure = null;
    void this.load();
  }

  private go(media: number): void {
    if (this.video.seeking) this.pending = media;
    else if (Math.abs(this.video.currentTime - media) > INSIDE_S) this.video.currentTime = media;
  }

  private readonly arrived = (): void => {
    const { pending } = this;
    this.pending = null;
    if (pending !== null) this.go(pending);
    this.changed();
  };

  play(wanted: number): void {
    const rate = Math.min(FASTEST, wanted);
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
    if (this.hls) this.hls.config.maxBufferLength = AHEAD_S * Math.max(1, rate);
    if (this.video.paused) this.video.play().catch(() => undefined); // a seek in between rejects it
  }

  pause(): void {
    if (!this.video.paused) this.video.pause();
  }

  /** Go to the next picture, or the one before; resolves with its UTC, or null when there is none. */
  step(direction: 1 | -1): Promise<number | null> {
    this.stepped = this.stepped.then(() => this.stepNow(direction));
    return this.stepped;
  }

  private async stepNow(direction: 1 | -1): Promise<number | null> {
    const from = this.frameMedia;
    if (from === null || this.pieces.length === 0) return null;
    const length = this.frameS ?? FRAME_S;
    for (let n = 1; n <= MOST_TRIES; n++) {
      const media = direction > 0 ? from + length * n + INSIDE_S : from - length * (n - 0.5);
      if (media < 0) return null;
      const to = await this.seekAndShow(media);
      if (to === null || to === from) continue;
      this.frameS = Math.min(this.frameS ?? Infinity, Math.abs(to - from));
      return this.frameUtc;
    }
    return null;
  }

  /** Resolves with the media time of the picture that is shown then. */
  private seekAndShow(media: number): Promise<number | null> {
    const { video } = this;
    return new Promise((resolve) => {
      let timer = window.setTimeout(() => done(), SEEK_MS);
      const done = () => {
        window.clearTimeout(timer);
        video.removeEventListener("seeked", arrived);
        video.cancelVideoFrameCallback(callback);
        resolve(this.frameMedia);
      };
      // The same picture again is not told of.
      const arrived = () => {
        window.clearTimeout(timer);
        timer = window.setTimeout(done, SHOWN_WITHIN_MS);
      };
      const callback = video.requestVideoFrameCallback((_now, { mediaTime }) => {
        this.frameMedia = mediaTime;
        this.frameUtc = utcOf(this.pieces, mediaTime);
        done();
      });
      video.addEventListener("seeked", arrived);
      video.currentTime = media;
    });
  }

  private readonly shown = (_now: number, { mediaTime, presentationTime }: VideoFrameCallbackMetadata): void => {
    const { currentTime, playbackRate } = this.video;
    const since = ((performance.now() - presentationTime) / 1000) * playbackRate;
    const late = currentTime - since - mediaTime;
    this.lateS = late > 0 && late < LATEST_S * Math.max(1, playbackRate) ? late : 0;
    this.callback = this.video.requestVideoFrameCallback(this.shown);
    const before = this.frameMedia;
    this.frameMedia = mediaTime;
    this.frameUtc = utcOf(this.pieces, mediaTime);
    const length = before === null ? 0 : mediaTime - before;
    if (length > 0.004 && length < 0.5 && !this.video.paused) this.frameS = Math.min(this.frameS ?? Infinity, length);
    this.lookAgain();
    this.changed();
  };

  // ---- loading

  private async load(): Promise<void> {
    const utc = this.wanted;
    const [from, to] = [utc - BEFORE_MS, utc + AFTER_MS];
    this.attempt?.abort();
    window.clearTimeout(this.retryTimer);
    const attempt = new AbortController();
    this.attempt = attempt;
    const asked = this.source.now();
    this.changed();
    try {
      const [text, player] = await Promise.all([this.playlist(from, to, attempt.signal), hlsJs()]);
      if (attempt.signal.aborted) return;
      const playing = !this.video.paused;
      this.hls?.destroy();
      this.hls = null;
      this.frameMedia = null;
      this.pieces = piecesOf(text);
      // The browser's own HLS asks for more by itself, and does not tell.
      this.loaded = { from, to, at: asked, grows: grows(text) && player.isSupported() };
      this.attempt = null;
      this.failure = null;
      if (this.pieces.length > 0) this.open(player, from, to, text);
      else if (this.comes(utc)) this.retryTimer = window.setTimeout(() => void this.load(), AGAIN_MS);
      if (playing) this.video.play().catch(() => undefined);
      // Somebody may have gone on while it came.
      if (this.wanted !== utc) this.seek(this.wanted);
    } catch (error) {
      if (attempt.signal.aborted) return;
      this.attempt = null;
      this.fail(error);
    }
    this.changed();
  }

  /** The playlist of an interval; an empty one when nothing is recorded in it. */
  private async playlist(from: number, to: number, signal: AbortSignal): Promise<string> {
    try {
      return await this.source.fetchPlaylist(from, to, signal);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return "";
      throw error;
    }
  }

  private open(player: typeof Hls, from: number, to: number, text: string): void {
    const url = this.source.playlistUrl(from, to);
    if (!player.isSupported()) {
      this.openNatively(url);
      return;
    }
    this.pieces = compactPieces(this.pieces);
    const hls = new player({
      autoStartLoad: false,
      enableWorker: false, // it would be made of a blob, which the page's policy refuses; fMP4 needs no work
      maxBufferLength: AHEAD_S,
      backBufferLength: AHEAD_S,
      liveSyncDuration: LAST_S, // who has run out of what grows stays there
      fragLoadPolicy: PATIENCE,
      pLoader: loaderOf(withoutGaps(text), (signal) => this.more(from, to, signal)),
    });
    this.hls = hls;
    const start = this.startOf(this.wanted);
    const { Events } = player;
    hls.once(Events.LEVEL_LOADED, () => hls.startLoad(start));
    hls.on(Events.LEVEL_UPDATED, (_event, { details }) => this.grown(details.fragments));
    hls.on(Events.LEVEL_PTS_UPDATED, (_event, { details }) => this.placed(details.fragments));
    hls.on(Events.FRAG_BUFFERED, () => {
      this.recovered = false;
      this.settle();
      this.changed();
    });
    hls.on(Events.ERROR, (_event, data) => this.stumbled(player, hls, data));
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  /** The playlist again, which has grown; null: there is no hurry. */
  private async more(from: number, to: number, signal: AbortSignal): Promise<string | null> {
    const { edge, loaded, utc, video } = this;
    const ahead = (edge ?? 0) - Math.max(utc ?? 0, this.wanted);
    const asked = this.source.now();
    if (!loaded || asked - loaded.at < SECOND || ahead > PLENTY_MS * Math.max(1, video.playbackRate)) return null;
    const text = await this.source.fetchPlaylist(from, to, signal);
    // As long as hls.js has not read it, where its pieces lie is known by their lengths only.
    this.pieces = compactPieces(piecesOf(text)).map((piece, n) => this.pieces[n] ?? piece);
    this.loaded = { from, to, at: asked, grows: grows(text) };
    return withoutGaps(text);
  }

  private grown(fragments: readonly Fragment[]): void {
    this.placed(fragments);
    // Somebody stands where there was nothing yet.
    const { edge, video, wanted } = this;
    if (video.paused && edge !== null && !this.attempt && this.frameUtc !== null && wanted > this.frameUtc) this.seek(wanted);
    this.changed();
  }

  /**
   * Chromium, sent to a moment shortly before the first picture that it has, shows that one, and does not look again when
   * the right one comes.
   */
  private settle(): void {
    if (!this.video.seeking && this.tooLate) this.goAgain();
  }

  /** It may show that one when all are there, too. Once for each place: perhaps there is no picture of it. */
  private readonly lookAgain = (): void => {
    const { currentTime, paused, seeking } = this.video;
    if (!paused || !this.tooLate || this.lookedAt === currentTime) return;
    if (seeking) {
      this.video.addEventListener("seeked", this.lookAgain, { once: true });
    } else {
      this.lookedAt = currentTime;
      this.goAgain();
    }
  };

  private get tooLate(): boolean {
    return this.frameMedia !== null && this.frameMedia > this.video.currentTime + TOO_LATE_S;
  }

  private goAgain(): void {
    const { currentTime } = this.video;
    this.video.currentTime = currentTime;
  }

  private openNatively(url: string): void {
    const start = this.startOf(this.wanted);
    this.video.src = url;
    this.video.addEventListener("loadedmetadata", () => (this.video.currentTime = start), { once: true });
    this.video.addEventListener("error", () => this.fail(new Error(strings.errors.noPlayback)), { once: true });
  }

  private startOf(utc: number): number {
    const place = placeOf(this.pieces, utc);
    if (place.kind !== "outside") return place.start + INSIDE_S;
    const last = this.pieces.at(-1);
    return last ? last.start + Math.max(0, last.duration - LAST_S) : 0;
  }

  /** hls.js learns from the media where each piece begins. */
  private placed(fragments: readonly Fragment[]): void {
    if (fragments.length !== this.pieces.length) return;
    this.pieces = fragments.map(({ start, duration }, i) => ({ start, duration, utc: this.pieces[i]?.utc ?? 0 }));
  }

  private stumbled({ ErrorTypes }: typeof Hls, hls: Hls, data: ErrorData): void {
    const status = data.response?.code ?? 0;
    // Addresses in a playlist hold for a while only.
    if (status === 401 || status === 403 || status === 410) return void this.load();
    if (!data.fatal) return;
    if (data.type === ErrorTypes.MEDIA_ERROR && !this.recovered) {
      this.recovered = true;
      hls.recoverMediaError();
      return;
    }
    const network = data.type === ErrorTypes.NETWORK_ERROR;
    if (network && !this.waiting) {
      // What is here can still be played.
      window.clearTimeout(this.retryTimer);
      this.retryTimer = window.setTimeout(() => hls === this.hls && hls.startLoad(), RETRY_MS);
      return;
    }
    this.fail(network ? new ApiError(status, strings.errors.unreachable) : new Error(strings.errors.noPlayback));
  }

  private fail(error: unknown): void {
    const status = error instanceof ApiError ? error.status : -1;
    this.failure = {
      message: (error as Error).message,
      refused: status === 401 || status === 403 || status === 404,
      reasonNeeded: error instanceof ApiError && error.reasonNeeded,
      // What the gateway will hardly answer otherwise in a moment waits for somebody to ask again.
      retrying: status === 0 || status >= 500,
    };
    window.clearTimeout(this.retryTimer);
    if (this.failure.retrying) this.retryTimer = window.setTimeout(() => void this.load(), RETRY_MS);
    this.changed();
  }
}

/** hls.js, fetched with the first playlist: whoever opens a page on which something could be played does not wait for it. */
async function hlsJs(): Promise<typeof Hls> {
  try {
    return (await import("hls.js/light")).default;
  } catch {
    throw new ApiError(0, strings.errors.unreachable);
  }
}

/** The pieces as they lie in the media when the gaps are left out. */
function compactPieces(pieces: readonly Piece[]): Piece[] {
  let start = 0;
  return pieces.map(({ duration, utc }) => {
    const piece = { start, duration, utc };
    start += duration;
    return piece;
  });
}
