/**
 * `<reason-dialog>`: asks why one watches a unit, where the policy wants to know: one of the reasons that it offers, or
 * words of one's own. They go into the audit with the view.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { policy } from "../api-oversight";
import { Fetched } from "../controllers";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";
import "./modal-dialog";

const words = strings.reason;
/** What the gateway takes. */
const LEAST = 3;
const MOST = 200;

@customElement("reason-dialog")
export class ReasonDialog extends LitElement {
  static override styles = [
    controls,
    css`
      form {
        display: grid;
        gap: var(--s3);
      }
      p {
        margin: 0;
      }
      fieldset {
        display: grid;
        gap: var(--s1);
        margin: 0;
        padding: 0;
        border: 0;
      }
      label.check {
        padding: 0 var(--s2);
        border: 1px solid var(--line);
        border-radius: var(--radius);
      }
      label.check:has(:checked) {
        border-color: var(--accent);
      }
      label.others {
        border-color: transparent;
        padding: 0;
      }
      input[type="radio"] {
        width: 18px;
        min-height: 18px;
        margin: 0;
        flex: none;
        accent-color: var(--accent);
      }
      .actions {
        display: flex;
        justify-content: end;
        gap: var(--s2);
      }
      @media (max-width: 720px) {
        .actions > * {
          flex: 1;
        }
        input[name="words"] {
          font-size: 16px;
        }
      }
    `,
  ];

  /** The units it is about. */
  @property({ attribute: false }) units: readonly string[] = [];
  /** The one that is picked; null: words of one's own. */
  @state() private picked: string | null | undefined = undefined;
  @state() private own = "";
  @state() private error = "";
  @query("input[name=words]") private field!: HTMLInputElement | null;
  private readonly offered = new Fetched(this, async () => (await policy()).reasons);
  private focused = false;

  override updated(): void {
    if (this.offered.busy || this.focused) return;
    this.focused = true;
    (this.renderRoot.querySelector<HTMLInputElement>("input[type=radio]") ?? this.field)?.focus();
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly submit = (event: Event): void => {
    event.preventDefault();
    const reason = (typeof this.picked === "string" ? this.picked : this.own).trim();
    if (reason.length < LEAST) {
      this.error = this.field ? words.tooShort(LEAST) : words.chooseOne;
      this.field?.focus();
      return;
    }
    const form = new FormData(event.target as HTMLFormElement);
    const others = form.has("others") ? this.others.map((camera) => camera.id) : [];
    store.giveReason([...this.units, ...others], reason);
  };

  /** Other units that wait for a reason. */
  private get others() {
    return store.waiting().filter((camera) => !this.units.includes(camera.id));
  }

  override render() {
    const names = this.units.map((id) => store.camera(id)?.name ?? id).join(", ");
    return html`<modal-dialog heading=${words.title(names)} @close=${this.leave}>
      <form novalidate data-testid="reason-dialog" @submit=${this.submit}>
        <p class="quiet">${words.text}</p>
        ${this.offered.busy
          ? html`<p class="quiet" role="status">${strings.page.loading}</p>`
          : this.renderChoice(this.offered.value ?? [])}
        ${this.renderOthers()}
        ${this.error ? html`<p class="error" role="alert" data-testid="reason-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" data-testid="reason-cancel" @click=${this.leave}>${strings.form.cancel}</button>
          <button class="primary" data-testid="reason-submit" ?disabled=${this.offered.busy}>${words.submit}</button>
        </div>
      </form>
    </modal-dialog>`;
  }

  private renderChoice(reasons: readonly string[]) {
    const free = reasons.length === 0 || this.picked === null;
    return html`${reasons.length > 0
      ? html`<fieldset>
          <legend class="unseen">${words.choose}</legend>
          ${[...reasons, null].map(
            (reason) =>
              html`<label class="check"
                ><input
                  type="radio"
                  name="reason"
                  data-testid="reason-offer"
                  .checked=${this.picked === reason}
                  @change=${() => this.pick(reason)}
                />
                ${reason ?? words.other}</label
              >`,
          )}
        </fieldset>`
      : nothing}
    ${free
      ? html`<label
          >${words.own}
          <input
            name="words"
            data-testid="reason-words"
            maxlength=${MOST}
            autocomplete="off"
            placeholder=${words.placeholder}
            .value=${this.own}
            @input=${() => (this.own = this.field?.value ?? "")}
        /></label>`
      : nothing}`;
  }

  private pick(reason: string | null): void {
    this.picked = reason;
    this.error = "";
  }

  private renderOthers() {
    const { length } = this.others;
    if (length === 0) return nothing;
    return html`<label class="check others"
      ><input type="checkbox" name="others" data-testid="reason-others" /> ${words.others(length)}</label
    >`;
  }
}
