/** `<find-cameras>`: asks the network for ONVIF devices, shows who answered, adds those that are picked. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { addCamera, discover } from "../api";
import { Watch } from "../controllers";
import { stateOf } from "../faces";
import { freshId } from "../format";
import { icons } from "../icons";
import type { Device, NewCamera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";
import "./modal-dialog";
import "./state-mark";

const words = strings.find;

/** One device in the list, and how far its adding has come. */
interface Row {
  device: Device;
  busy: boolean;
  error: string;
  /** The id of the camera that uses it. */
  camera: string | null;
}

@customElement("find-cameras")
export class FindCameras extends LitElement {
  static override styles = [
    controls,
    css`
      modal-dialog {
        --width: 640px;
      }
      p {
        margin: 0 0 var(--s3);
      }
      .bar {
        height: 3px;
        margin: var(--s3) 0 var(--s4);
        border-radius: 2px;
        background: var(--line);
        overflow: hidden;
      }
      .bar::before {
        content: "";
        display: block;
        width: 100%;
        height: 100%;
        background: var(--accent);
        transform-origin: left;
        animation: wait 3.4s ease-out both;
      }
      @keyframes wait {
        from {
          transform: scaleX(0);
        }
        to {
          transform: scaleX(0.95);
        }
      }
      .login {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: var(--s2) var(--s3);
        margin-bottom: var(--s4);
      }
      .login p {
        grid-column: 1 / 3;
        margin: 0;
      }
      ul {
        display: grid;
        gap: var(--s2);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        gap: var(--s1) var(--s3);
        padding: var(--s3);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--ground);
      }
      .name {
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .about {
        color: var(--quiet);
        overflow-wrap: anywhere;
      }
      .whole {
        grid-column: 1 / 3;
        margin: 0;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s2);
        margin-top: var(--s4);
      }
      .actions .space {
        flex: 1;
      }
    `,
  ];

  /** Null while the network is being asked. */
  @state() private rows: Row[] | null = null;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement | null;
  private search: AbortController | null = null;

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.ask();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.search?.abort();
  }

  private async ask(): Promise<void> {
    const search = new AbortController();
    this.search = search;
    this.rows = null;
    this.error = "";
    try {
      const devices = await discover(search.signal);
      this.rows = devices.map((device) => ({ device, busy: false, error: "", camera: device.camera }));
    } catch (error) {
      if (search.signal.aborted) return;
      this.rows = [];
      this.error = (error as Error).message;
    }
  }

  private amend(row: Row, part: Partial<Row>): void {
    Object.assign(row, part);
    this.requestUpdate();
  }

  private async add(row: Row): Promise<void> {
    const data = this.form ? new FormData(this.form) : new FormData();
    const taken = new Set((store.cameras ?? []).map((camera) => camera.id));
    const { device } = row;
    const name = device.name || device.model || device.address;
    const camera: NewCamera = { id: freshId(name, taken), name, onvif: device.onvif };
    const username = data.get("username");
    const password = data.get("password");
    if (typeof username === "string" && username) camera.username = username;
    if (typeof password === "string" && password) camera.password = password;
    this.amend(row, { busy: true, error: "" });
    try {
      const added = await addCamera(camera);
      store.take(added);
      this.amend(row, { busy: false, camera: added.id });
    } catch (error) {
      this.amend(row, { busy: false, error: (error as Error).message });
    }
  }

  /** One after the other, so that each finds a free id. */
  private async addAll(): Promise<void> {
    for (const row of this.rows ?? []) if (row.camera === null) await this.add(row);
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  override render() {
    return html`<modal-dialog heading=${words.title} @close=${this.leave}>
      ${this.rows === null
        ? html`<p role="status" data-testid="find-progress">${words.searching}</p>
            <div class="bar"></div>`
        : this.renderFound(this.rows)}
    </modal-dialog>`;
  }

  private renderFound(rows: Row[]) {
    const left = rows.filter((row) => row.camera === null).length;
    return html`
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${rows.length > 0
        ? html`<p role="status">${words.found(rows.length)}</p>`
        : this.error
          ? nothing
          : html`<p role="status" data-testid="find-none">${words.none}</p>`}
      ${left > 0
        ? html`<form class="login" @submit=${(event: Event) => event.preventDefault()}>
            <label
              >${words.username} <input name="username" data-testid="find-username" autocomplete="off"
            /></label>
            <label
              >${words.password}
              <input name="password" data-testid="find-password" type="password" autocomplete="new-password"
            /></label>
            <p class="quiet">${words.credentials}</p>
          </form>`
        : nothing}
      <ul>
        ${rows.map((row) => this.renderRow(row))}
      </ul>
      <div class="actions">
        <button data-testid="find-again" @click=${() => void this.ask()}>${icons.find} ${words.again}</button>
        <button @click=${() => store.show("add")}>${icons.add} ${words.byAddress}</button>
        <span class="space"></span>
        ${left > 1
          ? html`<button class="primary" data-testid="find-add-all" @click=${() => void this.addAll()}>
              ${words.addAll}
            </button>`
          : nothing}
        <button class=${left > 0 ? "" : "primary"} data-testid="find-done" @click=${this.leave}>${words.close}</button>
      </div>
    `;
  }

  private renderRow(row: Row) {
    const { device } = row;
    const about = [device.model, device.address, device.location].filter(Boolean).join(" · ");
    return html`<li data-testid="device" data-onvif=${device.onvif}>
      <span>
        <span class="name">${device.name || device.model || device.address}</span><br />
        <span class="about figures">${about}</span>
      </span>
      ${row.camera === null
        ? html`<button
            data-testid="device-add"
            aria-label=${words.addNamed(device.name || device.address)}
            ?disabled=${row.busy}
            @click=${() => void this.add(row)}
          >
            ${row.busy ? words.adding : row.error ? words.retryAdd : words.add}
          </button>`
        : this.renderCamera(row.camera, device.camera === null ? words.added : words.known)}
      ${row.error ? html`<p class="error whole" role="alert">${row.error}</p>` : nothing}
    </li>`;
  }

  /** What became of a device that is a camera here: it connects before one's eyes. */
  private renderCamera(id: string, sentence: (name: string) => string) {
    const camera = store.camera(id);
    if (!camera) return html`<span class="quiet">${sentence(id)}</span>`;
    return html`<span>
        <state-mark look=${stateOf(camera, store.link.downSince !== null)} data-testid="device-state"></state-mark>
      </span>
      ${camera.status === "offline" && camera.reason
        ? html`<p class="error whole">${camera.reason}</p>`
        : html`<span class="quiet whole">${sentence(camera.name)}</span>`}`;
  }
}
