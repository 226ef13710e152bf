/**
 * `<wall-bar>`: above the tiles: which wall, which layout, which page, and what was changed last. Fires `choose`
 * (WallId), `layout` (Layout), `page` (number from 0), `arrange`, `byname` and `full`; walls it saves, names and deletes
 * itself.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { icons } from "../icons";
import { strings } from "../strings";
import { wallStrings as words } from "../strings-wall";
import type { WallDesk, WallId } from "../wall-desk";
import { LAYOUTS, type Arranged } from "../walls";
import { controls } from "./controls";
import "./wall-name";

@customElement("wall-bar")
export class WallBar extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        position: relative;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s2);
        padding-bottom: var(--s2);
      }
      select {
        width: auto;
        max-width: 200px;
        padding: 0 var(--s2);
        text-overflow: ellipsis;
      }
      .space {
        flex: 1;
      }
      .done {
        display: flex;
        align-items: center;
        gap: var(--s2);
        min-width: 0;
        color: var(--quiet);
      }
      .done > span {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .pages {
        display: flex;
        align-items: center;
        gap: var(--s1);
      }
      .more {
        inset: auto;
        margin: 0;
        padding: var(--s1);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--panel);
        box-shadow: 0 8px 24px rgb(0 0 0 / 35%);
        position: absolute;
      }
      .more:popover-open {
        display: grid;
      }
      .more button {
        justify-content: start;
      }
      .back {
        transform: scaleX(-1);
      }
      @media (max-width: 720px) {
        :host {
          padding-inline: var(--s2);
        }
        select {
          flex: 1 1 110px;
          min-width: 0;
          font-size: 16px; /* smaller, and a phone zooms in on focus */
        }
        .full,
        .word {
          display: none;
        }
        .space {
          display: none;
        }
        .done {
          flex: 1 1 100%;
          order: 9;
        }
        .done > span {
          flex: 1;
        }
      }
    `,
  ];

  @property({ attribute: false }) desk!: WallDesk;
  @property({ attribute: false }) wall: WallId = "all";
  /** What the wall shows now, saved or not. */
  @property({ attribute: false }) arranged!: Arranged;
  /** Grows with every change of the desk. */
  @property({ type: Number }) revision = 0;
  @property({ type: Number }) page = 0;
  @property({ type: Number }) pages = 1;
  @property({ type: Boolean }) arranging = false;
  @state() private naming: "save" | "rename" | null = null;
  @query(".more") private more!: HTMLElement;

  private fire(name: string, detail: unknown = null): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  private readonly chosen = (event: Event) => {
    const { value } = event.target as HTMLSelectElement;
    this.fire("choose", value === "all" ? "all" : Number(value));
  };

  private readonly opened = (event: ToggleEvent) => {
    if (event.newState !== "open") return;
    // In the top layer, where nothing clips it: below the button that opened it.
    const below = this.renderRoot.querySelector("[popovertarget]")?.getBoundingClientRect();
    this.more.style.setProperty("left", `${below?.left ?? 0}px`);
    this.more.style.setProperty("top", `${(below?.bottom ?? 0) + 4}px`);
  };

  private async delete(): Promise<void> {
    const wall = this.desk.find(this.wall);
    if (!wall) return;
    try {
      await this.desk.remove(wall, (again) => this.fire("choose", again.id));
      this.fire("choose", "all");
    } catch (error) {
      this.desk.fail((error as Error).message);
    }
  }

  override render() {
    const { desk, wall, arranged, page, pages } = this;
    const saved = desk.find(wall);
    return html`
      <select aria-label=${words.wall} data-testid="wall-picker" @change=${this.chosen}>
        <option value="all" .selected=${!saved}>${words.all}</option>
        ${(desk.saved ?? []).map(
          (one) => html`<option value=${one.id} .selected=${one.id === wall}>${one.name}</option>`,
        )}
      </select>
      <select
        aria-label=${words.layout}
        data-testid="wall-layout"
        @change=${(event: Event) => this.fire("layout", (event.target as HTMLSelectElement).value)}
      >
        ${LAYOUTS.map(
          (layout) => html`<option value=${layout} .selected=${layout === arranged.layout}>${words.layouts[layout]}</option>`,
        )}
      </select>
      <button class="icon" popovertarget="more" data-testid="wall-more" title=${words.more} aria-label=${words.more}>
        ${icons.more}
      </button>
      <div class="more" id="more" popover @beforetoggle=${this.opened} @click=${() => this.more.hidePopover()}>
        <button class="plain" data-testid="wall-save-as" @click=${() => (this.naming = "save")}>${words.saveAs}</button>
        ${saved
          ? html`<button class="plain" data-testid="wall-rename" @click=${() => (this.naming = "rename")}>${words.rename}</button>
              <button class="plain" data-testid="wall-delete" @click=${() => void this.delete()}>${words.remove}</button>`
          : html`<button class="plain" @click=${() => this.fire("byname")}>${words.byName}</button>`}
      </div>
      <span class="space"></span>
      ${this.renderDone()}
      ${pages > 1 ? this.renderPages(page, pages) : nothing}
      <button
        data-testid="wall-arrange"
        title=${words.arrangeHint}
        aria-label=${words.arrange}
        aria-pressed=${this.arranging}
        @click=${() => this.fire("arrange")}
      >
        ${icons.move} <span class="word">${words.arrange}</span>
      </button>
      <button
        class="icon full"
        data-testid="wall-full"
        title=${words.fullScreen}
        aria-label=${words.fullScreen}
        @click=${() => this.fire("full")}
      >
        ${icons.fullScreen}
      </button>
      ${this.renderNaming()}
    `;
  }

  private renderPages(page: number, pages: number) {
    return html`<span class="pages" role="group" aria-label=${words.pagesLong(page + 1, pages)}>
      <button
        class="icon back"
        data-testid="page-before"
        title=${words.before}
        aria-label=${words.before}
        ?disabled=${page === 0}
        @click=${() => this.fire("page", page - 1)}
      >
        ${icons.next}
      </button>
      <span class="figures" data-testid="pages">${words.pages(page + 1, pages)}</span>
      <button
        class="icon"
        data-testid="page-next"
        title=${words.next}
        aria-label=${words.next}
        ?disabled=${page === pages - 1}
        @click=${() => this.fire("page", page + 1)}
      >
        ${icons.next}
      </button>
    </span>`;
  }

  /** The change that can be taken back, or why it was not saved. */
  private renderDone() {
    const { done, error } = this.desk;
    if (!done && !error) return nothing;
    return html`<span class="done" data-testid="wall-done">
      <span role="status">${error || done?.sentence}</span>
      ${done
        ? html`<button data-testid="wall-undo" @click=${() => void this.desk.undo()}>${icons.undo} ${strings.page.undo}</button>`
        : nothing}
      <button class="plain icon" aria-label=${strings.page.dismiss} @click=${() => this.desk.forgetDone()}>${icons.close}</button>
    </span>`;
  }

  private renderNaming() {
    const saved = this.desk.find(this.wall);
    const close = () => (this.naming = null);
    if (this.naming === "save")
      return html`<wall-name
        .heading=${words.naming.saveTitle}
        .text=${words.naming.saveText}
        .confirm=${words.naming.save}
        .act=${async (name: string) => this.fire("choose", (await this.desk.saveAs(name, this.arranged)).id)}
        @close=${close}
      ></wall-name>`;
    if (this.naming === "rename" && saved)
      return html`<wall-name
        .heading=${words.naming.renameTitle(saved.name)}
        .confirm=${words.naming.rename}
        .name=${saved.name}
        .act=${(name: string) => this.desk.rename(saved.id, name)}
        @close=${close}
      ></wall-name>`;
    return nothing;
  }
}
