/**
 * `<archive-panel>`: beside the picture: bookmarks, holds, exports and who wore the camera. Fires `seek`, `changed` (the
 * camera of which the gateway now says something else) and `remove-bookmark`.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { addBookmark } from "../archive/api";
import type { Lane } from "../archive/lane";
import { MINUTE, type Window } from "../archive/scale";
import { Watch } from "../controllers";
import { icons } from "../icons";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import { incidentStrings } from "../strings-incidents";
import "./bookmark-list";
import { controls } from "./controls";
import "./export-dialog";
import "./export-list";
import "./hold-dialog";
import "./hold-list";
import "./incident-dialog";
import "./wearer-list";
import "./wearer-search";

const words = archiveStrings.tabs;
const TABS = ["bookmarks", "holds", "exports", "wearers"] as const;
type Tab = (typeof TABS)[number];

/** From when to when a dialog proposes; `to` null: open. */
export interface Proposal {
  from: number;
  to: number;
}

@customElement("archive-panel")
export class ArchivePanel extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      [role="tablist"] {
        display: flex;
        border-bottom: 1px solid var(--line);
      }
      [role="tab"] {
        flex: 1;
        padding: 0 var(--s1);
        border: 0;
        border-bottom: 2px solid transparent;
        border-radius: 0;
        background: none;
        color: var(--quiet);
      }
      [role="tab"][aria-selected="true"] {
        border-bottom-color: var(--accent);
        color: var(--text);
      }
      [role="tab"]:focus-visible {
        outline-offset: -2px;
      }
      [role="tabpanel"] {
        flex: 1;
        min-height: 120px;
        overflow: auto;
        padding: var(--s3);
      }
      .incident {
        width: 100%;
        margin-bottom: var(--s2);
      }
      @media (max-width: 720px) {
        [role="tabpanel"] {
          overflow: visible;
        }
      }
    `,
  ];

  @property({ attribute: false }) cameras: readonly string[] = [];
  @property() leader = "";
  @property({ attribute: false }) lanes: readonly Lane[] = [];
  @property({ attribute: false }) window: Window = { from: 0, to: 0 };
  @property({ attribute: false }) selection: { from: number | null; to: number | null } = { from: null, to: null };
  @property({ type: Number }) at = 0;
  @state() private tab: Tab = "bookmarks";
  @state() private dialog: "export" | "hold" | "incident" | null = null;
  @state() private adding: number | null = null;

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.session]);
  }

  /** Begin a bookmark at the picture on the screen, or an export of what is marked. */
  open(what: "bookmark" | "export"): void {
    if (what === "bookmark") {
      this.tab = "bookmarks";
      this.adding = this.at;
      return;
    }
    this.tab = "exports";
    if (store.may("export")) this.dialog = "export";
  }

  async addBookmark(camera: string, at: number, text: string): Promise<void> {
    await addBookmark(camera, at, text);
    this.changed(camera);
  }

  private changed(camera: string): void {
    this.dispatchEvent(new CustomEvent("changed", { detail: camera }));
  }

  /** What is marked; else the minute around the picture. */
  private get proposal(): Proposal {
    const { from, to } = this.selection;
    const begin = from ?? (to === null ? this.at - MINUTE / 2 : to - MINUTE);
    return { from: begin, to: to ?? Math.min(store.now(), begin + MINUTE) };
  }

  private readonly seek = (event: CustomEvent<number>): void => {
    this.dispatchEvent(new CustomEvent("seek", { detail: event.detail }));
  };

  private readonly tabKey = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.tab = TABS[(TABS.indexOf(this.tab) + by + TABS.length) % TABS.length] ?? this.tab;
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
  };

  override render() {
    return html`<div role="tablist" aria-label=${words.label} @keydown=${this.tabKey}>
        ${TABS.map(
          (tab) =>
            html`<button
              role="tab"
              id="tab-${tab}"
              data-testid="tab-${tab}"
              aria-selected=${tab === this.tab}
              aria-controls="panel"
              tabindex=${tab === this.tab ? 0 : -1}
              @click=${() => (this.tab = tab)}
            >
              ${words[tab]}
            </button>`,
        )}
      </div>
      <div role="tabpanel" id="panel" aria-labelledby="tab-${this.tab}">${this.renderTab()}</div>
      ${this.renderDialog()}`;
  }

  private renderTab() {
    switch (this.tab) {
      case "bookmarks":
        return html`<bookmark-list
          .lanes=${this.lanes}
          .window=${this.window}
          .many=${this.cameras.length > 1}
          .adding=${this.adding}
          .add=${(text: string) => this.addBookmark(this.leader, this.adding ?? this.at, text)}
          @added=${() => (this.adding = null)}
          @begin=${() => (this.adding = this.at)}
          @seek=${this.seek}
        ></bookmark-list>`;
      case "holds":
        return html`${store.may("respond")
            ? html`<button class="incident" data-testid="archive-incident" @click=${() => (this.dialog = "incident")}>
                ${icons.incidents} ${incidentStrings.opening.atTime}
              </button>`
            : nothing}
          <hold-list
          .lanes=${this.lanes}
          .window=${this.window}
          .many=${this.cameras.length > 1}
          @place=${() => (this.dialog = "hold")}
          @seek=${this.seek}
          @changed=${(event: CustomEvent<string>) => this.changed(event.detail)}
        ></hold-list>`;
      case "exports":
        return html`<export-list @begin=${() => (this.dialog = "export")}></export-list>`;
      case "wearers":
        return html`<wearer-search></wearer-search>
          <wearer-list
          .lanes=${this.lanes}
          .window=${this.window}
          .leader=${this.leader}
          .at=${this.at}
          @seek=${this.seek}
          @changed=${(event: CustomEvent<string>) => this.changed(event.detail)}
        ></wearer-list>`;
    }
  }

  private renderDialog() {
    const close = () => (this.dialog = null);
    if (this.dialog === "export")
      return html`<export-dialog .cameras=${this.cameras} .proposal=${this.proposal} @close=${close}></export-dialog>`;
    if (this.dialog === "incident")
      return html`<incident-dialog .units=${this.cameras} .interval=${this.proposal} @close=${close}></incident-dialog>`;
    if (this.dialog === "hold")
      return html`<hold-dialog
        .cameras=${this.cameras}
        .proposal=${this.proposal}
        @placed=${(event: CustomEvent<string>) => this.changed(event.detail)}
        @close=${close}
      ></hold-dialog>`;
    return nothing;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "archive-panel": ArchivePanel;
  }
}
