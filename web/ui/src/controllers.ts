/**
 * How elements follow the store and the time.
 */

import type { ReactiveController, ReactiveControllerHost } from "lit";
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
