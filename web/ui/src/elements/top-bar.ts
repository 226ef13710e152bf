/** `<top-bar>`: search, how many units are in which state, and the time: UTC and local. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import { stateOf, type Look } from "../faces";
import { localTime, utcTime } from "../format";
import { icons } from "../icons";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";
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
      form {
        position: relative;
        flex: 0 1 300px;
        min-width: 0;
      }
      form > svg,
      form > span {
        position: absolute;
        top: 50%;
        left: 8px;
        transform: translateY(-50%);
        color: var(--quiet);
        pointer-events: none;
      }
      form > span {
        left: auto;
        right: 8px;
      }
      input {
        padding: 0 var(--s8) 0 34px;
      }
      .clear {
        position: absolute;
        right: 2px;
        top: 50%;
        min-height: 28px;
        width: 28px;
        transform: translateY(-50%);
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
        form {
          flex: 1 1 110px;
        }
        input {
          padding-right: var(--s2);
          font-size: 16px; /* smaller, and a phone zooms in on focus */
        }
        form > span,
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

  @query("input") private input!: HTMLInputElement;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.query, s.link.downSince]);
  }

  /** Put the cursor into the search. */
  search(): void {
    this.input.focus();
    this.input.select();
  }

  private readonly submit = (event: Event): void => {
    event.preventDefault();
    const [first] = store.matching();
    if (!first || !store.query) return;
    store.search("");
    store.go({ name: "unit", id: first.id });
    this.input.blur();
  };

  private readonly key = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    store.search("");
    this.input.blur();
  };

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
      <form role="search" @submit=${this.submit}>
        ${icons.search}
        <input
          type="text"
          data-testid="search"
          aria-label=${strings.bar.search}
          placeholder=${strings.bar.search}
          autocomplete="off"
          spellcheck="false"
          .value=${store.query}
          @input=${() => store.search(this.input.value)}
          @keydown=${this.key}
        />
        ${store.query
          ? html`<button type="button" class="plain clear" aria-label=${strings.bar.clear} @click=${() => store.search("")}>
              ${icons.close}
            </button>`
          : html`<span><kbd aria-hidden="true">${strings.bar.searchHint}</kbd></span>`}
      </form>
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
