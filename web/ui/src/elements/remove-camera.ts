/** `<remove-camera>`: asks before a camera is removed, and says when it could not be. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { removeCamera } from "../api";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";
import "./modal-dialog";

@customElement("remove-camera")
export class RemoveCamera extends LitElement {
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

  @property({ attribute: false }) camera!: Camera;
  @state() private busy = false;
  @state() private error = "";

  private async confirm(): Promise<void> {
    this.busy = true;
    this.error = "";
    try {
      await removeCamera(this.camera.id);
      store.forget(this.camera.id);
      store.go({ name: "wall" });
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  override render() {
    return html`<modal-dialog heading=${strings.unit.removeTitle(this.camera.name)} @close=${this.leave}>
      <p>${strings.unit.removeText}</p>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      <div class="actions">
        <button @click=${this.leave}>${strings.form.cancel}</button>
        <button
          class="primary"
          data-testid="remove-confirm"
          ?disabled=${this.busy}
          @click=${() => void this.confirm()}
        >
          ${strings.unit.removeConfirm}
        </button>
      </div>
    </modal-dialog>`;
  }
}
