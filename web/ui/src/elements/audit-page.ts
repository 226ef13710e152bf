/**
 * `<audit-page>`: who did what: search, page by page, a file of what was found, and the proof that a day's rows are as
 * they were written, with how far the archive can be proved. What is searched for stands in the address.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { audit, auditFile } from "../api-oversight";
import { Fetched, Watch } from "../controllers";
import { entered } from "../fields";
import { utcMinute } from "../format";
import { icons } from "../icons";
import type { AuditPage as Rows } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { settingsStrings } from "../strings-settings";
import "./audit-row";
import { controls } from "./controls";
import "./evidence-state";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./verify-day";

const words = settingsStrings.audit;
const FILTERS = ["from", "to", "actor", "camera", "action", "outcome"] as const;
const HOUR_MS = 3_600_000;
const SPANS: [label: string, ms: number][] = [
  [words.lastHour, HOUR_MS],
  [words.lastDay, 24 * HOUR_MS],
  [words.lastWeek, 7 * 24 * HOUR_MS],
];

@customElement("audit-page")
export class AuditPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        --page: 1120px;
      }
      form {
        display: grid;
        grid-template-columns: repeat(3, minmax(0, 1fr));
        gap: var(--s2) var(--s3);
        margin-bottom: var(--s4);
      }
      .spans {
        grid-column: 1 / -1;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s2);
      }
      .spans .space {
        flex: 1;
      }
      ol {
        margin: 0;
        padding: 0;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--panel);
        list-style: none;
      }
      .older {
        display: flex;
        align-items: center;
        gap: var(--s3);
        margin: var(--s3) 0 var(--s8);
      }
      details.filters > summary {
        display: none;
      }
      @media (max-width: 720px) {
        form {
          grid-template-columns: 1fr 1fr;
        }
        details.filters > summary {
          display: flex;
          align-items: center;
          min-height: 44px;
          color: var(--accent);
        }
        .spans > * {
          flex: 1;
        }
        .spans .space {
          display: none;
        }
        .older button {
          flex: 1;
        }
      }
    `,
  ];

  /** What is searched for, as in the address. */
  @property() query = "";
  /** The pages after the first, as far as they were asked for. */
  @state() private older: readonly Rows[] = [];
  @state() private busy = false;
  @state() private error = "";
  @query("form") private form!: HTMLFormElement;
  private readonly found = new Fetched(this, (signal) => audit(this.asked, { signal }));

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras]);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("query")) return;
    this.older = [];
    if (this.hasUpdated) void this.found.anew();
  }

  private get asked(): Record<string, string> {
    const given = new URLSearchParams(this.query);
    return Object.fromEntries(FILTERS.map((name) => [name, given.get(name) ?? ""]));
  }

  private search(values: Record<string, string>): void {
    const given = Object.entries(values).filter(([, value]) => value !== "");
    store.go({ name: "settings", section: "audit", query: new URLSearchParams(given).toString() });
  }

  private filters(): Record<string, string> {
    return Object.fromEntries(FILTERS.map((name) => [name, entered(this.form, name).trim()]));
  }

  private readonly submit = (event: Event): void => {
    event.preventDefault();
    const values = this.filters();
    if (new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString() === this.query)
      void this.found.anew(); // the same again: what is new?
    else this.search(values);
  };

  private async loadOlder(before: number): Promise<void> {
    const { query } = this;
    this.busy = true;
    this.error = "";
    try {
      const next = await audit(this.asked, { before });
      if (query === this.query) this.older = [...this.older, next]; // nothing else was asked for meanwhile
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  }

  override render() {
    return html`<div class="head">
        <h1>${strings.settings.sections.audit}</h1>
        <div class="actions">
          <a class="button" data-testid="audit-csv" href=${auditFile(this.asked)} download>${icons.download} ${words.csv}</a>
        </div>
      </div>
      <p class="lead">${words.lead}</p>
      <verify-day></verify-day>
      <evidence-state></evidence-state>
      <details class="filters" ?open=${window.matchMedia("(min-width: 721px)").matches || this.query !== ""}>
        <summary>${words.filter}</summary>
        ${this.renderForm()}
      </details>
      ${fetched(this.found, (first) => this.renderPages([first, ...this.older]))}`;
  }

  private renderForm() {
    const asked = this.asked;
    const text = (name: "actor" | "camera", label: string, list: string) =>
      html`<label
        >${label}
        <input
          name=${name}
          data-testid="audit-${name}"
          list=${list}
          .value=${asked[name] ?? ""}
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
      /></label>`;
    const moment = (name: "from" | "to", label: string) =>
      html`<label
        >${label} <input type="datetime-local" name=${name} data-testid="audit-${name}" .value=${asked[name] ?? ""}
      /></label>`;
    const choice = (name: "action" | "outcome", label: string, options: Record<string, string>) =>
      html`<label
        >${label}
        <select name=${name} data-testid="audit-${name}" .value=${asked[name] ?? ""}>
          <option value="">${words.any}</option>
          ${Object.entries(options).map(
            ([value, word]) => html`<option value=${value} ?selected=${value === asked[name]}>${word}</option>`,
          )}
        </select>
      </label>`;
    return html`<form @submit=${this.submit}>
      ${moment("from", words.from)} ${moment("to", words.to)} ${text("actor", words.actor, "none")}
      ${text("camera", words.camera, "cameras")} ${choice("action", words.action, words.actions)}
      ${choice("outcome", words.outcome, words.outcomes)}
      <datalist id="cameras">
        ${(store.cameras ?? []).map((camera) => html`<option value=${camera.id}>${camera.name}</option>`)}
      </datalist>
      <div class="spans">
        ${SPANS.map(
          ([label, ms]) =>
            html`<button
              type="button"
              @click=${() =>
                this.search({ ...this.filters(), from: utcMinute(store.now() - ms).replace(" ", "T"), to: "" })}
            >
              ${label}
            </button>`,
        )}
        <span class="space"></span>
        ${this.query ? html`<button type="button" @click=${() => this.search({})}>${words.clear}</button>` : nothing}
        <button class="primary" data-testid="audit-search">${icons.search} ${words.search}</button>
      </div>
    </form>`;
  }

  private renderPages(pages: readonly Rows[]) {
    const rows = pages.flatMap((page) => page.rows);
    const before = pages.at(-1)?.before ?? null;
    if (rows.length === 0)
      return html`<div class="note" data-testid="audit-none">
        <strong>${words.noneTitle}</strong><span>${this.query ? words.noneFound : words.none}</span>
      </div>`;
    return html`<ol data-testid="audit-rows">
        ${rows.map((entry) => html`<audit-row role="listitem" .entry=${entry}></audit-row>`)}
      </ol>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      <div class="older">
        ${before === null
          ? html`<span class="quiet">${words.end(rows.length)}</span>`
          : html`<button data-testid="audit-older" ?disabled=${this.busy} @click=${() => void this.loadOlder(before)}>
              ${this.busy ? strings.page.loading : words.older}
            </button>`}
      </div>`;
  }
}
