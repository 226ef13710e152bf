/** `<link-banner>`: says that the gateway does not answer, since when and what happens next; and that it is back. */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import { age, utcTime } from "../format";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";

const words = strings.link;
/** "It is back" has been read by then. */
const BACK_MS = 6_000;

@customElement("link-banner")
export class LinkBanner extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      .banner {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s4);
        padding: var(--s2) var(--s4);
        border-bottom: 1px solid var(--stale);
        background: color-mix(in srgb, var(--panel), var(--stale) 18%);
      }
      .banner.back {
        border-bottom-color: var(--live);
        background: color-mix(in srgb, var(--panel), var(--live) 14%);
      }
      .text {
        flex: 1;
        min-width: 16em;
      }
    `,
  ];

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.link]);
  }

  override render() {
    const { downSince, retryAt, back } = store.link;
    if (downSince !== null) {
      const seconds = retryAt === null ? 0 : Math.ceil((retryAt - Date.now()) / 1000);
      return html`<div class="banner" data-testid="link-banner">
        <span class="text figures">
          <span role="alert"><strong>${words.down}</strong> ${words.since(utcTime(downSince))} ${words.explain}</span>
          ${seconds > 0 ? words.retryingIn(seconds) : words.retryingNow}
        </span>
        <button @click=${() => store.retryLink()}>${words.retry}</button>
      </div>`;
    }
    if (back && Date.now() - back.at < BACK_MS)
      return html`<div class="banner back" role="status" data-testid="link-back">${words.back(age(back.after))}</div>`;
    return nothing;
  }
}
