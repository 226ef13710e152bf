/** `<phones-page>`: the keys with which phones say where a unit is: which there are, make one, revoke one. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { changeCamera } from "../api";
import { fleetUnits, makePositionKey, revokePositionKey } from "../api-admin";
import { Ages } from "../ages";
import { Fetched, Watch } from "../controllers";
import { age } from "../format";
import { icons } from "../icons";
import type { Camera } from "../model";
import type { FleetUnit, MadeKey, PositionKey } from "../model-admin";
import { cameraPath } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { adminStrings } from "../strings-admin";
import "./confirm-dialog";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./phone-key";
import "./undo-note";
import type { Change } from "./undo-note";

const words = adminStrings.phones;
const AGAIN_MS = 10_000;
/** The setting of a unit whose position a phone reports. */
const PHONE = "http";

@customElement("phones-page")
export class PhonesPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      form {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: var(--s3);
        margin-bottom: var(--s4);
      }
      form label {
        flex: 1 1 220px;
        max-width: 360px;
      }
      .wrong {
        flex: 1 1 100%;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s2) var(--s3);
      }
      .error {
        margin-bottom: var(--s3);
      }
    `,
  ];

  @state() private dialog: { kind: "again" | "revoke"; camera: Camera } | null = null;
  @state() private made: { camera: string; key: MadeKey } | null = null;
  @state() private change: Change | null = null;
  @state() private error = "";
  @query("select") private unitField!: HTMLSelectElement;
  private readonly found = new Fetched(this, fleetUnits, AGAIN_MS);

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras]);
    new Ages(this);
  }

  /** Make a key of a unit; where its position comes from elsewhere, and may be changed here, it comes from the phone now. */
  private async make(id: string, unit: FleetUnit | undefined): Promise<void> {
    if (unit && unit.position !== PHONE && store.camera(id)?.source === "database") await this.useIt(id);
    this.made = { camera: id, key: await makePositionKey(id) };
    await this.found.again();
  }

  private async useIt(id: string): Promise<void> {
    store.take(await changeCamera(id, { position: PHONE }));
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    this.error = "";
    try {
      await work();
      await this.found.again();
    } catch (error) {
      this.error = (error as Error).message;
    }
  }

  override render() {
    return html`<div class="head"><h1>${strings.settings.sections.phones}</h1></div>
      <p class="lead">${words.lead}</p>
      ${this.change
        ? html`<undo-note .change=${this.change} @close=${() => (this.change = null)}></undo-note>`
        : nothing}
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${fetched(this.found, (units) => this.renderKeys(units))} ${this.renderDialog()}`;
  }

  private renderKeys(units: readonly FleetUnit[]) {
    const keyed = units.filter(({ position_key }) => position_key !== null);
    return html`${this.renderNew(units)}
    ${keyed.length === 0
      ? html`<div class="note" data-testid="phones-none">
          <strong>${words.none}</strong><span>${words.noneText}</span>
        </div>`
      : html`<ul class="rows" data-testid="phones">
          ${keyed.map((unit) => (unit.position_key ? this.renderKey(unit, unit.position_key) : nothing))}
        </ul>`}`;
  }

  private renderNew(units: readonly FleetUnit[]) {
    const free = units.filter(({ position_key }) => position_key === null);
    if (free.length === 0) return units.length > 0 ? html`<p class="quiet">${words.all}</p>` : nothing;
    const submit = (event: Event) => {
      event.preventDefault();
      const id = this.unitField.value;
      if (id) void this.attempt(() => this.make(id, free.find(({ camera }) => camera === id)));
    };
    return html`<form @submit=${submit}>
      <label
        >${words.unit}
        <select data-testid="phone-unit">
          <option value="">${words.choose}</option>
          ${free.map(({ camera }) => html`<option value=${camera}>${store.camera(camera)?.name ?? camera}</option>`)}
        </select>
      </label>
      <button class="primary" data-testid="phone-make">${icons.key} ${words.make}</button>
    </form>`;
  }

  private renderKey(unit: FleetUnit, key: PositionKey) {
    const camera = store.camera(unit.camera);
    if (!camera) return nothing;
    const act = (kind: "again" | "revoke") => () => (this.dialog = { kind, camera });
    return html`<li data-testid="phone" data-camera=${camera.id}>
      <span class="what">
        <a href=${cameraPath(camera.id)}><strong>${camera.name}</strong></a>
        <small
          >${words.made(key.created_by, age(store.now() - Date.parse(key.created)))} ·
          ${key.used === null
            ? words.unused
            : html`${words.received.toLowerCase()} <time data-at=${Date.parse(key.used)}></time> ${words.ago}`}</small
        >
      </span>
      <span class="actions">
        <button data-testid="phone-again" aria-label=${words.makeAgainTitle(camera.name)} @click=${act("again")}>
          ${words.makeAgain}
        </button>
        <button data-testid="phone-revoke" aria-label=${words.revokeTitle(camera.name)} @click=${act("revoke")}>
          ${words.revoke}
        </button>
      </span>
      ${unit.position === PHONE
        ? nothing
        : html`<span class="wrong error"
            >${words.otherSource(unit.position)} ${camera.source === "file"
              ? words.useItFile
              : html`<button @click=${() => void this.attempt(() => this.useIt(camera.id))}>${words.useIt}</button>`}</span
          >`}
    </li>`;
  }

  private renderDialog() {
    const { dialog, made } = this;
    const close = () => (this.dialog = null);
    if (made)
      return html`<phone-key
        .camera=${made.camera}
        .made=${made.key}
        @close=${() => {
          this.made = null;
          void this.found.again();
        }}
      ></phone-key>`;
    if (dialog === null) return nothing;
    const { camera } = dialog;
    if (dialog.kind === "again")
      return html`<confirm-dialog
        .heading=${words.makeAgainTitle(camera.name)}
        .text=${words.makeAgainText}
        .confirm=${words.makeAgain}
        .act=${() => this.make(camera.id, this.found.value?.find((unit) => unit.camera === camera.id))}
        @close=${close}
      ></confirm-dialog>`;
    return html`<confirm-dialog
      .heading=${words.revokeTitle(camera.name)}
      .text=${words.revokeText}
      .confirm=${words.revoke}
      .act=${async () => {
        await revokePositionKey(camera.id);
        this.change = { sentence: words.revoked(camera.name), undo: null };
        await this.found.again();
      }}
      @close=${close}
    ></confirm-dialog>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "phones-page": PhonesPage;
  }
}
