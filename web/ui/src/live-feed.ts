/**
 * Keeps one camera's WHEP session open for as long as somebody wants it: opens, notices the end, tries again with
 * growing pauses. Knows nothing of elements.
 */

import { ApiError } from "./api";
import { backoff } from "./backoff";
import type { Fetch } from "./sdp-exchange";
import { WhepSession, type Size } from "./whep";
import { strings } from "./strings";

/** A session that shows nothing; the message says why. */
class NoPictureError extends Error {}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8_000;
/** A right that is missing now will hardly be there in a second. */
const REFUSED_RETRY_MS = 30_000;

export interface FeedFailure {
  message: string;
  refused: boolean;
  /** The policy wants to know why one watches. */
  reasonNeeded: boolean;
  /** When the next attempt starts, by this computer's clock. */
  retryAt: number;
}

export class LiveFeed {
  session: WhepSession | null = null;
  failure: FeedFailure | null = null;
  private attempt: AbortController | null = null;
  private timer = 0;
  private failures = 0;
  /** The last session showed nothing: what it failed by stands until there is a picture. */
  private barren = false;
  /** Pictures came that this browser did not decode: it is offered what every browser does. */
  private plain = false;
  private size: Size = "full";

  constructor(
    private readonly endpoint: string,
    private readonly fetch: Fetch,
    /** `session` or `failure` has changed. */
    public changed: () => void,
    /** Whether the link is known to carry little before anything was sent over it. */
    private readonly isSlow: () => boolean = () => false,
  ) {}

  get running(): boolean {
    return this.attempt !== null;
  }

  /** The picture is shown this large from now on: the session that runs goes over to it, and the next begin so. */
  resize(size: Size): void {
    if (this.size === size) return;
    this.size = size;
    void this.session?.resize(size);
  }

  start(): void {
    if (this.running) return;
    this.failures = 0;
    void this.open();
  }

  stop(): void {
    window.clearTimeout(this.timer);
    this.attempt?.abort();
    this.attempt = null;
    this.failure = null;
    this.barren = false;
    this.end();
  }

  /** The session plays nothing: begin anew. */
  restart(): void {
    if (!this.running) return;
    this.end();
    void this.open();
  }

  /** The session has shown nothing so far: find out why, and begin anew after a pause. */
  async fruitless(): Promise<void> {
    const session = this.session;
    const obstacle = await session?.obstacle();
    if (obstacle === undefined || this.session !== session) return;
    this.plain ||= obstacle === "undecodable";
    this.barren = true;
    this.end();
    this.retryLater(new NoPictureError(strings.obstacles[obstacle]));
  }

  /** Pictures come: the next failure starts with a short pause again. */
  healthy(): void {
    this.failures = 0;
    if (this.barren) this.failure = null;
    this.barren = false;
  }

  private end(): void {
    const session = this.session;
    this.session = null;
    session?.close();
    if (session) this.changed();
  }

  private async open(): Promise<void> {
    window.clearTimeout(this.timer);
    this.attempt?.abort();
    const attempt = new AbortController();
    this.attempt = attempt;
    const { size } = this;
    try {
      const session = await WhepSession.open(beginning(this.endpoint, size, this.isSlow()), {
        fetch: this.fetch,
        signal: attempt.signal,
        plain: this.plain,
        onLost: () => {
          this.session = null;
          this.changed();
          this.retryLater(null);
        },
      });
      this.session = session;
      if (this.size !== size) void session.resize(this.size);
      if (!this.barren) this.failure = null;
      this.changed();
    } catch (error) {
      if (!attempt.signal.aborted) this.retryLater(error);
    }
  }

  private retryLater(error: unknown): void {
    const refused = error instanceof ApiError && (error.status === 401 || error.status === 403);
    const pause = backoff(this.failures, FIRST_RETRY_MS, LAST_RETRY_MS);
    const asked = error instanceof ApiError && error.retryAfter !== null ? error.retryAfter * 1000 : 0;
    const wait = refused ? REFUSED_RETRY_MS : Math.max(pause, asked);
    this.failures++;
    if (error !== null)
      this.failure = {
        message: sentence(error),
        refused,
        reasonNeeded: error instanceof ApiError && error.reasonNeeded,
        retryAt: Date.now() + wait,
      };
    this.timer = window.setTimeout(() => void this.open(), wait);
    this.changed();
  }
}

/** Where the session is asked for, with what its picture is to begin with. */
function beginning(endpoint: string, size: Size, slow: boolean): string {
  const asked = [...(size === "small" ? ["size=small"] : []), ...(slow ? ["link=slow"] : [])];
  return asked.length === 0 ? endpoint : `${endpoint}?${asked.join("&")}`;
}

/** What went wrong, and what to do. */
function sentence(error: unknown): string {
  if (error instanceof ApiError) return error.status === 422 ? strings.errors.noCodec(error.message) : error.message;
  return error instanceof NoPictureError ? error.message : strings.errors.noPicture;
}
