/**
 * `<groups-page>`: the groups of cameras that users can be limited to: which cameras are in each, and who is limited to
 * it. There is nothing to make or delete: a group is there as long as a camera or a user names it.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { changeCamera } from "../api";
import { groups } from "../api-oversight";
import { Fetched, Watch } from "../controllers";
import { entered } from "../fields";
import { icons } from "../icons";
import type { Camera, Group } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { settingsStrings } from "../strings-settings";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./undo-note";
import type { Change } from "./undo-note";

const words = settingsStrings.groups;

@customElement("groups-page")
export class GroupsPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      .rows > li {
        align-items: start;
      }
      .chips {
        flex: 3 1 280px;
        align-items: center;
        min-height: var(--control);
      }
      .chip {
        min-height: 28px;
      }
      .chip a {
        min-width: 0;
        color: inherit;
        text-decoration: none;
      }
      .chip button {
        min-height: 22px;
        width: 22px;
        padding: 0;
        border-radius: 50%;
      }
      .chip svg {
        width: 12px;
        height: 12px;
      }
      select.put {
        flex: 0 1 200px;
        width: auto;
      }
      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) auto;
        align-items: end;
        gap: var(--s2) var(--s3);
        margin-top: var(--s4);
      }
      .foot {
        margin-top: var(--s3);
      }
      .error {
        margin-bottom: var(--s3);
      }
      @media (max-width: 720px) {
        form {
          grid-template-columns: 1fr;
        }
        select.put {
          flex: 1 1 100%;
        }
        .chip {
          min-height: 36px;
        }
        .chip button {
          min-height: 34px;
          width: 34px;
        }
      }
    `,
  ];

  @state() private change: Change | null = null;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;
  private readonly found = new Fetched(this, groups);

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.session]);
  }

  /** Put a camera into other groups than it is in. */
  private async put(camera: Camera, wanted: string[], sentence: string): Promise<void> {
    const before = camera.groups;
    const set = async (to: string[]) => {
      store.take(await changeCamera(camera.id, { groups: to }));
      await this.found.again();
    };
    this.error = "";
    this.change = null;
    try {
      await set(wanted);
      this.change = { sentence, undo: () => set(before) };
    } catch (error) {
      this.error = (error as Error).message;
    }
  }

  private readonly add = (event: Event): void => {
    event.preventDefault();
    const name = entered(this.form, "group").trim();
    const camera = store.camera(entered(this.form, "camera"));
    if (!name || !camera) return;
    void this.put(camera, [...camera.groups, name], words.isIn(camera.name, name)).then(() => this.form.reset());
  };

  /** The cameras whose groups can be changed here: those of the settings file are changed there. */
  private get movable(): readonly Camera[] {
    return (store.cameras ?? []).filter((camera) => camera.rights.includes("configure") && camera.source !== "file");
  }

  override render() {
    const may = store.may("configure");
    return html`<div class="head"><h1>${strings.settings.sections.groups}</h1></div>
      <p class="lead">${words.lead}</p>
      ${this.change
        ? html`<undo-note .change=${this.change} @close=${() => (this.change = null)}></undo-note>`
        : nothing}
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${fetched(this.found, (found) =>
        found.length === 0
          ? html`<div class="note" data-testid="no-groups">
              <strong>${words.emptyTitle}</strong>
              <span>${may ? words.empty : words.emptyNoRight}</span>
            </div>`
          : html`<ul class="rows" data-testid="groups">
              ${found.map((group) => this.renderGroup(group))}
            </ul>`,
      )}
      ${may && this.movable.length > 0 ? this.renderForm() : nothing}
      ${may && (store.cameras ?? []).some((camera) => camera.source === "file")
        ? html`<p class="lead foot">${words.fileOwned}</p>`
        : nothing}`;
  }

  private renderGroup(group: Group) {
    const outside = this.movable.filter((camera) => !camera.groups.includes(group.name));
    return html`<li data-testid="group" data-group=${group.name}>
      <span class="what">
        <strong>${group.name}</strong>
        ${group.users
          ? html`<small>${group.users.length > 0 ? words.limited(group.users.join(", ")) : words.nobody}</small>`
          : nothing}
      </span>
      <span class="chips">
        ${group.cameras.length === 0 ? html`<span class="quiet">${words.noCameras}</span>` : nothing}
        ${group.cameras.map((id) => this.renderCamera(group.name, id))}
      </span>
      ${outside.length > 0
        ? html`<select
            class="put"
            data-testid="group-put"
            aria-label=${words.putInto(group.name)}
            .value=${""}
            @change=${(event: Event) => this.picked(group.name, event.target as HTMLSelectElement)}
          >
            <option value="">${words.put}</option>
            ${outside.map((camera) => html`<option value=${camera.id}>${camera.name}</option>`)}
          </select>`
        : nothing}
    </li>`;
  }

  private picked(group: string, select: HTMLSelectElement): void {
    const camera = store.camera(select.value);
    select.value = "";
    if (camera) void this.put(camera, [...camera.groups, group], words.isIn(camera.name, group));
  }

  private renderCamera(group: string, id: string) {
    const camera = store.camera(id);
    const name = camera?.name ?? id;
    return html`<span class="chip"
      >${camera ? html`<a href="#/unit/${encodeURIComponent(id)}">${name}</a>` : name}
      ${camera && this.movable.includes(camera)
        ? html`<button
            class="plain"
            aria-label=${words.takeOut(name, group)}
            title=${words.takeOut(name, group)}
            @click=${() =>
              void this.put(
                camera,
                camera.groups.filter((other) => other !== group),
                words.isOut(name, group),
              )}
          >
            ${icons.close}
          </button>`
        : nothing}</span
    >`;
  }

  private renderForm() {
    return html`<form @submit=${this.add}>
      <label
        >${words.newGroup}
        <input name="group" data-testid="group-name" required autocomplete="off" autocapitalize="none" spellcheck="false"
      /></label>
      <label
        >${words.firstCamera}
        <select name="camera">
          ${this.movable.map((camera) => html`<option value=${camera.id}>${camera.name}</option>`)}
        </select>
      </label>
      <button data-testid="group-add">${icons.add} ${words.make}</button>
    </form>`;
  }
}
