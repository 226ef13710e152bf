/** `<hold-list>`: what is held back from deletion in the time that is shown. Fires `seek`, `place` and `changed` (the camera). */

import { html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { releaseHold } from "../archive/api";
import type { Lane } from "../archive/lane";
import type { Hold } from "../archive/model";
import { within } from "../archive/coverage";
import type { Window } from "../archive/scale";
import { Watch } from "../controllers";
import { utcDateTime, utcMinute } from "../format";
import { icons } from "../icons";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";
import "./modal-dialog";
import { panelStyles } from "./panel-styles";

const words = archiveStrings.holds;

interface Listed {
  camera: string;
  from: number;
  hold: Hold;
}

@customElement("hold-list")
export class HoldList extends LitElement {
  static override styles = [controls, panelStyles];

  @property({ attribute: false }) lanes: readonly Lane[] = [];
  @property({ attribute: false }) window: Window = { from: 0, to: 0 };
  @property({ type: Boolean }) many = false;
  @state() private releasing: Listed | null = null;
  @state() private error = "";
  @state() private busy = false;
  @query("form input") private field!: HTMLInputElement | null;

  constructor() {
    super();
    new Watch(this, (s) => [s.session, s.cameras]);
  }

  private tell(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  private readonly release = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!this.releasing) return;
    this.busy = true;
    this.error = "";
    try {
      await releaseHold(this.releasing.camera, this.releasing.hold.id, this.field?.value.trim() ?? "");
      this.tell("changed", this.releasing.camera);
      this.releasing = null;
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  };

  override render() {
    const listed = this.lanes.flatMap((lane) =>
      within(lane.holds, this.window).map(({ hold, from }) => ({ camera: lane.camera, from, hold })),
    );
    return html`${store.may("export")
      ? html`<button class="begin" data-testid="hold-begin" @click=${() => this.tell("place")}>
          ${icons.hold} ${words.placeAll}
        </button>`
      : nothing}
    ${listed.length === 0
      ? html`<p class="quiet">${words.none}</p>`
      : html`<ul data-testid="holds">
          ${listed.map((entry) => this.renderHold(entry))}
        </ul>`}
    ${this.renderRelease()}`;
  }

  /** Of those who may export, whoever placed it or configures the camera: the server asks the same. */
  private mayRelease({ camera, hold }: Listed): boolean {
    const rights = store.camera(camera)?.rights ?? [];
    const mine = hold.placed_by === store.session?.user.name;
    return rights.includes("export") && (mine || rights.includes("configure"));
  }

  private renderHold(entry: Listed) {
    const { camera, from, hold } = entry;
    const name = this.many ? `${store.camera(camera)?.name ?? camera} · ` : "";
    const to = hold.to === null ? words.onwards : utcDateTime(Date.parse(hold.to));
    return html`<li>
      <button class="row" @click=${() => this.tell("seek", from)}>
        <span>${hold.category ? `${hold.category}: ` : ""}${hold.reason}</span>
        <small>${name}${utcDateTime(Date.parse(hold.from))} – ${to}</small>
        <small>${words.placed(hold.placed_by, utcMinute(Date.parse(hold.placed)))}</small>
      </button>
      ${this.mayRelease(entry)
        ? html`<button data-testid="hold-release" @click=${() => (this.releasing = entry)}>${words.release}</button>`
        : nothing}
    </li>`;
  }

  private renderRelease() {
    if (!this.releasing) return nothing;
    const close = () => (this.releasing = null);
    return html`<modal-dialog heading=${words.releaseTitle} @close=${close}>
      <form data-testid="release-form" @submit=${this.release}>
        <p class="quiet">${words.releaseText}</p>
        <label
          >${words.releaseReason}
          <input data-testid="release-reason" required minlength="3" maxlength="200" autocomplete="off" />
        </label>
        ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${close}>${archiveStrings.bookmarks.cancel}</button>
          <button class="primary" data-testid="release-submit" ?disabled=${this.busy}>${words.release}</button>
        </div>
      </form>
    </modal-dialog>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "hold-list": HoldList;
  }
}
