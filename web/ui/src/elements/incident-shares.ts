/** `<incident-shares>`: by which links somebody outside sees an incident; more can be made, and each revoked. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { revokeShare, shares } from "../api-incidents";
import { Fetched } from "../controllers";
import { utcMinute } from "../format";
import { icons } from "../icons";
import type { Share } from "../model-incidents";
import { incidentStrings } from "../strings-incidents";
import "./confirm-dialog";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { sectionStyles } from "./section-styles";
import "./share-dialog";
import "./shown-once";

const words = incidentStrings.shares;

@customElement("incident-shares")
export class IncidentShares extends LitElement {
  static override styles = [
    controls,
    sectionStyles,
    css`
      li {
        display: flex;
        align-items: center;
        gap: var(--s2);
      }
      .what {
        flex: 1;
        display: grid;
        min-width: 0;
      }
      .what span {
        overflow-wrap: anywhere;
      }
      .ended span {
        color: var(--quiet);
        text-decoration: line-through;
      }
    `,
  ];

  @property({ type: Number }) incident = 0;
  @state() private making = false;
  @state() private made: (Share & { url: string }) | null = null;
  @state() private revoking: Share | null = null;
  private readonly found = new Fetched(this, (signal) => shares(this.incident, signal));

  private readonly came = (event: CustomEvent<Share & { url: string }>): void => {
    this.made = event.detail;
    void this.found.again();
  };

  private async revoke(share: Share): Promise<void> {
    await revokeShare(this.incident, share.id);
    await this.found.again();
  }

  /** Ask for whom, as the button does. */
  make(): void {
    this.making = true;
  }

  override render() {
    const { made, revoking } = this;
    return html`<div class="head">
        <h2>${words.title}</h2>
        <button data-testid="share" @click=${() => this.make()}>${icons.share} ${words.make}</button>
      </div>
      ${fetched(this.found, (found) =>
        found.length === 0
          ? html`<p class="quiet">${words.none}</p>`
          : html`<ul data-testid="shares">
              ${found.map((share) => html`<li class=${share.ended ? "ended" : ""}>${this.renderShare(share)}</li>`)}
            </ul>`,
      )}
      ${this.making
        ? html`<share-dialog .incident=${this.incident} @made=${this.came} @close=${() => (this.making = false)}></share-dialog>`
        : nothing}
      ${made
        ? html`<shown-once
            .heading=${words.made(made.recipient)}
            .text=${words.madeText}
            .secret=${made.url}
            @close=${() => (this.made = null)}
          ></shown-once>`
        : nothing}
      ${revoking
        ? html`<confirm-dialog
            .heading=${words.revokeTitle(revoking.recipient)}
            .text=${words.revokeText}
            .confirm=${words.revoke}
            .act=${() => this.revoke(revoking)}
            @close=${() => (this.revoking = null)}
          ></confirm-dialog>`
        : nothing}`;
  }

  private renderShare(share: Share) {
    const facts = [
      share.ended ? (words.ended[share.ended] ?? share.ended) : words.until(utcMinute(Date.parse(share.expires))),
      ...(share.sound ? [words.withSound] : []),
      ...(share.positions ? [words.withPositions] : []),
      share.revoked_by ? words.revokedBy(share.revoked_by) : words.by(share.created_by),
    ];
    return html`<div class="what" data-testid="share-row">
        <span>${share.recipient}</span>
        <small class="figures">${facts.join(" · ")}</small>
      </div>
      ${share.ended === null
        ? html`<button data-testid="share-revoke" @click=${() => (this.revoking = share)}>${words.revoke}</button>`
        : nothing}`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "incident-shares": IncidentShares;
  }
}
