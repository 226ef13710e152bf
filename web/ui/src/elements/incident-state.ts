/** `<incident-state>`: whether an incident goes on, has ended, or is closed: as shape and word. */

import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import { shapes } from "../icons";
import type { Incident } from "../model-incidents";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";

const words = incidentStrings.incidents;

@customElement("incident-state")
export class IncidentState extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        color: var(--quiet);
        white-space: nowrap;
      }
      :host([state="live"]) {
        color: var(--live);
      }
      :host([state="ended"]) {
        color: var(--accent);
      }
    `,
  ];

  @property({ attribute: false }) incident!: Pick<Incident, "live" | "closed">;

  private get is(): "live" | "ended" | "closed" {
    return this.incident.closed !== null ? "closed" : this.incident.live ? "live" : "ended";
  }

  override willUpdate(): void {
    this.setAttribute("state", this.is);
  }

  override render() {
    const shape = { live: shapes.live, ended: shapes.recorded, closed: shapes.disabled }[this.is];
    return html`${shape}<span data-testid="incident-state">${words[this.is]}</span>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "incident-state": IncidentState;
  }
}
