/** `<cameras-page>`: the cameras and where each is reached; find and add some, open one to change, test or remove it. */

import { css, html, LitElement } from "lit";
import { customElement } from "lit/decorators.js";
import { fleetUnits } from "../api-admin";
import { Fetched, Watch } from "../controllers";
import { stateOf } from "../faces";
import { icons } from "../icons";
import type { Camera } from "../model";
import type { FleetUnit } from "../model-admin";
import { cameraPath } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { adminStrings } from "../strings-admin";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./state-mark";

const words = adminStrings.cameras;

@customElement("cameras-page")
export class CamerasPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      .rows > li {
        padding: 0;
      }
      .rows a {
        display: grid;
        grid-template-columns: minmax(0, 1.2fr) minmax(0, 1fr) 92px 20px;
        align-items: center;
        gap: var(--s1) var(--s3);
        width: 100%;
        min-height: 52px;
        padding: var(--s2) var(--s4);
        color: var(--text);
        text-decoration: none;
      }
      .rows a:hover {
        background: var(--raised);
      }
      .address {
        color: var(--quiet);
        overflow-wrap: anywhere;
      }
      .to {
        color: var(--quiet);
      }
      @media (max-width: 720px) {
        .rows a {
          grid-template-columns: minmax(0, 1fr) auto 20px;
        }
        .address {
          grid-row: 2;
          grid-column: 1 / 3;
        }
      }
    `,
  ];

  private readonly found = new Fetched(this, fleetUnits);
  private known = 0;

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.link.downSince]);
  }

  /** One that was added here is not in what was asked before. */
  override willUpdate(): void {
    const known = store.cameras?.length ?? 0;
    if (known !== this.known && this.found.value !== undefined) void this.found.again();
    this.known = known;
  }

  override render() {
    return html`<div class="head">
        <h1>${strings.settings.sections.cameras}</h1>
        <div class="actions">
          <button data-testid="cameras-add" @click=${() => store.show("add")}>${icons.add} ${words.add}</button>
          <button class="primary" data-testid="cameras-find" @click=${() => store.show("find")}>
            ${icons.find} ${words.find}
          </button>
        </div>
      </div>
      <p class="lead">${words.lead}</p>
      ${fetched(this.found, (units) => this.renderCameras(units))}`;
  }

  private renderCameras(units: readonly FleetUnit[]) {
    const byId = new Map(units.map((unit) => [unit.camera, unit]));
    const cameras = (store.cameras ?? []).filter(({ rights }) => rights.includes("configure"));
    if (cameras.length === 0)
      return html`<div class="note" data-testid="cameras-none">
        <strong>${words.emptyTitle}</strong><span>${words.empty}</span>
      </div>`;
    return html`<ul class="rows" data-testid="cameras">
      ${cameras.map((camera) => this.renderCamera(camera, byId.get(camera.id)))}
    </ul>`;
  }

  private renderCamera(camera: Camera, unit: FleetUnit | undefined) {
    const away = store.link.downSince !== null;
    const model = [unit?.device?.manufacturer, unit?.device?.model].filter(Boolean).join(" ");
    const about = [model, camera.source === "file" ? words.fileOwned : ""].filter(Boolean).join(" · ");
    return html`<li data-testid="camera" data-camera=${camera.id}>
      <a href=${cameraPath(camera.id)}>
        <span class="what"><strong>${camera.name}</strong><small>${about || camera.id}</small></span>
        <span class="address figures">${unit?.address ?? ""}</span>
        <state-mark look=${stateOf(camera, away)}></state-mark>
        <span class="to">${icons.next}</span>
      </a>
    </li>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "cameras-page": CamerasPage;
  }
}
