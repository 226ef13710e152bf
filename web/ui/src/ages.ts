/**
 * Ages that count up in a long list. The list is drawn when something in it changes; in between only the text of its
 * `<time data-at>` elements does, where it is another than before.
 */

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { age } from "./format";
import { store } from "./store";

/** Keeps each `<time data-at="MILLISECONDS">` of its host's shadow at its age; such an element has no content of its own. */
export class Ages implements ReactiveController {
  private timer = 0;

  /** `atOf` says when what an element is about was, if that is newer than its `data-at`. */
  constructor(
    private readonly host: ReactiveControllerHost & { readonly renderRoot: ParentNode },
    private readonly atOf: (element: HTMLElement) => number | null = () => null,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.timer = window.setInterval(() => this.tell(), 1000);
  }

  hostDisconnected(): void {
    window.clearInterval(this.timer);
  }

  hostUpdated(): void {
    this.tell();
  }

  private tell(): void {
    if (document.hidden) return;
    const now = store.now();
    for (const element of this.host.renderRoot.querySelectorAll<HTMLElement>("time[data-at]")) {
      const text = age(now - (this.atOf(element) ?? Number(element.dataset.at)));
      if (element.textContent !== text) element.textContent = text;
    }
  }
}
