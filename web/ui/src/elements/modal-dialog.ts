/**
 * `<modal-dialog>`: the frame of every dialog: heading, a way out, the focus kept inside (the browser's own <dialog>).
 * It is open for as long as it is in the page; fires `close` when somebody wants out. The focus then is where it was;
 * until then it begins in the first field, if there is one.
 */

import { css, html, LitElement } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { focused } from "../focus";
import { icons } from "../icons";
import { strings } from "../strings";
import { controls } from "./controls";

const FIELD = "input:not([type=hidden], :disabled, [readonly]), select:not(:disabled), textarea:not(:disabled, [readonly])";

@customElement("modal-dialog")
export class ModalDialog extends LitElement {
  static override styles = [
    controls,
    css`
      dialog {
        width: min(var(--width, 520px), calc(100vw - 24px));
        max-height: calc(100dvh - 48px);
        padding: 0;
        border: 1px solid var(--line);
        border-radius: 10px;
        background: var(--panel);
        color: var(--text);
        box-shadow: 0 16px 48px rgb(0 0 0 / 45%);
      }
      dialog::backdrop {
        background: rgb(3 5 8 / 60%);
      }
      .head {
        display: flex;
        align-items: center;
        justify-content: space-between;
        padding: var(--s3) var(--s3) 0 var(--s6);
      }
      h2 {
        margin: 0;
        font-size: var(--normal);
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .body {
        padding: var(--s3) var(--s6) var(--s6);
      }
    `,
  ];

  @property() heading = "";
  @query("dialog") private dialog!: HTMLDialogElement;
  /** What had the focus: the browser gives it back only from a dialog that is closed, not from one that is taken away. */
  private opener: HTMLElement | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.opener = focused();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.opener?.focus();
    this.opener = null;
  }

  override firstUpdated(): void {
    this.dialog.showModal();
    this.querySelector<HTMLElement>(FIELD)?.focus();
  }

  private readonly leave = (event?: Event): void => {
    event?.preventDefault();
    this.dispatchEvent(new CustomEvent("close"));
  };

  override render() {
    return html`<dialog aria-labelledby="heading" @cancel=${this.leave}>
      <div class="head">
        <h2 id="heading">${this.heading}</h2>
        <button class="plain icon" data-testid="dialog-close" aria-label=${strings.help.close} @click=${this.leave}>
          ${icons.close}
        </button>
      </div>
      <div class="body"><slot></slot></div>
    </dialog>`;
  }
}
