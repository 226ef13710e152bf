/**
 * `<disk-banner>`: on every page, for who may know it, what is wrong with the disk of the recordings. Somebody who has put
 * it aside sees it again when it gets worse, or at the next log-in.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { Watch } from "../controllers";
import { asideOf, isWorse, keepAside, readAside, type PutAside } from "../disk-news";
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

  @state() private aside: PutAside | null = readAside();

  constructor() {
    super();
    new Watch(this, (s) => [s.disk, s.session, s.view]);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    keepAside(null); // the log-out
  }

  override willUpdate(): void {
    if (this.aside && store.disk?.warnings.length === 0) this.put(null); // it is over: what comes next is another
  }

  private put(aside: PutAside | null): void {
    this.aside = aside;
    keepAside(aside);
  }

  override render() {
    const { disk, view } = store;
    if (!disk || disk.warnings.length === 0 || !store.sections.includes("storage")) return nothing;
    if (view.name === "settings" && view.section === "storage") return nothing; // that page says it itself, and more
    if (this.aside && !isWorse(disk, this.aside)) return nothing;
    return html`<div
      class="banner ${disk.level}"
      role=${disk.level === "full" ? "alert" : "status"}
      data-testid="disk-banner"
      data-level=${disk.level}
    >
      ${icons.storage}
      <p>
        ${disk.warnings.join(" ")} <a data-testid="disk-more" href=${settingsPath("storage")}>${words.more}</a>
      </p>
      <button
        class="plain icon"
        data-testid="disk-dismiss"
        title=${words.dismiss}
        aria-label=${words.dismiss}
        @click=${() => this.put(asideOf(disk))}
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
