/** `<session-list>`: the browsers that are logged in as a user, which of them this is, and how each is ended. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { endSession, sessions } from "../api-accounts";
import { EverySecond, Fetched } from "../controllers";
import { age, browser } from "../format";
import type { OpenSession } from "../model";
import { store } from "../store";
import { settingsStrings } from "../strings-settings";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";

const words = settingsStrings.account;
const RECENT_MS = 120_000;

@customElement("session-list")
export class SessionList extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        max-width: none;
        padding: 0;
      }
      .all {
        margin-top: var(--s2);
      }
    `,
  ];

  @property() user = "";
  @state() private error = "";
  private readonly found = new Fetched(this, (signal) => sessions(this.user, signal));

  constructor() {
    super();
    new EverySecond(this);
  }

  private async end(...ended: OpenSession[]): Promise<void> {
    this.error = "";
    try {
      for (const { id } of ended) await endSession(id);
    } catch (error) {
      this.error = (error as Error).message;
    }
    await this.found.again();
  }

  override render() {
    return fetched(this.found, (found) => {
      const others = found.filter((session) => !session.current);
      return html`${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${found.length === 0
        ? html`<div class="note">${words.noSessions}</div>`
        : html`<ul class="rows" data-testid="sessions">
            ${found.map((session) => this.renderSession(session))}
          </ul>`}
      ${others.length > 1
        ? html`<button class="all" data-testid="end-others" @click=${() => void this.end(...others)}>
            ${words.endOthers(others.length)}
          </button>`
        : nothing}`;
    });
  }

  /** When it was last used, which the gateway notes to the minute. */
  private seen({ seen_utc }: OpenSession): string {
    if (seen_utc === null) return words.notSeen;
    const ago = store.now() - Date.parse(seen_utc);
    return ago < RECENT_MS ? words.activeNow : words.seen(age(ago));
  }

  private renderSession(session: OpenSession) {
    const since = (at: string) => age(store.now() - Date.parse(at));
    return html`<li data-testid="session" ?data-current=${session.current}>
      <span class="what">
        <strong title=${session.agent}>${browser(session.agent) || words.unknownBrowser}</strong>
        <small class="figures">
          ${session.address} · ${words.methods[session.method]} · ${words.loggedIn(since(session.created_utc))} ·
          ${this.seen(session)}
        </small>
      </span>
      ${session.current
        ? html`<span class="chip here">${words.thisOne}</span>`
        : html`<span class="actions"
            ><button data-testid="end-session" @click=${() => void this.end(session)}>${words.end}</button></span
          >`}
    </li>`;
  }
}
