/** `<bookmark-list>`: the bookmarks in the time that is shown. Fires `seek`, `begin`, `added`, and `remove-bookmark`, which bubbles. */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Lane } from "../archive/lane";
import type { Bookmark } from "../archive/model";
import type { Window } from "../archive/scale";
import { utcDateTime, utcTime } from "../format";
import { icons } from "../icons";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";
import { panelStyles } from "./panel-styles";

const words = archiveStrings.bookmarks;

@customElement("bookmark-list")
export class BookmarkList extends LitElement {
  static override styles = [
    controls,
    panelStyles,
    css`
      form {
        margin-bottom: var(--s3);
      }
    `,
  ];

  @property({ attribute: false }) lanes: readonly Lane[] = [];
  @property({ attribute: false }) window: Window = { from: 0, to: 0 };
  /** Bookmarks say whose they are. */
  @property({ type: Boolean }) many = false;
  /** Where a new one is being made; null: none is. */
  @property({ attribute: false }) adding: number | null = null;
  @property({ attribute: false }) add: (text: string) => Promise<void> = () => Promise.resolve();
  @state() private error = "";
  @state() private busy = false;
  @query("input") private field!: HTMLInputElement | null;

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("adding") && this.adding !== null) this.field?.focus();
  }

  private tell(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const text = this.field?.value.trim() ?? "";
    if (text === "") return this.field?.focus();
    this.busy = true;
    this.error = "";
    try {
      await this.add(text);
      this.tell("added");
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  };

  private get listed(): { camera: string; at: number; bookmark: Bookmark }[] {
    const { from, to } = this.window;
    return this.lanes
      .flatMap((lane) => lane.bookmarks.map((mark) => ({ camera: lane.camera, ...mark })))
      .filter(({ at }) => from <= at && at < to)
      .sort((a, b) => a.at - b.at);
  }

  override render() {
    const { listed } = this;
    return html`${this.adding === null
      ? html`<button class="begin" data-testid="bookmark-begin" @click=${() => this.tell("begin")}>
          ${icons.bookmark} ${archiveStrings.controls.bookmark}
        </button>`
      : this.renderForm(this.adding)}
    ${listed.length === 0
      ? html`<p class="quiet">${words.none}</p>`
      : html`<ul data-testid="bookmarks">
          ${listed.map((mark) => this.renderMark(mark))}
        </ul>`}`;
  }

  private renderForm(at: number) {
    return html`<form data-testid="bookmark-form" @submit=${this.submit}>
      <label
        >${words.add} ${utcDateTime(at)} ${archiveStrings.utc}
        <input
          data-testid="bookmark-text"
          maxlength="200"
          autocomplete="off"
          aria-label=${words.text}
          placeholder=${words.placeholder}
          @keydown=${(event: KeyboardEvent) => {
            if (event.key === "Escape") this.tell("added");
            event.stopPropagation();
          }}
        />
      </label>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      <div class="actions">
        <button type="button" @click=${() => this.tell("added")}>${words.cancel}</button>
        <button class="primary" data-testid="bookmark-save" ?disabled=${this.busy}>${words.save}</button>
      </div>
    </form>`;
  }

  private renderMark({ camera, at, bookmark }: { camera: string; at: number; bookmark: Bookmark }) {
    const name = this.many ? `${store.camera(camera)?.name ?? camera} · ` : "";
    return html`<li>
      <button
        class="row"
        data-testid="bookmark-go"
        title=${words.go(bookmark.text, utcTime(at))}
        @click=${() => this.tell("seek", at)}
      >
        <span>${bookmark.text}</span><small>${name}${utcDateTime(at)} · ${words.by(bookmark.created_by)}</small>
      </button>
      <button
        class="plain icon"
        data-testid="bookmark-remove"
        title=${words.remove(bookmark.text)}
        aria-label=${words.remove(bookmark.text)}
        @click=${() => this.tell("remove-bookmark", { camera, bookmark })}
      >
        ${icons.remove}
      </button>
    </li>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "bookmark-list": BookmarkList;
  }
}
