/**
 * `<geofence-form>`: draws or changes a geofence: by clicks on the map beside it, or by text; each shows what the other has
 * done. Fires `draft` (Draft) when it looks otherwise, `saved` (the geofence) and `close`.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { addGeofence, changeGeofence } from "../api-incidents";
import { groups } from "../api-oversight";
import { Fetched } from "../controllers";
import { entered } from "../fields";
import { draftIn, draftOf, NO_CIRCLE, NO_POLYGON, placeIn, placeText, shapeOf, takenBack, textOf, type Draft } from "../geofence-draft";
import { icons } from "../icons";
import type { Geofence, NewGeofence, Shape, Tells } from "../model-incidents";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import { dialogStyles } from "./dialog-styles";

const words = incidentStrings.draw;
const { tells, grades } = incidentStrings.geofences;

@customElement("geofence-form")
export class GeofenceForm extends LitElement {
  static override styles = [
    controls,
    dialogStyles,
    css`
      h2 {
        margin: 0;
        font-size: var(--normal);
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      textarea {
        width: 100%;
        padding: var(--s2) var(--s3);
        border: 1px solid var(--edge);
        border-radius: var(--radius);
        background: var(--ground);
        color: var(--text);
        font: 13px/1.5 var(--mono);
        resize: vertical;
      }
      .shapes,
      .steps {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--s3);
      }
      .shapes input {
        width: 18px;
        min-height: 18px;
        margin: 0;
        accent-color: var(--accent);
      }
    `,
  ];

  /** The one to change; null: a new one. */
  @property({ attribute: false }) geofence: Geofence | null = null;
  /** What is drawn, as the map has it, too. */
  @property({ attribute: false }) draft: Draft = NO_POLYGON;
  /** What stands in the text while it cannot be read; else what is drawn. */
  @state() private text: string | null = null;
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;
  private readonly known = new Fetched(this, async (signal) => (await groups(signal)).map(({ name }) => name));

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.geofence) this.drawn(draftOf(this.geofence.shape));
  }

  override firstUpdated(): void {
    this.form.querySelector<HTMLElement>("input")?.focus();
  }

  private readonly leave = () => this.dispatchEvent(new CustomEvent("close"));

  private drawn(draft: Draft): void {
    this.text = null;
    this.error = "";
    this.dispatchEvent(new CustomEvent<Draft>("draft", { detail: draft }));
  }

  private readonly written = (event: Event): void => {
    const text = (event.target as HTMLTextAreaElement).value;
    const draft = draftIn(text);
    if (draft === null || "wrongLine" in draft) {
      this.text = text;
      this.error = draft === null ? words.wrongText : words.wrongLine(draft.wrongLine);
    } else this.drawn(draft);
  };

  private readonly circleWritten = (): void => {
    const place = placeIn(entered(this.form, "centre"));
    const radius = Number(entered(this.form, "radius"));
    if (place === null && entered(this.form, "centre").trim()) this.error = words.wrongPlace;
    else this.drawn({ kind: "circle", centre: place, radius: radius > 0 ? radius : null });
  };

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const wanted = this.wanted();
    if (wanted === null) return;
    this.busy = true;
    this.error = "";
    try {
      const detail = await (this.geofence ? changeGeofence(this.geofence.id, wanted) : addGeofence(wanted));
      store.duty.takeGeofence(detail);
      this.dispatchEvent(new CustomEvent<Geofence>("saved", { detail }));
      this.leave();
    } catch (error) {
      this.error = (error as Error).message;
      this.busy = false;
    }
  };

  /** What stands in the form; null: something is wrong with it, and said. */
  private wanted(): NewGeofence | null {
    const { form, draft } = this;
    if (this.text !== null) return null; // what is wrong with it stands there
    const name = entered(form, "name").trim();
    const shape: Shape | null = shapeOf(draft);
    this.error = !name ? words.nameless : shape ? "" : draft.kind === "circle" ? words.circleless : words.shapeless;
    if (this.error || !shape) return null;
    const chosen = (field: string) => new FormData(form).getAll(field).map(String);
    return {
      name,
      shape,
      tells: entered(form, "tells") as Tells,
      grade: entered(form, "grade") as Geofence["grade"],
      cameras: chosen("camera"),
      groups: chosen("group"),
    };
  }

  override render() {
    const { geofence } = this;
    const option = (value: string, word: string, chosen: string) =>
      html`<option value=${value} ?selected=${value === chosen}>${word}</option>`;
    return html`<form novalidate data-testid="geofence-form" @submit=${this.submit}>
      <h2>${geofence ? words.editTitle(geofence.name) : words.newTitle}</h2>
      <label
        >${words.name}
        <input
          name="name"
          data-testid="geofence-name"
          maxlength="100"
          autocomplete="off"
          placeholder=${words.namePlaceholder}
          .value=${geofence?.name ?? ""}
      /></label>
      ${this.renderShape()}
      <div class="two">
        <label
          >${words.tells}
          <select name="tells" data-testid="geofence-tells">
            ${Object.entries(tells).map(([value, word]) => option(value, word, geofence?.tells ?? "both"))}
          </select>
        </label>
        <label
          >${words.grade}
          <select name="grade" data-testid="geofence-grade">
            ${Object.entries(grades).map(([value, word]) => option(value, word, geofence?.grade ?? "activity"))}
          </select>
        </label>
      </div>
      ${this.renderFor()}
      ${this.error ? html`<p class="error" role="alert" data-testid="geofence-error">${this.error}</p>` : nothing}
      <div class="actions">
        <button type="button" @click=${this.leave}>${strings.form.cancel}</button>
        <button class="primary" data-testid="geofence-save" ?disabled=${this.busy}>${this.busy ? words.busy : words.save}</button>
      </div>
    </form>`;
  }

  private renderShape() {
    const { draft } = this;
    const kind = (value: Draft["kind"], word: string, empty: Draft) =>
      html`<label class="check"
        ><input
          type="radio"
          name="kind"
          data-testid="draw-${value}"
          .checked=${draft.kind === value}
          @change=${() => this.drawn(empty)}
        />
        ${word}</label
      >`;
    return html`<fieldset>
        <legend>${words.shape}</legend>
        <div class="shapes">${kind("polygon", words.polygon, NO_POLYGON)} ${kind("circle", words.circle, NO_CIRCLE)}</div>
      </fieldset>
      <p class="quiet">${draft.kind === "polygon" ? words.pointPolygon : words.pointCircle}</p>
      ${draft.kind === "polygon"
        ? html`<label
            >${words.corners}
            <textarea
              rows="4"
              spellcheck="false"
              data-testid="geofence-corners"
              .value=${this.text ?? textOf(draft.points)}
              @change=${this.written}
            ></textarea>
          </label>`
        : html`<div class="two">
            <label
              >${words.centre}
              <input
                name="centre"
                data-testid="geofence-centre"
                autocomplete="off"
                .value=${draft.centre ? placeText(draft.centre) : ""}
                @change=${this.circleWritten}
              />
            </label>
            <label
              >${words.radius}
              <input
                name="radius"
                data-testid="geofence-radius"
                inputmode="decimal"
                autocomplete="off"
                .value=${draft.radius === null ? "" : String(draft.radius)}
                @change=${this.circleWritten}
              />
            </label>
          </div>`}
      <div class="steps">
        <button type="button" class="plain" data-testid="draw-back" @click=${() => this.drawn(takenBack(draft))}>
          ${icons.undo} ${words.back}
        </button>
        <button type="button" class="plain" @click=${() => this.drawn(draft.kind === "polygon" ? NO_POLYGON : NO_CIRCLE)}>
          ${words.again}
        </button>
      </div>`;
  }

  private renderFor() {
    const { geofence } = this;
    const units = (store.cameras ?? []).map(({ id, name }) => ({ value: id, name }));
    const named = [...new Set([...(this.known.value ?? []), ...(geofence?.groups ?? [])])].sort();
    const some = (field: string, label: string, all: { value: string; name: string }[], chosen: readonly string[]) =>
      all.length === 0
        ? nothing
        : html`<fieldset>
            <legend>${label}</legend>
            <div class="known">
              ${all.map(
                ({ value, name }) =>
                  html`<label class="check"
                    ><input type="checkbox" name=${field} data-testid="geofence-${field}" value=${value} ?checked=${chosen.includes(value)} />
                    ${name}</label
                  >`,
              )}
            </div>
          </fieldset>`;
    return html`${some("camera", words.units, units, geofence?.cameras ?? [])}
      ${some("group", words.groups, named.map((name) => ({ value: name, name })), geofence?.groups ?? [])}
      <p class="quiet">${words.none}</p>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "geofence-form": GeofenceForm;
  }
}
