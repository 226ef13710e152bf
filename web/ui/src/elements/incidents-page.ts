/** `<incidents-page>`: all incidents that one may see, those that are open first. What is searched for stands in the address. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { incidents } from "../api-incidents";
import { EverySecond, Fetched, Watch } from "../controllers";
import { age, utcMinute } from "../format";
import { icons } from "../icons";
import type { Incident } from "../model-incidents";
import { hashOf } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import "./incident-dialog";
import "./incident-state";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";

const words = incidentStrings.incidents;
/** So many are asked for at a time. */
const PAGE = 100;

@customElement("incidents-page")
export class IncidentsPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        --page: 1040px;
        margin: 0 auto;
      }
      .search {
        position: relative;
        max-width: 420px;
        margin-bottom: var(--s6);
      }
      .search svg {
        position: absolute;
        top: 50%;
        left: 8px;
        transform: translateY(-50%);
        color: var(--quiet);
        pointer-events: none;
      }
      .search input {
        padding-left: 34px;
      }
      h2 {
        display: flex;
        gap: var(--s2);
        margin-bottom: var(--s2);
      }
      .rows > li {
        padding: 0;
      }
      .rows a {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 2px var(--s3);
        width: 100%;
        padding: var(--s3) var(--s4);
        color: inherit;
        text-decoration: none;
      }
      .rows a:hover {
        background: var(--raised);
      }
      .rows a strong {
        overflow-wrap: anywhere;
      }
      .rows .chips {
        grid-column: 1 / -1;
      }
      .older {
        margin-top: var(--s3);
      }
    `,
  ];

  /** What is searched for, as in the address. */
  @property() query = "";
  @state() private older: readonly Incident[] = [];
  /** There are older ones than those that are listed. */
  @state() private more = false;
  @state() private busy = false;
  @state() private error = "";
  @state() private opening = false;
  @query("input") private field!: HTMLInputElement;
  private readonly found = new Fetched(this, async (signal) => {
    const first = await incidents({ limit: String(PAGE) }, signal);
    this.older = [];
    this.more = first.length === PAGE;
    return first;
  });

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.duty.incidents.told, s.cameras, s.session]);
  }

  private get words(): string {
    return new URLSearchParams(this.query).get("q") ?? "";
  }

  private readonly search = (): void => {
    const q = this.field.value.trim();
    const hash = hashOf({ name: "incidents", query: q ? new URLSearchParams({ q }).toString() : "" });
    history.replaceState(null, "", hash); // each letter is no step to go back to
    this.query = q ? new URLSearchParams({ q }).toString() : "";
  };

  private async loadOlder(listed: readonly Incident[]): Promise<void> {
    this.busy = true;
    this.error = "";
    try {
      const next = await incidents({ limit: String(PAGE), before: String(listed.at(-1)?.id ?? 1) });
      this.older = [...this.older, ...next];
      this.more = next.length === PAGE;
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.busy = false;
  }

  override render() {
    return html`<div class="head">
        <h1>${words.title}</h1>
        <div class="actions">
          ${store.may("respond")
            ? html`<button class="primary" data-testid="incident-open" @click=${() => (this.opening = true)}>
                ${icons.incidents} ${words.open}
              </button>`
            : nothing}
        </div>
      </div>
      <p class="lead">${words.lead}</p>
      ${fetched(this.found, (first) => this.renderAll(store.duty.incidents.merged([...first, ...this.older])))}
      ${this.opening ? html`<incident-dialog @close=${() => (this.opening = false)}></incident-dialog>` : nothing}`;
  }

  private renderAll(all: readonly Incident[]) {
    if (all.length === 0)
      return html`<div class="note" data-testid="no-incidents">
        <strong>${words.emptyTitle}</strong><span>${words.empty}</span>
      </div>`;
    const wanted = this.words.toLowerCase().split(/\s+/).filter(Boolean);
    const match = all.filter((one) => wanted.every((word) => textOf(one).includes(word)));
    const open = match.filter(({ closed }) => closed === null);
    const closed = match.filter((one) => one.closed !== null);
    return html`<div class="search">
        ${icons.search}
        <input
          type="search"
          data-testid="incident-search"
          aria-label=${words.search}
          placeholder=${words.search}
          autocomplete="off"
          spellcheck="false"
          .value=${this.words}
          @input=${this.search}
        />
      </div>
      ${match.length === 0
        ? html`<p class="quiet" data-testid="incident-no-match">${words.noMatch(this.words)}</p>`
        : html`${this.renderSome(words.states.open, open, words.noneOpen, "incidents-open")}
          ${this.renderSome(words.states.closed, closed, words.noneClosed, "incidents-closed")}`}
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${this.more
        ? html`<button class="older" ?disabled=${this.busy} @click=${() => void this.loadOlder(all)}>
            ${this.busy ? strings.page.loading : words.older}
          </button>`
        : nothing}`;
  }

  private renderSome(title: string, list: readonly Incident[], none: string, testid: string) {
    return html`<section>
      <h2>${title} <span class="quiet figures">${list.length}</span></h2>
      ${list.length === 0
        ? html`<p class="quiet">${none}</p>`
        : html`<ul class="rows" data-testid=${testid}>
            ${repeat(
              list,
              ({ id }) => id,
              (one) => html`<li>${this.renderOne(one)}</li>`,
            )}
          </ul>`}
    </section>`;
  }

  private renderOne(one: Incident) {
    const since = Date.parse(one.from);
    const facts = [
      `${utcMinute(since)} ${strings.bar.utc}`,
      ...(one.to === null ? [age(store.now() - since)] : [age(Date.parse(one.to) - since)]),
      one.cameras.length > 3 ? words.units(one.cameras.length) : one.cameras.map(({ name }) => name).join(", "),
      ...(one.notes > 0 ? [words.notes(one.notes)] : []),
      words.openedBy(one.opened_by),
    ];
    return html`<a href=${hashOf({ name: "incident", id: one.id })} data-testid="incident-row" data-incident=${one.id}>
      <strong>${one.title}</strong>
      <incident-state .incident=${one}></incident-state>
      <small class="figures">${facts.join(" · ")}</small>
      ${one.tags.length > 0 || one.category
        ? html`<span class="chips"
            >${one.category ? html`<span class="chip here">${one.category}</span>` : nothing}
            ${one.tags.map((tag) => html`<span class="chip">${tag}</span>`)}</span
          >`
        : nothing}
    </a>`;
  }
}

/** What is searched of it. */
const textOf = ({ title, tags, cameras }: Incident) =>
  [title, ...tags, ...cameras.flatMap(({ camera, name }) => [camera, name])].join(" ").toLowerCase();

declare global {
  interface HTMLElementTagNameMap {
    "incidents-page": IncidentsPage;
  }
}
