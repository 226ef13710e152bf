/** `<state-mark>`: a state as shape, colour and word. */

import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Look } from "../faces";
import { shapes } from "../icons";
import { strings } from "../strings";
import { controls } from "./controls";

@customElement("state-mark")
export class StateMark extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        color: var(--offline);
        white-space: nowrap;
      }
      :host([look="live"]) {
        color: var(--live);
      }
      :host([look="stale"]) {
        color: var(--stale);
      }
      :host([look="connecting"]),
      :host([look="recorded"]) {
        color: var(--accent);
      }
      .turning {
        transform-origin: 7px 7px;
        animation: turn 1.6s linear infinite;
      }
      @keyframes turn {
        to {
          transform: rotate(360deg);
        }
      }
    `,
  ];

  @property({ reflect: true }) look: Look = "unknown";
  /** Shown instead of the state's own word, for example a count. */
  @property() text: string | null = null;
  /** The shape alone; the word is for screen readers. */
  @property({ type: Boolean }) bare = false;

  override render() {
    const word = strings.status[this.look];
    return html`${shapes[this.look]}${this.bare
      ? html`<span class="unseen">${word}</span>`
      : html`<span>${this.text ?? word}</span>`}`;
  }
}
