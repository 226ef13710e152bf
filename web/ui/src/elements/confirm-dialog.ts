/** `<confirm-dialog>`: asks before something is done that cannot be undone, does it, and says when it did not work. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { strings } from "../strings";
import { controls } from "./controls";
import "./modal-dialog";

@customElement("confirm-dialog")
export class ConfirmDialog extends LitElement {
  static override styles = [
    controls,
    css`
      p {
        margin: 0 0 var(--s4);
      }
      .actions {
        display: flex;
        justify-content: end;
        gap: var(--s2);
        margin-top: var(--s4);
      }
    `,
  ];

  @property() heading = "";
  @property() text = "";
  /** What has to be written first, so that no slip of a finger does it; empty: nothing. `wordLabel` asks for it. */
  @property() word = "";
  @property() wordLabel = "";
  /** What the button that does it says. */
  @property() confirm = "";
  /** What it does; the dialog stays open with the reason when that fails. */
  @property({ attribute: false }) act: () => Promise<void> = () => Promise.resolve();
  @state() private busy = false;
  @state() private error = "";
  @state() private written = "";

  private async perform(): Promise<void> {
    this.busy = true;
    this.error = "";
    try {
      await this.act();
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  override render() {
    return html`<modal-dialog heading=${this.heading} @close=${this.leave}>
      <p>${this.text}</p>
      ${this.word
        ? html`<label
            >${this.wordLabel}
            <input
              data-testid="confirm-word"
              autocomplete="off"
              autocapitalize="none"
              spellcheck="false"
              @input=${(event: Event) => (this.written = (event.target as HTMLInputElement).value.trim())}
          /></label>`
        : nothing}
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      <div class="actions">
        <button @click=${this.leave}>${strings.form.cancel}</button>
        <button
          class="primary"
          data-testid="confirm"
          ?disabled=${this.busy || this.written !== this.word}
          @click=${() => void this.perform()}
        >
          ${this.confirm}
        </button>
      </div>
    </modal-dialog>`;
  }
}
