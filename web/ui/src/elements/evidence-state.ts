/**
 * `<evidence-state>`: how far the archive can be proved: until when and where it is anchored outside, what the last
 * verification found, which keys sign; and what to do about what is wrong.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { evidenceStanding } from "../api-oversight";
import { EverySecond, Fetched } from "../controllers";
import { age, utcDateTime } from "../format";
import type { AnchorPlace, ChainStanding, EvidenceStanding } from "../model";
import { store } from "../store";
import { storageStrings } from "../strings-storage";
import { controls } from "./controls";
import { fetched } from "./page-state";

const words = storageStrings.evidence;
const AGAIN_MS = 60_000;
/** An anchor may be this late: a time stamp authority takes its time. */
const GRACE_MS = 60_000;
const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

const time = (utc: string) => utcDateTime(Date.parse(utc));
const since = (utc: string) => age(store.now() - Date.parse(utc));

@customElement("evidence-state")
export class EvidenceState extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        gap: var(--s2);
        margin-bottom: var(--s4);
        padding: var(--s3) var(--s4);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--panel);
      }
      h2,
      p {
        margin: 0;
      }
      h2 {
        font-size: var(--small);
        font-weight: 600;
      }
      .holds {
        color: var(--live);
      }
      .error p + p {
        margin-top: var(--s1);
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: var(--s1) var(--s4);
        margin: 0;
        overflow-wrap: anywhere;
      }
      dt {
        color: var(--quiet);
      }
      dd {
        margin: 0;
      }
      small {
        display: block;
        color: var(--quiet);
        font-size: 12px;
      }
      summary {
        min-height: var(--control);
        align-content: center;
        color: var(--accent);
        cursor: pointer;
      }
      table {
        min-width: min(100%, 520px);
        border-spacing: 0;
        overflow-wrap: anywhere;
      }
      table + table {
        margin-top: var(--s3);
      }
      th,
      td {
        padding: var(--s1) var(--s4) var(--s1) 0;
        border-top: 1px solid var(--line);
        text-align: left;
        vertical-align: baseline;
      }
      th {
        color: var(--quiet);
        font-weight: 400;
      }
      td.figures,
      th.figures {
        text-align: right;
      }
      .id {
        font-family: var(--mono);
        font-size: 12px;
        white-space: nowrap;
      }
      @media (max-width: 720px) {
        dl {
          grid-template-columns: 1fr;
        }
        dd {
          margin-bottom: var(--s2);
        }
      }
    `,
  ];

  private readonly found = new Fetched(this, evidenceStanding, AGAIN_MS);

  constructor() {
    super();
    new EverySecond(this);
  }

  override render() {
    return html`<h2>${words.title}</h2>
      ${fetched(this.found, (standing) => this.renderStanding(standing))}`;
  }

  private renderStanding(standing: EvidenceStanding) {
    return html`${this.renderAnchored(standing)}
      <dl>
        ${standing.places.map((place) => this.renderPlace(place))}
        <dt>${words.verified}</dt>
        <dd data-testid="evidence-verified">${this.renderVerified(standing.verified)}</dd>
      </dl>
      <details data-testid="evidence-details">
        <summary>${words.details}</summary>
        ${this.renderKeys(standing)} ${this.renderChains(standing)}
      </details>`;
  }

  private renderAnchored({ anchored_utc, anchor_every, places }: EvidenceStanding) {
    const problems = places.flatMap((place) =>
      place.problem === null ? [] : [html`<p><strong>${words.problem(place.where, place.problem)}</strong> ${words.todo[place.kind]}</p>`],
    );
    if (places.length === 0)
      problems.push(html`<p><strong>${words.nowhere}</strong> ${words.nowhereText}</p>`);
    const late = anchored_utc !== null && store.now() - Date.parse(anchored_utc) > 2 * lengthOf(anchor_every) + GRACE_MS;
    if (late && problems.length === 0) problems.push(html`<p><strong>${words.late(anchor_every)}</strong> ${words.lateText}</p>`);
    return html`${anchored_utc !== null
      ? html`<p data-testid="evidence-anchored" data-utc=${anchored_utc}>
          <span class=${problems.length > 0 ? "" : "holds"}>${words.anchored(time(anchored_utc))}</span>
          <span class="quiet figures">${words.ago(since(anchored_utc))}</span>
        </p>`
      : places.length > 0
        ? html`<p data-testid="evidence-anchored">${words.notYet}</p>`
        : nothing}
    ${problems.length > 0 ? html`<div class="error" role="status" data-testid="evidence-problem">${problems}</div>` : nothing}`;
  }

  private renderPlace({ kind, where, anchored_utc }: AnchorPlace) {
    return html`<dt>${words.kinds[kind]}</dt>
      <dd data-testid="evidence-place">
        ${where}<small>${anchored_utc === null ? words.reachedNever : words.reached(time(anchored_utc))}</small>
      </dd>`;
  }

  private renderVerified(verified: EvidenceStanding["verified"]) {
    if (verified === null) return html`${words.never} <code>${words.command}</code>`;
    const { utc, findings, anchored_utc } = verified;
    if (findings > 0)
      return html`<div class="error" role="status">
        <p><strong>${words.findings(findings, time(utc), since(utc))}</strong></p>
        <p>${words.findingsText} <code>${words.command}</code></p>
      </div>`;
    return html`<span class="holds">${words.holds(time(utc), since(utc))}</span>
      ${anchored_utc === null ? nothing : html`<small>${words.anchoredThen(time(anchored_utc))}</small>`}`;
  }

  private renderKeys({ key, keys }: EvidenceStanding) {
    return html`<table data-testid="evidence-keys">
      ${[...keys].reverse().map(
        (one) =>
          html`<tr>
            <th class="id">${one.id}</th>
            <td>
              ${words.since(time(one.since))}${one.id === key ? html` · <strong>${words.signs}</strong>` : nothing}
              <small>${one.previous === null ? words.first : words.vouched(one.previous)}</small>
              <small>${words.publicKey} <code>${one.public}</code></small>
            </td>
          </tr>`,
      )}
    </table>`;
  }

  private renderChains({ audit, cameras }: EvidenceStanding) {
    const row = (name: string, { rows, anchored_rows }: ChainStanding) =>
      html`<tr>
        <td>${name}</td>
        <td class="figures">${rows}</td>
        <td class="figures">${rows > anchored_rows ? rows - anchored_rows : words.allAnchored}</td>
      </tr>`;
    return html`<table data-testid="evidence-ledgers">
      <tr>
        <th>${words.chain}</th>
        <th class="figures">${words.rows}</th>
        <th class="figures">${words.open}</th>
      </tr>
      ${row(words.audit, audit)} ${cameras.map((camera) => row(store.camera(camera.id)?.name ?? camera.id, camera))}
    </table>`;
  }
}

/** A span of time as the settings write it: `90s`, `10m`, `1h`. Milliseconds. */
function lengthOf(span: string): number {
  return Number.parseInt(span) * (UNITS[span.slice(-1)] ?? Infinity);
}

declare global {
  interface HTMLElementTagNameMap {
    "evidence-state": EvidenceState;
  }
}
