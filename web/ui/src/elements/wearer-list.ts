/** `<wearer-list>`: who wore the units in the time that is shown. Fires `seek` and `changed` (the camera). */

import { html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { assign, changeAssignment } from "../archive/api";
import type { Lane } from "../archive/lane";
import type { Assignment } from "../archive/model";
import { fieldOf, momentIn } from "../archive/moments";
import { within } from "../archive/coverage";
import type { Window } from "../archive/scale";
import { Watch } from "../controllers";
import { entered } from "../fields";
import { utcDateTime } from "../format";
import { icons } from "../icons";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";
import "./modal-dialog";
import { panelStyles } from "./panel-styles";

const words = archiveStrings.wearers;

@customElement("wearer-list")
export class WearerList extends LitElement {
  static override styles = [controls, panelStyles];

  @property({ attribute: false }) lanes: readonly Lane[] = [];
  @property({ attribute: false }) window: Window = { from: 0, to: 0 };
  /** The unit that a new assignment is for. */
  @property() leader = "";
  @property({ type: Number }) at = 0;
  /** What is being written: a new one (`entry` null), or a change. */
  @state() private editing: { camera: string; entry: Assignment | null } | null = null;
  @state() private error = "";
  @state() private busy = false;

  constructor() {
    super();
    new Watch(this, (s) => [s.session, s.cameras]);
  }

  private mayChange(camera: string): boolean {
    return store.camera(camera)?.rights.includes("configure") ?? false;
  }

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const [from, to] = [momentIn(form, "from"), momentIn(form, "to")];
    if (!this.editing || from === null || (to !== null && to <= from)) {
      this.error = archiveStrings.exports.backwards;
      return;
    }
    const { camera, entry } = this.editing;
    const wanted = {
      wearer: entered(form, "wearer").trim(),
      from: new Date(from).toISOString(),
      to: to === null ? null : new Date(to).toISOString(),
    };
    this.busy = true;
    this.error = "";
    try {
      if (entry) await changeAssignment(camera, entry.id, wanted);
      else await assign(camera, wanted);
      this.dispatchEvent(new CustomEvent("changed", { detail: camera }));
      this.editing = null;
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  };

  private edit(camera: string, entry: Assignment | null): void {
    this.error = "";
    this.editing = { camera, entry };
  }

  override render() {
    const listed = this.lanes.flatMap((lane) =>
      within(lane.assignments, this.window).map(({ assignment }) => ({ camera: lane.camera, assignment })),
    );
    return html`${this.mayChange(this.leader)
      ? html`<button class="begin" data-testid="assign" @click=${() => this.edit(this.leader, null)}>
          ${icons.account} ${words.add}
        </button>`
      : nothing}
    ${listed.length === 0
      ? html`<p class="quiet">${words.none}</p>`
      : html`<ul data-testid="wearers" aria-label=${words.shown}>
          ${listed.map(({ camera, assignment }) => this.renderEntry(camera, assignment))}
        </ul>`}
    ${this.renderDialog()}`;
  }

  private renderEntry(camera: string, entry: Assignment) {
    const from = Date.parse(entry.from);
    const to = entry.to === null ? words.onwards : utcDateTime(Date.parse(entry.to));
    return html`<li>
      <button class="row" @click=${() => this.dispatchEvent(new CustomEvent("seek", { detail: from }))}>
        <span>${entry.wearer}</span><small>${store.camera(camera)?.name ?? camera} · ${utcDateTime(from)} – ${to}</small>
      </button>
      ${this.mayChange(camera)
        ? html`<button @click=${() => this.edit(camera, entry)}>${words.edit}</button>`
        : nothing}
    </li>`;
  }

  private renderDialog() {
    if (!this.editing) return nothing;
    const { entry } = this.editing;
    const close = () => (this.editing = null);
    return html`<modal-dialog heading=${entry ? words.editTitle : words.title} @close=${close}>
      <form data-testid="wearer-form" @submit=${this.submit}>
        <label
          >${words.name}
          <input
            name="wearer"
            data-testid="wearer-name"
            required
            maxlength="100"
            autocomplete="off"
            placeholder=${words.placeholder}
            .value=${entry?.wearer ?? ""}
          />
        </label>
        <div class="two">
          <label
            >${words.from}<input
              type="datetime-local"
              step="1"
              name="from"
              required
              .value=${fieldOf(entry ? Date.parse(entry.from) : this.at)}
          /></label>
          <label
            >${words.to}<input
              type="datetime-local"
              step="1"
              name="to"
              .value=${entry?.to ? fieldOf(Date.parse(entry.to)) : ""}
          /></label>
        </div>
        ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${close}>${archiveStrings.bookmarks.cancel}</button>
          <button class="primary" data-testid="wearer-save" ?disabled=${this.busy}>${words.save}</button>
        </div>
      </form>
    </modal-dialog>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "wearer-list": WearerList;
  }
}
