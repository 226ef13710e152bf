/**
 * `<quality-mark>`: over a picture, that it is not what the camera sends, and why. Nothing while all is well; that a
 * small picture is the camera's smaller stream stands there only while somebody points at it (`--when-asked`).
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import { qualityOf } from "../faces";
import { store } from "../store";
import { strings } from "../strings";
import { linkStrings } from "../strings-link";
import { wallStrings } from "../strings-wall";

const NOTICED_MS = 400;

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
    .calm {
      visibility: var(--when-asked, hidden);
      color: #c9d1d9;
    }
  `;

  @property({ attribute: false }) session: string | null = null;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [this.session === null ? undefined : s.stream(this.session)]);
  }

  /** By how much the link delays the picture, once that can be noticed. */
  private get behind(): string {
    const ms = this.session === null ? 0 : store.health.behind(this.session);
    return ms < NOTICED_MS ? "" : ` · ${linkStrings.behind((ms / 1000).toFixed(1))}`;
  }

  override render() {
    const stream = this.session === null ? undefined : store.stream(this.session);
    if (stream?.trouble === null && stream.quality === "second")
      return html`<span class="calm" data-testid="quality-small" title=${wallStrings.tile.streamLong}
        >${wallStrings.tile.stream}</span
      >`;
    if (!stream?.trouble) return nothing;
    return html`<span role="status" data-testid="quality" title=${strings.quality.explain[stream.quality]}
      >${qualityOf(stream)}${this.behind}</span
    >`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "quality-mark": QualityMark;
  }
}
