/**
 * `<archive-head>`: which units, which day, a way to a time and back to what is live. Fires `add` (id), `day` and
 * `moment` (milliseconds since the Unix epoch), `live`.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { DAY } from "../archive/scale";
import { Watch } from "../controllers";
import { utcDateTime, utcDay } from "../format";
import { icons } from "../icons";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";
import "./modal-dialog";

const words = archiveStrings.day;

/** A moment as somebody writes it, UTC: `2026-11-22 14:02:11`, with or without seconds and their fraction; null: it is none. */
function writtenMoment(text: string): number | null {
  const found = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)Z?$/.exec(text.trim());
  const at = found ? Date.parse(`${found[1]}T${found[2]}Z`) : NaN;
  return Number.isFinite(at) ? at : null;
}

@customElement("archive-head")
export class ArchiveHead extends LitElement {
  static override styles = [
    controls,
    css`
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s3);
        padding: var(--s2);
      }
      h1 {
        margin: 0 var(--s1);
        font-size: var(--normal);
        font-weight: 600;
      }
      .names {
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .space {
        flex: 1;
      }
      .group {
        display: flex;
        align-items: center;
        gap: var(--s1);
      }
      select,
      input {
        width: auto;
      }
      form {
        display: grid;
        gap: var(--s3);
      }
      form input {
        width: 100%;
      }
      .actions {
        display: flex;
        justify-content: end;
        gap: var(--s2);
      }
      @media (max-width: 720px) {
        .space,
        .word {
          display: none;
        }
        .days {
          flex: 1;
        }
        .days input {
          flex: 1;
          min-width: 0;
        }
        select,
        input {
          font-size: 16px;
        }
        .names {
          flex: 1;
        }
        .live {
          order: -1;
          width: 44px;
          padding: 0;
        }
        .names {
          order: -2;
        }
        select {
          max-width: 40%;
        }
      }
    `,
  ];

  @property({ attribute: false }) cameras: readonly string[] = [];
  /** No more units can be added. */
  @property({ type: Boolean }) full = false;
  /** The day that is shown. */
  @property({ type: Number }) day = 0;
  /** When what there is begins. */
  @property({ attribute: false }) first: number | null = null;
  @property({ type: Number }) now = 0;
  /** What is proposed to somebody who wants to go to a time; null: nobody does. */
  @state() private asking: number | null = null;
  @state() private error = "";
  @query("form input") private field!: HTMLInputElement | null;

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras]);
  }

  /** Ask for a moment to go to; proposes one. */
  goTo(proposal = this.day): void {
    this.asking = proposal;
    this.error = "";
    void this.updateComplete.then(() => this.field?.select());
  }

  private tell(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  private readonly dayChosen = (event: Event): void => {
    const at = Date.parse((event.target as HTMLInputElement).value);
    if (Number.isFinite(at)) this.tell("day", at);
  };

  private readonly unitChosen = (event: Event): void => {
    const select = event.target as HTMLSelectElement;
    const id = select.value;
    select.value = "";
    if (id) this.tell("add", id);
  };

  private readonly submit = (event: Event): void => {
    event.preventDefault();
    const at = writtenMoment(this.field?.value ?? "");
    if (at === null) {
      this.error = words.wrong;
      return;
    }
    this.asking = null;
    this.tell("moment", at);
  };

  override render() {
    const names = this.cameras.map((id) => store.camera(id)?.name ?? id).join(", ");
    const others = (store.cameras ?? []).filter((unit) => unit.rights.includes("recorded") && !this.cameras.includes(unit.id));
    const today = Math.floor(this.now / DAY) * DAY;
    return html`<header>
        <h1 class="names" title=${names} data-testid="archive-names">${names}</h1>
        ${others.length > 0
          ? html`<select
              data-testid="add-unit"
              aria-label=${archiveStrings.add}
              title=${this.full ? archiveStrings.noMore : archiveStrings.addHint}
              ?disabled=${this.full}
              @change=${this.unitChosen}
            >
              <option value="">+ ${archiveStrings.add}</option>
              ${others.map((unit) => html`<option value=${unit.id}>${unit.name}</option>`)}
            </select>`
          : nothing}
        <span class="space"></span>
        <div class="group days">
          <button class="icon" title=${words.before} aria-label=${words.before} data-testid="day-before" @click=${() => this.tell("day", this.day - DAY)}>
            ${icons.back}
          </button>
          <input
            type="date"
            data-testid="day"
            aria-label=${words.label}
            title=${words.label}
            .value=${utcDay(this.day)}
            min=${this.first === null ? nothing : utcDay(this.first)}
            max=${utcDay(this.now)}
            @change=${this.dayChosen}
          />
          <button
            class="icon"
            title=${words.after}
            aria-label=${words.after}
            data-testid="day-after"
            ?disabled=${this.day >= today}
            @click=${() => this.tell("day", this.day + DAY)}
          >
            ${icons.next}
          </button>
          <button class="icon" title=${words.goToHint} aria-label=${words.goToHint} data-testid="go-to" @click=${() => this.goTo()}>
            ${icons.calendar}
          </button>
        </div>
        <button
          class="live"
          title=${archiveStrings.toLiveHint}
          aria-label=${archiveStrings.toLive}
          data-testid="to-live"
          @click=${() => this.tell("live")}
        >
          ${icons.live} <span class="word">${archiveStrings.toLive}</span>
        </button>
      </header>
      ${this.asking !== null
        ? html`<modal-dialog heading=${words.goTo} @close=${() => (this.asking = null)}>
            <form @submit=${this.submit}>
              <label
                >${words.goToText}
                <input data-testid="go-to-field" autocomplete="off" .value=${utcDateTime(this.asking)} />
              </label>
              ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
              <div class="actions"><button class="primary" data-testid="go-to-submit">${words.go}</button></div>
            </form>
          </modal-dialog>`
        : nothing}`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "archive-head": ArchiveHead;
  }
}
