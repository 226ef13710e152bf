/**
 * The one WebSocket to /api/events: opens it, notices when it is dead, opens it again. What the messages mean is the
 * store's affair.
 */

import { backoff } from "./backoff";
import type { ServerEvent } from "./model";

/** Fixes of many units come in one message. */
const PATH = "/api/events?fixes=together";
/** The gateway pings every 10 s; after this long without a word the socket is dead. */
const SILENCE_MS = 25_000;
/** The same for who has just come back from a sleep, or from another network: it need not be waited for. */
const QUIET_MS = 12_000;
const ECHO_MS = 5_000;
const TICK_MS = 1_000;
/** Timers that stood still for so long: the computer slept. A page that is not seen has one a minute. */
const SLEPT_MS = 90_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;
/** The gateway's close codes for "logged out" and "no right to be logged in". */
const LOGGED_OUT: readonly number[] = [4401, 4403];

export interface EventsListener {
  received(event: ServerEvent): void;
  /** What was asked at `sent` was answered at `utc` (the gateway's clock), and has just arrived. */
  echoed(utc: number, sent: number): void;
  /** An echo is awaited since then; null: none. By this computer's clock. */
  awaiting(since: number | null): void;
  /** The socket is gone; the next attempt starts at `retryAt` (milliseconds since the Unix epoch, this computer's clock). */
  lost(retryAt: number): void;
  connecting(): void;
  loggedOut(): void;
}

export class EventStream {
  private socket: WebSocket | null = null;
  private timer = 0;
  private ticking = 0;
  private tickedAt = 0;
  private heardAt = 0;
  private failures = 0;
  private running = false;
  private echo: { id: number; sent: number } | null = null;
  private echoes = 0;

  constructor(private readonly listener: EventsListener) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.failures = 0;
    window.addEventListener("online", this.revive);
    document.addEventListener("resume", this.revive);
    document.addEventListener("visibilitychange", this.seen);
    this.tickedAt = Date.now();
    this.ticking = window.setInterval(() => this.tick(), TICK_MS);
    this.connect();
  }

  stop(): void {
    this.running = false;
    window.clearTimeout(this.timer);
    window.clearInterval(this.ticking);
    window.removeEventListener("online", this.revive);
    document.removeEventListener("resume", this.revive);
    document.removeEventListener("visibilitychange", this.seen);
    this.drop();
  }

  /** Do not wait for the next attempt. */
  readonly retryNow = (): void => {
    if (!this.running || this.socket) return;
    window.clearTimeout(this.timer);
    this.connect();
  };

  /** The network is another, or time has stood still: what has been silent since is not waited for. */
  private readonly revive = (): void => {
    if (this.socket && Date.now() - this.heardAt < QUIET_MS) return;
    this.drop();
    this.retryNow();
  };

  private readonly seen = (): void => {
    if (!document.hidden) this.revive();
  };

  private tick(): void {
    const here = Date.now();
    if (here - this.tickedAt > SLEPT_MS) this.revive();
    this.tickedAt = here;
    if (this.socket?.readyState !== WebSocket.OPEN || this.echo !== null || here % ECHO_MS >= TICK_MS) return;
    this.ask();
  }

  private ask(): void {
    this.echo = { id: ++this.echoes, sent: Date.now() };
    this.listener.awaiting(this.echo.sent);
    this.socket?.send(JSON.stringify({ type: "ping", id: this.echo.id }));
  }

  private connect(): void {
    this.listener.connecting();
    const socket = new WebSocket(new URL(PATH, window.location.href.replace(/^http/, "ws")));
    this.socket = socket;
    this.watchSilence();
    socket.addEventListener("message", (message: MessageEvent<string>) => {
      if (socket !== this.socket) return;
      this.failures = 0;
      this.heardAt = Date.now();
      this.watchSilence();
      const event = JSON.parse(message.data) as ServerEvent;
      if (event.type === "pong") {
        if (event.id === this.echo?.id) this.listener.echoed(Date.parse(event.utc), this.echo.sent);
        this.awaitNothing();
        return;
      }
      this.listener.received(event);
      if (event.type === "state" && this.echo === null) this.ask();
    });
    socket.addEventListener("close", (event) => {
      if (socket !== this.socket) return;
      this.socket = null;
      this.awaitNothing();
      if (LOGGED_OUT.includes(event.code)) {
        this.stop();
        this.listener.loggedOut();
      } else this.retryLater();
    });
  }

  private awaitNothing(): void {
    this.echo = null;
    this.listener.awaiting(null);
  }

  private retryLater(): void {
    const wait = backoff(this.failures++, FIRST_RETRY_MS, LAST_RETRY_MS);
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.connect(), wait);
    this.listener.lost(Date.now() + wait);
  }

  private watchSilence(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.drop();
      this.retryLater();
    }, SILENCE_MS);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null; // its close event no longer concerns us
    this.awaitNothing();
    socket?.close();
  }
}
