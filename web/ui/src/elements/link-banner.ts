/**
 * `<link-banner>`: says what is wrong with the link: this device has no network, the gateway does not answer (since when,
 * and what happens next), or the way to it is slow; that it is back; and that the gateway has a newer page.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import { age, percent, utcTime } from "../format";
import { store } from "../store";
import { strings } from "../strings";
import { linkStrings } from "../strings-link";
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
    new Watch(this, (s) => [s.link, s.app.newer]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("online", this.networkChanged);
    window.addEventListener("offline", this.networkChanged);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("online", this.networkChanged);
    window.removeEventListener("offline", this.networkChanged);
  }

  private readonly networkChanged = () => this.requestUpdate();

  override render() {
    const { downSince, retryAt, back } = store.link;
    const { state, roundTrip, loss } = store.health.news(Date.now(), downSince !== null, navigator.onLine);
    if (downSince !== null) {
      const seconds = retryAt === null ? 0 : Math.ceil((retryAt - Date.now()) / 1000);
      const [what, explain] = state === "offline" ? [linkStrings.offline, linkStrings.offlineExplain] : [words.down, words.explain];
      return html`<div class="banner" data-testid="link-banner" data-state=${state}>
        <span class="text figures">
          <span role="alert"><strong>${what}</strong> ${words.since(utcTime(downSince))} ${explain}</span>
          ${seconds > 0 ? words.retryingIn(seconds) : words.retryingNow}
        </span>
        <button @click=${() => store.retryLink()}>${words.retry}</button>
      </div>`;
    }
    if (store.app.newer)
      return html`<div class="banner back" role="status" data-testid="newer-page">
        <span class="text">${linkStrings.app.newer}</span>
        <button @click=${() => void store.app.reload()}>${linkStrings.app.reload}</button>
      </div>`;
    if (state === "slow") return this.renderSlow(roundTrip, loss);
    if (back && Date.now() - back.at < BACK_MS)
      return html`<div class="banner back" role="status" data-testid="link-back">${words.back(age(back.after))}</div>`;
    return nothing;
  }

  /** The sentence is read out once; what is measured changes all the time, and is not. */
  private renderSlow(roundTrip: number | null, loss: number) {
    const measured = [
      ...(roundTrip === null ? [] : [linkStrings.roundTrip((roundTrip / 1000).toFixed(1))]),
      ...(loss < 0.01 ? [] : [linkStrings.lost(percent(100 * loss))]),
    ];
    return html`<div class="banner" data-testid="link-slow">
      <span class="text">
        <span role="status"><strong>${linkStrings.slow}.</strong> ${linkStrings.slowExplain}</span>
        <span class="figures">${measured.join(", ")}</span>
      </span>
    </div>`;
  }
}
