/**
 * `<nav-rail>`: the views and what serves them all; at the left, on a phone at the foot. Fires `skip` when somebody
 * who comes by the Tab key wants past it.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { Watch } from "../controllers";
import { icons, mark } from "../icons";
import { store, type Theme } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { linkStrings } from "../strings-link";
import { controls } from "./controls";

const words = strings.nav;
const NEXT_THEME: Record<Theme, Theme> = { dark: "light", light: "system", system: "dark" };

@customElement("nav-rail")
export class NavRail extends LitElement {
  static override styles = [
    controls,
    css`
      nav {
        display: flex;
        flex-direction: column;
        align-items: center;
        gap: var(--s1);
        height: 100%;
        padding: var(--s2) 0;
        border-right: 1px solid var(--line);
        background: var(--panel);
      }
      .mark {
        padding: 6px 0 var(--s3);
        color: var(--accent);
      }
      .space {
        flex: 1;
      }
      button {
        position: relative;
        width: 40px;
        min-height: 40px;
        padding: 0;
        color: var(--quiet);
      }
      button:hover {
        color: var(--text);
      }
      .skip {
        position: fixed;
        top: var(--s1);
        left: var(--s1);
        z-index: 30;
        width: auto;
        max-width: none;
        padding: 0 var(--s3);
        background: var(--raised);
        color: var(--text);
      }
      .skip:not(:focus) {
        clip-path: inset(50%);
      }
      button[aria-current="page"] {
        background: var(--raised);
        color: var(--accent);
      }
      .count {
        position: absolute;
        top: 2px;
        left: 20px;
        min-width: 18px;
        padding: 0 4px;
        border: 2px solid var(--panel);
        border-radius: 999px;
        background: var(--quiet);
        color: var(--panel);
        font-size: 11px;
        font-weight: 700;
        line-height: 15px;
      }
      .count.high {
        background: var(--alarm);
        color: var(--on-alarm);
      }
      @media (min-width: 721px) {
        .narrow {
          display: none;
        }
      }
      @media (max-width: 720px) {
        nav {
          flex-direction: row;
          justify-content: space-around;
          padding: var(--s1) var(--s1) calc(var(--s1) + env(safe-area-inset-bottom));
          border-top: 1px solid var(--line);
          border-right: 0;
        }
        .mark,
        .space,
        .keys,
        .wide,
        .desk {
          display: none;
        }
        button {
          flex: 1;
          max-width: 64px;
          min-height: 48px;
        }
        .count {
          left: calc(50% + 1px);
        }
      }
    `,
  ];

  constructor() {
    super();
    new Watch(this, (s) => [s.view, s.theme, s.session, s.duty.alerts.open]);
  }

  private button(icon: unknown, label: string, act: () => void, testid: string, current = false, extra = "") {
    return html`<button
      class="plain ${extra}"
      data-testid=${testid}
      title=${label}
      aria-label=${label}
      aria-current=${current ? "page" : nothing}
      @click=${act}
    >
      ${icon}
    </button>`;
  }

  override render() {
    const { view, theme, session } = store;
    return html`<nav aria-label=${words.label}>
      <button class="skip" data-testid="skip" @click=${() => this.dispatchEvent(new CustomEvent("skip"))}>${words.skip}</button>
      <span class="mark">${mark}</span>
      ${this.button(icons.duty, linkStrings.duty.title, () => store.go({ name: "duty" }), "nav-duty", view.name === "duty", "narrow")}
      ${this.button(icons.wall, words.wall, () => store.go({ name: "wall" }), "nav-wall", view.name === "wall")}
      ${this.button(icons.map, words.map, () => store.go({ name: "map" }), "nav-map", view.name === "map")}
      ${store.may("recorded")
        ? this.button(
            icons.archive,
            words.archive,
            () => store.go({ name: "archive", cameras: [], at: null }),
            "nav-archive",
            view.name === "archive",
          )
        : nothing}
      ${this.button(icons.incidents, incidentStrings.nav.incidents, () => store.go({ name: "incidents", query: "" }), "nav-incidents", view.name === "incidents" || view.name === "incident")}
      ${this.renderAlerts()}
      ${store.mayChangeCameras
        ? html`${this.button(icons.find, words.find, () => store.show("find"), "nav-find", false, "desk")}
          ${this.button(icons.add, words.add, () => store.show("add"), "nav-add", false, "desk")}`
        : nothing}
      <span class="space"></span>
      ${this.button(
        icons.settings,
        words.settings,
        () => store.go({ name: "settings", section: null, query: "" }),
        "nav-settings",
        view.name === "settings",
      )}
      ${this.button(icons.theme, words.theme(words.themes[theme]), () => store.setTheme(NEXT_THEME[theme]), "nav-theme", false, "wide")}
      ${this.button(icons.help, words.help, () => store.show("help"), "nav-help", false, "keys")}
      ${this.button(icons.logOut, words.logOut(session?.user.name ?? ""), () => void store.logOut(), "log-out", false, "wide")}
    </nav>`;
  }

  /** With how many are open: those of high priority in the colour of alarm, the others quietly. */
  private renderAlerts() {
    const { open, high } = store.duty.alerts;
    const { view } = store;
    const label = open.length > 0 ? incidentStrings.nav.alertsOpen(high.length, open.length) : incidentStrings.nav.alerts;
    const icon = html`${icons.alerts}${open.length > 0
      ? html`<span class="count figures ${high.length > 0 ? "high" : ""}" data-testid="alerts-count">${Math.min(99, open.length)}</span>`
      : nothing}`;
    const here = view.name === "alerts" || view.name === "geofences";
    return this.button(icon, label, () => store.go({ name: "alerts", id: null, query: "" }), "nav-alerts", here);
  }
}
