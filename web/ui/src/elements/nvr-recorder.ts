/** `<nvr-recorder>`: how one kind of recorder is set up (`entry`: what is entered; `shape`: the devices there are). */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { icons } from "../icons";
import type { Entry, Shape } from "../nvr";
import { strings } from "../strings";
import { nvrStrings, type Recipe } from "../strings-nvr";
import { controls } from "./controls";
import { pageStyles } from "./page-styles";

const words = nvrStrings.recorder;
const { recipes } = nvrStrings;

@customElement("nvr-recorder")
export class NvrRecorder extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        max-width: none;
        padding: 0;
      }
      .choice {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s2);
        margin-bottom: var(--s3);
      }
      .choice button[aria-pressed="true"] {
        border-color: var(--accent);
        color: var(--accent);
      }
      .card {
        display: grid;
        gap: var(--s3);
        overflow-wrap: anywhere;
      }
      .name {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s2);
      }
      .chip.tested {
        border-color: var(--live);
        color: var(--live);
      }
      ol,
      ul {
        display: grid;
        gap: var(--s2);
        margin: 0;
        padding-left: var(--s6);
      }
      .file {
        display: grid;
        gap: var(--s2);
        min-width: 0;
      }
      .file div {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: var(--s2);
      }
      pre {
        margin: 0;
        padding: var(--s3);
        overflow: auto;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--ground);
        font: 13px/1.5 var(--mono);
      }
    `,
  ];

  @property({ attribute: false }) entry: Entry | null = null;
  @property() shape: Shape = "one";
  @state() private chosen = Object.keys(recipes)[0] ?? "";
  @state() private copied = false;

  private choose(name: string): void {
    this.chosen = name;
    this.copied = false;
  }

  private async copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.copied = true;
    } catch {
      this.copied = false; // only secure pages may; the text stands there to be selected
    }
  }

  override render() {
    const recipe = recipes[this.chosen];
    if (!this.entry || !recipe) return nothing;
    return html`<div class="choice" role="group" aria-label=${words.choose}>
        ${Object.entries(recipes).map(
          ([key, { name }]) =>
            html`<button
              data-testid="nvr-recorder-${key}"
              aria-pressed=${key === this.chosen}
              @click=${() => this.choose(key)}
            >
              ${name}
            </button>`,
        )}
      </div>
      ${this.renderRecipe(recipe, this.entry)}`;
  }

  private renderRecipe(recipe: Recipe, entry: Entry) {
    const text = recipe.file?.text(entry);
    return html`<div class="card" data-testid="nvr-recipe">
      <div class="name">
        <h2>${recipe.name}</h2>
        <span class="chip ${recipe.tested ? "tested" : ""}">${recipe.tested ? words.tested : words.read}</span>
      </div>
      <p class="quiet">${recipe.proof}</p>
      <p data-testid="nvr-shape">${this.shapeFor(recipe)}</p>
      <ol>
        ${recipe.steps(entry).map((step) => html`<li>${step}</li>`)}
      </ol>
      ${recipe.file && text !== undefined
        ? html`<div class="file">
            <div>
              <code>${recipe.file.name}</code>
              <button @click=${() => void this.copy(text)}>
                ${icons.copy} ${this.copied ? strings.page.copied : strings.page.copy}
              </button>
            </div>
            <pre data-testid="nvr-file" tabindex="0">${text}</pre>
          </div>`
        : nothing}
      <ul class="quiet">
        ${recipe.notes.map((note) => html`<li>${note}</li>`)}
      </ul>
    </div>`;
  }

  private shapeFor({ shapes }: Recipe): string {
    if (shapes === null) return words.noOnvif;
    if (shapes.includes(this.shape)) return words.fits(this.shape);
    return words.fitsNot(shapes.map((shape) => `"${shape}"`).join(words.or), this.shape);
  }
}
