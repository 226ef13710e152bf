/** `<share-dialog>`: makes a link by which somebody outside sees an incident. Fires `made` (the share with its address), `close`. */

import { html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { makeShare } from "../api-incidents";
import { entered } from "../fields";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import { dialogStyles } from "./dialog-styles";
import "./modal-dialog";

const words = incidentStrings.shares;
const DAY_MS = 86_400_000;
const USUAL_DAYS = "7";

@customElement("share-dialog")
export class ShareDialog extends LitElement {
  static override styles = [controls, dialogStyles];

  @property({ type: Number }) incident = 0;
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const data = new FormData(this.form);
    const recipient = entered(this.form, "recipient").trim();
    if (!recipient) {
      this.error = words.nameless;
      return;
    }
    const lasts = Number(entered(this.form, "days")) * DAY_MS;
    const wanted = {
      recipient,
      expires: new Date(store.now() + lasts).toISOString(),
      sound: data.has("sound"),
      positions: data.has("positions"),
    };
    this.busy = true;
    this.error = "";
    try {
      const detail = await makeShare(this.incident, wanted, entered(this.form, "reason").trim());
      this.dispatchEvent(new CustomEvent("made", { detail }));
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  override render() {
    return html`<modal-dialog heading=${words.makeTitle} @close=${this.leave}>
      <form novalidate data-testid="share-form" @submit=${this.submit}>
        <p class="quiet">${words.lead}</p>
        <label
          >${words.recipient}
          <input name="recipient" data-testid="share-recipient" maxlength="100" autocomplete="off" placeholder=${words.recipientPlaceholder}
        /></label>
        <label
          >${words.lasts}
          <select name="days" data-testid="share-days">
            ${Object.entries(words.spans).map(
              ([days, word]) => html`<option value=${days} ?selected=${days === USUAL_DAYS}>${word}</option>`,
            )}
          </select>
        </label>
        <div>
          <label class="check"><input type="checkbox" name="sound" data-testid="share-sound" /> ${words.sound}</label>
          <label class="check"><input type="checkbox" name="positions" data-testid="share-positions" /> ${words.positions}</label>
        </div>
        <label>${words.reason} <input name="reason" data-testid="share-reason" maxlength="200" autocomplete="off" /></label>
        ${this.error ? html`<p class="error" role="alert" data-testid="share-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
          <button class="primary" data-testid="share-submit" ?disabled=${this.busy}>${this.busy ? words.busy : words.submit}</button>
        </div>
      </form>
    </modal-dialog>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "share-dialog": ShareDialog;
  }
}
