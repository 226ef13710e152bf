/**
 * `<user-form>`: adds a user, or changes role and limits of one (`user` set). Fires `added` (the user with the password
 * that was made) or `changed` ({before, after}; `after` with a password where one had to be made), then `close`.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { addUser, changeUser } from "../api-accounts";
import { groups } from "../api-oversight";
import { Fetched } from "../controllers";
import { entered } from "../fields";
import type { Role, User } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { settingsStrings } from "../strings-settings";
import { controls } from "./controls";
import "./modal-dialog";

const words = settingsStrings.users;
const ROLES = Object.keys(settingsStrings.roles) as Role[];

@customElement("user-form")
export class UserForm extends LitElement {
  static override styles = [
    controls,
    css`
      form {
        display: grid;
        gap: var(--s4);
      }
      fieldset {
        display: grid;
        margin: 0;
        padding: 0;
        border: 0;
      }
      legend {
        padding: 0;
        color: var(--quiet);
      }
      p {
        margin: 0;
      }
      .known {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(140px, 1fr));
        column-gap: var(--s3);
      }
      .cameras {
        max-height: 180px;
        overflow: auto;
      }
      .actions {
        display: flex;
        justify-content: end;
        gap: var(--s2);
      }
      @media (max-width: 720px) {
        input:not([type]),
        select {
          font-size: 16px;
        }
        .actions > * {
          flex: 1;
        }
      }
    `,
  ];

  /** The user to change; none: add one. */
  @property({ attribute: false }) user: User | null = null;
  /** The role of who is added, where it is not to be chosen. */
  @property() only: Role | null = null;
  @state() private chosenRole: Role = "dispatcher";
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;
  private readonly known = new Fetched(this, async (signal) => (await groups(signal)).map(({ name }) => name));

  override connectedCallback(): void {
    super.connectedCallback();
    this.chosenRole = this.user?.role ?? this.only ?? this.chosenRole;
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const chosen = (name: string) =>
      new FormData(this.form).getAll(name).filter((value): value is string => typeof value === "string");
    const more = entered(this.form, "more").split(/[\s,]+/).filter(Boolean);
    const limits = { groups: [...new Set([...chosen("group"), ...more])], cameras: chosen("camera") };
    const role = this.chosenRole;
    this.busy = true;
    this.error = "";
    try {
      if (this.user) {
        const after = await changeUser(this.user.name, { role, ...limits });
        this.dispatchEvent(new CustomEvent("changed", { detail: { before: this.user, after } }));
      } else {
        const name = entered(this.form, "name").trim();
        this.dispatchEvent(new CustomEvent("added", { detail: await addUser({ name, role, ...limits }) }));
      }
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  override render() {
    const { user } = this;
    const title = user ? words.editTitle(user.name) : this.only ? words.addTo(settingsStrings.roles[this.only].name) : words.addTitle;
    return html`<modal-dialog heading=${title} @close=${this.leave}>
      <form novalidate data-testid="user-form" @submit=${this.submit}>
        ${user
          ? nothing
          : html`<label
              >${words.name}
              <input name="name" data-testid="user-name" autocomplete="off" autocapitalize="none" spellcheck="false"
            /></label>`}
        ${this.only ? nothing : this.renderRole()} ${this.renderCameras()} ${this.renderGroups()}
        ${user && !this.needsPassword ? nothing : html`<p class="quiet">${user ? words.newForThem : words.madeForThem}</p>`}
        ${this.error ? html`<p class="error" role="alert" data-testid="user-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
          <button class="primary" data-testid="user-submit" ?disabled=${this.busy || this.known.value === undefined}>
            ${this.busy ? strings.form.busy : user ? strings.form.save : words.addConfirm}
          </button>
        </div>
      </form>
    </modal-dialog>`;
  }

  /** Whoever becomes an NVR's account, or stops being one, gets a new password: what an NVR knows opens no page. */
  private get needsPassword(): boolean {
    return this.user !== null && (this.user.role === "nvr") !== (this.chosenRole === "nvr");
  }

  private renderRole() {
    return html`<label
      >${words.role}
      <select
        data-testid="user-role"
        @change=${(event: Event) => (this.chosenRole = (event.target as HTMLSelectElement).value as Role)}
      >
        ${ROLES.map(
          (role) =>
            html`<option value=${role} ?selected=${role === this.chosenRole}>${settingsStrings.roles[role].name}</option>`,
        )}
      </select>
      <span>${settingsStrings.roles[this.chosenRole].may}</span>
    </label>`;
  }

  private renderCameras() {
    const mine = this.user?.cameras ?? [];
    const known = (store.cameras ?? []).map(({ id, name }) => ({ id, name }));
    const gone = mine.filter((id) => !store.camera(id)).map((id) => ({ id, name: id }));
    const all = [...known, ...gone];
    if (all.length === 0) return nothing;
    return html`<fieldset>
      <legend>${words.cameras}</legend>
      <div class="known cameras">
        ${all.map(
          ({ id, name }) =>
            html`<label class="check"
              ><input
                type="checkbox"
                name="camera"
                data-testid="user-camera"
                value=${id}
                ?checked=${mine.includes(id)}
              />
              ${name}</label
            >`,
        )}
      </div>
    </fieldset>`;
  }

  private renderGroups() {
    if (this.known.error) return html`<p class="error" role="alert">${this.known.error}</p>`;
    if (!this.known.value) return html`<p class="quiet" role="status">${strings.page.loading}</p>`;
    const mine = this.user?.groups ?? store.session?.user.groups ?? [];
    const all = [...new Set([...this.known.value, ...mine])].sort();
    return html`<fieldset>
      <legend>${words.groups}</legend>
      <div class="known">
        ${all.map(
          (group) =>
            html`<label class="check"
              ><input
                type="checkbox"
                name="group"
                data-testid="user-group"
                value=${group}
                ?checked=${mine.includes(group)}
              />
              ${group}</label
            >`,
        )}
      </div>
      <label
        >${all.length > 0 ? words.moreGroups : words.firstGroups}
        <input name="more" data-testid="user-more-groups" autocomplete="off" autocapitalize="none" spellcheck="false"
      /></label>
    </fieldset>`;
  }
}
