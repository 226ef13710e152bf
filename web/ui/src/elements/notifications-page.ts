/** `<notifications-page>`: whom outside (web hooks, mail) the gateway tells of alerts, how that goes, and a test of each. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { channels, testChannel } from "../api-admin";
import { Ages } from "../ages";
import { Fetched, Watch } from "../controllers";
import { age } from "../format";
import type { Channel, ChannelDelivery } from "../model-admin";
import { hashOf, settingsPath } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { adminStrings } from "../strings-admin";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";

const words = adminStrings.notifications;
const AGAIN_MS = 10_000;

/** What came of a test: under way, taken, or why not. */
type Test = { state: "busy" } | { state: "taken" } | { state: "refused"; why: string };

@customElement("notifications-page")
export class NotificationsPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      .card {
        margin-bottom: var(--s3);
      }
      .top {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s3);
      }
      .top h2 {
        flex: 1 1 160px;
        overflow-wrap: anywhere;
      }
      .well {
        color: var(--live);
      }
      .failing {
        color: var(--stale);
        font-weight: 600;
      }
      .facts {
        margin-top: var(--s1);
        color: var(--quiet);
        font-variant-numeric: tabular-nums;
      }
      .error,
      .taken {
        margin-top: var(--s3);
      }
      details {
        margin-top: var(--s2);
      }
      summary {
        width: fit-content;
        min-height: var(--control);
        line-height: var(--control);
        color: var(--quiet);
        cursor: pointer;
      }
      ul {
        display: grid;
        gap: var(--s2);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        overflow-wrap: anywhere;
      }
      small {
        display: block;
        color: var(--stale);
      }
      pre {
        max-width: 100%;
        margin: 0;
        padding: var(--s3);
        overflow: auto;
        border-radius: var(--radius);
        background: var(--raised);
        color: var(--text);
        font: 12px/1.5 var(--mono);
        text-align: left;
      }
    `,
  ];

  @state() private tests: ReadonlyMap<string, Test> = new Map();
  private readonly found = new Fetched(this, channels, AGAIN_MS);

  constructor() {
    super();
    new Watch(this, (s) => [s.session]);
    new Ages(this);
  }

  private async test(name: string): Promise<void> {
    const set = (test: Test) => (this.tests = new Map([...this.tests, [name, test]]));
    set({ state: "busy" });
    try {
      const why = await testChannel(name);
      set(why === null ? { state: "taken" } : { state: "refused", why });
    } catch (error) {
      set({ state: "refused", why: (error as Error).message });
    }
  }

  override render() {
    return html`<div class="head"><h1>${strings.settings.sections.notifications}</h1></div>
      <p class="lead">${words.lead}</p>
      ${fetched(this.found, (found) =>
        found.length === 0
          ? html`<div class="note" data-testid="channels-none">
              <strong>${words.none}</strong><span>${words.noneText}</span>
              <pre tabindex="0">${words.example}</pre>
              <a href=${settingsPath("policy")}>${words.read}</a>
            </div>`
          : html`${found.map((channel) => this.renderChannel(channel))}
              <p class="quiet">${words.where} <a href=${settingsPath("policy")}>${words.read}</a></p>`,
      )}`;
  }

  private renderChannel(channel: Channel) {
    const { name, kind, waiting, delivered, given_up, delivered_utc, error, failed_utc } = channel;
    const test = this.tests.get(name);
    const state = error !== null ? "failing" : delivered > 0 ? "well" : "idle";
    const counts = [
      delivered > 0 ? words.delivered(delivered) : "",
      delivered_utc ? words.last(age(store.now() - Date.parse(delivered_utc))) : "",
      waiting > 0 ? words.waiting(waiting) : "",
      given_up > 0 ? words.givenUp(given_up) : "",
    ].filter(Boolean);
    return html`<div class="card" data-testid="channel" data-channel=${name} data-state=${state}>
      <div class="top">
        <h2>${name}</h2>
        <span class="chip">${words.kinds[kind]}</span>
        <span class=${state}>${words[state]}</span>
        ${store.session?.user.everywhere.includes("configure")
          ? html`<button
              data-testid="channel-test"
              aria-label=${words.testOf(name)}
              ?disabled=${test?.state === "busy"}
              @click=${() => void this.test(name)}
            >
              ${test?.state === "busy" ? words.testing : words.test}
            </button>`
          : nothing}
      </div>
      <p class="facts">${about(channel)}</p>
      ${counts.length > 0 ? html`<p class="facts">${counts.join(" · ")}</p>` : nothing}
      ${error !== null && failed_utc !== null
        ? html`<p class="error">${words.failed(age(store.now() - Date.parse(failed_utc)))} ${error}</p>`
        : nothing}
      ${renderTest(name, test)}
      ${channel.deliveries.length > 0
        ? html`<details>
            <summary>${words.newest}</summary>
            <ul data-testid="channel-deliveries">
              ${channel.deliveries.map(renderDelivery)}
            </ul>
          </details>`
        : nothing}
    </div>`;
  }
}

function renderTest(name: string, test: Test | undefined) {
  switch (test?.state) {
    case "taken":
      return html`<p class="taken" role="status" data-testid="channel-tested">${words.tested(name)}</p>`;
    case "refused":
      return html`<p class="error" role="alert" data-testid="channel-tested">${words.untaken(name)} ${test.why}</p>`;
    default:
      return nothing;
  }
}

function renderDelivery({ alert, type, delivered, next, attempts, error }: ChannelDelivery) {
  const how =
    delivered !== null
      ? words.states.delivered(age(store.now() - Date.parse(delivered)))
      : next === null
        ? words.states.givenUp
        : words.states.waiting(attempts);
  return html`<li>
    <a href=${hashOf({ name: "alerts", id: alert, query: "" })}>${words.types[type]} ${alert}</a>
    <span class="figures">${how}</span> ${error ? html`<small>${error}</small>` : nothing}
  </li>`;
}

/** What a channel is told of, in words. */
function about({ grades, kinds, groups, resolved, positions }: Channel): string {
  const names: Record<string, string> = incidentStrings.kinds;
  const what = kinds.length > 0 ? kinds.map((kind) => names[kind] ?? kind) : grades.map((grade) => words.grades[grade] ?? grade);
  return [
    words.about(what.length > 0 ? what.join(", ") : words.everything),
    groups.length > 0 ? words.ofGroups(groups.join(", ")) : "",
    resolved ? words.withResolved : "",
    positions ? words.withPositions : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

declare global {
  interface HTMLElementTagNameMap {
    "notifications-page": NotificationsPage;
  }
}
