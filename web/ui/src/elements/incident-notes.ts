/**
 * `<incident-notes>`: what was written about an incident, each beside the moment it is about, and a field for more. A note
 * stands there at once; whether the gateway has it yet is said.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { notes } from "../api-incidents";
import { momentIn } from "../archive/moments";
import { Fetched, Watch } from "../controllers";
import { utcDay, utcDateTime, utcTime } from "../format";
import { icons } from "../icons";
import { litNotes } from "../incident-marks";
import type { Incident, Note } from "../model-incidents";
import { hashOf } from "../route";
import type { Unsent } from "../note-outbox";
import { store } from "../store";
import { incidentStrings } from "../strings-incidents";
import { roomStrings } from "../strings-room";
import { controls } from "./controls";
import { fetched } from "./page-state";

const words = incidentStrings.notes;

@customElement("incident-notes")
export class IncidentNotes extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      h2 {
        margin: 0 0 var(--s2);
        font-size: var(--normal);
        font-weight: 600;
      }
      form {
        display: grid;
        gap: var(--s2);
        margin-bottom: var(--s4);
      }
      textarea {
        width: 100%;
        min-height: 64px;
        padding: var(--s2) var(--s3);
        border: 1px solid var(--edge);
        border-radius: var(--radius);
        background: var(--ground);
        color: var(--text);
        font: inherit;
        resize: vertical;
        field-sizing: content;
        max-height: 40dvh;
      }
      textarea::placeholder {
        color: var(--quiet);
        opacity: 1;
      }
      .below {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        justify-content: end;
        gap: var(--s2) var(--s3);
      }
      .below label {
        flex: 1;
      }
      .below input {
        max-width: 230px;
      }
      ol {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: 76px minmax(0, 1fr);
        gap: 2px var(--s3);
        padding: var(--s2) 0;
        border-top: 1px solid var(--line);
      }
      .when {
        color: var(--accent);
        text-decoration: none;
      }
      .when:hover {
        text-decoration: underline;
      }
      .day {
        display: block;
        padding: var(--s3) 0 var(--s1);
        border-top: 0;
        color: var(--quiet);
        font-weight: 600;
      }
      .lit {
        background: color-mix(in srgb, var(--accent), transparent 84%);
        box-shadow: -3px 0 0 var(--accent);
      }
      .about {
        flex: 1;
        align-self: center;
        color: var(--accent);
      }
      .text {
        margin: 0;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      small {
        grid-column: 2;
        color: var(--quiet);
        font-size: 12px;
      }
      .unsent .text {
        color: var(--quiet);
      }
      .trouble {
        grid-column: 2;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s2);
        color: var(--stale);
      }
      @media (max-width: 720px) {
        textarea,
        input {
          font-size: 16px;
        }
        .below > button {
          flex: 1;
        }
      }
    `,
  ];

  @property({ attribute: false }) incident!: Incident;
  /** The moment that is replayed, which a note is about then; null: it is live. */
  @property({ type: Number }) clock: number | null = null;
  /** The moment that was replayed when somebody began to write. */
  @state() private begun: number | null = null;
  @state() private another = false;
  @query("form") private form!: HTMLFormElement;
  @query("textarea") private field!: HTMLTextAreaElement;
  private readonly found = new Fetched(this, (signal) => notes(this.incident.id, signal));
  private told: readonly Note[] | undefined = undefined;

  constructor() {
    super();
    new Watch(this, (s) => [s.duty.notes.unsent, s.cameras]);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("incident");
    if (!before) return;
    if (before.id !== this.incident.id) void this.found.anew();
    else if (before.notes !== this.incident.notes) void this.found.again();
  }

  override updated(): void {
    const { value } = this.found;
    if (value === undefined || value === this.told) return;
    this.told = value;
    this.dispatchEvent(new CustomEvent<readonly Note[]>("came", { detail: value }));
  }

  /** Have somebody write. */
  write(): void {
    this.field.focus();
    this.form.scrollIntoView({ block: "nearest" });
  }

  /** The moment of the replay that a note is about; null: now. */
  private get about(): number | null {
    return this.clock === null ? null : (this.begun ?? this.clock);
  }

  /** Who writes while it plays means the moment at which they began. */
  private readonly typed = (): void => {
    if (!this.field.value.trim()) this.begun = null;
    else this.begun ??= this.clock;
  };

  private readonly submit = (event: Event): void => {
    event.preventDefault();
    const text = this.field.value.trim();
    if (!text) {
      this.field.focus();
      return;
    }
    const at = this.another ? momentIn(this.form, "at") : this.about;
    const { id } = this.incident;
    void store.duty.notes.write(id, text, new Date(at ?? store.now()).toISOString()).then(() => this.found.again());
    this.form.reset();
    this.another = false;
    this.begun = null;
    this.field.focus();
  };

  /** Ctrl and Enter send; Enter alone is a line. */
  private readonly key = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.submit(event);
  };

  override render() {
    return html`<h2>${words.title}</h2>
      ${this.incident.may.includes("change") ? this.renderForm() : nothing}
      ${fetched(this.found, (found) => this.renderList(found))}`;
  }

  private renderForm() {
    return html`<form novalidate data-testid="note-form" @submit=${this.submit}>
      <textarea
        data-testid="note-text"
        rows="2"
        maxlength="8000"
        aria-label=${words.label}
        placeholder=${words.placeholder}
        @keydown=${this.key}
        @input=${this.typed}
      ></textarea>
      <div class="below">
        ${this.another
          ? html`<label>${words.about} <input type="datetime-local" step="1" name="at" data-testid="note-at" /></label>`
          : html`${this.about === null
                ? nothing
                : html`<span class="about figures" role="status" data-testid="note-about">${roomStrings.about(utcTime(this.about))}</span>`}
              <button type="button" class="plain" @click=${() => (this.another = true)}>${icons.calendar} ${words.another}</button>`}
        <button class="primary" data-testid="note-add">${icons.note} ${words.add}</button>
      </div>
    </form>`;
  }

  private renderList(found: readonly Note[]) {
    const unsent = store.duty.notes.of(this.incident.id);
    if (found.length + unsent.length === 0) return html`<p class="quiet" data-testid="no-notes">${words.none}</p>`;
    const newest = [...found].sort((a, b) => Date.parse(b.utc) - Date.parse(a.utc) || b.id - a.id);
    const days = new Map(newest.map((note) => [note.id, utcDay(Date.parse(note.utc))]));
    const today = utcDay(store.now());
    const lit: ReadonlySet<number> = this.clock === null ? new Set() : litNotes(found, this.clock);
    return html`<ol data-testid="notes">
      ${[...unsent].reverse().map((note) => this.renderUnsent(note))}
      ${newest.map((note, n) => {
        const day = days.get(note.id) ?? "";
        const before = n === 0 ? today : days.get(newest[n - 1]?.id ?? 0);
        return html`${day === before ? nothing : html`<li class="day figures">${day}</li>`}${this.renderNote(note, lit.has(note.id))}`;
      })}
    </ol>`;
  }

  private renderNote(note: Note, lit: boolean) {
    const at = Date.parse(note.utc);
    const later = Math.abs(Date.parse(note.created) - at) > 60_000;
    return html`<li data-testid="note" data-note=${note.id} class=${lit ? "lit" : ""} aria-current=${lit ? "time" : nothing}>
      ${this.renderMoment(at)}
      <p class="text">${note.text}</p>
      <small class="figures"
        >${note.created_by}${later ? ` · ${words.written(utcDateTime(Date.parse(note.created)))}` : nothing}</small
      >
    </li>`;
  }

  /** The moment, as a way to what was recorded then: in the room above. */
  private renderMoment(at: number) {
    const time = utcTime(at);
    if (!this.incident.cameras.some(({ camera }) => store.camera(camera)?.rights.includes("recorded")))
      return html`<span class="figures">${time}</span>`;
    const go = (event: Event) => {
      event.preventDefault();
      this.dispatchEvent(new CustomEvent<number>("go", { detail: at }));
    };
    return html`<a class="when figures" data-testid="note-when" title=${words.toMoment} href=${hashOf({ name: "incident", id: this.incident.id, at })} @click=${go}
      >${time}</a
    >`;
  }

  private renderUnsent(note: Unsent) {
    const { notes: outbox } = store.duty;
    return html`<li class="unsent" data-testid="note-unsent">
      <span class="figures">${utcTime(Date.parse(note.utc))}</span>
      <p class="text">${note.text}</p>
      ${note.waits || note.trouble
        ? html`<div class="trouble" role="status">
            ${note.waits ? words.waiting : words.failed(note.trouble)}
            <button @click=${() => void outbox.again(note.key).then(() => this.found.again())}>${words.again}</button>
            <button class="plain" @click=${() => outbox.drop(note.key)}>${words.drop}</button>
          </div>`
        : html`<small role="status">${words.sending}</small>`}
    </li>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "incident-notes": IncidentNotes;
  }
}
