/** `<audit-row>`: one row of the audit: when, who, what, of which camera, how it went and why; opened, all of it. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { localTime, plain, utcDateTime } from "../format";
import type { AuditEntry } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { settingsStrings } from "../strings-settings";
import { controls } from "./controls";

const words = settingsStrings.audit;

@customElement("audit-row")
export class AuditRow extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      :host(:not(:first-child)) {
        border-top: 1px solid var(--line);
      }
      summary {
        display: grid;
        grid-template-columns: 176px minmax(90px, 1fr) minmax(130px, 1.4fr) minmax(90px, 1fr) 76px minmax(0, 2fr);
        align-items: baseline;
        gap: 0 var(--s3);
        padding: 7px var(--s3);
        list-style: none;
        cursor: pointer;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      summary:hover {
        background: var(--raised);
      }
      summary > span {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .who {
        font-weight: 600;
      }
      .refused {
        color: var(--stale);
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: var(--s1) var(--s4);
        margin: 0;
        padding: var(--s2) var(--s3) var(--s4);
        background: var(--ground);
      }
      dt {
        color: var(--quiet);
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
      @media (max-width: 720px) {
        summary {
          grid-template-columns: minmax(0, 1fr) auto;
          padding: var(--s2) var(--s3);
        }
        .what,
        .why {
          grid-column: 1 / 3;
        }
        .when {
          order: -1;
        }
        .outcome {
          order: -1;
          text-align: right;
        }
        summary > span:empty {
          display: none;
        }
      }
    `,
  ];

  @property({ attribute: false }) entry!: AuditEntry;

  override render() {
    const { utc, actor, action, camera, outcome, reason } = this.entry;
    const at = Date.parse(utc);
    return html`<details>
      <summary data-testid="audit-row" data-action=${action} data-outcome=${outcome}>
        <span class="when figures">${utcDateTime(at)} ${strings.bar.utc}</span>
        <span class="who" title=${actor}>${actor}</span>
        <span class="what">${actionWord(action)}</span>
        <span>${camera === null ? nothing : (store.camera(camera)?.name ?? camera)}</span>
        <span class="outcome ${outcome}">${outcomeWord(outcome)}</span>
        <span class="why quiet" title=${reason ?? ""}>${reason === null ? nothing : words.because(reason)}</span>
      </summary>
      ${this.renderAll(at)}
    </details>`;
  }

  private renderAll(at: number) {
    const { id, address, camera, reason, detail } = this.entry;
    const row = (term: string, value: string) =>
      html`<dt>${term}</dt>
        <dd class="figures">${value}</dd>`;
    return html`<dl>
      ${row(words.when, `${utcDateTime(at)} ${strings.bar.utc}, ${localTime(at)} ${strings.bar.local}`)}
      ${row(words.fromWhere, address)} ${camera === null ? nothing : row(words.camera, camera)}
      ${reason === null ? nothing : row(words.why, reason)}
      ${Object.entries(detail).map(([name, value]) =>
        row(name.replaceAll("_", " "), plain(value)),
      )}
      ${row(words.number, String(id))}
    </dl>`;
  }
}

function actionWord(action: string): string {
  return words.actions[action] ?? action.replaceAll("_", " ");
}

function outcomeWord(outcome: string): string {
  return words.outcomes[outcome] ?? outcome;
}
