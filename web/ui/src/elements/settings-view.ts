/**
 * `<settings-view>`: the menu of the pages that one may use, and the page that is chosen. A phone shows either the menu
 * or a page with a way back; a wide window both.
 */

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { keyed } from "lit/directives/keyed.js";
import { Watch } from "../controllers";
import { icons } from "../icons";
import { Parts } from "../parts";
import { PARTS, settingsPath, type Section } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import "./account-page";
import "./audit-page";
import { controls } from "./controls";
import "./groups-page";
import "./nvr-page";
import "./policy-page";
import "./storage-page";
import "./users-page";

const words = strings.settings;

@customElement("settings-view")
export class SettingsView extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        grid-template-columns: 208px minmax(0, 1fr);
        min-height: 0;
        height: 100%;
      }
      nav {
        display: flex;
        flex-direction: column;
        gap: 2px;
        padding: var(--s4) var(--s2);
        border-right: 1px solid var(--line);
        background: var(--panel);
        overflow: auto;
      }
      h2,
      h3 {
        margin: 0 0 var(--s2);
        padding: 0 var(--s2);
        font-size: var(--small);
        font-weight: 600;
      }
      h3 {
        margin: var(--s3) 0 0;
        color: var(--quiet);
        font-size: 12px;
        font-weight: 500;
      }
      nav a {
        display: flex;
        align-items: center;
        gap: var(--s3);
        min-height: 36px;
        padding: 0 var(--s2);
        border-radius: var(--radius);
        color: var(--text);
        text-decoration: none;
      }
      nav a svg {
        color: var(--quiet);
      }
      nav a:hover {
        background: var(--raised);
      }
      nav a[aria-current] {
        background: var(--raised);
        color: var(--accent);
      }
      nav a[aria-current] svg {
        color: inherit;
      }
      .to,
      .back,
      .explain {
        display: none;
      }
      .page {
        min-width: 0;
        overflow: auto;
      }
      .page > .missing {
        padding: var(--s6);
        color: var(--quiet);
      }
      @media (max-width: 720px) {
        :host,
        :host([chosen]) {
          display: block;
          height: auto;
        }
        nav {
          padding: var(--s3);
          border-right: 0;
          background: none;
        }
        h2 {
          font-size: var(--large);
        }
        nav a,
        nav a[aria-current] {
          min-height: 60px;
          padding: var(--s2) var(--s4);
          border: 1px solid var(--line);
          background: var(--panel);
          color: var(--text);
        }
        .label {
          flex: 1;
          min-width: 0;
        }
        .explain {
          display: block;
          color: var(--quiet);
          font-size: 12px;
        }
        .to {
          display: block;
          color: var(--quiet);
        }
        :host([chosen]) nav,
        :host(:not([chosen])) .page {
          display: none;
        }
        .page {
          overflow: visible;
        }
        .back {
          display: inline-flex;
          align-items: center;
          gap: var(--s1);
          min-height: 44px;
          padding: 0 var(--s3) 0 var(--s2);
          color: var(--accent);
          text-decoration: none;
        }
      }
    `,
  ];

  @property({ attribute: false }) section: Section | null = null;
  @property() query = "";
  /** The one camera that is shown alone. */
  @property({ attribute: false }) only: string | null = null;
  private readonly parts = new Parts(() => this.requestUpdate());

  constructor() {
    super();
    new Watch(this, (s) => [s.session]);
  }

  override render() {
    // Without a choice a wide window shows the first page; a phone, which hides it then, the menu.
    const shown = this.section ?? "account";
    this.toggleAttribute("chosen", this.section !== null);
    return html`<nav aria-label=${words.title}>
      ${this.section === null ? html`<h1 class="unseen">${words.title}</h1>` : nothing}
        <h2>${words.title}</h2>
        ${(Object.keys(PARTS) as (keyof typeof PARTS)[]).map((part) => this.renderMenu(part, shown))}
      </nav>
      <div class="page">
        <a class="back" href="#/settings" data-testid="settings-back">${icons.back} ${words.title}</a>
        ${store.sections.includes(shown)
          ? this.renderPage(shown)
          : html`<h1 class="unseen">${words.sections[shown]}</h1>
              <p class="missing" data-testid="no-right">${words.noRight(words.sections[shown])}</p>`}
      </div>`;
  }

  private renderMenu(part: keyof typeof PARTS, shown: Section) {
    const sections = store.sections.filter((section) => (PARTS[part] as readonly Section[]).includes(section));
    if (sections.length === 0) return nothing;
    return html`<h3>${words.parts[part]}</h3>
      ${sections.map(
        (section) =>
          html`<a
            href=${settingsPath(section)}
            data-testid="settings-${section}"
            aria-current=${section === shown ? "page" : nothing}
            >${icons[section === "cameras" ? "camera" : section]}<span class="label"
              >${words.sections[section]}<span class="explain">${words.explain[section]}</span></span
            ><span class="to">${icons.next}</span></a
          >`,
      )}`;
  }

  private renderDevices(page: TemplateResult) {
    const state = this.parts.want("devices");
    if (state === "here") return page;
    return html`<p class="missing" role=${state === "failed" ? "alert" : "status"}>
      ${state === "failed" ? strings.page.partFailed : strings.page.loading}
    </p>`;
  }

  private renderPage(section: Section) {
    switch (section) {
      case "account":
        return html`<account-page></account-page>`;
      case "policy":
        return html`<policy-page .query=${this.query}></policy-page>`;
      case "groups":
        return html`<groups-page></groups-page>`;
      case "users":
        return html`<users-page></users-page>`;
      case "nvr":
        return html`<nvr-page></nvr-page>`;
      case "audit":
        return html`<audit-page .query=${this.query}></audit-page>`;
      case "storage":
        return html`<storage-page></storage-page>`;
      case "fleet":
        return this.renderDevices(html`<fleet-page .query=${this.query}></fleet-page>`);
      case "cameras":
        return this.renderDevices(
          this.only === null
            ? html`<cameras-page></cameras-page>`
            : html`${keyed(this.only, html`<camera-page .camera=${this.only}></camera-page>`)}`,
        );
      case "phones":
        return this.renderDevices(html`<phones-page></phones-page>`);
      case "notifications":
        return this.renderDevices(html`<notifications-page></notifications-page>`);
    }
  }
}
