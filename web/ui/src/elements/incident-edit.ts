/** `<incident-edit>`: changes title, tags and category of an incident. Fires `close`. */

import { html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { policy } from "../api-oversight";
import { changeIncident } from "../api-incidents";
import { Fetched } from "../controllers";
import { entered } from "../fields";
import type { Incident } from "../model-incidents";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import { dialogStyles } from "./dialog-styles";
import "./modal-dialog";

const words = incidentStrings.incident;

@customElement("incident-edit")
export class IncidentEdit extends LitElement {
  static override styles = [controls, dialogStyles];

  @property({ attribute: false }) incident!: Incident;
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;
  private readonly offered = new Fetched(this, async (signal) => (await policy(signal)).categories);

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const { incident, form } = this;
    const category = entered(form, "category") || null;
    const change = {
      title: entered(form, "title").trim(),
      tags: entered(form, "tags").split(",").map((tag) => tag.trim()).filter(Boolean),
      // It is about all units, and takes the right for them: what stays is not asked for.
      ...(form.elements.namedItem("category") && category !== incident.category ? { category } : {}),
    };
    this.busy = true;
    this.error = "";
    try {
      store.duty.takeIncident(await changeIncident(incident.id, change));
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  override render() {
    const { incident } = this;
    return html`<modal-dialog heading=${words.editTitle} @close=${this.leave}>
      <form novalidate data-testid="incident-edit" @submit=${this.submit}>
        <label>${words.name} <input name="title" data-testid="edit-title" maxlength="200" autocomplete="off" .value=${incident.title} /></label>
        <label>${words.tagsField} <input name="tags" data-testid="edit-tags" autocomplete="off" .value=${incident.tags.join(", ")} /></label>
        ${this.renderCategory()}
        ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
          <button class="primary" data-testid="edit-save" ?disabled=${this.busy}>${this.busy ? words.busy : words.save}</button>
        </div>
      </form>
    </modal-dialog>`;
  }

  /** Without categories in the policy there is nothing to choose. */
  private renderCategory() {
    const { category, may } = this.incident;
    const known = this.offered.value ?? [];
    if (known.length === 0 || !may.includes("close")) return nothing;
    return html`<label
      >${words.category}
      <select name="category" data-testid="edit-category">
        <option value="">${words.noCategory}</option>
        ${known.map((name) => html`<option value=${name} ?selected=${name === category}>${name}</option>`)}
      </select>
    </label>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "incident-edit": IncidentEdit;
  }
}
