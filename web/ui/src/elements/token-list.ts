/** `<token-list>`: the programs that may act as a user; who may configure makes tokens here, each shown once. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { createToken, revokeToken, tokens } from "../api-accounts";
import { EverySecond, Fetched } from "../controllers";
import { entered } from "../fields";
import { age } from "../format";
import { icons } from "../icons";
import type { Token } from "../model";
import { store } from "../store";
import { settingsStrings } from "../strings-settings";
import "./confirm-dialog";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./shown-once";

const words = settingsStrings.account;
/** How long a token may hold; empty: until it is revoked. */
const LIFETIMES = ["30d", "90d", "365d", ""] as const;

/** The later of two times. When a token was used is noted to the minute, which may be before it was made. */
const later = (one: string, other: string) => (Date.parse(one) > Date.parse(other) ? one : other);

@customElement("token-list")
export class TokenList extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        max-width: none;
        padding: 0;
      }
      form {
        display: grid;
        grid-template-columns: minmax(0, 2fr) minmax(0, 1fr) auto;
        align-items: end;
        gap: var(--s2) var(--s3);
        margin-top: var(--s3);
      }
      .error {
        margin-bottom: var(--s2);
      }
      @media (max-width: 720px) {
        form {
          grid-template-columns: 1fr;
        }
      }
    `,
  ];

  @property() user = "";
  @state() private made = "";
  @state() private revoked: Token | null = null;
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;
  private readonly found = new Fetched(this, (signal) => tokens(this.user, signal));

  constructor() {
    super();
    new EverySecond(this);
  }

  private readonly make = async (event: Event): Promise<void> => {
    event.preventDefault();
    this.busy = true;
    this.error = "";
    try {
      this.made = (await createToken(entered(this.form, "name").trim(), this.user, entered(this.form, "expires") || null)).token;
      this.form.reset();
      await this.found.again();
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  };

  override render() {
    return html`${fetched(this.found, (found) =>
      found.length === 0
        ? html`<div class="note">${words.noTokens}</div>`
        : html`<ul class="rows" data-testid="tokens">
            ${found.map((token) => this.renderToken(token))}
          </ul>`,
    )}
    ${store.mayManageUsers
      ? html`<form @submit=${this.make}>
          <label
            >${words.tokenFor}
            <input name="name" data-testid="token-name" required maxlength="64" autocomplete="off"
          /></label>
          <label
            >${words.holds}
            <select name="expires">
              ${LIFETIMES.map((span) => html`<option value=${span}>${words.lifetimes[span]}</option>`)}
            </select>
          </label>
          <button data-testid="token-make" ?disabled=${this.busy}>${icons.key} ${words.makeToken}</button>
        </form>`
      : nothing}
    ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
    ${this.made
      ? html`<shown-once
          .heading=${words.tokenMade}
          .text=${words.tokenMadeText}
          .secret=${this.made}
          @close=${() => (this.made = "")}
        ></shown-once>`
      : nothing}
    ${this.revoked ? this.renderRevoking(this.revoked) : nothing}`;
  }

  private renderToken(token: Token) {
    const now = store.now();
    const since = (at: string) => age(now - Date.parse(at));
    const left = token.expires_utc === null ? null : Date.parse(token.expires_utc) - now;
    return html`<li data-testid="token">
      <span class="what">
        <strong>${token.name}</strong>
        <small class="figures">
          ${words.made(since(token.created_utc))} ·
          ${token.seen_utc === null ? words.neverUsed : words.used(since(later(token.seen_utc, token.created_utc)))} ·
          ${left === null ? words.noEnd : left > 0 ? words.endsIn(age(left)) : words.expired}
        </small>
      </span>
      ${token.current ? html`<span class="chip here">${words.thisOne}</span>` : nothing}
      <span class="actions"
        ><button data-testid="revoke-token" @click=${() => (this.revoked = token)}>${words.revoke}</button></span
      >
    </li>`;
  }

  private renderRevoking(token: Token) {
    return html`<confirm-dialog
      .heading=${words.revokeTitle(token.name)}
      .text=${words.revokeText}
      .confirm=${words.revoke}
      .act=${async () => {
        await revokeToken(token.id);
        await this.found.again();
      }}
      @close=${() => (this.revoked = null)}
    ></confirm-dialog>`;
  }
}
