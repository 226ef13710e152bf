/** `<nav-rail>`: the views and what serves them all; at the left, on a phone at the foot. */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { Watch } from "../controllers";
import { icons, mark } from "../icons";
import { store, type Theme } from "../store";
import { strings } from "../strings";
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
        width: 40px;
        min-height: 40px;
        padding: 0;
        color: var(--quiet);
      }
      button:hover {
        color: var(--text);
      }
      button[aria-current="page"] {
        background: var(--raised);
        color: var(--accent);
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
        .wide {
          display: none;
        }
        button {
          width: 48px;
          min-height: 48px;
        }
      }
    `,
  ];

  constructor() {
    super();
    new Watch(this, (s) => [s.view, s.theme, s.session]);
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
      <span class="mark">${mark}</span>
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
      ${store.mayChangeCameras
        ? html`${this.button(icons.find, words.find, () => store.show("find"), "nav-find")}
          ${this.button(icons.add, words.add, () => store.show("add"), "nav-add")}`
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
      ${this.button(icons.logOut, words.logOut(session?.user.name ?? ""), () => void store.logOut(), "log-out")}
    </nav>`;
  }
}
