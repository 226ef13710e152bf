/**
 * `<nvr-page>`: for who sets up a recorder: which ones play something now, their accounts, what is entered into one, and
 * where in it. Each part that does more than show is an element of its own.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { users } from "../api-accounts";
import { nvrStanding } from "../api-nvr";
import { Fetched, Watch } from "../controllers";
import type { User } from "../model";
import { deviceUrl, hostOf, isHere, portOf, rtspUrl, type Entry, type NvrStanding } from "../nvr";
import { settingsPath } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { nvrStrings as words } from "../strings-nvr";
import { controls } from "./controls";
import "./copy-line";
import "./nvr-accounts";
import "./nvr-readers";
import "./nvr-recorder";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";

/** How often is asked who was here: of that nothing is told. */
const AGAIN_MS = 5000;

interface Found {
  standing: NvrStanding;
  accounts: readonly User[];
}

@customElement("nvr-page")
export class NvrPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      .lines {
        display: grid;
        gap: var(--s2);
      }
      p + .lines {
        margin-top: var(--s4);
      }
      .here {
        display: grid;
        gap: var(--s2);
        margin-bottom: var(--s3);
      }
      h3 {
        margin: var(--s6) 0 var(--s1);
        font-size: var(--small);
      }
      .units {
        max-height: 420px;
        overflow: auto;
      }
      .foot {
        margin-top: var(--s3);
      }
      .facts {
        display: grid;
        gap: var(--s1);
        margin-top: var(--s3);
      }
    `,
  ];

  /** The gateway's address as NVRs know it, where somebody has entered one. */
  @state() private host = "";
  /** The account whose name is entered. */
  @state() private account = "";
  @query("input[name=host]") private hostField!: HTMLInputElement;
  /** How many watch or read, over all units, when it was last asked who. */
  private viewers = 0;
  private readonly found = new Fetched<Found>(this, async (signal) => {
    const [standing, everybody] = await Promise.all([nvrStanding(signal), users(signal)]);
    return { standing, accounts: everybody.filter(({ role }) => role === "nvr") };
  }, AGAIN_MS);

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.session]);
  }

  /** The gateway tells of each viewer as it comes and goes. */
  override willUpdate(): void {
    const viewers = (store.cameras ?? []).reduce((sum, camera) => sum + camera.viewers, 0);
    if (viewers === this.viewers) return;
    this.viewers = viewers;
    void this.found.again();
  }

  private readonly again = () => void this.found.again();

  private entry({ standing, accounts }: Found): Entry {
    const page = new URL(window.location.href);
    const chosen = accounts.find(({ name }) => name === this.account) ?? accounts[0];
    return {
      host: this.host || hostOf(page),
      port: portOf(page),
      rtspPort: standing.rtsp.port,
      account: chosen?.name ?? "",
      camera: chosen?.cameras[0] ?? store.cameras?.[0]?.id ?? "unit-12",
    };
  }

  override render() {
    return html`<div class="head"><h1>${strings.settings.sections.nvr}</h1></div>
      <p class="lead">${words.lead}</p>
      ${fetched(this.found, (found) => this.renderFound(found))}`;
  }

  private renderFound(found: Found) {
    const { standing, accounts } = found;
    const entry = this.entry(found);
    return html`<section>
        <h2>${words.now.title(standing.readers.length)}</h2>
        <p class="quiet">${words.now.text}</p>
        <nvr-readers .readers=${standing.readers} @changed=${this.again}></nvr-readers>
      </section>
      <section>
        <h2>${words.accounts.title}</h2>
        <p class="quiet">${words.accounts.text}</p>
        <nvr-accounts .accounts=${accounts} .seen=${standing.seen} @changed=${this.again}></nvr-accounts>
        <p class="quiet foot">
          ${words.accounts.positions} <a href=${settingsPath("policy")}>${words.accounts.policy}</a>
        </p>
      </section>
      <section>
        <h2>${words.enter.title}</h2>
        <p class="quiet">${words.enter.text}</p>
        ${this.renderEntry(entry, found)}
      </section>
      <section>
        <h2>${words.recorder.title}</h2>
        <nvr-recorder class="recorder" .entry=${entry} shape=${standing.onvif.devices}></nvr-recorder>
      </section>`;
  }

  private renderEntry(entry: Entry, { standing, accounts }: Found) {
    const page = new URL(window.location.href);
    const { port, tls_port: tlsPort } = standing.rtsp;
    return html`<div class="card">
      ${accounts.length > 1 ? this.renderWhose(accounts, entry.account) : nothing}
      ${isHere(hostOf(page))
        ? html`<label class="here"
            >${words.enter.here}
            <input
              name="host"
              data-testid="nvr-host"
              placeholder=${hostOf(page)}
              autocomplete="off"
              autocapitalize="none"
              spellcheck="false"
              @input=${() => (this.host = this.hostField.value.trim())}
          /></label>`
        : nothing}
      <div class="lines" data-testid="nvr-entry">
        <copy-line label=${words.enter.host} value=${entry.host}></copy-line>
        ${standing.onvif.devices === "port"
          ? nothing
          : html`<copy-line label=${words.enter.onvifPort} value=${entry.port}></copy-line>
              <copy-line label=${words.enter.device} value=${deviceUrl(page, entry.host)}></copy-line>`}
        <copy-line label=${words.enter.rtspPort} value=${port}></copy-line>
        ${tlsPort === null ? nothing : html`<copy-line label=${words.enter.rtspsPort} value=${tlsPort}></copy-line>`}
        ${entry.account
          ? html`<copy-line label=${words.enter.account} value=${entry.account}></copy-line>`
          : nothing}
      </div>
      <div class="quiet facts">
        <p>${entry.account ? words.enter.password : words.enter.noAccount}</p>
        <p>${words.enter.shape[standing.onvif.devices]}</p>
        ${tlsPort === null ? html`<p>${words.enter.noTls}</p>` : nothing}
      </div>
      <h3>${words.enter.units}</h3>
      <p class="quiet">${words.enter.unitsText}</p>
      ${this.renderUnits(entry, standing)}
    </div>`;
  }

  private renderWhose(accounts: readonly User[], chosen: string) {
    return html`<label class="here"
      >${words.enter.whose}
      <select
        data-testid="nvr-account-choice"
        @change=${(event: Event) => (this.account = (event.target as HTMLSelectElement).value)}
      >
        ${accounts.map(({ name }) => html`<option value=${name} ?selected=${name === chosen}>${name}</option>`)}
      </select></label
    >`;
  }

  private renderUnits(entry: Entry, { rtsp: { tls_port: tlsPort }, onvif }: NvrStanding) {
    const units = store.cameras ?? [];
    if (units.length === 0) return html`<p class="quiet">${words.enter.noUnits}</p>`;
    const url = (camera: string) => rtspUrl(entry.host, tlsPort ?? entry.rtspPort, camera, tlsPort !== null);
    return html`<div class="lines units" data-testid="nvr-units">
      ${units.map(
        ({ id, name }) =>
          html`<copy-line label=${name} value=${url(id)}></copy-line> ${onvif.ports[id] === undefined
              ? nothing
              : html`<copy-line label=${words.enter.unitPort(name)} value=${onvif.ports[id]}></copy-line>`}`,
      )}
    </div>`;
  }
}
