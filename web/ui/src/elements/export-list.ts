/** `<export-list>`: the exports, or those of one incident, how far they are, and their files. Fires `begin` when somebody wants another. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { exportFile, exports, removeExport } from "../archive/api";
import { EverySecond, Fetched, Watch } from "../controllers";
import { age, bytes, utcDateTime } from "../format";
import { icons } from "../icons";
import type { ExportJob } from "../model";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import { incidentStrings } from "../strings-incidents";
import "./confirm-dialog";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { panelStyles } from "./panel-styles";

const words = archiveStrings.exports;
const UNDER_WAY = new Set(["queued", "running"]);
/** Before so much is done, nobody can say how long it takes. */
const LEAST_PROGRESS = 0.03;

@customElement("export-list")
export class ExportList extends LitElement {
  static override styles = [
    controls,
    panelStyles,
    css`
      li {
        display: grid;
        gap: var(--s1);
        padding: var(--s2) 0 var(--s3);
        border-bottom: 1px solid var(--line);
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0 var(--s2);
      }
      .head strong {
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      progress {
        width: 100%;
        height: 6px;
        accent-color: var(--accent);
      }
      .under {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s2);
      }
      .under small {
        flex: 1;
      }
      .files {
        display: grid;
        justify-items: start;
        gap: var(--s1);
      }
      .button {
        max-width: 100%;
        white-space: normal;
        overflow-wrap: anywhere;
      }
    `,
  ];

  /** The incident whose exports are listed; null: all are. */
  @property({ attribute: false }) incident: number | null = null;
  @state() private removing: ExportJob | null = null;
  @state() private error = "";
  private readonly asked = new Fetched(this, async (signal) => {
    const jobs = await exports(signal);
    store.takeExports(jobs);
    return jobs;
  });

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.exports, s.session]);
  }

  override render() {
    if (!store.may("export")) return html`<p class="quiet">${words.noRight}</p>`;
    return html`<button class="begin" data-testid="export-begin" @click=${() => this.dispatchEvent(new CustomEvent("begin"))}>
        ${icons.download} ${this.incident === null ? words.title : incidentStrings.exporting.begin}
      </button>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${fetched(this.asked, () => this.renderList(store.exports.filter(({ incident }) => this.incident === null || this.incident === incident)))}
      ${this.removing
        ? html`<confirm-dialog
            .heading=${words.removeTitle}
            .text=${words.removeText}
            .confirm=${words.remove}
            .act=${() => this.end(this.removing?.id ?? "")}
            @close=${() => (this.removing = null)}
          ></confirm-dialog>`
        : nothing}`;
  }

  private renderList(jobs: readonly ExportJob[]) {
    if (jobs.length === 0) return html`<p class="quiet" data-testid="no-exports">
        ${this.incident === null ? words.none : incidentStrings.exporting.none}
      </p>`;
    return html`<ul data-testid="exports">
      ${jobs.map((job) => this.renderJob(job))}
    </ul>`;
  }

  private async end(id: string): Promise<void> {
    this.error = "";
    await removeExport(id);
    await this.asked.again();
  }

  private async cancel(id: string): Promise<void> {
    try {
      await this.end(id);
    } catch (error) {
      this.error = (error as Error).message;
    }
  }

  private renderJob(job: ExportJob) {
    const names = job.cameras.map((id) => store.camera(id)?.name ?? id).join(", ");
    const kind = job.kind === "package" ? words.package : job.burn_in ? words.burnt : "";
    const length = age(Date.parse(job.to) - Date.parse(job.from));
    return html`<li data-testid="export-job" data-status=${job.status}>
      <div class="head"><strong>${names}</strong><small>${kind}</small></div>
      <small>${utcDateTime(Date.parse(job.from))} ${archiveStrings.utc} · ${length} · ${words.by(job.created_by)}</small>
      ${UNDER_WAY.has(job.status) ? this.renderProgress(job) : this.renderOutcome(job)}
    </li>`;
  }

  private renderProgress(job: ExportJob) {
    const percent = Math.floor(job.progress * 100);
    const running = store.now() - Date.parse(job.created);
    const left =
      job.status === "running" && job.progress > LEAST_PROGRESS
        ? ` · ${words.left(age((running * (1 - job.progress)) / job.progress))}`
        : "";
    return html`<progress max="1" .value=${job.progress} aria-label=${words.percent(percent)}></progress>
      <div class="under">
        <small role="status">${words.status[job.status]} · ${words.percent(percent)}${left}</small>
        <button data-testid="export-cancel" @click=${() => void this.cancel(job.id)}>${words.cancel}</button>
      </div>`;
  }

  private renderOutcome(job: ExportJob) {
    return html`${job.error ? html`<p class="error" data-testid="export-failed">${job.error}</p>` : nothing}
      <div class="files">
        ${job.files.map(
          (file) =>
            html`<a class="button" data-testid="export-file" href=${exportFile(job.id, file.name)} download=${file.name} title="SHA-256 ${file.sha256}"
              >${icons.download} ${words.download(file.name, bytes(file.bytes))}</a
            >`,
        )}
      </div>
      <div class="under">
        <small>${words.status[job.status]}</small>
        <button class="plain" data-testid="export-remove" @click=${() => (this.removing = job)}>${icons.remove} ${words.remove}</button>
      </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "export-list": ExportList;
  }
}
