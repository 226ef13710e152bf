/** `<camera-form>`: adds a camera by its address, or changes one (`camera` set). */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { addCamera, cameraSettings, changeCamera } from "../api";
import { freshId } from "../format";
import type { Camera, CameraChange, CameraSettings } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import "./camera-test";
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
  /** How that camera is set up now, once the gateway has said. */
  @state() private settings: CameraSettings | null = null;
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.camera) void this.load(this.camera.id);
  }

  private async load(id: string): Promise<void> {
    try {
      this.settings = await cameraSettings(id);
    } catch (error) {
      this.error = (error as Error).message;
    }
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  /** What was entered, or null with an error where it is no address. */
  private readonly checked = (): CameraChange | null => {
    const entered = this.entered();
    const known = /^(rtsps?|https?):\/\/./i.test(entered.url ?? entered.onvif ?? "");
    this.error = known ? "" : words.addressUnknown;
    return known ? entered : null;
  };

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const entered = this.checked();
    if (entered === null) return;
    this.busy = true;
    try {
      store.take(this.camera ? await changeCamera(this.camera.id, entered) : await this.add(entered));
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  /** What stands in the fields. An empty password is left out: it means the one the gateway has, or none. */
  private entered(): CameraChange {
    const data = new FormData(this.form);
    const field = (name: string) => {
      const value = data.get(name);
      return typeof value === "string" ? value.trim() : "";
    };
    const address = field("address");
    const password = data.get("password");
    const change: CameraChange = {
      name: field("name"),
      username: field("username"),
      record: data.has("record"),
      transport: field("transport") === "udp" ? "udp" : "tcp",
      connect: field("connect") === "on_demand" ? "on_demand" : "always",
      position: field("position"),
      groups: field("groups").split(/[\s,]+/).filter(Boolean),
    };
    if (/^http/i.test(address)) change.onvif = address;
    else change.url = address;
    if (typeof password === "string" && password) change.password = password;
    return change;
  }

  private add(entered: CameraChange): Promise<Camera> {
    const address = new URL(entered.url ?? entered.onvif ?? "");
    const name = entered.name === undefined || entered.name === "" ? address.hostname : entered.name;
    const taken = new Set((store.cameras ?? []).map((camera) => camera.id));
    return addCamera({ ...entered, id: freshId(name, taken), name });
  }

  override render() {
    const { camera, settings } = this;
    return html`<modal-dialog heading=${camera ? words.editTitle(camera.name) : words.addTitle} @close=${this.leave}>
      <form novalidate data-testid="camera-form" @submit=${this.submit}>
        ${this.renderField("name", words.name, camera?.name ?? "", words.namePlaceholder, "whole")}
        ${this.renderField(
          "address",
          words.address,
          settings?.url ?? settings?.onvif ?? "",
          words.addressPlaceholder,
          "whole",
          words.addressHelp,
        )}
        ${this.renderField("username", words.username, settings?.username ?? "")}
        <label
          >${words.password}
          <input
            name="password"
            data-testid="form-password"
            type="password"
            autocomplete="new-password"
            placeholder=${settings?.has_password ? words.passwordKept : ""}
        /></label>
        <label
          >${words.transport}
          <select name="transport">
            <option value="tcp">${words.tcp}</option>
            <option value="udp" ?selected=${settings?.transport === "udp"}>${words.udp}</option>
          </select>
        </label>
        <label
          >${words.position}
          <select name="position" data-testid="form-position">
            ${this.positions().map(
              (one) =>
                html`<option value=${one} ?selected=${one === (settings?.position ?? "metadata")}>
                  ${words.positions[one] ?? one}
                </option>`,
            )}
          </select>
        </label>
        <label
          >${words.connect}
          <select name="connect">
            <option value="always">${words.always}</option>
            <option value="on_demand" ?selected=${settings?.connect === "on_demand"}>${words.onDemand}</option>
          </select>
        </label>
        ${this.renderField("groups", words.groups, (camera?.groups ?? this.ownGroups()).join(" "), words.groupsPlaceholder)}
        <label class="check whole"
          ><input type="checkbox" name="record" .checked=${settings?.record ?? true} /> ${words.record}</label
        >
        ${this.error
          ? html`<p class="error whole" role="alert" data-testid="form-error">${this.error}</p>`
          : nothing}
        <camera-test class="whole" .camera=${camera?.id ?? null} .entered=${this.checked}></camera-test>
        <div class="actions whole">
          <button type="button" @click=${this.leave}>${words.cancel}</button>
          <button
            class="primary"
            data-testid="form-submit"
            ?disabled=${this.busy || (camera !== null && settings === null)}
          >
            ${this.busy ? words.busy : camera ? words.save : words.add}
          </button>
        </div>
      </form>
    </modal-dialog>`;
  }

  /** Where its position can come from; what the settings file knows beyond that stays as it is. */
  private positions(): string[] {
    const now = this.settings?.position;
    const known = Object.keys(words.positions);
    return now === undefined || known.includes(now) ? known : [...known, now];
  }

  /** Whoever is limited to groups has to put a camera into one of them, or would lose it. */
  private ownGroups(): string[] {
    const user = store.session?.user;
    return user && !user.everywhere.includes("configure") ? user.groups : [];
  }

  private renderField(name: string, label: string, value: string, placeholder = "", width = "", help = "") {
    return html`<label class=${width}
      >${label}
      <input
        name=${name}
        data-testid="form-${name}"
        .value=${value}
        placeholder=${placeholder}
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
      />
      ${help ? html`<small>${help}</small>` : nothing}
    </label>`;
  }
}
