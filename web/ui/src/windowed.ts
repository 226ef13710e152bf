/** Of a long list only what is in sight is in the page, and a little around it: rows of one height in a host that scrolls. */

import type { LitElement, ReactiveController } from "lit";

/** Rows above and below that are there before somebody scrolls or tabs to them. */
const AROUND = 6;
/** Until the host has its size. */
const FIRST_HEIGHT = 900;

export class Windowed implements ReactiveController {
  private first = 0;
  private last = 0;
  private readonly resized = new ResizeObserver(() => this.look());

  /** @param rowHeight in pixels, as it is now */
  constructor(
    private readonly host: LitElement,
    private readonly rowHeight: () => number,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.host.addEventListener("scroll", this.look, { passive: true });
    this.resized.observe(this.host);
    this.look();
  }

  hostDisconnected(): void {
    this.host.removeEventListener("scroll", this.look);
    this.resized.disconnect();
  }

  /** Which of so many rows are in the page. */
  range(count: number): { from: number; to: number } {
    const from = Math.max(0, Math.min(count, this.first) - AROUND);
    return { from, to: Math.min(count, this.last + AROUND) };
  }

  private readonly look = (): void => {
    const row = this.rowHeight();
    const first = Math.floor(this.host.scrollTop / row);
    const last = Math.ceil((this.host.scrollTop + (this.host.clientHeight || FIRST_HEIGHT)) / row);
    if (first === this.first && last === this.last) return;
    this.first = first;
    this.last = last;
    this.host.requestUpdate();
  };
}
