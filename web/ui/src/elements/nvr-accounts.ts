/**
 * `<nvr-accounts>`: the accounts that NVRs log in with (`accounts`), when each was here last (`seen`); add, limit, give a
 * new password, revoke. Fires `changed` when one is another than before.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { changeUser, removeUser } from "../api-accounts";
import { EverySecond, Watch } from "../controllers";
import { age } from "../format";
import { icons } from "../icons";
import type { User } from "../model";
import type { NvrSeen } from "../nvr";
import { madePassword } from "../passwords";
import { store } from "../store";
import { settingsStrings } from "../strings-settings";
import { nvrStrings } from "../strings-nvr";
import "./confirm-dialog";
import { controls } from "./controls";
import { pageStyles } from "./page-styles";
import "./shown-once";
import "./undo-note";
import type { Change } from "./undo-note";
import "./user-form";

const words = nvrStrings.accounts;
const SERVICES = { rtsp: "RTSP", onvif: "ONVIF" } satisfies Record<NvrSeen["service"], string>;

type Dialog = { kind: "add" } | { kind: "edit" | "password" | "revoke"; user: User };

@customElement("nvr-accounts")
export class NvrAccounts extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        max-width: none;
        padding: 0;
      }
      .add {
        margin-top: var(--s3);
      }
    `,
  ];

  @property({ attribute: false }) accounts: readonly User[] = [];
  @property({ attribute: false }) seen: readonly NvrSeen[] = [];
  @state() private dialog: Dialog | null = null;
  @state() private change: Change | null = null;
  /** A password that was just made, and whose. */
  @state() private made: { user: string; password: string } | null = null;

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras]);
    new EverySecond(this);
  }

  private readonly close = () => (this.dialog = null);

  private tellChange(): void {
    this.dispatchEvent(new CustomEvent("changed"));
  }

  private readonly added = ({ detail }: CustomEvent<User & { password: string }>): void => {
    this.made = { user: detail.name, password: detail.password };
    this.change = null;
    this.tellChange();
  };

  private readonly changed = ({ detail }: CustomEvent<{ after: User & { password?: string } }>): void => {
    const { name, role, password } = detail.after;
    if (password !== undefined) this.made = { user: name, password };
    this.change = {
      sentence: settingsStrings.users.changed(name, settingsStrings.roles[role].name, limitOf(detail.after)),
      undo: null,
    };
    this.tellChange();
  };

  override render() {
    return html`${this.change
      ? html`<undo-note .change=${this.change} @close=${() => (this.change = null)}></undo-note>`
      : nothing}
    ${this.accounts.length === 0
      ? html`<div class="note" data-testid="nvr-no-accounts">
          <strong>${words.none}</strong><span>${words.noneText}</span>${this.renderAdd()}
        </div>`
      : html`<ul class="rows" data-testid="nvr-accounts">
            ${this.accounts.map((user) => this.renderAccount(user))}
          </ul>
          <div class="add">${this.renderAdd()}</div>`}
    ${this.renderDialog()}`;
  }

  private renderAdd() {
    return html`<button class="primary" data-testid="nvr-add" @click=${() => (this.dialog = { kind: "add" })}>
      ${icons.add} ${words.add}
    </button>`;
  }

  private renderAccount(user: User) {
    const last = this.seen.find((seen) => seen.account === user.name);
    const here = last
      ? words.seen(SERVICES[last.service], last.address, age(Math.max(0, store.now() - Date.parse(last.utc))))
      : words.neverSeen;
    const act = (kind: "edit" | "password" | "revoke") => () => (this.dialog = { kind, user });
    return html`<li data-testid="nvr-account" data-account=${user.name}>
      <span class="what">
        <strong>${user.name}</strong>
        <small class="figures">${limitOf(user)} · ${here}</small>
      </span>
      ${user.has_password
        ? nothing
        : html`<span class="chip" title=${settingsStrings.users.noPasswordHint}>${settingsStrings.users.noPassword}</span>`}
      <span class="actions">
        <button data-testid="nvr-edit" aria-label=${settingsStrings.users.editTitle(user.name)} @click=${act("edit")}>
          ${settingsStrings.users.edit}
        </button>
        <button data-testid="nvr-password" aria-label=${words.newPasswordTitle(user.name)} @click=${act("password")}>
          ${words.newPassword}
        </button>
        <button data-testid="nvr-revoke" aria-label=${words.revokeTitle(user.name)} @click=${act("revoke")}>
          ${words.revoke}
        </button>
      </span>
    </li>`;
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
        return html`<user-form only="nvr" @close=${this.close} @added=${this.added}></user-form>`;
      case "edit":
        return html`<user-form
          only="nvr"
          .user=${dialog.user}
          @close=${this.close}
          @changed=${this.changed}
        ></user-form>`;
      case "password":
        return html`<confirm-dialog
          .heading=${words.newPasswordTitle(dialog.user.name)}
          .text=${words.newPasswordText}
          .confirm=${words.newPassword}
          .act=${async () => {
            const password = madePassword();
            await changeUser(dialog.user.name, { password });
            this.made = { user: dialog.user.name, password };
            this.tellChange();
          }}
          @close=${this.close}
        ></confirm-dialog>`;
      case "revoke":
        return html`<confirm-dialog
          .heading=${words.revokeTitle(dialog.user.name)}
          .text=${words.revokeText}
          .confirm=${words.revoke}
          .act=${async () => {
            await removeUser(dialog.user.name);
            this.change = { sentence: words.revoked(dialog.user.name), undo: null };
            this.tellChange();
          }}
          @close=${this.close}
        ></confirm-dialog>`;
    }
  }
}

function limitOf(user: User): string {
  const limits = [...user.groups, ...user.cameras.map((id) => store.camera(id)?.name ?? id)];
  return limits.length > 0 ? settingsStrings.users.only(limits.join(", ")) : settingsStrings.users.everything;
}
