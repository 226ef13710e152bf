/**
 * `<archive-controls>`: play, steps, speed, sound, marks, and how much time the bar shows. Where there is little room, what
 * is seldom needed is in a sheet of its own, with words. Fires `command` (Command), `rate`, `length`.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import type { Command } from "../archive/commands";
import { RATES } from "../archive/player";
import { LENGTHS } from "../archive/scale";
import { localTime, utcDay, utcTime } from "../format";
import { icons } from "../icons";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";

const words = archiveStrings.controls;
const bar = archiveStrings.bar;
/** The key that a label names at its end: a finger has no use for it. */
const KEY = / \([^)]*\)$/;

@customElement("archive-controls")
export class ArchiveControls extends LitElement {
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
        min-width: 9.5em;
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
      @media (max-width: 1600px) {
        .day {
          display: none; /* it stands above, and in the picture */
        }
      }
      .space {
        flex: 1;
      }
      .more {
        display: contents;
        color: inherit;
      }
      .open,
      .word {
        display: none;
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
        .day {
          display: inline; /* there is a line of its own */
        }
        .time {
          order: -1;
          flex: 1;
          min-width: 0;
        }
        .speed,
        .open {
          order: -1;
        }
        .open {
          display: inline-flex;
          margin-left: calc(-1 * var(--s2));
        }
        .main {
          flex: 1 1 100%;
          justify-content: space-between;
        }
        .play {
          width: min(64px, 16vw);
        }
        .main button.icon {
          flex: 0 1 48px;
          min-width: 40px;
          min-height: 48px;
        }
        select {
          font-size: 16px;
        }
        .more:not(:popover-open) {
          display: none;
        }
        .more:popover-open {
          position: fixed;
          inset: auto 0 0;
          display: grid;
          grid-template-columns: repeat(2, minmax(0, 1fr));
          gap: 2px var(--s2);
          width: auto;
          margin: 0;
          padding: var(--s3) var(--s3) calc(var(--s3) + env(safe-area-inset-bottom));
          border: 0;
          border-top: 1px solid var(--line);
          background: var(--panel);
          color: var(--text);
        }
        .more::backdrop {
          background: rgb(0 0 0 / 45%);
        }
        .more .space {
          display: none;
        }
        .more .group {
          display: contents;
        }
        .more button.icon {
          justify-content: start;
          gap: var(--s3);
          width: 100%;
          padding: 0 var(--s2);
        }
        .more .word {
          display: inline;
          line-height: 1.25;
          text-align: start;
          white-space: normal;
        }
        .more .lengths {
          grid-column: 1 / -1;
          display: flex;
          justify-content: space-between;
        }
        .more .lengths button.icon {
          justify-content: center;
          width: var(--control);
        }
        .more .lengths .word {
          display: none;
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
  @query(".more") private more!: HTMLElement;

  /** Escape closes the sheet, and not the page below it too. */
  private readonly key = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && this.more.matches(":popover-open")) event.stopPropagation();
  };

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
      ${icon}<span class="word" aria-hidden="true">${label.replace(KEY, "")}</span>
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
        <strong>${utcTime(this.at)} ${archiveStrings.utc}</strong>
        <small
          >${this.held
            ? words.buffering
            : html`<span class="day">${utcDay(this.at)} · </span>${localTime(this.at)} ${archiveStrings.local}`}</small
        >
      </div>
      <div class="group speed">
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
      </div>
      <button
        class="icon open"
        data-testid="more"
        title=${words.more}
        aria-label=${words.more}
        popovertarget="more"
        @keydown=${this.key}
      >
        ${icons.more}
      </button>
      <div class="more" id="more" popover @keydown=${this.key} @click=${() => this.more.hidePopover()}>
        <div class="group">
          ${document.fullscreenEnabled ? this.button("full-screen", icons.fullScreen, words.fullScreen) : nothing}
          ${this.button("link", icons.link, words.link)}
        </div>
        <span class="space"></span>
        <div class="group">
          ${this.button("mark-in", icons.markIn, words.markIn)} ${this.button("mark-out", icons.markOut, words.markOut)}
          ${this.marked ? this.button("clear-marks", icons.close, words.clearMarks) : nothing}
          ${this.button("bookmark", icons.bookmark, words.bookmark)} ${this.button("export", icons.download, words.export)}
        </div>
        ${this.renderLengths()}
      </div>
    `;
  }

  private renderLengths() {
    return html`<div class="group lengths" role="group" aria-label=${bar.length}>
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
      </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "archive-controls": ArchiveControls;
  }
}
