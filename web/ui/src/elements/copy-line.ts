/** `<copy-line>`: a value that is entered elsewhere, with its name and a button that copies it. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { icons } from "../icons";
import { strings } from "../strings";
import { nvrStrings } from "../strings-nvr";
import { controls } from "./controls";

const words = nvrStrings.enter;
const SAID_MS = 2500;

@customElement("copy-line")
export class CopyLine extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 190px) minmax(0, 1fr);
        align-items: center;
        gap: var(--s1) var(--s3);
      }
      .label {
        color: var(--quiet);
        overflow-wrap: anywhere;
      }
      .value {
        display: flex;
        gap: var(--s2);
        min-width: 0;
      }
      input {
        flex: 1;
        min-width: 0;
        border-color: var(--line);
        font: 13px/1.5 var(--mono);
        text-overflow: ellipsis;
      }
      .said {
        align-self: center;
        color: var(--quiet);
        font-size: 12px;
        white-space: nowrap;
      }
      @media (max-width: 720px) {
        :host {
          grid-template-columns: 1fr;
        }
        input {
          font-size: 16px;
        }
      }
    `,
  ];

  @property() label = "";
  @property() value = "";
  @state() private said = "";
  @query("input") private field!: HTMLInputElement;
  private timer = 0;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearTimeout(this.timer);
  }

  private readonly copy = async (): Promise<void> => {
    this.field.select();
    try {
      await navigator.clipboard.writeText(this.value);
      this.said = strings.page.copied;
    } catch {
      // Only secure pages may write to the clipboard: it is selected now, to be copied with the keyboard.
      this.said = words.selected;
    }
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => (this.said = ""), SAID_MS);
  };

  override render() {
    return html`<span class="label">${this.label}</span>
      <span class="value">
        <input readonly aria-label=${this.label} .value=${this.value} @focus=${() => this.field.select()} />
        ${this.said ? html`<span class="said" role="status">${this.said}</span>` : nothing}
        <button class="icon" title=${strings.page.copy} aria-label=${words.copy(this.label)} @click=${this.copy}>
          ${icons.copy}
        </button>
      </span>`;
  }
}
