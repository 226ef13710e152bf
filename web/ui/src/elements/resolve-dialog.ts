/** `<resolve-dialog>`: resolves an alert with a word on what became of it. Fires `close`. */

import { html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { unitOf, kindOf } from "../alerts";
import { resolveAlert } from "../api-incidents";
import type { Alert } from "../model-incidents";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import { dialogStyles } from "./dialog-styles";
import "./modal-dialog";

const words = incidentStrings.resolve;

@customElement("resolve-dialog")
export class ResolveDialog extends LitElement {
  static override styles = [controls, dialogStyles];

  @property({ attribute: false }) alert!: Alert;
  @state() private busy = false;
  @state() private error = "";
  @query("input") private field!: HTMLInputElement;

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const word = this.field.value.trim();
    if (!word) {
      this.error = words.needed;
      this.field.focus();
      return;
    }
    this.busy = true;
    this.error = "";
    try {
      store.duty.takeAlert(await resolveAlert(this.alert.id, word));
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  override render() {
    const { alert } = this;
    return html`<modal-dialog .heading=${words.title(kindOf(alert), unitOf(alert, store))} @close=${this.leave}>
      <form novalidate data-testid="resolve-form" @submit=${this.submit}>
        <p class="said">${alert.text}</p>
        <label
          >${words.word}
          <input
            data-testid="resolve-word"
            maxlength="200"
            autocomplete="off"
            placeholder=${words.placeholder}
            aria-invalid=${this.error ? "true" : nothing}
          />
        </label>
        <p class="quiet">${words.text}</p>
        ${this.error ? html`<p class="error" role="alert" data-testid="resolve-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
          <button class="primary" data-testid="resolve-submit" ?disabled=${this.busy}>
            ${this.busy ? words.busy : words.submit}
          </button>
        </div>
      </form>
    </modal-dialog>`;
  }
}
