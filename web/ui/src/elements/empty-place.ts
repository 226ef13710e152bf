/** `<empty-place>`: a place on the wall where no unit stands, and the units that could. Fires `put` (a unit's id). */

import { css, html, LitElement } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import type { Camera } from "../model";
import { wallStrings } from "../strings-wall";
import { controls } from "./controls";

const words = wallStrings.empty;

@customElement("empty-place")
export class EmptyPlace extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        place-items: center;
        min-width: 0;
        border: 1px dashed var(--line);
        border-radius: var(--radius);
        color: var(--quiet);
      }
      :host([aimed]) {
        border-color: var(--accent);
      }
      select {
        width: auto;
        max-width: calc(100% - 24px);
        color: inherit;
        background: none;
      }
      option {
        background: var(--panel);
        color: var(--text);
      }
    `,
  ];

  /** Its place on the page, from 1. */
  @property({ type: Number }) number = 0;
  /** Those that are not on this page of the wall. */
  @property({ attribute: false }) units: readonly Camera[] = [];
  @query("select") private select!: HTMLSelectElement;

  /** The unit of a place where none stands. */
  readonly camera = null;

  override focus(): void {
    this.select.focus();
  }

  /** Whether the keyboard is here. */
  get chosen(): boolean {
    return this.shadowRoot?.activeElement === this.select;
  }

  private readonly put = () => {
    const unit = this.select.value;
    this.select.value = "";
    if (unit) this.dispatchEvent(new CustomEvent("put", { detail: unit }));
  };

  override render() {
    const none = this.units.length === 0;
    return html`<select
      data-testid="empty-place"
      aria-label=${words.label(this.number)}
      ?disabled=${none}
      @change=${this.put}
    >
      <option value="">${none ? words.none : words.choose}</option>
      ${this.units.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}
    </select>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "empty-place": EmptyPlace;
  }
}
