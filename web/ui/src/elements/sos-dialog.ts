/** `<sos-dialog>`: raises an SOS for a unit, after a second thought: nobody does so with a slip of the finger. Fires `close`. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { raiseSos } from "../api-incidents";
import type { Camera } from "../model";
import { store } from "../store";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import { dialogStyles } from "./dialog-styles";
import "./modal-dialog";

const words = incidentStrings.sos;

@customElement("sos-dialog")
export class SosDialog extends LitElement {
  static override styles = [
    controls,
    dialogStyles,
    css`
      button.sos,
      button.sos:hover:not(:disabled) {
        border-color: var(--alarm);
        background: var(--alarm);
        color: var(--on-alarm);
      }
    `,
  ];

  @property({ attribute: false }) camera!: Camera;
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
      store.duty.takeAlert(await raiseSos(this.camera.id, this.field.value.trim()));
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  override render() {
    return html`<modal-dialog .heading=${words.title(this.camera.name)} @close=${this.leave}>
      <form novalidate data-testid="sos-form" @submit=${this.submit}>
        <p>${words.text}</p>
        <label
          >${words.what}
          <input data-testid="sos-text" maxlength="200" autocomplete="off" placeholder=${words.placeholder} />
        </label>
        ${this.error ? html`<p class="error" role="alert" data-testid="sos-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${words.cancel}</button>
          <button class="sos" data-testid="sos-submit" ?disabled=${this.busy}>
            ${this.busy ? words.busy : words.submit}
          </button>
        </div>
      </form>
    </modal-dialog>`;
  }
}
