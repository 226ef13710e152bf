/** `<change-password>`: one's own password, old and new. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { changePassword } from "../api-accounts";
import { entered } from "../fields";
import { store } from "../store";
import { settingsStrings } from "../strings-settings";
import { controls } from "./controls";

const words = settingsStrings.account;
/** What the gateway takes. */
const LEAST = 8;

@customElement("change-password")
export class ChangePassword extends LitElement {
  static override styles = [
    controls,
    css`
      form {
        display: grid;
        gap: var(--s3);
        max-width: 340px;
      }
      p {
        margin: 0;
      }
      .done {
        color: var(--live);
      }
      @media (max-width: 720px) {
        form {
          max-width: none;
        }
        input {
          font-size: 16px;
        }
      }
    `,
  ];

  @state() private busy = false;
  @state() private error = "";
  @state() private done = false;
  @query("form") private form!: HTMLFormElement;

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const wanted = entered(this.form, "new");
    this.done = false;
    this.error = wanted.length < LEAST ? words.tooShort(LEAST) : wanted === entered(this.form, "again") ? "" : words.differ;
    if (this.error) return;
    this.busy = true;
    try {
      await changePassword(entered(this.form, "old"), wanted);
      this.form.reset();
      this.done = true;
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  };

  private renderField(name: string, label: string, autocomplete: "current-password" | "new-password") {
    return html`<label
      >${label} <input type="password" name=${name} data-testid="password-${name}" autocomplete=${autocomplete} required
    /></label>`;
  }

  override render() {
    return html`<form novalidate @submit=${this.submit}>
      <input hidden name="username" autocomplete="username" .value=${store.session?.user.name ?? ""} />
      ${this.renderField("old", words.old, "current-password")} ${this.renderField("new", words.new, "new-password")}
      ${this.renderField("again", words.again, "new-password")}
      ${this.error ? html`<p class="error" role="alert" data-testid="password-error">${this.error}</p>` : nothing}
      ${this.done ? html`<p class="done" role="status">${words.passwordChanged}</p>` : nothing}
      <div><button data-testid="password-submit" ?disabled=${this.busy}>${words.change}</button></div>
    </form>`;
  }
}
