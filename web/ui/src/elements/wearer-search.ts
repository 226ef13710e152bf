/**
 * `<wearer-search>`: when somebody wore which unit, by a part of their name, at any time; each recording of it is a link to
 * its begin. Nothing is asked for while one types: each search stands in the audit.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { ApiError } from "../api";
import { policy } from "../api-oversight";
import { findWearers } from "../archive/api";
import type { WearerFound, Worn } from "../archive/model";
import { Watch } from "../controllers";
import { entered } from "../fields";
import { age, utcDateTime } from "../format";
import { icons } from "../icons";
import { hashOf } from "../route";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";
import { panelStyles } from "./panel-styles";

const words = archiveStrings.wearers;
/** Links that stand below an interval at once. */
const MOST_LINKS = 4;
/** The gateway names no more times than this. */
const MOST_FOUND = 1000;

@customElement("wearer-search")
export class WearerSearch extends LitElement {
  static override styles = [
    controls,
    panelStyles,
    css`
      :host {
        display: block;
        margin-bottom: var(--s4);
        padding-bottom: var(--s4);
        border-bottom: 1px solid var(--line);
      }
      .field {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: end;
        gap: var(--s2);
      }
      p {
        margin: var(--s3) 0 0;
      }
      h3 {
        margin: var(--s3) 0 var(--s1);
        font-size: var(--small);
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      li {
        display: block;
        padding: var(--s1) 0;
      }
      li small {
        display: block;
      }
      .links {
        display: grid;
        justify-items: start;
      }
      a {
        min-height: 24px;
        align-content: center;
        color: var(--accent);
        font-variant-numeric: tabular-nums;
      }
      summary {
        color: var(--quiet);
        cursor: pointer;
      }
      @media (max-width: 720px) {
        a,
        summary {
          min-height: 44px;
          align-content: center;
        }
      }
    `,
  ];

  @state() private found: { name: string; wearers: readonly WearerFound[] } | null = null;
  @state() private busy = false;
  @state() private error = "";
  /** The policy asks why one looks; what it offers to choose from. */
  @state() private asked: readonly string[] | null = null;

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras]);
  }

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const name = entered(form, "name").trim();
    if (!name) return;
    this.busy = true;
    this.error = "";
    try {
      const reason = this.asked ? entered(form, "reason").trim() : null;
      this.found = { name, wearers: await findWearers(name, reason) };
      void this.showFound();
    } catch (error) {
      this.found = null;
      if (error instanceof ApiError && error.reasonNeeded) await this.askWhy();
      else this.error = (error as Error).message;
    }
    this.busy = false;
  };

  /** On a phone they come below what is on the screen. */
  private async showFound(): Promise<void> {
    this.busy = false;
    await this.updateComplete;
    this.renderRoot.querySelector(".found")?.scrollIntoView({ block: "nearest" });
  }

  private async askWhy(): Promise<void> {
    try {
      this.asked = (await policy()).reasons;
    } catch {
      this.asked = []; // one's own words will do
    }
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLInputElement>("input[name=reason]")?.focus();
  }

  override render() {
    return html`<form role="search" data-testid="wearer-search" @submit=${this.submit}>
        <div class="field">
          <label
            >${words.find}
            <input
              type="search"
              name="name"
              data-testid="wearer-search-name"
              required
              maxlength="100"
              autocomplete="off"
              autocapitalize="none"
              spellcheck="false"
              placeholder=${words.findPlaceholder}
            />
          </label>
          <button data-testid="wearer-search-submit" ?disabled=${this.busy}>${icons.search} ${words.search}</button>
        </div>
        ${this.asked ? this.renderWhy(this.asked) : nothing}
      </form>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      <div class="found" role="status">${this.busy ? html`<p class="quiet">${words.searching}</p>` : this.renderFound()}</div>`;
  }

  private renderWhy(reasons: readonly string[]) {
    return html`<label
      >${words.why}
      <input
        name="reason"
        data-testid="wearer-search-reason"
        list="reasons"
        required
        minlength="3"
        maxlength="200"
        autocomplete="off"
      />
      <datalist id="reasons">${reasons.map((reason) => html`<option value=${reason}></option>`)}</datalist>
    </label>`;
  }

  private renderFound() {
    if (!this.found) return nothing;
    const { name, wearers } = this.found;
    if (wearers.length === 0) return html`<p class="quiet" data-testid="wearer-none">${words.notFound(name)}</p>`;
    const times = wearers.reduce((sum, { assignments }) => sum + assignments.length, 0);
    return html`${wearers.map(
      ({ wearer, assignments }) =>
        html`<section data-testid="wearer-found">
          <h3>${wearer}</h3>
          <ul>
            ${assignments.map((worn) => this.renderWorn(worn))}
          </ul>
        </section>`,
    )}
    ${times >= MOST_FOUND ? html`<p class="quiet">${words.many(times)}</p>` : nothing}`;
  }

  private renderWorn({ camera, from, to, recordings }: Worn) {
    const until = to === null ? words.onwards : utcDateTime(Date.parse(to));
    const links = recordings.map(({ start, end }) => this.renderLink(camera, Date.parse(start), Date.parse(end)));
    const [shown, rest] = [links.slice(0, MOST_LINKS), links.slice(MOST_LINKS)];
    return html`<li>
      <span>${store.camera(camera)?.name ?? camera}</span>
      <small>${utcDateTime(Date.parse(from))} – ${until}</small>
      <div class="links">
        ${links.length === 0 ? html`<small>${words.notRecorded}</small>` : shown}
        ${rest.length > 0 ? html`<details><summary>${words.more(rest.length)}</summary><div class="links">${rest}</div></details>` : nothing}
      </div>
    </li>`;
  }

  private renderLink(camera: string, start: number, end: number) {
    // The first picture may come within the millisecond that is cut off its time.
    const address = hashOf({ name: "archive", cameras: [camera], at: start + 1 });
    return html`<a href=${address} data-testid="wearer-moment">${words.recording(utcDateTime(start), age(end - start))}</a>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "wearer-search": WearerSearch;
  }
}
