/** `<quality-mark>`: over a picture, that it is not what the camera sends, and why. Nothing while all is well. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { Watch } from "../controllers";
import { qualityOf } from "../faces";
import { store } from "../store";
import { strings } from "../strings";

@customElement("quality-mark")
export class QualityMark extends LitElement {
  static override styles = css`
    :host {
      position: absolute;
      inset: 8px auto auto 8px;
      max-width: calc(100% - 16px);
    }
    span {
      display: block;
      padding: 2px 8px;
      border-radius: var(--radius);
      background: rgb(5 7 10 / 72%);
      color: #f0b84a;
      font-size: 12px;
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
    }
  `;

  @property({ attribute: false }) session: string | null = null;

  constructor() {
    super();
    new Watch(this, (s) => [this.session === null ? undefined : s.stream(this.session)]);
  }

  override render() {
    const stream = this.session === null ? undefined : store.stream(this.session);
    if (!stream?.trouble) return nothing;
    return html`<span role="status" data-testid="quality" title=${strings.quality.explain[stream.quality]}
      >${qualityOf(stream)}</span
    >`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "quality-mark": QualityMark;
  }
}
