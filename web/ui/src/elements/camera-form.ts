/** `<camera-form>`: adds a camera by its address, or changes one (`camera` set). */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { addCamera, changeCamera } from "../api";
import { freshId } from "../format";
import type { Camera, CameraChange, NewCamera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";
import "./modal-dialog";

const words = strings.form;

@customElement("camera-form")
export class CameraForm extends LitElement {
  static override styles = [
    controls,
    css`
      form {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: var(--s3) var(--s3);
      }
      .whole {
        grid-column: 1 / 3;
      }
      small {
        font-size: 12px;
      }
      .actions {
        display: flex;
        justify-content: end;
        gap: var(--s2);
      }
      .check {
        align-self: end;
      }
      @media (max-width: 480px) {
        form > * {
          grid-column: 1 / 3;
        }
      }
    `,
  ];

  /** The camera to change; none: add one. */
  @property({ attribute: false }) camera: Camera | null = null;
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const data = new FormData(this.form);
    const field = (name: string) => {
      const value = data.get(name);
      return typeof value === "string" ? value.trim() : "";
    };
    this.error = "";
    const address = field("address");
    if (!this.camera && !/^(rtsps?|https?):\/\/./i.test(address)) {
      this.error = words.addressUnknown;
      return;
    }
    this.busy = true;
    try {
      store.take(this.camera ? await changeCamera(this.camera.id, this.change(field, data)) : await this.add(field, data));
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  private add(field: (name: string) => string, data: FormData): Promise<Camera> {
    const address = field("address");
    const name = field("name") || new URL(address).hostname || strings.product;
    const taken = new Set((store.cameras ?? []).map((camera) => camera.id));
    const camera: NewCamera = { id: freshId(name, taken), name, record: data.has("record") };
    if (/^rtsp/i.test(address)) {
      camera.url = address;
      camera.transport = field("transport") === "udp" ? "udp" : "tcp";
    } else camera.onvif = address;
    if (field("username")) camera.username = field("username");
    if (field("password")) camera.password = field("password");
    return addCamera(camera);
  }

  private change(field: (name: string) => string, data: FormData): CameraChange {
    const change: CameraChange = { name: field("name"), record: data.has("record") };
    if (field("username")) change.username = field("username");
    if (field("password")) change.password = field("password");
    return change;
  }

  override render() {
    const camera = this.camera;
    return html`<modal-dialog
      heading=${camera ? words.editTitle(camera.name) : words.addTitle}
      @close=${this.leave}
    >
      <form novalidate data-testid="camera-form" @submit=${this.submit}>
        <label class="whole"
          >${words.name}
          <input name="name" data-testid="form-name" .value=${camera?.name ?? ""} placeholder=${words.namePlaceholder} autocomplete="off" autofocus
        /></label>
        ${camera
          ? nothing
          : html`<label class="whole"
              >${words.address}
              <input
                name="address"
                data-testid="form-address"
                inputmode="url"
                placeholder=${words.addressPlaceholder}
                autocomplete="off"
                spellcheck="false"
              />
              <small>${words.addressHelp}</small>
            </label>`}
        <label>${words.username} <input name="username" data-testid="form-username" autocomplete="off" placeholder=${camera ? words.passwordKept : ""} /></label>
        <label
          >${words.password}
          <input
            name="password"
            data-testid="form-password"
            type="password"
            autocomplete="new-password"
            placeholder=${camera ? words.passwordKept : ""}
        /></label>
        ${camera
          ? nothing
          : html`<label
              >${words.transport}
              <select name="transport">
                <option value="tcp">${words.tcp}</option>
                <option value="udp">${words.udp}</option>
              </select>
            </label>`}
        <label class="check"
          ><input type="checkbox" name="record" .checked=${camera?.recording ?? true} /> ${words.record}</label
        >
        ${this.error
          ? html`<p class="error whole" role="alert" data-testid="form-error">${this.error}</p>`
          : nothing}
        <div class="actions whole">
          <button type="button" @click=${this.leave}>${words.cancel}</button>
          <button class="primary" data-testid="form-submit" ?disabled=${this.busy}>
            ${this.busy ? words.busy : camera ? words.save : words.add}
          </button>
        </div>
      </form>
    </modal-dialog>`;
  }
}
