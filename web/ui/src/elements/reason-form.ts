/**
 * `<reason-form>`: a dialog for what is done after a second thought, and with a word on why: asks, does it, and says when
 * it did not work. Fires `close`.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { strings } from "../strings";
import { controls } from "./controls";
import { dialogStyles } from "./dialog-styles";
import "./modal-dialog";

@customElement("reason-form")
export class ReasonForm extends LitElement {
  static override styles = [
    controls,
    dialogStyles,
    css`
      button.alarming,
      button.alarming:hover:not(:disabled) {
        border-color: var(--alarm);
        background: var(--alarm);
        color: var(--on-alarm);
      }
    `,
  ];

  @property() heading = "";
  @property() text = "";
  /** What is asked, and an example of an answer. */
  @property() label = "";
  @property() placeholder = "";
  /** It can be done without a word. */
  @property({ type: Boolean }) optional = false;
  /** How many characters a word has at least: the audit takes no shorter reason. */
  @property({ type: Number }) least = 3;
  /** It calls people to help. */
  @property({ type: Boolean }) alarming = false;
  /** What the button that does it says. */
  @property() confirm = "";
  /** What it does with the reason. */
  @property({ attribute: false }) act: (reason: string) => Promise<void> = () => Promise.resolve();
  @state() private busy = false;
  @state() private error = "";
  @query("input") private field!: HTMLInputElement;

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
            minlength=${this.least}
            maxlength="200"
            autocomplete="off"
            placeholder=${this.placeholder}
          />
        </label>
        ${this.error ? html`<p class="error" role="alert" data-testid="reason-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
          <button class=${this.alarming ? "alarming" : "primary"} data-testid="reason-confirm" ?disabled=${this.busy}>${this.confirm}</button>
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
