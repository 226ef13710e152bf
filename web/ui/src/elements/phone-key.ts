/**
 * `<phone-key>`: a position key that was just made (`made`, of the unit `camera`): what goes into the phone's app, as a QR
 * code and to copy, and whether the first position has come. Fires `close`.
 */

import { css, html, LitElement } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { fleetUnits } from "../api-admin";
import { Ages } from "../ages";
import type { MadeKey } from "../model-admin";
import { icons } from "../icons";
import { isHere } from "../nvr";
import { store } from "../store";
import { adminStrings } from "../strings-admin";
import { controls } from "./controls";
import "./copy-line";
import "./modal-dialog";
import "./qr-code";

const words = adminStrings.phones;
const AGAIN_MS = 2000;

@customElement("phone-key")
export class PhoneKey extends LitElement {
  static override styles = [
    controls,
    css`
      modal-dialog {
        --width: 620px;
      }
      p {
        margin: 0 0 var(--s3);
      }
      .error {
        margin-bottom: var(--s3);
      }
      .apps {
        display: flex;
        gap: var(--s2);
        margin-bottom: var(--s4);
      }
      .apps button[aria-pressed="true"] {
        border-color: var(--accent);
        color: var(--accent);
      }
      .app {
        display: grid;
        grid-template-columns: 220px minmax(0, 1fr);
        gap: var(--s4);
        margin-bottom: var(--s4);
      }
      ol {
        display: grid;
        align-content: start;
        gap: var(--s2);
        margin: 0;
        padding-left: 20px;
      }
      .lines {
        display: grid;
        gap: var(--s2);
        margin-bottom: var(--s4);
      }
      .foot {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: var(--s2) var(--s3);
      }
      .came {
        display: inline-flex;
        align-items: center;
        gap: var(--s2);
        color: var(--live);
      }
      @media (max-width: 560px) {
        .app {
          grid-template-columns: 1fr;
        }
        qr-code {
          width: 220px;
          margin: 0 auto;
        }
      }
    `,
  ];

  /** The unit's id. */
  @property() camera = "";
  @property({ attribute: false }) made!: MadeKey;
  @state() private app: "traccar" | "osmand" = "traccar";
  /** When the last report came, milliseconds. */
  @state() private usedAt: number | null = null;
  private timer = 0;
  private asking: AbortController | null = null;

  constructor() {
    super();
    new Ages(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = window.setInterval(() => void this.look(), AGAIN_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.timer);
    this.asking?.abort();
  }

  private async look(): Promise<void> {
    if (document.hidden) return;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    try {
      const used = (await fleetUnits(asking.signal)).find(({ camera }) => camera === this.camera)?.position_key?.used;
      this.usedAt = used ? Date.parse(used) : null;
    } catch {
      // It is asked again in two seconds; the link's banner says when the gateway is away.
    }
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  override render() {
    const { made, app } = this;
    const name = store.camera(this.camera)?.name ?? this.camera;
    const choice = (one: "traccar" | "osmand") =>
      html`<button aria-pressed=${app === one} data-testid="phone-${one}" @click=${() => (this.app = one)}>
        ${words[one]}
      </button>`;
    return html`<modal-dialog heading=${words.keyOf(name)} @close=${this.leave}>
      <p>${words.once}</p>
      ${isHere(new URL(made.url).hostname) ? html`<p class="error">${words.here}</p>` : ""}
      <div class="apps">${choice("traccar")} ${choice("osmand")}</div>
      <div class="app">
        <qr-code
          data-testid="phone-qr"
          .value=${app === "traccar" ? made.traccar_client : made.osmand}
          .label=${words.qr(words[app])}
        ></qr-code>
        <ol>
          ${words.steps[app].map((step) => html`<li>${step}</li>`)}
        </ol>
      </div>
      <div class="lines">
        ${app === "traccar"
          ? html`<copy-line data-testid="phone-url" label=${words.url} .value=${made.url}></copy-line>
              <copy-line label=${words.device} .value=${this.camera}></copy-line>`
          : html`<copy-line label=${words.template} .value=${made.osmand}></copy-line>`}
      </div>
      <div class="foot">
        <span role="status" data-testid="phone-waiting">
          ${this.usedAt === null
            ? words.waiting
            : html`<span class="came">${icons.check} ${words.received} <time data-at=${this.usedAt}></time> ${words.ago}</span>`}
        </span>
        <button class="primary" data-testid="phone-done" @click=${this.leave}>${words.done}</button>
      </div>
    </modal-dialog>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "phone-key": PhoneKey;
  }
}
