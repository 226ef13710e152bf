/** `<archive-controls>`: play, steps, speed, sound, marks, and how much time the bar shows. Fires `command` (Command), `rate`, `length`. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Command } from "../archive/commands";
import { RATES } from "../archive/player";
import { LENGTHS } from "../archive/scale";
import { localTime, utcDateTime } from "../format";
import { icons } from "../icons";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";

const words = archiveStrings.controls;
const bar = archiveStrings.bar;

@customElement("archive-controls")
export class ArchiveControls extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s3);
      }
      .group {
        display: flex;
        align-items: center;
        gap: 2px;
      }
      button.icon,
      .group > button {
        border-color: transparent;
        background: none;
      }
      .group > button:hover:not(:disabled) {
        background: var(--raised);
      }
      .play {
        width: 44px;
        background: var(--raised) !important;
        border-color: var(--edge) !important;
      }
      .time {
        display: grid;
        min-width: 12em;
        line-height: 1.25;
      }
      .time strong {
        font-size: var(--normal);
        font-weight: 600;
      }
      .time small {
        color: var(--quiet);
        font-size: 12px;
      }
      select {
        width: auto;
        padding: 0 var(--s2);
      }
      .space {
        flex: 1;
      }
      button[aria-pressed="true"] {
        color: var(--accent);
      }
      .lengths button {
        padding: 0 var(--s2);
        color: var(--quiet);
      }
      .lengths button[aria-pressed="true"] {
        background: var(--raised);
        color: var(--accent);
      }
      @media (max-width: 720px) {
        :host {
          gap: var(--s1) var(--s2);
        }
        .time {
          order: -1;
          flex: 1 1 100%;
          grid-template-columns: auto 1fr;
          align-items: baseline;
          column-gap: var(--s2);
        }
        .main {
          flex: 1 1 100%;
          justify-content: space-between;
        }
        .play {
          width: 64px;
          min-height: 52px;
        }
        .main button.icon {
          width: 48px;
          min-height: 48px;
        }
        .space {
          display: none;
        }
        select {
          font-size: 16px;
        }
      }
    `,
  ];

  @property({ type: Number }) at = 0;
  @property({ type: Boolean }) playing = false;
  @property({ type: Boolean }) held = false;
  @property({ type: Number }) rate = 1;
  @property({ type: Boolean }) muted = true;
  @property({ type: Boolean }) sound = false;
  /** How much time the bar shows, milliseconds. */
  @property({ type: Number }) length = 0;
  @property({ type: Boolean }) marked = false;

  private act(command: Command) {
    return () => this.dispatchEvent(new CustomEvent<Command>("command", { detail: command }));
  }

  private button(command: Command, icon: unknown, label: string, more: { class?: string; pressed?: boolean; id?: string } = {}) {
    return html`<button
      class="icon ${more.class ?? ""}"
      data-testid=${more.id ?? command}
      title=${label}
      aria-label=${label}
      aria-pressed=${more.pressed ?? nothing}
      @click=${this.act(command)}
    >
      ${icon}
    </button>`;
  }

  override render() {
    const play = this.playing ? words.pause : words.play;
    return html`
      <div class="group main" role="group" aria-label=${words.label}>
        ${this.button("recording-back", icons.toStart, words.gapBack)} ${this.button("back", icons.rewind, words.back)}
        ${this.button("frame-back", icons.frameBack, words.frameBack)}
        ${this.button("toggle", this.playing ? icons.pause : icons.play, play, { class: "play", id: "play" })}
        ${this.button("frame-ahead", icons.frameAhead, words.frameAhead)}
        ${this.button("ahead", icons.forward, words.ahead)}
        ${this.button("recording-ahead", icons.toEnd, words.gapAhead)}
      </div>
      <div class="time figures" data-testid="clock" data-at=${Math.round(this.at)}>
        <strong>${utcDateTime(this.at)} ${archiveStrings.utc}</strong>
        <small>${this.held ? words.buffering : `${localTime(this.at)} ${archiveStrings.local}`}</small>
      </div>
      <div class="group">
        <select
          data-testid="rate"
          aria-label=${words.rate}
          title=${words.rate}
          @change=${(event: Event) =>
            this.dispatchEvent(new CustomEvent<number>("rate", { detail: Number((event.target as HTMLSelectElement).value) }))}
        >
          ${RATES.map((rate) => html`<option value=${rate} .selected=${rate === this.rate}>${words.rateOf(rate)}</option>`)}
        </select>
        ${this.sound
          ? this.button("sound", this.muted ? icons.muted : icons.sound, this.muted ? words.unmute : words.mute)
          : nothing}
        ${this.button("full-screen", icons.fullScreen, words.fullScreen)} ${this.button("link", icons.link, words.link)}
      </div>
      <span class="space"></span>
      <div class="group">
        ${this.button("mark-in", icons.markIn, words.markIn)} ${this.button("mark-out", icons.markOut, words.markOut)}
        ${this.marked ? this.button("clear-marks", icons.close, words.clearMarks) : nothing}
        ${this.button("bookmark", icons.bookmark, words.bookmark)} ${this.button("export", icons.download, words.export)}
      </div>
      <div class="group lengths" role="group" aria-label=${bar.length}>
        ${this.button("zoom-out", icons.minus, bar.zoomOut)}
        ${(Object.keys(LENGTHS) as (keyof typeof LENGTHS)[]).map(
          (name) =>
            html`<button
              data-testid="length-${name}"
              aria-pressed=${Math.abs(this.length - LENGTHS[name]) < LENGTHS[name] / 100}
              @click=${() => this.dispatchEvent(new CustomEvent<number>("length", { detail: LENGTHS[name] }))}
            >
              ${bar.lengths[name]}
            </button>`,
        )}
        ${this.button("zoom-in", icons.add, bar.zoomIn)}
      </div>
    `;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "archive-controls": ArchiveControls;
  }
}
