/** Of what is long only that which is in sight is in the page, and a little around it: rows of one height. */

import type { LitElement, ReactiveController } from "lit";

/** Rows above and below that are there before somebody scrolls or tabs to them. */
const AROUND = 6;
/** Until the host has its size. */
const FIRST_HEIGHT = 900;

export class Windowed implements ReactiveController {
  private first = 0;
  private last = 0;
  private roots: Node[] = [];
  private readonly resized = new ResizeObserver(() => this.look());

  /**
   * @param rowHeight in pixels, as it is now
   * @param rows what has the rows, where something else than the host scrolls
   * @param around rows above and below what is in sight
   */
  constructor(
    private readonly host: LitElement,
    private readonly rowHeight: () => number,
    private readonly rows: (() => Element | null) | null = null,
    private readonly around = AROUND,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    // A scroll leaves no shadow root: whoever scrolls the host is heard in the roots around it.
    this.roots = this.rows ? [this.host.renderRoot, ...rootsOf(this.host)] : [this.host];
    for (const root of this.roots) root.addEventListener("scroll", this.look, { passive: true, capture: true });
    this.resized.observe(this.host);
    this.look();
  }

  hostUpdated(): void {
    if (this.rows) this.look();
  }

  hostDisconnected(): void {
    for (const root of this.roots) root.removeEventListener("scroll", this.look, { capture: true });
    this.resized.disconnect();
  }

  /** Which of so many rows are in the page. */
  range(count: number): { from: number; to: number } {
    const from = Math.max(0, Math.min(count, this.first) - this.around);
    return { from, to: Math.min(count, this.last + this.around) };
  }

  private readonly look = (): void => {
    const row = this.rowHeight();
    const { from, height } = this.inSight();
    const first = Math.max(0, Math.floor(from / row));
    const last = Math.max(first, Math.ceil((from + height) / row));
    if (first === this.first && last === this.last) return;
    this.first = first;
    this.last = last;
    this.host.requestUpdate();
  };

  /** Where what is in sight begins, from the first row on, and how high it is, in pixels. */
  private inSight(): { from: number; height: number } {
    if (!this.rows) return { from: this.host.scrollTop, height: this.host.clientHeight || FIRST_HEIGHT };
    const top = this.rows()?.getBoundingClientRect().top ?? 0;
    return { from: -top, height: window.innerHeight };
  }
}

/** The roots that an element is in, from the inside out. */
function rootsOf(element: Element): Node[] {
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? [root, ...rootsOf(root.host)] : [root];
}
