/**
 * `<alert-banner>`: an alert of high priority, over everything else on every page until somebody has resolved it. Several
 * are one line with a count. It lies in the browser's top layer, so that a full screen does not hide it, and keeps its room
 * in the page, so that it hides nothing.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { kindOf, placeOf, unitOf } from "../alerts";
import { EverySecond, Watch } from "../controllers";
import { age, coordinates } from "../format";
import { icons } from "../icons";
import type { Alert } from "../model-incidents";
import { hashOf } from "../route";
import { store } from "../store";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import "./resolve-dialog";

const words = incidentStrings.banner;

@customElement("alert-banner")
export class AlertBanner extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        height: var(--taken, 0);
      }
      .banner {
        inset: 0 0 auto;
        align-items: center;
        gap: var(--s2) var(--s4);
        width: auto;
        max-height: 50dvh;
        margin: 0;
        padding: var(--s2) var(--s3) var(--s2) 0;
        border: 0;
        border-bottom: 2px solid var(--alarm);
        background: color-mix(in srgb, var(--panel), var(--alarm) 16%);
        color: var(--text);
        font: inherit;
      }
      .banner:popover-open {
        display: flex;
      }
      .kind {
        display: flex;
        align-items: center;
        align-self: stretch;
        gap: var(--s2);
        margin: calc(-1 * var(--s2)) 0;
        padding: 0 var(--s4);
        background: var(--alarm);
        color: var(--on-alarm);
        font-size: var(--normal);
        font-weight: 700;
        white-space: nowrap;
      }
      .what {
        flex: 1;
        display: grid;
        min-width: 0;
      }
      .first {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--s2);
        font-size: var(--normal);
      }
      .first strong {
        font-weight: 600;
      }
      .first strong,
      .text {
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .ago {
        white-space: nowrap;
      }
      .acts {
        display: flex;
        flex-wrap: wrap;
        justify-content: end;
        gap: var(--s2);
      }
      .acts a {
        align-self: center;
        padding-block: var(--s2);
        color: var(--text);
        font-weight: 600;
        white-space: nowrap;
      }
      @media (max-width: 720px) {
        .banner:popover-open {
          display: grid;
          grid-template: auto auto / auto minmax(0, 1fr);
          padding: var(--s2) var(--s2) var(--s2) 0;
        }
        .kind {
          padding: 0 var(--s3);
        }
        .acts {
          grid-column: 1 / -1;
          justify-content: stretch;
          padding-left: var(--s2);
        }
        .acts > button:not(.icon) {
          flex: 1;
        }
      }
    `,
  ];

  @state() private resolving: Alert | null = null;
  @state() private busy = false;
  @state() private error = "";
  @query(".banner") private banner!: HTMLElement | null;
  private shown = "";
  private readonly size = new ResizeObserver(() => this.keepRoom());

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.duty.alerts.open, s.duty.incidents.told, s.cameras, s.session, s.duty.sound.muted, s.duty.sound.blocked]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("fullscreenchange", this.raise);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("fullscreenchange", this.raise);
    this.size.disconnect();
  }

  /** A new alert comes over whatever has come into the top layer since the last one. */
  override updated(): void {
    const shown = store.duty.alerts.high.map(({ id }) => id).join(" ");
    if (shown === this.shown) return;
    this.shown = shown;
    this.size.disconnect();
    if (this.banner) this.size.observe(this.banner);
    this.raise();
    this.keepRoom();
  }

  private readonly raise = (): void => {
    const { banner } = this;
    if (banner?.matches(":popover-open")) banner.hidePopover();
    banner?.showPopover();
  };

  private keepRoom(): void {
    this.style.setProperty("--taken", `${this.banner?.offsetHeight ?? 0}px`);
  }

  override render() {
    const { high } = store.duty.alerts;
    const [first] = high;
    return html`<div class="unseen" role="alert" data-testid="alert-said">
        ${first ? words.said(kindOf(first), unitOf(first, store), first.text) : nothing}
      </div>
      ${first ? this.renderBanner(first, high.length - 1) : nothing}
      ${this.resolving
        ? html`<resolve-dialog .alert=${this.resolving} @close=${() => (this.resolving = null)}></resolve-dialog>`
        : nothing}`;
  }

  private renderBanner(alert: Alert, others: number) {
    const unit = unitOf(alert, store);
    return html`<section class="banner" popover="manual" aria-label=${words.label} data-testid="alert-banner" data-alert=${alert.id}>
      <span class="kind">${icons.alarm} ${kindOf(alert)}</span>
      <div class="what">
        <div class="first">
          <strong title=${unit} data-testid="alert-unit">${unit}</strong>
          <span class="ago figures" data-testid="alert-ago">${this.when(alert)}</span>
        </div>
        <span class="text" title=${alert.text} data-testid="alert-text">${alert.text}</span>
        <span class="figures" data-testid="alert-place">${this.place(alert)}</span>
        ${this.error ? html`<span role="status">${this.error}</span>` : nothing}
        ${store.duty.sound.blocked ? html`<span role="status" data-testid="sound-blocked">${icons.muted} ${words.blocked}</span>` : nothing}
      </div>
      <div class="acts">
        ${others > 0
          ? html`<a data-testid="alert-more" href=${hashOf({ name: "alerts", id: null, query: "" })}>${words.more(others)}</a>`
          : nothing}
        ${this.renderActs(alert, unit)} ${this.renderSound()}
      </div>
    </section>`;
  }

  /** How long ago; of a unit that has called again, how often and since when. */
  private when({ utc, detail: { count, last } }: Alert): string {
    const since = (time: string) => age(store.now() - Date.parse(time));
    return [words.ago(since(utc)), ...(count && count > 1 && last ? [words.again(count, since(last))] : [])].join(" · ");
  }

  private place(alert: Alert): string {
    const place = placeOf(alert);
    if (!place) return words.noPlace;
    const accuracy = place.accuracy === null ? [] : [words.accuracy(place.accuracy.toFixed(0))];
    return [coordinates(place.lat, place.lon), ...accuracy, words.old(age(store.now() - place.at))].join(" · ");
  }

  private renderActs(alert: Alert, unit: string) {
    const camera = alert.camera === null ? undefined : store.camera(alert.camera);
    return html`${camera
        ? html`<button
            class="primary"
            data-testid="alert-show"
            title=${words.showHint(unit)}
            @click=${() => store.go({ name: "unit", id: camera.id })}
          >
            ${words.show}
          </button>`
        : nothing}
      ${store.mayRespond(alert.camera)
        ? html`<button data-testid="alert-resolve" @click=${() => (this.resolving = alert)}>${words.resolve}</button>
            ${this.renderIncident(alert)}`
        : nothing}`;
  }

  private renderIncident(alert: Alert) {
    const known = store.duty.incidents.ofAlert(alert.id);
    if (known)
      return html`<button data-testid="alert-incident" @click=${() => store.go({ name: "incident", id: known.id })}>
        ${words.toIncident}
      </button>`;
    if (alert.camera === null) return nothing; // an incident has units
    return html`<button data-testid="alert-incident" ?disabled=${this.busy} @click=${() => void this.openIncident(alert)}>
      ${words.incident}
    </button>`;
  }

  private async openIncident({ id }: Alert): Promise<void> {
    this.busy = true;
    this.error = "";
    try {
      await store.openIncident({ alert: id });
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  }

  private renderSound() {
    const { muted } = store.duty.sound;
    const label = muted ? words.unmute : words.mute;
    return html`<button
      class="plain icon"
      data-testid="alert-sound"
      title=${label}
      aria-label=${label}
      @click=${() => store.duty.sound.setMuted(!muted)}
    >
      ${muted ? icons.muted : icons.sound}
    </button>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "alert-banner": AlertBanner;
  }
}
