/** `<users-page>`: who has an account, with which role and limit; add, change, remove, and what each has open. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { changeUser, removeUser, users } from "../api-accounts";
import { Fetched, Watch } from "../controllers";
import { utcDay } from "../format";
import { icons } from "../icons";
import type { User } from "../model";
import { madePassword } from "../passwords";
import { settingsPath } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { settingsStrings } from "../strings-settings";
import "./confirm-dialog";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./session-list";
import "./shown-once";
import "./token-list";
import "./undo-note";
import type { Change } from "./undo-note";
import "./user-form";

const words = settingsStrings.users;

type Dialog = { kind: "add" } | { kind: "edit" | "remove" | "password"; user: User };

@customElement("users-page")
export class UsersPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      .more {
        flex: 1 1 100%;
        min-width: 0;
        padding-bottom: var(--s2);
      }
      h3 {
        margin: var(--s4) 0 var(--s2);
        font-size: var(--small);
      }
      .links {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s1) var(--s4);
        margin-top: var(--s2);
      }
      .links a {
        display: inline-flex;
        align-items: center;
        min-height: var(--control);
      }
    `,
  ];

  @state() private dialog: Dialog | null = null;
  @state() private change: Change | null = null;
  /** A password that was just made, and whose. */
  @state() private made: { user: string; password: string } | null = null;
  /** The users whose log-ins are shown. */
  @state() private opened: ReadonlySet<string> = new Set();
  private readonly found = new Fetched(this, users);

  constructor() {
    super();
    new Watch(this, (s) => [s.session]);
  }

  private readonly close = () => (this.dialog = null);

  private readonly added = (event: CustomEvent<User & { password: string }>): void => {
    const { name, password } = event.detail;
    this.made = { user: name, password };
    this.change = null;
    void this.found.again();
  };

  private readonly changed = (event: CustomEvent<{ before: User; after: User & { password?: string } }>): void => {
    const { before, after } = event.detail;
    const undo = async () => {
      await changeUser(before.name, { role: before.role, groups: before.groups, cameras: before.cameras });
      await this.found.again();
    };
    if (after.password !== undefined) this.made = { user: after.name, password: after.password };
    this.change = {
      sentence: words.changed(after.name, settingsStrings.roles[after.role].name, this.limit(after)),
      undo: after.password === undefined ? undo : null, // the password before is gone
    };
    void this.found.again();
  };

  private toggle(name: string): void {
    const opened = new Set(this.opened);
    if (!opened.delete(name)) opened.add(name);
    this.opened = opened;
  }

  private limit(user: User): string {
    const cameras = user.cameras.map((id) => store.camera(id)?.name ?? id);
    const limits = [...user.groups, ...cameras];
    return limits.length > 0 ? words.only(limits.join(", ")) : words.everything;
  }

  override render() {
    return html`<div class="head">
        <h1>${strings.settings.sections.users}</h1>
        <div class="actions">
          <button class="primary" data-testid="add-user" @click=${() => (this.dialog = { kind: "add" })}>
            ${icons.add} ${words.add}
          </button>
        </div>
      </div>
      <p class="lead">${words.lead}</p>
      ${this.change
        ? html`<undo-note .change=${this.change} @close=${() => (this.change = null)}></undo-note>`
        : nothing}
      ${fetched(
        this.found,
        (found) =>
          html`<ul class="rows" data-testid="users">
            ${found.map((user) => this.renderUser(user))}
          </ul>`,
      )}
      ${this.renderDialog()}`;
  }

  private renderUser(user: User) {
    const self = user.name === store.session?.user.name;
    const owned = user.issuer !== null;
    const open = this.opened.has(user.name);
    return html`<li data-testid="user" data-user=${user.name}>
      <span class="what">
        <strong>${user.name}</strong>
        <small>
          ${settingsStrings.roles[user.role].name} · ${this.limit(user)} ·
          ${user.issuer === null ? words.since(utcDay(Date.parse(user.created_utc))) : words.vouched(user.issuer)}
        </small>
      </span>
      ${self ? html`<span class="chip here">${words.you}</span>` : nothing}
      ${user.has_password ? nothing : html`<span class="chip" title=${words.noPasswordHint}>${words.noPassword}</span>`}
      <span class="actions">
        <button
          data-testid="user-more"
          aria-expanded=${open}
          title=${words.moreHint}
          aria-label=${words.moreOf(open ? words.less : words.more, user.name)}
          @click=${() => this.toggle(user.name)}
        >
          ${open ? words.less : words.more}
        </button>
        <button
          data-testid="edit-user"
          aria-label=${words.editTitle(user.name)}
          title=${owned ? words.owned : words.edit}
          ?disabled=${owned}
          @click=${() => (this.dialog = { kind: "edit", user })}
        >
          ${words.edit}
        </button>
        <button
          data-testid="remove-user"
          aria-label=${words.removeTitle(user.name)}
          title=${self ? words.removeSelf : words.remove}
          ?disabled=${self}
          @click=${() => (this.dialog = { kind: "remove", user })}
        >
          ${words.remove}
        </button>
      </span>
      ${open ? html`<div class="more">${this.renderMore(user, self)}</div>` : nothing}
    </li>`;
  }

  private renderMore(user: User, self: boolean) {
    return html`<div class="links">
        ${store.sections.includes("audit")
          ? html`<a href=${settingsPath("policy", { user: user.name })}>${words.mayWhat}</a>
              <a href=${settingsPath("audit", { actor: user.name })}>${words.didWhat}</a>`
          : nothing}
        ${self || user.issuer !== null
          ? nothing
          : html`<button data-testid="new-password" @click=${() => (this.dialog = { kind: "password", user })}>
              ${icons.key} ${words.newPassword}
            </button>`}
      </div>
      <h3>${settingsStrings.account.sessions}</h3>
      <session-list .user=${user.name}></session-list>
      <h3>${settingsStrings.account.tokens}</h3>
      <token-list .user=${user.name}></token-list>`;
  }

  private renderDialog() {
    const { dialog, made } = this;
    if (made)
      return html`<shown-once
        .heading=${words.passwordOf(made.user)}
        .text=${words.passwordText(made.user)}
        .secret=${made.password}
        @close=${() => (this.made = null)}
      ></shown-once>`;
    switch (dialog?.kind) {
      case undefined:
        return nothing;
      case "add":
        return html`<user-form @close=${this.close} @added=${this.added}></user-form>`;
      case "edit":
        return html`<user-form .user=${dialog.user} @close=${this.close} @changed=${this.changed}></user-form>`;
      case "remove":
        return html`<confirm-dialog
          .heading=${words.removeTitle(dialog.user.name)}
          .text=${words.removeText}
          .confirm=${words.removeConfirm}
          .act=${async () => {
            await removeUser(dialog.user.name);
            this.change = { sentence: words.removed(dialog.user.name), undo: null };
            await this.found.again();
          }}
          @close=${this.close}
        ></confirm-dialog>`;
      case "password":
        return html`<confirm-dialog
          .heading=${words.newPasswordTitle(dialog.user.name)}
          .text=${words.newPasswordText}
          .confirm=${words.newPassword}
          .act=${async () => {
            const password = madePassword();
            await changeUser(dialog.user.name, { password });
            this.made = { user: dialog.user.name, password };
          }}
          @close=${this.close}
        ></confirm-dialog>`;
    }
  }
}
