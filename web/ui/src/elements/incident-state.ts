/** `<incident-state>`: whether an incident goes on, has ended, or is closed: as shape and word. */

import { html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Look } from "../faces";
import type { Incident } from "../model-incidents";
import { incidentStrings } from "../strings-incidents";
import "./state-mark";

const words = incidentStrings.incidents;

const LOOKS = { live: "live", ended: "recorded", closed: "disabled" } satisfies Record<string, Look>;

@customElement("incident-state")
export class IncidentState extends LitElement {
  @property({ attribute: false }) incident!: Pick<Incident, "live" | "closed">;

  override render() {
    const is = this.incident.closed !== null ? "closed" : this.incident.live ? "live" : "ended";
    return html`<state-mark data-testid="incident-state" .look=${LOOKS[is]} .text=${words[is]}></state-mark>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "incident-state": IncidentState;
  }
}
