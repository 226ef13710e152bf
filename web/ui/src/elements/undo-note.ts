/** `<undo-note>`: says what was just changed, and takes it back if asked. Fires `close` when it may go. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { icons } from "../icons";
import { strings } from "../strings";
import { controls } from "./controls";

/** A change, as a sentence, and how it is taken back; `undo` null: it cannot be. */
export interface Change {
  sentence: string;
  undo: (() => Promise<void>) | null;
}

@customElement("undo-note")
export class UndoNote extends LitElement {
  static override styles = [
    controls,
    css`
      div {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s3);
        margin-bottom: var(--s4);
        padding: var(--s2) var(--s2) var(--s2) var(--s4);
        border: 1px solid var(--accent);
        border-radius: var(--radius);
        background: color-mix(in srgb, var(--panel), var(--accent) 10%);
      }
      span {
        flex: 1;
        min-width: 12em;
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) change!: Change;
  @state() private busy = false;
  @state() private error = "";

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has("change")) this.error = "";
  }

  private async takeBack(undo: () => Promise<void>): Promise<void> {
    this.busy = true;
    try {
      await undo();
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  override render() {
    const { sentence, undo } = this.change;
    return html`<div data-testid="undo-note">
      <span role="status">${this.error || sentence}</span>
      ${undo
        ? html`<button data-testid="undo" ?disabled=${this.busy} @click=${() => void this.takeBack(undo)}>
            ${icons.undo} ${strings.page.undo}
          </button>`
        : nothing}
      <button class="plain icon" aria-label=${strings.page.dismiss} @click=${this.leave}>${icons.close}</button>
    </div>`;
  }
}
