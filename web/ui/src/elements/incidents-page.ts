/** `<incidents-page>`: all incidents that one may see, those that are open first. What is searched for stands in the address. */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { incidents, type IncidentsAsked } from "../api-incidents";
import { DAY } from "../archive/scale";
import { EverySecond, Fetched, Watch } from "../controllers";
import { entered } from "../fields";
import { age, utcMinute } from "../format";
import { icons } from "../icons";
import type { Incident } from "../model-incidents";
import { hashOf, renameTo } from "../route";
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
/** Whoever types for longer than this has not said yet what is looked for. */
const TYPED_MS = 250;

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
      .filter {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: var(--s2) var(--s3);
        margin-bottom: var(--s6);
      }
      .filter label {
        flex: 1 1 130px;
        color: var(--quiet);
        font-size: var(--small);
      }
      .filter :is(input, select) {
        width: 100%;
      }
      .filter .search {
        position: relative;
        flex: 2 1 260px;
      }
      .search svg {
        position: absolute;
        bottom: 8px;
        left: 8px;
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

  /** What is asked, as in the address: `q`, `state` (open, closed), `camera`, `from`, `to` (days). */
  @property() query = "";
  @state() private older: readonly Incident[] = [];
  /** There are older ones than those that are listed. */
  @state() private more = false;
  @state() private busy = false;
  @state() private error = "";
  @state() private opening = false;
  @query("form") private form!: HTMLFormElement;
  private timer = 0;
  private readonly found = new Fetched(this, async (signal) => {
    const first = await incidents({ ...askedOf(this.query), limit: PAGE }, signal);
    this.older = [];
    this.more = first.length === PAGE;
    return first;
  });

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.duty.incidents.told, s.cameras, s.session]);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearTimeout(this.timer);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("query") && this.hasUpdated) void this.found.again();
  }

  /** Ask for what stands in the fields, once somebody has stopped typing. */
  private readonly filter = (event: Event): void => {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.ask(), event.type === "input" ? TYPED_MS : 0);
  };

  private ask(): void {
    const fields = ["q", "state", "camera", "from", "to"].map((name) => [name, entered(this.form, name).trim()]);
    const query = new URLSearchParams(fields.filter(([, value]) => value)).toString();
    renameTo(hashOf({ name: "incidents", query }));
    this.query = query;
  }

  private async loadOlder(listed: readonly Incident[]): Promise<void> {
    this.busy = true;
    this.error = "";
    try {
      const next = await incidents({ ...askedOf(this.query), limit: PAGE, before: String(listed.at(-1)?.id ?? 1) });
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
      ${this.renderFilter()} ${fetched(this.found, (first) => this.renderAll([...first, ...this.older]))}
      ${this.opening ? html`<incident-dialog @close=${() => (this.opening = false)}></incident-dialog>` : nothing}`;
  }

  private renderFilter() {
    const asked = new URLSearchParams(this.query);
    const value = (name: string) => asked.get(name) ?? "";
    const option = (name: string, it: string, label: string) => html`<option value=${it} ?selected=${value(name) === it}>${label}</option>`;
    return html`<form class="filter" role="search" aria-label=${words.search} @submit=${(event: Event) => event.preventDefault()} @change=${this.filter}>
      <label class="search"
        ><span class="unseen">${words.search}</span>${icons.search}
        <input
          type="search"
          name="q"
          maxlength="200"
          data-testid="incident-search"
          placeholder=${words.search}
          autocomplete="off"
          spellcheck="false"
          .value=${value("q")}
          @input=${this.filter}
      /></label>
      <label
        >${words.filter.state}
        <select name="state" data-testid="incident-state-filter">
          ${option("state", "", words.filter.any)} ${option("state", "open", words.states.open)} ${option("state", "closed", words.states.closed)}
        </select></label
      >
      <label
        >${words.filter.unit}
        <select name="camera" data-testid="incident-unit-filter">
          ${option("camera", "", words.filter.anyUnit)} ${(store.cameras ?? []).map(({ id, name }) => option("camera", id, name))}
        </select></label
      >
      <label>${words.filter.from} <input type="date" name="from" data-testid="incident-from-filter" .value=${value("from")} /></label>
      <label>${words.filter.to} <input type="date" name="to" .value=${value("to")} /></label>
    </form>`;
  }

  private renderAll(answered: readonly Incident[]) {
    const filtered = this.query !== "";
    // What was told of since belongs to what was not asked for by anything; else those that are listed, as they are now.
    const numbers = new Set(answered.map(({ id }) => id));
    const all = store.duty.incidents.merged(answered).filter(({ id }) => !filtered || numbers.has(id));
    if (all.length === 0)
      return filtered
        ? html`<div class="note" data-testid="incident-no-match">
            <strong>${words.noMatch}</strong>
            <button data-testid="incident-show-all" @click=${() => this.showAll()}>${words.filter.all}</button>
          </div>`
        : html`<div class="note" data-testid="no-incidents">
            <strong>${words.emptyTitle}</strong><span>${words.empty}</span>
          </div>`;
    const wanted = new URLSearchParams(this.query).get("state");
    const open = all.filter(({ closed }) => closed === null);
    const closed = all.filter((one) => one.closed !== null);
    return html`${wanted === "closed" ? nothing : this.renderSome(words.states.open, open, words.noneOpen, "incidents-open")}
      ${wanted === "open" ? nothing : this.renderSome(words.states.closed, closed, words.noneClosed, "incidents-closed")}
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${this.more
        ? html`<button class="older" ?disabled=${this.busy} @click=${() => void this.loadOlder(answered)}>
            ${this.busy ? strings.page.loading : words.older}
          </button>`
        : nothing}`;
  }

  private showAll(): void {
    this.form.reset();
    renameTo(hashOf({ name: "incidents", query: "" }));
    this.query = "";
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

/** What the gateway is asked: the days that the address names are whole ones, UTC. */
function askedOf(query: string): IncidentsAsked {
  const { state, from, to, ...rest } = Object.fromEntries(new URLSearchParams(query));
  const day = (text: string | undefined, days: number) => {
    const at = Date.parse(`${text ?? ""}T00:00:00Z`);
    return Number.isFinite(at) ? new Date(at + days * DAY).toISOString() : "";
  };
  const open = state === "open" ? "true" : state === "closed" ? "false" : "";
  return { q: rest.q ?? "", camera: rest.camera ?? "", open, from: day(from, 0), to: day(to, 1) };
}

declare global {
  interface HTMLElementTagNameMap {
    "incidents-page": IncidentsPage;
  }
}
