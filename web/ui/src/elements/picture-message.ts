/**
 * `<picture-message>`: what stands where a picture cannot: a state's shape, a sentence, what happens next, and in its
 * slot what one can do about it.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Look } from "../faces";
import { controls } from "./controls";
import "./state-mark";

@customElement("picture-message")
export class PictureMessage extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        position: absolute;
        inset: 0 0 32px;
        display: grid;
        place-items: center;
        padding: var(--s3);
        pointer-events: none;
        /* over a picture, in both themes */
        --live: #3fb950;
        --stale: #e0a93a;
        --offline: #b3bcc6;
        --accent: #7db4ff;
      }
      div {
        display: grid;
        justify-items: center;
        gap: var(--s1);
        max-width: 46ch;
        max-height: 100%;
        padding: var(--s2) var(--s3);
        border-radius: var(--radius);
        background: rgb(5 7 10 / 72%);
        color: #eef2f6;
        text-align: center;
      }
      p {
        margin: 0;
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 3;
        line-clamp: 3;
        overflow: hidden;
        overflow-wrap: anywhere;
      }
      .detail {
        color: #c9d1d9;
        font-variant-numeric: tabular-nums;
      }
      state-mark {
        transform: scale(1.5);
        margin: var(--s1);
      }
      ::slotted(button) {
        pointer-events: auto;
        margin-top: var(--s1);
      }
    `,
  ];

  @property() look: Look = "unknown";
  @property() message = "";
  @property() detail = "";

  override render() {
    return html`<div data-testid="picture-message">
      <state-mark look=${this.look} bare></state-mark>
      <p class="figures" title=${this.message}>${this.message}</p>
      ${this.detail ? html`<p class="detail">${this.detail}</p>` : nothing}
      <slot></slot>
    </div>`;
  }
}
