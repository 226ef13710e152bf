/** `<privacy-switch>`: switches a wearer's privacy mode on or off, with the reason that goes into the audit. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { setPrivacy } from "../api-oversight";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";
import "./modal-dialog";

const words = strings.privacy;

@customElement("privacy-switch")
export class PrivacySwitch extends LitElement {
  static override styles = [
    controls,
    css`
      form {
        display: grid;
        gap: var(--s3);
      }
      p {
        margin: 0;
      }
      .actions {
        display: flex;
        justify-content: end;
        gap: var(--s2);
      }
      @media (max-width: 720px) {
        input {
          font-size: 16px;
        }
        .actions > * {
          flex: 1;
        }
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
      store.take(await setPrivacy(this.camera.id, this.camera.privacy === null, this.field.value.trim()));
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  override render() {
    const { name, privacy } = this.camera;
    const off = privacy !== null;
    return html`<modal-dialog .heading=${off ? words.off(name) : words.on(name)} @close=${this.leave}>
      <form novalidate @submit=${this.submit}>
        <p>${off ? words.offText : words.onText}</p>
        <label>${words.why} <input data-testid="privacy-reason" maxlength="200" autocomplete="off" /></label>
        ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
          <button class="primary" data-testid="privacy-confirm" ?disabled=${this.busy}>
            ${off ? words.switchOff : words.switchOn}
          </button>
        </div>
      </form>
    </modal-dialog>`;
  }
}
