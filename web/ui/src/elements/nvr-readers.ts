/** `<nvr-readers>`: what NVRs play now (`readers`), each with a way to end it. Fires `changed` when one was ended. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { endReader } from "../api-nvr";
import { EverySecond, Watch } from "../controllers";
import { age } from "../format";
import type { NvrReader } from "../nvr";
import { store } from "../store";
import { nvrStrings } from "../strings-nvr";
import { controls } from "./controls";
import { pageStyles } from "./page-styles";
import "./undo-note";
import type { Change } from "./undo-note";

const words = nvrStrings.now;

@customElement("nvr-readers")
export class NvrReaders extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        max-width: none;
        padding: 0;
      }
      .error {
        margin-bottom: var(--s3);
      }
      .rows {
        max-height: 420px;
        overflow: auto;
      }
    `,
  ];

  @property({ attribute: false }) readers: readonly NvrReader[] = [];
  @state() private change: Change | null = null;
  @state() private error = "";

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras]);
    new EverySecond(this);
  }

  private async end(reader: NvrReader): Promise<void> {
    this.error = "";
    try {
      await endReader(reader.id);
      this.change = { sentence: words.ended(reader.account, unitOf(reader)), undo: null };
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.dispatchEvent(new CustomEvent("changed"));
  }

  override render() {
    return html`${this.change
      ? html`<undo-note .change=${this.change} @close=${() => (this.change = null)}></undo-note>`
      : nothing}
    ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
    ${this.readers.length === 0
      ? html`<div class="note" data-testid="nvr-no-readers">
          <strong>${words.none}</strong><span>${words.noneText}</span>
        </div>`
      : html`<ul class="rows" data-testid="nvr-readers">
          ${this.readers.map((reader) => this.renderReader(reader))}
        </ul>`}`;
  }

  private renderReader(reader: NvrReader) {
    const since = age(store.now() - Date.parse(reader.since_utc));
    return html`<li data-testid="nvr-reader" data-account=${reader.account} data-camera=${reader.camera}>
      <span class="what">
        <strong>${unitOf(reader)}</strong>
        <small class="figures">
          ${words.by(reader.account, reader.address)} · ${reader.agent || words.unknownProgram} · ${words.since(since)}
        </small>
      </span>
      <span class="chips">
        <span class="chip">${reader.recorded ? words.recorded : words.live}</span>
        ${reader.sound ? html`<span class="chip">${words.sound}</span>` : nothing}
        ${reader.positions ? html`<span class="chip">${words.positions}</span>` : nothing}
      </span>
      <span class="actions">
        <button
          data-testid="nvr-end"
          aria-label=${words.endOf(reader.account, unitOf(reader))}
          @click=${() => void this.end(reader)}
        >
          ${words.end}
        </button>
      </span>
    </li>`;
  }
}

function unitOf(reader: NvrReader): string {
  return store.camera(reader.camera)?.name ?? reader.camera;
}
