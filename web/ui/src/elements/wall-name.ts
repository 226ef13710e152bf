/** `<wall-name>`: asks what a wall is to be called, and says when that does not work. Fires `close`. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { strings } from "../strings";
import { wallStrings } from "../strings-wall";
import { controls } from "./controls";
import "./modal-dialog";

const MAX_NAME = 60;

@customElement("wall-name")
export class WallName extends LitElement {
  static override styles = [
    controls,
    css`
      form {
        display: grid;
        gap: var(--s4);
      }
      p {
        margin: 0;
      }
      .actions {
        display: flex;
        justify-content: end;
        gap: var(--s2);
      }
    `,
  ];

  @property() heading = "";
  @property() text = "";
  /** What the button says that does it. */
  @property() confirm = "";
  /** What the wall is called so far. */
  @property() name = "";
  @property({ attribute: false }) act: (name: string) => Promise<void> = () => Promise.resolve();
  @state() private busy = false;
  @state() private error = "";
  @query("input") private input!: HTMLInputElement;

  override firstUpdated(): void {
    this.input.select();
  }

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    this.busy = true;
    this.error = "";
    try {
      await this.act(this.input.value.trim());
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  override render() {
    return html`<modal-dialog heading=${this.heading} @close=${this.leave}>
      <form @submit=${this.submit}>
        ${this.text ? html`<p class="quiet">${this.text}</p>` : nothing}
        <label>
          ${wallStrings.naming.name}
          <input
            data-testid="wall-name"
            required
            pattern=".*\\S.*"
            maxlength=${MAX_NAME}
            autocomplete="off"
            placeholder=${wallStrings.naming.placeholder}
            .value=${this.name}
          />
        </label>
        ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
          <button class="primary" data-testid="wall-name-submit" ?disabled=${this.busy}>${this.confirm}</button>
        </div>
      </form>
    </modal-dialog>`;
  }
}
