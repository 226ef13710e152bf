/** `<camera-page>`: one camera: how it is reached and how it does; test it, change it, remove it. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { cameraSettings, removeCamera } from "../api";
import { fleetUnits } from "../api-admin";
import { Ages } from "../ages";
import { Fetched, Watch } from "../controllers";
import { stateOf } from "../faces";
import { bytes } from "../format";
import { icons } from "../icons";
import type { Camera, CameraSettings } from "../model";
import type { FleetUnit } from "../model-admin";
import { hashOf, settingsPath } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { adminStrings } from "../strings-admin";
import "./camera-form";
import "./camera-test";
import "./confirm-dialog";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./state-mark";

const words = adminStrings.cameras;

interface Found {
  settings: CameraSettings;
  unit: FleetUnit | null;
}

@customElement("camera-page")
export class CameraPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      .all {
        display: inline-flex;
        align-items: center;
        gap: var(--s1);
        min-height: var(--control);
        text-decoration: none;
      }
      .state {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s3);
        margin-bottom: var(--s3);
      }
      .links {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s1) var(--s4);
        margin-bottom: var(--s6);
      }
      .links a {
        display: inline-flex;
        align-items: center;
        min-height: var(--control);
      }
      .error {
        margin-bottom: var(--s3);
      }
      .error p + p {
        margin-top: var(--s1);
      }
      dl {
        display: grid;
        grid-template-columns: minmax(0, 160px) minmax(0, 1fr);
        gap: var(--s2) var(--s4);
        margin: var(--s2) 0 0;
      }
      dt {
        color: var(--quiet);
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
    `,
  ];

  /** Its id. */
  @property() camera = "";
  @state() private dialog: "change" | "remove" | null = null;
  private readonly found = new Fetched<Found>(this, async (signal) => {
    const [settings, units] = await Promise.all([cameraSettings(this.camera), fleetUnits(signal)]);
    return { settings, unit: units.find(({ camera }) => camera === this.camera) ?? null };
  });
  private status = "";

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.link.downSince]);
    new Ages(this);
  }

  /** What it says of itself is known once it is connected to. */
  override willUpdate(): void {
    const status = store.camera(this.camera)?.status ?? "";
    if (status !== this.status && this.found.value !== undefined) void this.found.again();
    this.status = status;
  }

  private readonly close = () => {
    this.dialog = null;
    void this.found.again();
  };

  private async removeIt(): Promise<void> {
    await removeCamera(this.camera);
    store.forget(this.camera);
    store.go({ name: "settings", section: "cameras", query: "" });
  }

  override render() {
    const camera = store.camera(this.camera);
    return html`<a class="all" href=${settingsPath("cameras")}>${icons.back} ${words.back}</a> ${camera?.rights.includes("configure")
        ? this.renderCamera(camera)
        : html`<p class="note" role="status" data-testid="camera-missing">
            ${store.cameras === null ? strings.page.loading : words.missing(this.camera)}
          </p>`}`;
  }

  private renderCamera(camera: Camera) {
    const owned = camera.source === "file";
    const unit = this.found.value?.unit ?? null;
    return html`<div class="head">
        <h1>${camera.name}</h1>
        <div class="actions">
          <button data-testid="camera-change" ?disabled=${owned} @click=${() => (this.dialog = "change")}>
            ${icons.edit} ${words.change}
          </button>
          <button data-testid="camera-remove" ?disabled=${owned} @click=${() => (this.dialog = "remove")}>
            ${icons.remove} ${words.remove}
          </button>
        </div>
      </div>
      ${owned ? html`<p class="lead">${words.file}</p>` : nothing}
      <div class="state">
        <state-mark look=${stateOf(camera, store.link.downSince !== null)} data-testid="camera-state"></state-mark>
        ${unit ? html`<span class="quiet">${adminStrings.fleet.since} <time data-at=${Date.parse(unit.since)}></time></span>` : nothing}
      </div>
      ${camera.reason
        ? html`<div class="error" data-testid="camera-reason">
            <p>${camera.reason}</p>
            ${unit?.advice ? html`<p>${unit.advice}</p>` : nothing}
          </div>`
        : nothing}
      <div class="links">
        ${camera.rights.includes("live")
          ? html`<a href=${hashOf({ name: "unit", id: camera.id })}>${words.watch}</a>`
          : nothing}
        <a href=${settingsPath("fleet", { q: camera.id })}>${words.fleet}</a>
        <a href=${settingsPath("policy", { camera: camera.id })}>${words.policy}</a>
      </div>
      <section>
        <h2>${adminStrings.test.title}</h2>
        <div class="card"><camera-test .camera=${camera.id}></camera-test></div>
      </section>
      <section>
        <h2>${words.settings}</h2>
        <div class="card">${fetched(this.found, (found) => this.renderFacts(camera, found))}</div>
      </section>
      ${this.renderDialog(camera)}`;
  }

  private renderFacts(camera: Camera, { settings, unit }: Found) {
    const { facts } = words;
    const device = unit?.device;
    const row = (name: string, value: string) => (value ? html`<dt>${name}</dt><dd>${value}</dd>` : nothing);
    return html`<dl>
      ${row(facts.address, settings.onvif ?? settings.url ?? "")} ${row(facts.username, settings.username || words.none)}
      ${row(facts.password, settings.has_password ? words.kept[camera.source] : words.none)}
      ${row(facts.transport, settings.transport.toUpperCase())} ${row(facts.connect, words.connect[settings.connect])}
      ${row(facts.record, words.record[settings.record ? settings.record_on : "never"])}
      ${row(facts.position, words.positions[settings.position] ?? settings.position)}
      ${row(facts.groups, camera.groups.join(", ") || words.none)}
      ${row(facts.device, [device?.manufacturer, device?.model].filter(Boolean).join(" "))}
      ${row(facts.firmware, device?.firmware ?? "")} ${row(facts.serial, device?.serial ?? "")}
    </dl>`;
  }

  private renderDialog(camera: Camera) {
    if (this.dialog === "change") return html`<camera-form .camera=${camera} @close=${this.close}></camera-form>`;
    if (this.dialog === null) return nothing;
    const stored = this.found.value?.unit?.bytes ?? 0;
    return html`<confirm-dialog
      .heading=${words.removeTitle(camera.name)}
      .text=${words.removeText(words.removeStored(bytes(stored)))}
      .word=${camera.id}
      .wordLabel=${words.removeWord(camera.id)}
      .confirm=${words.removeConfirm}
      .act=${() => this.removeIt()}
      @close=${this.close}
    ></confirm-dialog>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "camera-page": CameraPage;
  }
}
