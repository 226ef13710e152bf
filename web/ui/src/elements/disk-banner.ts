/**
 * `<disk-banner>`: on every page, for who may know it, what is wrong with the disk of the recordings. Somebody who has put
 * it aside sees it again when it gets worse, or at the next log-in.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { Watch } from "../controllers";
import { icons } from "../icons";
import { settingsPath } from "../route";
import { store } from "../store";
import { storageStrings } from "../strings-storage";
import { controls } from "./controls";

const words = storageStrings.banner;

@customElement("disk-banner")
export class DiskBanner extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      .banner {
        display: flex;
        align-items: center;
        gap: var(--s3);
        padding: var(--s1) var(--s2) var(--s1) var(--s4);
        border-bottom: 1px solid var(--stale);
        background: color-mix(in srgb, var(--panel), var(--stale) 14%);
      }
      .banner.full {
        background: color-mix(in srgb, var(--panel), var(--stale) 34%);
      }
      .banner > svg {
        color: var(--stale);
      }
      p {
        flex: 1;
        min-width: 0;
        margin: 0;
        overflow-wrap: anywhere;
      }
      a {
        padding-block: var(--s3); /* room for a thumb, beyond the line */
        color: var(--accent);
        font-weight: 600;
        white-space: nowrap;
      }
      @media (max-width: 720px) {
        .banner {
          padding-left: var(--s3);
        }
      }
    `,
  ];

  constructor() {
    super();
    new Watch(this, (s) => [s.disk.warning, s.session, s.view]);
  }

  override render() {
    const { view } = store;
    const { warning } = store.disk;
    if (!warning || !store.sections.includes("storage")) return nothing;
    if (view.name === "settings" && view.section === "storage") return nothing; // that page says it itself, and more
    return html`<div
      class="banner ${warning.level}"
      role=${warning.level === "full" ? "alert" : "status"}
      data-testid="disk-banner"
      data-level=${warning.level}
    >
      ${icons.storage}
      <p>
        ${warning.warnings.join(" ")} <a data-testid="disk-more" href=${settingsPath("storage")}>${words.more}</a>
      </p>
      <button
        class="plain icon"
        data-testid="disk-dismiss"
        title=${words.dismiss}
        aria-label=${words.dismiss}
        @click=${() => store.putDiskAside()}
      >
        ${icons.close}
      </button>
    </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "disk-banner": DiskBanner;
  }
}
