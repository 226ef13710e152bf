/** `<unit-wall>`: the tiles, as large as the space allows; or why there are none. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { arrange } from "../arrange";
import { Watch } from "../controllers";
import { icons } from "../icons";
import { store } from "../store";
import { strings } from "../strings";
import { styled } from "../styled";
import { controls } from "./controls";
import "./unit-tile";
import type { UnitTile } from "./unit-tile";

@customElement("unit-wall")
export class UnitWall extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        overflow: auto;
        padding: var(--s2);
      }
      .tiles {
        display: grid;
        justify-content: center;
        gap: 8px;
        grid-template-columns: repeat(var(--columns), var(--tile));
        grid-auto-rows: var(--row);
      }
      .note {
        display: grid;
        justify-items: center;
        align-content: center;
        gap: var(--s3);
        height: 100%;
        min-height: 320px;
        padding: var(--s6);
        text-align: center;
        color: var(--quiet);
      }
      .note h2 {
        margin: 0;
        color: var(--text);
        font-size: var(--large);
        font-weight: 600;
      }
      .note p {
        margin: 0;
        max-width: 52ch;
      }
      .large {
        display: grid;
        place-items: center;
        width: 72px;
        height: 72px;
        border: 1px solid var(--line);
        border-radius: 50%;
        background: var(--panel);
      }
      .large svg {
        width: 34px;
        height: 34px;
        stroke-width: 1.1;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: var(--s2);
        margin: var(--s2);
      }
      @media (max-width: 720px) {
        :host {
          overflow: visible;
        }
      }
    `,
  ];

  @state() private size = { width: 0, height: 0 };
  private readonly resized = new ResizeObserver(([entry]) => {
    if (entry) this.size = { width: entry.contentRect.width, height: entry.contentRect.height };
  });

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.query, s.session]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resized.disconnect();
  }

  /** The n-th tile, from 1. */
  tile(n: number): UnitTile | null {
    return this.renderRoot.querySelectorAll("unit-tile")[n - 1] ?? null;
  }

  override render() {
    const all = store.cameras;
    if (all === null) return html`<div class="note" role="status">${strings.wall.loading}</div>`;
    if (all.length === 0) return this.renderEmpty();
    const shown = store.matching();
    if (shown.length === 0)
      return html`<div class="note" role="status">
        <p>${strings.wall.noMatch(store.query)}</p>
        <button @click=${() => store.search("")}>${strings.wall.showAll}</button>
      </div>`;
    const single = window.matchMedia("(max-width: 720px)").matches;
    const { width, height } = this.size;
    const { columns, tile, row } = arrange(shown.length, width, single ? null : height);
    return html`<div
      class="tiles"
      role="region"
      aria-label=${strings.wall.label}
      data-testid="wall"
      ${styled({ "--columns": String(columns), "--tile": `${tile}px`, "--row": `${row}px` })}
    >
      ${repeat(
        shown,
        (camera) => camera.id,
        (camera, i) =>
          html`<unit-tile
            data-testid="tile"
            data-camera=${camera.id}
            .camera=${camera}
            .number=${i < 9 ? i + 1 : 0}
          ></unit-tile>`,
      )}
    </div>`;
  }

  private renderEmpty() {
    const may = store.mayChangeCameras;
    return html`<div class="note" data-testid="empty">
      <span class="large">${icons.camera}</span>
      <h2>${strings.wall.emptyTitle}</h2>
      <p>${may ? strings.wall.emptyText : strings.wall.emptyNoRight}</p>
      ${may
        ? html`<div class="actions">
              <button class="primary" data-testid="find-cameras" @click=${() => store.show("find")}>
                ${icons.find} ${strings.nav.find}
              </button>
              <button data-testid="add-by-address" @click=${() => store.show("add")}>
                ${icons.add} ${strings.find.byAddress}
              </button>
            </div>
            <p>${strings.wall.demo} <code>${strings.wall.demoCommand}</code></p>`
        : nothing}
    </div>`;
  }
}
