/**
 * `<incident-dialog>`: opens an incident, from a unit, a place, a time, or nothing at all. Goes to it once it is open; fires
 * `close`.
 */

import { html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { fieldOf, momentIn } from "../archive/moments";
import { entered } from "../fields";
import type { Place } from "../fixes";
import { placeIn, placeText } from "../geofence-draft";
import type { NewIncident, Origin } from "../model-incidents";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import { dialogStyles } from "./dialog-styles";
import "./modal-dialog";

const words = incidentStrings.opening;
/** Around a place units this near are taken in, metres. */
const RADIUS_M = 500;

@customElement("incident-dialog")
export class IncidentDialog extends LitElement {
  static override styles = [controls, dialogStyles];

  /** The units that are proposed. */
  @property({ attribute: false }) units: readonly string[] = [];
  /** Where it happens; null: it is opened from something else. */
  @property({ attribute: false }) place: Place | null = null;
  /** From when to when, milliseconds since the Unix epoch; null: now, and it goes on. */
  @property({ attribute: false }) interval: { from: number; to: number | null } | null = null;
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const wanted = this.wanted();
    if (wanted === null) return;
    this.busy = true;
    this.error = "";
    try {
      await store.openIncident(wanted.origin ?? {}, wanted);
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  /** What stands in the form; null: something is wrong with it, and said. */
  private wanted(): NewIncident | null {
    const title = entered(this.form, "title").trim();
    const chosen = new FormData(this.form).getAll("unit").map(String);
    const origin = this.origin(chosen);
    if (origin === null) return null;
    if (chosen.length === 0 && origin.lat === undefined) {
      this.error = words.chooseUnits;
      return null;
    }
    const iso = (name: string) => {
      const at = momentIn(this.form, name);
      return at === null ? {} : { [name]: new Date(at).toISOString() };
    };
    return { ...(title ? { title } : {}), origin, cameras: chosen, ...iso("from"), ...iso("to") };
  }

  private origin(chosen: readonly string[]): Origin | null {
    if (this.place === null) {
      const [only] = this.units;
      // It is opened from a unit: its name is the title that nobody has to write.
      return this.interval === null && this.units.length === 1 && only !== undefined && chosen.includes(only) ? { camera: only } : {};
    }
    const place = placeIn(entered(this.form, "place"));
    if (place === null) this.error = words.wrongPlace;
    return place && { ...place, radius_m: Number(entered(this.form, "radius")) || RADIUS_M };
  }

  override render() {
    return html`<modal-dialog heading=${words.title} @close=${this.leave}>
      <form novalidate data-testid="incident-form" @submit=${this.submit}>
        <label
          >${words.name}
          <input name="title" data-testid="incident-title" maxlength="200" autocomplete="off" placeholder=${words.namePlaceholder}
        /></label>
        ${this.place ? this.renderPlace(this.place) : nothing} ${this.interval ? this.renderInterval(this.interval) : nothing}
        ${this.renderUnits()}
        <p class="quiet">${words.text}</p>
        ${this.error ? html`<p class="error" role="alert" data-testid="incident-error">${this.error}</p>` : nothing}
        <div class="actions">
          <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
          <button class="primary" data-testid="incident-submit" ?disabled=${this.busy}>
            ${this.busy ? words.busy : words.submit}
          </button>
        </div>
      </form>
    </modal-dialog>`;
  }

  private renderPlace(place: Place) {
    return html`<div class="two">
        <label
          >${words.place}
          <input name="place" data-testid="incident-place" autocomplete="off" .value=${placeText(place)} />
        </label>
        <label
          >${words.radius}
          <input name="radius" type="number" min="10" max="20000" step="10" inputmode="numeric" .value=${String(RADIUS_M)} />
        </label>
      </div>
      <p class="quiet">${words.placeUnits}</p>`;
  }

  private renderInterval({ from, to }: { from: number; to: number | null }) {
    return html`<div class="two">
      <label>${words.from} <input type="datetime-local" step="1" name="from" required .value=${fieldOf(from)} /></label>
      <label>${words.to} <input type="datetime-local" step="1" name="to" .value=${to === null ? "" : fieldOf(to)} /></label>
    </div>`;
  }

  private renderUnits() {
    const mine = (store.cameras ?? []).filter((camera) => camera.rights.includes("respond"));
    return html`<fieldset>
      <legend>${words.units}</legend>
      <div class="known">
        ${mine.map(
          (camera) =>
            html`<label class="check"
              ><input
                type="checkbox"
                name="unit"
                data-testid="incident-unit"
                value=${camera.id}
                ?checked=${this.units.includes(camera.id)}
              />
              ${camera.name}</label
            >`,
        )}
      </div>
    </fieldset>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "incident-dialog": IncidentDialog;
  }
}
