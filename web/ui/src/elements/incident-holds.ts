/**
 * `<incident-holds>`: what an incident keeps of each of its units; a moment beside it can be kept, too. Fires `close`.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { changeIncidentUnit } from "../api-incidents";
import { utcDateTime, utcTime } from "../format";
import { icons } from "../icons";
import type { Incident, IncidentCamera } from "../model-incidents";
import { store } from "../store";
import { incidentStrings } from "../strings-incidents";
import { roomStrings } from "../strings-room";
import { controls } from "./controls";
import { dialogStyles } from "./dialog-styles";
import "./modal-dialog";

const words = roomStrings.holds;

@customElement("incident-holds")
export class IncidentHolds extends LitElement {
  static override styles = [
    controls,
    dialogStyles,
    css`
      ul {
        display: grid;
        gap: var(--s3);
        margin: var(--s4) 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        gap: var(--s1);
        justify-items: start;
      }
      strong {
        display: flex;
        align-items: center;
        gap: var(--s2);
        overflow-wrap: anywhere;
      }
      small {
        display: flex;
        align-items: center;
        gap: var(--s1);
        color: var(--quiet);
      }
    `,
  ];

  @property({ attribute: false }) incident!: Incident;
  /** The moment that is looked at; null: now. */
  @property({ type: Number }) at: number | null = null;
  @state() private busy = false;
  @state() private error = "";

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private async extend(camera: string, change: { from: string } | { to: string }): Promise<void> {
    this.busy = true;
    this.error = "";
    try {
      store.duty.takeIncident(await changeIncidentUnit(this.incident.id, camera, change));
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  }

  override render() {
    return html`<modal-dialog heading=${words.title} @close=${this.leave}>
      <p>${words.text}</p>
      <ul data-testid="room-holds">
        ${this.incident.cameras.map((one) => html`<li data-testid="room-hold-of" data-camera=${one.camera}>${this.renderOne(one)}</li>`)}
      </ul>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      <div class="actions"><button class="primary" data-testid="holds-close" @click=${this.leave}>${words.close}</button></div>
    </modal-dialog>`;
  }

  private renderOne(one: IncidentCamera) {
    const end = one.to === null ? incidentStrings.units.goes : utcDateTime(Date.parse(one.to));
    return html`<strong>${icons.hold} ${one.name}</strong>
      <small class="figures">${words.of(utcDateTime(Date.parse(one.from)), end, one.hold)}</small>
      ${this.renderBeside(one)}`;
  }

  /** The moment lies beside what is kept of this unit. */
  private renderBeside({ camera, from, to }: IncidentCamera) {
    const { at, incident } = this;
    if (at === null) return nothing;
    const time = utcTime(at);
    const begins = Date.parse(from);
    const change =
      at < begins
        ? { label: words.before(time), to: { from: new Date(at).toISOString() } }
        : to !== null && at >= Date.parse(to)
          ? { label: words.after(time), to: { to: new Date(at).toISOString() } }
          : null;
    if (change === null) return html`<small class="figures">${icons.check} ${words.inside(time)}</small>`;
    if (!incident.may.includes("change") || !store.mayRespond(camera)) return nothing;
    return html`<button ?disabled=${this.busy} data-testid="hold-more" @click=${() => void this.extend(camera, change.to)}>
      ${icons.add} ${change.label}
    </button>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "incident-holds": IncidentHolds;
  }
}
