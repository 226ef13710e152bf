/** `<export-dialog>`: asks for an export: which units, from when to when, as what. Fires `close`. */

import { html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { startExport } from "../archive/api";
import { fieldOf, momentIn } from "../archive/moments";
import { entered } from "../fields";
import { age } from "../format";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import type { Proposal } from "./archive-panel";
import { controls } from "./controls";
import { unitChoice } from "./hold-dialog";
import "./modal-dialog";
import { panelStyles } from "./panel-styles";

const words = archiveStrings.exports;
type Kind = keyof typeof words.kinds;

@customElement("export-dialog")
export class ExportDialog extends LitElement {
  static override styles = [controls, panelStyles];

  @property({ attribute: false }) cameras: readonly string[] = [];
  @property({ attribute: false }) proposal!: Proposal;
  @state() private kind: Kind = "video";
  @state() private length = "";
  @state() private error = "";
  @state() private busy = false;

  override willUpdate(): void {
    this.length ||= words.length(age(this.proposal.to - this.proposal.from));
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly measure = (event: Event): void => {
    const form = event.currentTarget as HTMLFormElement;
    const [from, to] = [momentIn(form, "from"), momentIn(form, "to")];
    this.length = from === null || to === null || to <= from ? words.backwards : words.length(age(to - from));
  };

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const data = new FormData(form);
    const cameras = data.getAll("unit").map(String);
    const [from, to] = [momentIn(form, "from"), momentIn(form, "to")];
    if (cameras.length === 0) this.error = words.noUnit;
    else if (from === null || to === null || to <= from) this.error = words.backwards;
    else {
      const wanted = {
        cameras,
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
        kind: this.kind,
        burn_in: this.kind === "video" && data.has("burn_in"),
      };
      this.busy = true;
      this.error = "";
      try {
        store.takeExport(await startExport(wanted, entered(form, "reason").trim()));
        this.leave();
      } catch (error) {
        this.error = (error as Error).message;
        this.busy = false;
      }
    }
  };

  override render() {
    return html`<modal-dialog heading=${words.title} @close=${this.leave}>
      <form data-testid="export-form" @submit=${this.submit} @input=${this.measure}>
        <p class="quiet">${words.text}</p>
        ${unitChoice(this.cameras)}
        <div class="two">
          <label>${words.from}<input type="datetime-local" step="1" name="from" required .value=${fieldOf(this.proposal.from)} /></label>
          <label>${words.to}<input type="datetime-local" step="1" name="to" required .value=${fieldOf(this.proposal.to)} /></label>
        </div>
        <small role="status">${this.length}</small>
        <fieldset>
          <legend>${words.kind}</legend>
          ${(Object.keys(words.kinds) as Kind[]).map(
            (kind) =>
              html`<label class="check"
                ><input
                  type="radio"
                  name="kind"
                  data-testid="export-${kind}"
                  value=${kind}
                  .checked=${kind === this.kind}
                  @change=${() => (this.kind = kind)}
                />
                ${words.kinds[kind]}</label
              >`,
          )}
        </fieldset>
        ${this.kind === "video"
          ? html`<label class="check"><input type="checkbox" name="burn_in" data-testid="export-burn-in" /> ${words.burnIn}</label>`
          : nothing}
        <label
          >${words.reason}
          <input
            name="reason"
            data-testid="export-reason"
            minlength="3"
            maxlength="200"
            autocomplete="off"
            placeholder=${words.placeholder}
          />
        </label>
        ${this.error ? html`<p class="error" role="alert" data-testid="export-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${archiveStrings.bookmarks.cancel}</button>
          <button class="primary" data-testid="export-submit" ?disabled=${this.busy}>${words.submit}</button>
        </div>
      </form>
    </modal-dialog>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "export-dialog": ExportDialog;
  }
}
