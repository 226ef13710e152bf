/**
 * How elements follow the store and the time, and how they ask the gateway for what the store does not hold.
 */

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { ApiError } from "./api";
import { store, type Store } from "./store";

/** Updates its host when one of the values that `select` picks is another than before. */
export class Watch implements ReactiveController {
  private seen: readonly unknown[] = [];
  private stop: (() => void) | undefined;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly select: (store: Store) => readonly unknown[],
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.seen = this.select(store);
    this.stop = store.subscribe(() => {
      const values = this.select(store);
      if (values.every((value, i) => Object.is(value, this.seen[i]))) return;
      this.seen = values;
      this.host.requestUpdate();
    });
  }

  hostDisconnected(): void {
    this.stop?.();
  }
}

const hosts = new Set<() => void>();
let timer = 0;

/** Updates its host every second, so that ages count up. All hosts share one timer. */
export class EverySecond implements ReactiveController {
  private readonly tick = () => this.host.requestUpdate();

  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }

  hostConnected(): void {
    hosts.add(this.tick);
    timer ||= window.setInterval(() => hosts.forEach((tick) => tick()), 1000);
  }

  hostDisconnected(): void {
    hosts.delete(this.tick);
    if (hosts.size > 0) return;
    window.clearInterval(timer);
    timer = 0;
  }
}

/**
 * What one question to the gateway came to: nothing yet, a value, or why there is none. Asked as soon as the host is in
 * the page, and again on demand or, while somebody sees the page, every `every` milliseconds; the last value stays while
 * the next is under way, so that a list does not flicker.
 */
export class Fetched<T> implements ReactiveController {
  value: T | undefined = undefined;
  /** A sentence, when the last question failed. */
  error = "";
  /** The gateway has answered that there is no such thing. */
  missing = false;
  /** An answer is under way. */
  busy = false;
  private attempt: AbortController | null = null;
  private timer = 0;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly ask: (signal: AbortSignal) => Promise<T>,
    private readonly every?: number,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    void this.again();
    if (this.every === undefined) return;
    this.timer = window.setInterval(() => {
      if (!this.busy && !document.hidden) void this.again();
    }, this.every);
  }

  hostDisconnected(): void {
    this.attempt?.abort();
    window.clearInterval(this.timer);
  }

  /** Forget the value: what is asked now is something else. */
  anew(): Promise<void> {
    this.value = undefined;
    return this.again();
  }

  async again(): Promise<void> {
    this.attempt?.abort();
    const attempt = new AbortController();
    this.attempt = attempt;
    this.busy = true;
    this.host.requestUpdate();
    try {
      const value = await this.ask(attempt.signal);
      if (attempt.signal.aborted) return;
      this.value = value;
      this.error = "";
      this.missing = false;
    } catch (error) {
      if (attempt.signal.aborted) return;
      this.error = (error as Error).message;
      this.missing = error instanceof ApiError && error.status === 404;
    }
    this.busy = false;
    this.host.requestUpdate();
  }
}
