/**
 * `<reason-form>`: a dialog for what can be done only by who says why: asks, does it, and says when it did not work. Fires
 * `close`.
 */

import { html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { strings } from "../strings";
import { controls } from "./controls";
import { dialogStyles } from "./dialog-styles";
import "./modal-dialog";

@customElement("reason-form")
export class ReasonForm extends LitElement {
  static override styles = [controls, dialogStyles];

  @property() heading = "";
  @property() text = "";
  /** What is asked, and an example of an answer. */
  @property() label = "";
  @property() placeholder = "";
  /** It can be done without saying why. */
  @property({ type: Boolean }) optional = false;
  /** What the button that does it says. */
  @property() confirm = "";
  /** What it does with the reason. */
  @property({ attribute: false }) act: (reason: string) => Promise<void> = () => Promise.resolve();
  @state() private busy = false;
  @state() private error = "";
  @query("input") private field!: HTMLInputElement;

  override firstUpdated(): void {
    this.field.focus();
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    this.busy = true;
    this.error = "";
    try {
      await this.act(this.field.value.trim());
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  override render() {
    return html`<modal-dialog .heading=${this.heading} @close=${this.leave}>
      <form data-testid="reason-form" @submit=${this.submit}>
        <p>${this.text}</p>
        <label
          >${this.label}
          <input
            data-testid="reason-text"
            ?required=${!this.optional}
            minlength="3"
            maxlength="200"
            autocomplete="off"
            placeholder=${this.placeholder}
          />
        </label>
        ${this.error ? html`<p class="error" role="alert" data-testid="reason-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
          <button class="primary" data-testid="reason-confirm" ?disabled=${this.busy}>${this.confirm}</button>
        </div>
      </form>
    </modal-dialog>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "reason-form": ReasonForm;
  }
}
