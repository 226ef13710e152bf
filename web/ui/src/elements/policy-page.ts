/**
 * `<policy-page>`: the policy to be read: what holds for oneself; for who may read the audit what holds for anybody,
 * with the line of the settings file that says so, and the whole of it line by line. It is written in that file.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { users } from "../api-accounts";
import { explainPolicy, policy, readSettings } from "../api-oversight";
import { Fetched, Watch } from "../controllers";
import { entered } from "../fields";
import { icons } from "../icons";
import type { Policy, SettingsReading } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { settingsStrings } from "../strings-settings";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";

const words = settingsStrings.policy;
/** Where a sentence names lines of the settings file. */
const LINES = /(\blines? \d+(?:, \d+)*(?: and \d+)?)/;

@customElement("policy-page")
export class PolicyPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) auto;
        align-items: end;
        gap: var(--s2) var(--s3);
        margin-bottom: var(--s3);
      }
      ul.sentences {
        display: grid;
        gap: var(--s1);
        margin: 0;
        padding: var(--s3) var(--s4);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--panel);
        list-style: none;
      }
      ul.sentences li {
        max-width: 84ch;
        overflow-wrap: anywhere;
      }
      ul.sentences .may-not {
        color: var(--quiet);
      }
      b {
        color: var(--accent);
        font-weight: 600;
        white-space: nowrap;
      }
      table {
        width: 100%;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        border-spacing: 0;
        background: var(--panel);
      }
      th,
      td {
        padding: 6px var(--s4);
        text-align: left;
        vertical-align: baseline;
        font-weight: 400;
        overflow-wrap: anywhere;
      }
      tr + tr > * {
        border-top: 1px solid var(--line);
      }
      th {
        width: 88px;
        color: var(--accent);
        white-space: nowrap;
      }
      th.default {
        color: var(--quiet);
      }
      .read {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s2) var(--s3);
        margin-top: var(--s3);
      }
      .read p {
        flex: 1 1 240px;
      }
      @media (max-width: 720px) {
        form {
          grid-template-columns: 1fr;
        }
        th {
          width: 64px;
        }
        th,
        td {
          padding-inline: var(--s3);
        }
        .read button {
          flex: 1;
        }
      }
    `,
  ];

  /** Whose rights are explained, as in the address: `user` and `camera`. */
  @property() query = "";
  @state() private reading: SettingsReading | null = null;
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;
  private readonly found = new Fetched(this, policy);
  private readonly names = new Fetched(this, async (signal) =>
    store.mayManageUsers ? (await users(signal)).map((user) => user.name) : [],
  );
  private readonly explained = new Fetched(this, async (signal) => {
    const { user, camera } = this.asked;
    return user ? await explainPolicy(user, camera, signal) : null;
  });

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.session]);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("query") && this.hasUpdated) void this.explained.anew();
  }

  private get asked() {
    const given = new URLSearchParams(this.query);
    return { user: given.get("user") ?? "", camera: given.get("camera") ?? "" };
  }

  private get mayExplain(): boolean {
    return store.sections.includes("audit");
  }

  private readonly explain = (event: Event): void => {
    event.preventDefault();
    const asked = new URLSearchParams({ user: entered(this.form, "user").trim(), camera: entered(this.form, "camera") });
    if (asked.toString() === new URLSearchParams(this.asked).toString()) void this.explained.anew();
    else store.go({ name: "settings", section: "policy", query: asked.toString() });
  };

  private readonly readAgain = async (): Promise<void> => {
    this.busy = true;
    this.error = "";
    this.reading = null;
    try {
      this.reading = await readSettings();
      await Promise.all([this.found.again(), this.explained.again()]);
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  };

  override render() {
    return html`<div class="head"><h1>${strings.settings.sections.policy}</h1></div>
      <p class="lead">${words.lead}</p>
      ${fetched(
        this.found,
        (found) =>
          html`<section>
              <h2>${words.holds}</h2>
              <p class="quiet">${words.holdsText}</p>
              ${sentences(found.holds, "policy-holds")}
            </section>
            ${this.mayExplain ? this.renderExplain() : nothing}
            ${found.policy ? this.renderWhole(found.policy) : nothing}
            <section>
              <h2>${words.watermark}</h2>
              <p class="quiet" data-testid="watermark-deters">${words.watermarkText}</p>
            </section>`,
      )}`;
  }

  private renderExplain() {
    const { user, camera } = this.asked;
    return html`<section>
      <h2>${words.explain}</h2>
      <p class="quiet">${words.explainText}</p>
      <form @submit=${this.explain}>
        <label
          >${words.user}
          <input
            name="user"
            data-testid="explain-user"
            list="names"
            required
            .value=${user}
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
        /></label>
        <datalist id="names">
          ${(this.names.value ?? []).map((name) => html`<option value=${name}></option>`)}
        </datalist>
        <label
          >${words.camera}
          <select name="camera" data-testid="explain-camera">
            <option value="">${words.allCameras}</option>
            ${(store.cameras ?? []).map(
              ({ id, name }) => html`<option value=${id} ?selected=${id === camera}>${name}</option>`,
            )}
          </select>
        </label>
        <button class="primary" data-testid="explain">${words.explainDo}</button>
      </form>
      ${user
        ? fetched(this.explained, (told) => (told ? sentences(told, "explanation") : html`${nothing}`))
        : nothing}
    </section>`;
  }

  private renderWhole(whole: NonNullable<Policy["policy"]>) {
    return html`<section>
      <h2>${words.whole}</h2>
      <p class="quiet">${words.wholeText}</p>
      <table data-testid="policy-whole">
        <tbody>
          ${whole.map(
            ({ line, says }) =>
              html`<tr>
                <th scope="row" class="figures ${line === null ? "default" : ""}">
                  ${line === null ? words.default : words.line(line)}
                </th>
                <td>${says}</td>
              </tr>`,
          )}
        </tbody>
      </table>
      ${store.mayManageUsers
        ? html`<div class="read">
            <button data-testid="read-settings" ?disabled=${this.busy} @click=${this.readAgain}>
              ${icons.policy} ${words.read}
            </button>
            ${this.error
              ? html`<p class="error" role="alert">${this.error}</p>`
              : html`<p class="quiet" role="status">${this.readResult}</p>`}
          </div>`
        : nothing}
    </section>`;
  }

  private get readResult(): string {
    if (this.busy) return words.reading;
    if (!this.reading) return words.readText;
    const { applied, pending } = this.reading;
    return words.readDone(applied.length, pending.length);
  }
}

/** Sentences, those that deny something quieter, with the lines they name marked. */
function sentences(told: readonly string[], testid: string) {
  return html`<ul class="sentences" data-testid=${testid}>
    ${told.map(
      (sentence) =>
        html`<li class=${sentence.includes(' may not ') ? "may-not" : ""}>
          ${sentence.split(LINES).map((part, i) => (i % 2 === 1 ? html`<b>${part}</b>` : part))}
        </li>`,
    )}
  </ul>`;
}
