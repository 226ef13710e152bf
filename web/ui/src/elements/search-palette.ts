/**
 * `<search-palette>`: the field in the top bar, and under it what it finds: units, incidents, pages, a place. All by keys:
 * arrows choose, Enter goes there, Ctrl Enter follows a unit on the map. What one wrote can also narrow the wall.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { Watch } from "../controllers";
import { stateOf } from "../faces";
import { goals } from "../goals";
import { icons } from "../icons";
import { find, Recent, type Found } from "../search";
import { store } from "../store";
import { strings } from "../strings";
import { mapStrings } from "../strings-map";
import { controls } from "./controls";
import "./state-mark";

const words = mapStrings.search;

/** To show on the wall only those that fit. */
interface Filter {
  key: "filter";
  kind: "filter";
  title: string;
  detail: string;
}

type Offer = Found | Filter;

@customElement("search-palette")
export class SearchPalette extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        position: relative;
        min-width: 0;
      }
      form {
        position: relative;
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
      .found {
        position: absolute;
        z-index: 20;
        top: calc(100% + 6px);
        left: 0;
        width: max(100%, min(440px, 100vw - 80px));
        max-height: min(560px, 100dvh - 80px);
        overflow: auto;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--panel);
        box-shadow: 0 6px 24px rgb(0 0 0 / 40%);
      }
      ul {
        margin: 0;
        padding: var(--s1);
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: var(--s2);
        min-height: 36px;
        padding: var(--s1) var(--s2);
        border-radius: 4px;
        cursor: pointer;
      }
      li[aria-selected="true"] {
        background: color-mix(in srgb, var(--raised), var(--accent) 22%);
        box-shadow: inset 2px 0 0 var(--accent);
      }
      .title {
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      small {
        flex: 0 1 auto;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        color: var(--quiet);
      }
      .kind {
        flex: none;
        margin-left: auto;
      }
      li[aria-selected="true"] small {
        color: var(--text); /* quiet text is too faint on the chosen line */
      }
      p {
        margin: 0;
        padding: var(--s2) var(--s3);
        border-top: 1px solid var(--line);
        color: var(--quiet);
        font-size: 12px;
      }
      p:first-child {
        border-top: 0;
        font-size: inherit;
      }
      @media (max-width: 720px) {
        input {
          padding-right: var(--s2);
          font-size: 16px; /* smaller, and a phone zooms in on focus */
        }
        form > span,
        .hint {
          display: none;
        }
        li {
          min-height: 44px;
        }
        .found {
          position: fixed;
          top: 58px;
          left: var(--s2);
          right: var(--s2);
          width: auto;
        }
      }
    `,
  ];

  @query("input") private input!: HTMLInputElement;
  @state() private open = false;
  @state() private text = "";
  @state() private chosen = 0;
  private readonly recent = new Recent(localStorage);

  constructor() {
    super();
    new Watch(this, (s) => [s.query, this.open && s.cameras, this.open && s.duty.incidents.told]);
    this.addEventListener("focusout", () => this.shut());
  }

  /** Put the cursor into the field. */
  override focus(): void {
    this.input.focus();
    this.input.select();
  }

  private shut(): void {
    this.open = false;
  }

  private get offers(): readonly Offer[] {
    const found = find(this.text, goals(), this.recent.keys);
    const units = store.matching(this.text).length;
    if (!this.text.trim() || units < 2) return found;
    return [...found, { key: "filter", kind: "filter", title: words.filter(units), detail: "" }];
  }

  private write(text: string): void {
    this.text = text;
    this.chosen = 0;
    this.open = true;
    if (!text) store.search("");
  }

  private leave(): void {
    this.text = "";
    this.shut();
    this.input.blur();
  }

  /** @param follow stay where one is, and have the map follow the unit */
  private take(offer: Offer | undefined, follow: boolean): void {
    if (!offer) return;
    if (offer.kind === "filter") {
      store.search(this.text);
      if (store.view.name !== "map") store.go({ name: "wall" });
      this.shut();
      this.input.blur();
      return;
    }
    if (offer.kind === "place") {
      if (!showsMap()) store.go({ name: "map" });
      store.map.ask(offer.place);
    } else {
      this.recent.add(offer.key);
      if (offer.view.name === "unit" && follow) {
        if (!showsMap()) store.go({ name: "map" });
        store.map.follow(offer.view.id);
      } else store.go(offer.view);
    }
    store.search("");
    this.leave();
  }

  private readonly key = (event: KeyboardEvent): void => {
    const { offers } = this;
    const move = (by: number) => {
      this.open = true;
      this.chosen = (this.chosen + by + offers.length) % Math.max(1, offers.length);
      void this.updateComplete.then(() => this.renderRoot.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }));
    };
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter") this.take(offers[this.chosen], event.ctrlKey || event.metaKey);
    else if (event.key === "Escape") {
      store.search("");
      this.leave();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  override render() {
    const shown = this.text || store.query;
    const offers = this.open ? this.offers : [];
    const listed = this.open && (offers.length > 0 || this.text.trim() !== "");
    return html`<form role="search" aria-label=${words.label} @submit=${(event: Event) => event.preventDefault()}>
        ${icons.search}
        <input
          type="text"
          role="combobox"
          data-testid="search"
          aria-label=${words.label}
          aria-autocomplete="list"
          aria-expanded=${listed}
          aria-controls="found"
          aria-activedescendant=${offers.length > 0 ? `found-${this.chosen}` : nothing}
          placeholder=${words.placeholder}
          autocomplete="off"
          spellcheck="false"
          .value=${shown}
          @focus=${() => (this.open = true)}
          @click=${() => (this.open = true)}
          @input=${() => this.write(this.input.value)}
          @keydown=${this.key}
        />
        ${shown
          ? html`<button
              type="button"
              class="plain clear"
              aria-label=${strings.bar.clear}
              @click=${() => {
                this.write("");
                this.shut();
              }}
            >
              ${icons.close}
            </button>`
          : html`<span><kbd aria-hidden="true">${strings.bar.searchHint}</kbd></span>`}
      </form>
      <div class="found" ?hidden=${!listed}>
        ${listed && offers.length === 0 ? html`<p role="status">${words.none(this.text)}</p>` : nothing}
        <ul id="found" role="listbox" aria-label=${words.results}>
          ${offers.map((offer, index) => this.renderOffer(offer, index))}
        </ul>
        ${offers.length > 0 ? html`<p class="hint">${words.hint}</p>` : nothing}
      </div>`;
  }

  private renderOffer(offer: Offer, index: number) {
    return html`<li
      id="found-${index}"
      role="option"
      data-testid="found"
      data-kind=${offer.kind}
      aria-selected=${index === this.chosen}
      @pointerdown=${(event: Event) => event.preventDefault() /* the field keeps the focus, the list stays */}
      @pointermove=${() => (this.chosen = index)}
      @click=${(event: MouseEvent) => this.take(offer, event.ctrlKey || event.metaKey)}
    >
      ${this.renderMark(offer)} <span class="title">${offer.title}</span> <small>${offer.detail}</small>
      <small class="kind">${this.kindOf(offer)}</small>
    </li>`;
  }

  private renderMark(offer: Offer) {
    switch (offer.kind) {
      case "unit": {
        const camera = offer.view.name === "unit" ? store.camera(offer.view.id) : undefined;
        return camera ? html`<state-mark look=${stateOf(camera, store.link.downSince !== null)} bare></state-mark>` : nothing;
      }
      case "incident":
        return icons.incidents;
      case "place":
        return icons.fit;
      case "filter":
        return icons.wall;
      case "page":
        return icons.next;
    }
  }

  private kindOf({ kind, key }: Offer): string {
    if (!this.text && this.recent.keys.includes(key)) return words.recent;
    if (kind === "filter") return words.filterDo;
    if (kind === "incident") return "";
    return words[kind];
  }
}

/** Whether a map stands beside what is in front. */
const showsMap = () => ["wall", "map", "unit"].includes(store.view.name);

declare global {
  interface HTMLElementTagNameMap {
    "search-palette": SearchPalette;
  }
}
