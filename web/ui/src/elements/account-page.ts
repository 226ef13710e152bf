/** `<account-page>`: who one is here, one's password, the browsers and programs that are logged in as one. */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { sessions } from "../api-accounts";
import { Fetched, Watch } from "../controllers";
import { icons } from "../icons";
import { store, type Theme } from "../store";
import { strings } from "../strings";
import { linkStrings } from "../strings-link";
import { settingsStrings } from "../strings-settings";
import { controls } from "./controls";
import "./change-password";
import { pageStyles } from "./page-styles";
import "./session-list";
import "./token-list";

const words = settingsStrings.account;
const THEMES: Theme[] = ["dark", "light", "system"];

@customElement("account-page")
export class AccountPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      .who {
        display: grid;
        gap: var(--s1);
        margin-bottom: var(--s8);
      }
      .theme {
        max-width: 220px;
      }
    `,
  ];

  /** Whether this browser logged in at a provider, which has the password then. */
  private readonly elsewhere = new Fetched(this, async (signal) => {
    const found = await sessions(store.session?.user.name ?? "", signal);
    return found.some((session) => session.current && session.method === "oidc");
  });

  constructor() {
    super();
    new Watch(this, (s) => [s.session, s.theme, s.app.installable]);
  }

  override render() {
    if (!store.session) return nothing;
    const { name, role, groups, cameras } = store.session.user;
    const limits = [...groups, ...cameras.map((id) => store.camera(id)?.name ?? id)].join(", ");
    return html`<div class="head">
        <h1>${name}</h1>
        <div class="actions">
          <button @click=${() => void store.logOut()}>${icons.logOut} ${words.logOut}</button>
        </div>
      </div>
      <div class="who">
        <span>${settingsStrings.roles[role].name}: ${settingsStrings.roles[role].may}</span>
        <span class="quiet">${limits ? words.limited(limits) : words.unlimited}</span>
      </div>
      <section>
        <h2>${words.sessions}</h2>
        <p class="quiet">${words.sessionsText}</p>
        <session-list .user=${name}></session-list>
      </section>
      <section>
        <h2>${words.tokens}</h2>
        <p class="quiet">${words.tokensText}</p>
        <token-list .user=${name}></token-list>
      </section>
      <section>
        <h2>${words.password}</h2>
        ${this.elsewhere.value
          ? html`<p class="quiet">${words.passwordElsewhere}</p>`
          : html`<p class="quiet">${words.passwordText}</p>
              <change-password></change-password>`}
      </section>
      <section>
        <h2>${words.look}</h2>
        <label class="theme"
          ><span class="unseen">${words.look}</span>
          <select
            data-testid="theme"
            @change=${(event: Event) => store.setTheme((event.target as HTMLSelectElement).value as Theme)}
          >
            ${THEMES.map(
              (theme) =>
                html`<option value=${theme} ?selected=${theme === store.theme}>${strings.nav.themes[theme]}</option>`,
            )}
          </select>
        </label>
      </section>
      ${store.app.installable ? this.renderApp() : nothing}`;
  }

  private renderApp() {
    return html`<section>
      <h2>${linkStrings.app.title}</h2>
      <p class="quiet">${linkStrings.app.text}</p>
      <button data-testid="install" @click=${() => void store.app.install()}>${linkStrings.app.install}</button>
    </section>`;
  }
}
