/**
 * The one WebSocket to /api/events: opens it, notices when it is dead, opens it again. What the messages mean is the
 * store's affair.
 */

import type { ServerEvent } from "./model";

/** Fixes of many units come in one message. */
const PATH = "/api/events?fixes=together";
/** The gateway pings every 10 s; after this long without a word the socket is dead. */
const SILENCE_MS = 25_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;
/** The gateway's close codes for "logged out" and "no right to be logged in". */
const LOGGED_OUT: readonly number[] = [4401, 4403];

export interface EventsListener {
  received(event: ServerEvent): void;
  /** The socket is gone; the next attempt starts at `retryAt` (milliseconds since the Unix epoch, this computer's clock). */
  lost(retryAt: number): void;
  connecting(): void;
  loggedOut(): void;
}

export class EventStream {
  private socket: WebSocket | null = null;
  private timer = 0;
  private failures = 0;
  private running = false;

  constructor(private readonly listener: EventsListener) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.failures = 0;
    window.addEventListener("online", this.retryNow);
    this.connect();
  }

  stop(): void {
    this.running = false;
    window.clearTimeout(this.timer);
    window.removeEventListener("online", this.retryNow);
    this.drop();
  }

  /** Do not wait for the next attempt. */
  readonly retryNow = (): void => {
    if (!this.running || this.socket) return;
    window.clearTimeout(this.timer);
    this.connect();
  };

  private connect(): void {
    this.listener.connecting();
    const socket = new WebSocket(new URL(PATH, window.location.href.replace(/^http/, "ws")));
    this.socket = socket;
    this.watchSilence();
    socket.addEventListener("message", (message: MessageEvent<string>) => {
      if (socket !== this.socket) return;
      this.failures = 0;
      this.watchSilence();
      this.listener.received(JSON.parse(message.data) as ServerEvent);
    });
    socket.addEventListener("close", (event) => {
      if (socket !== this.socket) return;
      this.socket = null;
      if (LOGGED_OUT.includes(event.code)) {
        this.stop();
        this.listener.loggedOut();
      } else this.retryLater();
    });
  }

  private retryLater(): void {
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures++;
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
    socket?.close();
  }
}
