/** `<log-in>`: the page for those who are not logged in. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { ApiError, providers } from "../api";
import { EverySecond, Fetched } from "../controllers";
import { mark } from "../icons";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";

const words = strings.logIn;

@customElement("log-in")
export class LogIn extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        place-items: center;
        min-height: 100dvh;
        padding: var(--s4);
      }
      main {
        display: grid;
        gap: var(--s4);
        width: min(340px, 100%);
      }
      .mark {
        display: flex;
        align-items: center;
        gap: var(--s3);
        color: var(--accent);
      }
      h1 {
        margin: 0;
        color: var(--text);
        font-size: var(--large);
        font-weight: 600;
      }
      form {
        display: grid;
        gap: var(--s4);
        padding: var(--s6);
        border: 1px solid var(--line);
        border-radius: 10px;
        background: var(--panel);
      }
      input,
      button {
        min-height: 40px;
        font-size: var(--normal);
      }
      .providers {
        display: grid;
        gap: var(--s2);
      }
      .or {
        display: grid;
        grid-template-columns: 1fr auto 1fr;
        align-items: center;
        gap: var(--s3);
        color: var(--quiet);
      }
      .or::before,
      .or::after {
        content: "";
        height: 1px;
        background: var(--line);
      }
      .providers a {
        min-height: 40px;
        font-size: var(--normal);
      }
      footer {
        color: var(--quiet);
        font-size: 12px;
        line-height: 1.8;
      }
    `,
  ];

  @state() private busy = false;
  @state() private error = "";
  /** No attempt before this moment, by this computer's clock. */
  @state() private waitUntil = 0;
  @query("form") private form!: HTMLFormElement;
  @query("input") private first!: HTMLInputElement;
  private readonly providers = new Fetched(this, providers);

  constructor() {
    super();
    new EverySecond(this);
  }

  override firstUpdated(): void {
    this.first.focus();
  }

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const data = new FormData(this.form);
    const username = data.get("username");
    const password = data.get("password");
    if (typeof username !== "string" || typeof password !== "string") return;
    this.busy = true;
    this.error = "";
    try {
      await store.logIn(username, password);
    } catch (error) {
      this.error = (error as Error).message;
      if (error instanceof ApiError && error.retryAfter !== null) this.waitUntil = Date.now() + error.retryAfter * 1000;
      this.form.querySelector<HTMLInputElement>("[type=password]")?.select();
    }
    this.busy = false;
  };

  override render() {
    const wait = Math.ceil((this.waitUntil - Date.now()) / 1000);
    const error = wait > 0 ? words.wait(wait) : this.error;
    return html`<main>
      <div class="mark">${mark}<h1>${words.title}</h1></div>
      ${store.sessionEnded && !error ? html`<p class="error" role="status">${words.ended}</p>` : nothing}
      <form @submit=${this.submit}>
        <label
          >${words.username}
          <input name="username" data-testid="login-username" autocomplete="username" autocapitalize="none" spellcheck="false" required
        /></label>
        <label
          >${words.password}
          <input name="password" data-testid="login-password" type="password" autocomplete="current-password" required
        /></label>
        ${error ? html`<p class="error figures" role="alert" data-testid="login-error">${error}</p>` : nothing}
        <button class="primary" data-testid="login-submit" ?disabled=${this.busy || wait > 0}>
          ${this.busy ? words.busy : words.submit}
        </button>
      </form>
      ${this.renderProviders()}
      <footer>${words.first}<br /><code>${words.firstCommand}</code></footer>
    </main>`;
  }

  private renderProviders() {
    const known = this.providers.value ?? [];
    if (known.length === 0) return nothing;
    return html`<div class="providers">
      <span class="or">${words.or}</span>
      ${known.map(
        ({ name, url }) =>
          html`<a class="button" data-testid="login-provider" href=${url} @click=${() => store.willReturn()}
            >${words.with(name)}</a
          >`,
      )}
    </div>`;
  }
}
