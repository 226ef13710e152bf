/** `<verify-day>`: proves that a day's rows of the audit are as they were written, and says what came of it. */

import { css, html, LitElement } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { verifyDay } from "../api-oversight";
import { utcDay } from "../format";
import { icons } from "../icons";
import type { Proof } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { settingsStrings } from "../strings-settings";
import { controls } from "./controls";

const words = settingsStrings.audit;

@customElement("verify-day")
export class VerifyDay extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        margin-bottom: var(--s4);
      }
      form {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: var(--s2) var(--s3);
        padding: var(--s3) var(--s4);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--panel);
      }
      label {
        flex: 0 1 190px;
      }
      p {
        flex: 1 1 240px;
        align-self: center;
        margin: 0;
        overflow-wrap: anywhere;
      }
      .holds {
        color: var(--live);
      }
      .head {
        display: block;
        color: var(--quiet);
        font: 12px var(--mono);
      }
      @media (max-width: 720px) {
        label,
        button {
          flex: 1 1 130px;
        }
        input {
          font-size: 16px;
        }
      }
    `,
  ];

  @state() private busy = false;
  @state() private error = "";
  @state() private proof: Proof | null = null;
  @query("input") private field!: HTMLInputElement;

  private readonly verify = async (event: Event): Promise<void> => {
    event.preventDefault();
    this.busy = true;
    this.error = "";
    this.proof = null;
    try {
      this.proof = await verifyDay(this.field.value);
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  };

  override render() {
    return html`<form @submit=${this.verify}>
      <label
        >${words.day} <input type="date" data-testid="verify-date" required value=${utcDay(store.now())}
      /></label>
      <button data-testid="verify-day" ?disabled=${this.busy}>${icons.policy} ${words.verify}</button>
      ${this.busy
        ? html`<p class="quiet" role="status">${words.verifying}</p>`
        : this.error
          ? html`<p class="error" role="alert">${this.error}</p>`
          : this.proof
            ? this.renderProof(this.proof)
            : html`<p class="quiet">${words.verifyText}</p>`}
    </form>`;
  }

  private renderProof({ day, holds, first, last, broken, head }: Proof) {
    if (last === 0 && holds) return html`<p role="status" data-testid="proof" data-holds="yes">${words.nothingOn(day)}</p>`;
    if (broken)
      return html`<p class="error" role="alert" data-testid="proof" data-holds="no">
        ${words.broken(day, broken.row)} ${strings.sentence(broken.detail)}
      </p>`;
    return html`<p role="status" data-testid="proof" data-holds="yes">
      <span class="holds">${words.holds(day, first, last)}</span>
      <span class="head">${words.head} ${head}</span>
    </p>`;
  }
}
