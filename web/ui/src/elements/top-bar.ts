/** `<top-bar>`: search, how many units are in which state, and the time: UTC and local. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import { stateOf, type Look } from "../faces";
import { localTime, utcTime } from "../format";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";
import "./search-palette";
import type { SearchPalette } from "./search-palette";
import "./state-mark";

const ORDER: Look[] = ["live", "stale", "connecting", "offline", "disabled", "unknown"];

@customElement("top-bar")
export class TopBar extends LitElement {
  static override styles = [
    controls,
    css`
      header {
        display: flex;
        align-items: center;
        gap: var(--s4);
        height: 48px;
        padding: 0 var(--s4) 0 var(--s2);
        border-bottom: 1px solid var(--line);
        background: var(--panel);
      }
      search-palette {
        flex: 0 1 300px;
      }
      .counts {
        display: flex;
        gap: var(--s4);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
      }
      .space {
        flex: 1;
      }
      .time {
        display: flex;
        gap: var(--s4);
        white-space: nowrap;
      }
      .zone {
        color: var(--quiet);
        font-size: 12px;
      }
      @media (max-width: 900px) {
        .local {
          display: none;
        }
      }
      @media (max-width: 720px) {
        header {
          height: 56px;
          gap: var(--s3);
          padding-inline: var(--s2) var(--s3);
        }
        search-palette {
          flex: 1 1 110px;
        }
        .space {
          display: none;
        }
        .counts {
          gap: var(--s2);
        }
        .time {
          display: grid;
          gap: 0;
          font-size: 12px;
          line-height: 1.3;
          text-align: right;
        }
        .local {
          display: block;
        }
      }
    `,
  ];

  @query("search-palette") private palette!: SearchPalette;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.link.downSince]);
  }

  /** Put the cursor into the search. */
  search(): void {
    this.palette.focus();
  }

  override render() {
    const now = store.now();
    const away = store.link.downSince !== null;
    const counts = new Map<Look, number>();
    for (const camera of store.cameras ?? []) {
      if (store.gone(camera.id)) continue;
      const look = stateOf(camera, away);
      counts.set(look, (counts.get(look) ?? 0) + 1);
    }
    const short = window.matchMedia("(max-width: 720px)").matches;
    return html`<header>
      <search-palette></search-palette>
      <ul class="counts figures" aria-label=${strings.bar.counts} data-testid="counts">
        ${ORDER.map((look) => {
          const n = counts.get(look);
          const text = short ? String(n) : `${n} ${strings.status[look]}`;
          return n ? html`<li><state-mark look=${look} .text=${text}></state-mark></li>` : nothing;
        })}
      </ul>
      <span class="space"></span>
      <span class="time figures">
        <span>${utcTime(now)} <span class="zone">${strings.bar.utc}</span></span>
        <span class="local">${localTime(now)} <span class="zone">${strings.bar.local}</span></span>
      </span>
    </header>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "top-bar": TopBar;
  }
}
