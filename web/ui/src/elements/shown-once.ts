/** `<shown-once>`: a password or token that the gateway made and shows this one time, to be copied. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { icons } from "../icons";
import { strings } from "../strings";
import { controls } from "./controls";
import "./modal-dialog";

@customElement("shown-once")
export class ShownOnce extends LitElement {
  static override styles = [
    controls,
    css`
      p {
        margin: 0 0 var(--s3);
      }
      .secret {
        display: flex;
        gap: var(--s2);
      }
      textarea {
        flex: 1;
        min-width: 0;
        padding: var(--s2) var(--s3);
        border: 1px solid var(--edge);
        border-radius: var(--radius);
        background: var(--ground);
        color: var(--text);
        font: 13px/1.5 var(--mono);
        resize: none;
        overflow-wrap: anywhere;
      }
      .secret button {
        align-self: center;
      }
      .actions {
        display: flex;
        justify-content: end;
        margin-top: var(--s4);
      }
    `,
  ];

  @property() heading = "";
  @property() text = "";
  @property() secret = "";
  @state() private copied = false;
  @query("textarea") private field!: HTMLTextAreaElement;

  private readonly copy = async (): Promise<void> => {
    this.field.select();
    try {
      await navigator.clipboard.writeText(this.secret);
      this.copied = true;
    } catch {
      // Only secure pages may write to the clipboard: it is selected now, to be copied with the keyboard.
    }
  };

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  override render() {
    return html`<modal-dialog .heading=${this.heading} data-testid="shown-once" @close=${this.leave}>
      <p>${this.text}</p>
      <div class="secret">
        <textarea
          readonly
          rows="2"
          spellcheck="false"
          data-testid="secret"
          aria-label=${this.heading}
          .value=${this.secret}
          @focus=${() => this.field.select()}
        ></textarea>
        <button @click=${this.copy}>${icons.copy} ${this.copied ? strings.page.copied : strings.page.copy}</button>
      </div>
      ${this.copied ? html`<span class="unseen" role="status">${strings.page.copied}</span>` : nothing}
      <div class="actions">
        <button class="primary" data-testid="shown-once-done" @click=${this.leave}>${strings.page.noted}</button>
      </div>
    </modal-dialog>`;
  }
}
