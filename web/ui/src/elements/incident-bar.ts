/**
 * `<incident-bar>`: live or replay, the replay's steps, and what one does about what one sees: note, hold, export, share.
 * On a phone it stays at the thumb. Fires `command` (RoomCommand) and `rate` (number).
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { RATES } from "../archive/player";
import { EverySecond } from "../controllers";
import { age, localTime, utcDay, utcTime } from "../format";
import { icons } from "../icons";
import type { RoomCommand } from "../room-commands";
import { store } from "../store";
import { strings } from "../strings";
import { archiveStrings } from "../strings-archive";
import { roomStrings as words } from "../strings-room";
import { controls } from "./controls";
import "./state-mark";

@customElement("incident-bar")
export class IncidentBar extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s2);
      }
      .group {
        display: flex;
        align-items: center;
        gap: 2px;
      }
      .play {
        width: 44px;
      }
      .live[aria-pressed="true"] {
        border-color: var(--live);
        color: var(--live);
      }
      .time {
        display: grid;
        min-width: 10em;
        line-height: 1.25;
      }
      .time strong {
        font-size: var(--normal);
        font-weight: 600;
      }
      .time small {
        color: var(--quiet);
      }
      .replaying {
        color: var(--accent);
        font-weight: 600;
      }
      select {
        width: auto;
      }
      .acts {
        margin-left: auto;
      }
      .going {
        color: var(--quiet);
        font-size: var(--small);
      }
      @media (max-width: 720px) {
        :host {
          padding: var(--s2) var(--s2) calc(var(--s2) + env(safe-area-inset-bottom));
          border-top: 1px solid var(--line);
          background: var(--panel);
        }
        .group,
        .acts {
          flex: 1 1 100%;
          justify-content: space-between;
          gap: var(--s1);
          margin: 0;
        }
        .group button,
        .acts button {
          flex: 1;
          min-width: 44px;
          min-height: 44px;
          padding-inline: var(--s1);
        }
        .time {
          flex: 1;
          min-width: 0;
        }
        .time small {
          display: none;
        }
        .wide {
          display: none;
        }
      }
    `,
  ];

  /** The moment that is replayed; null: it is live. */
  @property({ type: Number }) at: number | null = null;
  /** There is something live to go to. */
  @property({ type: Boolean }) growing = false;
  @property({ type: Boolean }) playing = false;
  @property({ type: Boolean }) held = false;
  @property({ type: Number }) rate = 1;
  @property({ type: Boolean }) muted = true;
  /** Whether the unit that leads may be heard. */
  @property({ type: Boolean }) sound = false;
  @property({ type: Boolean }) earlier = false;
  @property({ type: Boolean }) later = false;
  @property({ attribute: false }) may: readonly string[] = [];
  /** How far the export of it that is under way has got, 0 to 1; null: none is. */
  @property({ attribute: false }) exported: number | null = null;

  constructor() {
    super();
    new EverySecond(this);
  }

  private tell(command: RoomCommand): void {
    this.dispatchEvent(new CustomEvent<RoomCommand>("command", { detail: command }));
  }

  override render() {
    const { may, exported } = this;
    return html`${this.renderModes()} ${this.renderTime()} ${this.at === null ? nothing : this.renderReplay()}
      <div class="group acts">
        ${exported === null
          ? nothing
          : html`<span class="going figures" role="status" data-testid="room-exporting">${words.exporting(Math.floor(exported * 100))}</span>`}
        ${may.includes("change") ? this.act("note", icons.note, words.note, words.noteHint) : nothing}
        ${this.act("hold", icons.hold, words.hold, words.holdHint)}
        ${may.includes("export")
          ? html`${this.act("export", icons.download, words.export, words.export)} ${this.act("share", icons.share, words.share, words.share)}`
          : nothing}
      </div>`;
  }

  private renderModes() {
    const { at, growing, playing } = this;
    const play = at === null ? words.goReplay : playing ? words.pause : words.play;
    return html`<button
        class="play icon ${at === null ? "" : "primary"}"
        data-testid="room-play"
        title=${play}
        aria-label=${play}
        @click=${() => this.tell("toggle")}
      >
        ${at === null ? icons.archive : playing ? icons.pause : icons.play}
      </button>
      ${growing
        ? html`<button
            class="live"
            data-testid="room-live"
            aria-pressed=${at === null}
            title=${words.goLive}
            @click=${() => this.tell("live")}
          >
            ${icons.live} ${words.live}
          </button>`
        : nothing}`;
  }

  private renderTime() {
    const now = store.now();
    const at = this.at ?? now;
    const replay = this.at === null ? nothing : html`<span class="replaying">${words.replaying}</span> `;
    return html`<div class="time figures" data-testid="room-time">
      <strong>${replay}${utcTime(at)} ${strings.bar.utc}</strong>
      <small>${utcDay(at)} · ${localTime(at)} ${strings.bar.local}${this.at === null ? "" : ` · ${words.ago(age(now - at))}`}</small>
    </div>`;
  }

  private renderReplay() {
    return html`<div class="group">
        ${this.tool("mark-back", icons.toStart, words.markBack, !this.earlier)} ${this.tool("back", icons.rewind, words.back)}
        ${this.tool("ahead", icons.forward, words.ahead)} ${this.tool("mark-ahead", icons.toEnd, words.markAhead, !this.later)}
        ${this.sound ? this.tool("sound", this.muted ? icons.muted : icons.sound, words.sound(!this.muted)) : nothing}
        <select
          aria-label=${words.rate}
          data-testid="room-rate"
          .value=${String(this.rate)}
          @change=${(event: Event) =>
            this.dispatchEvent(new CustomEvent("rate", { detail: Number((event.target as HTMLSelectElement).value) }))}
        >
          ${RATES.map((rate) => html`<option value=${rate} ?selected=${rate === this.rate}>${archiveStrings.controls.rateOf(rate)}</option>`)}
        </select>
      </div>
      ${this.held ? html`<span class="going wide" role="status">${archiveStrings.controls.buffering}</span>` : nothing}`;
  }

  private tool(command: RoomCommand, icon: unknown, label: string, disabled = false) {
    return html`<button
      class="plain icon"
      data-testid="room-${command}"
      title=${label}
      aria-label=${label}
      ?disabled=${disabled}
      @click=${() => this.tell(command)}
    >
      ${icon}
    </button>`;
  }

  private act(command: RoomCommand, icon: unknown, label: string, hint: string) {
    return html`<button data-testid="room-${command}" title=${hint} @click=${() => this.tell(command)}>${icon} ${label}</button>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "incident-bar": IncidentBar;
  }
}
