/** `<hold-dialog>`: holds recordings of some units back from deletion. Fires `placed` (each camera) and `close`. */

import { html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { policy } from "../api-oversight";
import { placeHold } from "../archive/api";
import { fieldOf, momentIn } from "../archive/moments";
import { Fetched } from "../controllers";
import { entered } from "../fields";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import type { Proposal } from "./archive-panel";
import { controls } from "./controls";
import "./modal-dialog";
import { fetched } from "./page-state";
import { panelStyles } from "./panel-styles";

const words = archiveStrings.holds;

@customElement("hold-dialog")
export class HoldDialog extends LitElement {
  static override styles = [controls, panelStyles];

  @property({ attribute: false }) cameras: readonly string[] = [];
  @property({ attribute: false }) proposal!: Proposal;
  @state() private error = "";
  @state() private busy = false;

  private readonly offered = new Fetched(this, async (signal) => (await policy(signal)).categories);

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const chosen = new FormData(form).getAll("unit").map(String);
    const from = momentIn(form, "from");
    const to = momentIn(form, "to");
    if (chosen.length === 0) this.error = archiveStrings.exports.noUnit;
    else if (from === null || (to !== null && to <= from)) this.error = archiveStrings.exports.backwards;
    else await this.place(chosen, from, to, form);
  };

  private async place(cameras: string[], from: number, to: number | null, form: HTMLFormElement): Promise<void> {
    const iso = (at: number) => new Date(at).toISOString();
    const hold = {
      from: iso(from),
      to: to === null ? null : iso(to),
      category: entered(form, "category") || null,
      reason: entered(form, "reason").trim(),
    };
    this.busy = true;
    this.error = "";
    try {
      for (const camera of cameras) {
        await placeHold(camera, hold);
        this.dispatchEvent(new CustomEvent("placed", { detail: camera }));
      }
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  }

  override render() {
    return html`<modal-dialog heading=${words.title} @close=${this.leave}>
      <form data-testid="hold-form" @submit=${this.submit}>
        <p class="quiet">${words.text}</p>
        ${unitChoice(this.cameras)}
        <div class="two">
          <label>${words.from}<input type="datetime-local" step="1" name="from" required .value=${fieldOf(this.proposal.from)} /></label>
          <label>${words.to}<input type="datetime-local" step="1" name="to" .value=${fieldOf(this.proposal.to)} /></label>
        </div>
        <label
          >${words.reason}
          <input
            name="reason"
            data-testid="hold-reason"
            required
            minlength="3"
            maxlength="200"
            autocomplete="off"
            placeholder=${words.placeholder}
          />
        </label>
        ${fetched(this.offered, (categories) => this.renderCategories(categories))}
        ${this.error ? html`<p class="error" role="alert" data-testid="hold-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${archiveStrings.bookmarks.cancel}</button>
          <button class="primary" data-testid="hold-submit" ?disabled=${this.busy}>${words.submit}</button>
        </div>
      </form>
    </modal-dialog>`;
  }

  /** What it is kept as: without categories in the policy there is nothing to choose. */
  private renderCategories(categories: readonly string[]) {
    if (categories.length === 0) return html`<p class="quiet" data-testid="hold-no-categories">${words.noCategories}</p>`;
    return html`<label
      >${words.category}
      <select name="category" data-testid="hold-category">
        <option value="">${words.untilReleased}</option>
        ${categories.map((category) => html`<option value=${category}>${words.as(category)}</option>`)}
      </select>
    </label>`;
  }
}

/** Which of the units: nothing to choose when there is but one. */
export function unitChoice(cameras: readonly string[]) {
  const name = (camera: string) => store.camera(camera)?.name ?? camera;
  if (cameras.length === 1) return html`<input type="hidden" name="unit" value=${cameras[0] ?? ""} />`;
  return html`<fieldset>
    <legend>${words.units}</legend>
    ${cameras.map(
      (camera) =>
        html`<label class="check"><input type="checkbox" name="unit" value=${camera} checked /> ${name(camera)}</label>`,
    )}
  </fieldset>`;
}

declare global {
  interface HTMLElementTagNameMap {
    "hold-dialog": HoldDialog;
  }
}
