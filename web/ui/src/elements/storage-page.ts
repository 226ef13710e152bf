/**
 * `<storage-page>`: the disk of the recordings: how full it is, when it will be, what to do, and what is kept of each unit
 * against what the policy says. What the gateway tells as it happens stands here at once.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { storageReport } from "../api-oversight";
import { Fetched, Watch } from "../controllers";
import { bytes, utcDay, utcMinute } from "../format";
import { hashOf, settingsPath } from "../route";
import { store } from "../store";
import type { CameraStorage, DiskNews, StorageReport } from "../model";
import { strings } from "../strings";
import { storageStrings as words } from "../strings-storage";
import { styled } from "../styled";
import { controls } from "./controls";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";

const DAY_MS = 86_400_000;
/** The gateway counts once a minute. */
const AGAIN_MS = 60_000;

const percent = (part: number, whole: number) => (whole > 0 ? Math.min(100, Math.max(0, (part / whole) * 100)) : 0);
const rounded = (share: number) => (share > 0 && share < 1 ? "<1" : share.toFixed(0));

@customElement("storage-page")
export class StoragePage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      .warnings {
        display: grid;
        gap: var(--s2);
        margin-bottom: var(--s6);
      }
      .error p + p {
        margin-top: var(--s1);
      }
      .todo {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s1) var(--s4);
      }
      .free {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        justify-content: space-between;
        gap: var(--s1) var(--s3);
        margin-bottom: var(--s3);
      }
      .free strong {
        font-size: var(--normal);
        font-weight: 600;
      }
      .level {
        color: var(--live);
      }
      .level.low,
      .level.clearing,
      .level.full {
        color: var(--stale);
        font-weight: 600;
      }
      .bar {
        position: relative;
        height: 6px;
        overflow: hidden;
        border-radius: 3px;
        background: color-mix(in srgb, var(--line), var(--text) 6%);
      }
      .bar.disk {
        height: 16px;
        border-radius: var(--radius);
      }
      .bar i {
        position: absolute;
        inset: 0 auto 0 var(--from, 0%);
        width: var(--width);
        background: var(--accent);
      }
      .bar i.other {
        background: var(--quiet);
      }
      .bar i.short {
        background: var(--stale);
      }
      .bar b {
        position: absolute;
        inset: 0 auto 0 var(--from);
        width: 2px;
        background: var(--text);
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s1) var(--s4);
        margin: var(--s2) 0 0;
        padding: 0;
        color: var(--quiet);
        list-style: none;
      }
      .legend li {
        display: flex;
        align-items: center;
        gap: var(--s2);
      }
      .swatch {
        width: 10px;
        height: 10px;
        border-radius: 2px;
        background: color-mix(in srgb, var(--line), var(--text) 6%);
      }
      .swatch.recordings {
        background: var(--accent);
      }
      .swatch.other {
        background: var(--quiet);
      }
      .swatch.mark {
        width: 2px;
        border-radius: 0;
        background: var(--text);
      }
      .forecast {
        margin-top: var(--s3);
      }
      .rows > li {
        display: grid;
        grid-template-columns: minmax(120px, 1fr) minmax(0, 1.2fr) minmax(0, 1.6fr);
        align-items: start;
        gap: var(--s2) var(--s6);
      }
      .fact {
        display: grid;
        gap: var(--s1);
        font-variant-numeric: tabular-nums;
      }
      .rows .short {
        color: var(--stale);
      }
      .rows a {
        font-weight: 600;
        text-decoration: none;
      }
      .rows a:hover {
        text-decoration: underline;
      }
      @media (max-width: 720px) {
        .rows > li {
          grid-template-columns: 1fr;
        }
      }
    `,
  ];

  private readonly found = new Fetched(this, async (signal) => {
    const report = await storageReport(signal);
    this.news = null;
    return report;
  }, AGAIN_MS);
  private told: DiskNews | null = store.disk.news;
  /** What was told since the report. */
  private news: DiskNews | null = null;

  constructor() {
    super();
    new Watch(this, (s) => [s.disk.news, s.cameras]);
  }

  override willUpdate(): void {
    if (store.disk.news === this.told) return;
    this.told = this.news = store.disk.news;
    void this.found.again();
  }

  override render() {
    return html`<div class="head"><h1>${strings.settings.sections.storage}</h1></div>
      <p class="lead">${words.lead}</p>
      ${fetched(this.found, (report) => this.renderReport(this.news ? brought(report, this.news) : report))}`;
  }

  private renderReport(report: StorageReport) {
    return html`${this.renderWarnings(report)}
      <section data-testid="storage-disk" data-level=${report.level}>
        <h2>${words.disk.title}</h2>
        ${this.renderDisk(report)}
      </section>
      <section>
        <h2>${words.units.title}</h2>
        ${report.cameras.length > 0 ? this.renderCameras(report) : this.renderEmpty()}
      </section>`;
  }

  private renderWarnings({ warnings, level }: StorageReport) {
    if (warnings.length === 0) return nothing;
    return html`<div class="warnings">
      ${warnings.map(
        // The disk's own warning comes first: what to do about it depends on its level.
        (warning, n) =>
          html`<div class="error" role="status" data-testid="storage-warning">
            <p><strong>${warning}</strong></p>
            ${n === 0 && level !== "ok" ? this.renderAdvice(words.advice[level]) : nothing}
          </div>`,
      )}
    </div>`;
  }

  private renderAdvice(advice: string) {
    return html`<p data-testid="storage-advice">${advice}</p>
      <p class="todo">
        <a href=${settingsPath("policy")}>${words.todo.policy}</a>
        ${store.may("recorded")
          ? html`<a href=${hashOf({ name: "archive", cameras: [], at: null })}>${words.todo.archive}</a>`
          : nothing}
      </p>`;
  }

  // ---- the disk

  private renderDisk(report: StorageReport) {
    const { disk, level } = report;
    if (disk === null) return html`<p class="quiet" data-testid="disk-unknown">${words.disk.unknown}</p>`;
    const { total, free } = disk;
    const used = total - free;
    const recordings = Math.min(report.bytes, used);
    const share = percent(recordings, total);
    const usedShare = percent(used, total);
    return html`<div class="card">
      <div class="free">
        <strong class="figures" data-testid="disk-free"
          >${words.disk.free(bytes(free), bytes(total), rounded(percent(free, total)))}</strong
        >
        <span class="level ${level}">${words.levels[level]}</span>
      </div>
      <div class="bar disk" role="img" aria-label=${words.disk.bar(rounded(usedShare))}>
        <i ${styled({ "--width": `${share}%` })}></i>
        <i class="other" ${styled({ "--from": `${share}%`, "--width": `${usedShare - share}%` })}></i>
        ${[disk.warn_free, disk.keep_free].map(
          (limit) => html`<b ${styled({ "--from": `${percent(total - limit, total)}%` })}></b>`,
        )}
      </div>
      <ul class="legend figures">
        <li><span class="swatch recordings"></span>${words.disk.recordings} ${bytes(recordings)}</li>
        <li><span class="swatch other"></span>${words.disk.other} ${bytes(used - recordings)}</li>
        <li><span class="swatch"></span>${words.disk.room} ${bytes(free)}</li>
        <li><span class="swatch mark"></span>${words.disk.warns(bytes(disk.warn_free))}</li>
        <li><span class="swatch mark"></span>${words.disk.clears(bytes(disk.keep_free))}</li>
      </ul>
      <p class="forecast" data-testid="disk-forecast">${this.forecast(report)}</p>
    </div>`;
  }

  private forecast({ full_days, cameras, level }: StorageReport): string {
    const now = store.now();
    const growing = cameras.filter((camera) => !isIdle(camera, now));
    const daily = bytes(growing.reduce((sum, camera) => sum + camera.bytes_a_day, 0));
    if (level === "full") return words.disk.isFull;
    if (full_days === 0) return words.disk.now;
    if (growing.length === 0) return words.disk.nothingNew;
    if (full_days === null) return words.disk.never;
    const time = words.days(full_days);
    return full_days < 1 ? words.disk.fullToday(time, daily) : words.disk.full(time, utcDay(now + full_days * DAY_MS), daily);
  }

  // ---- the units

  private renderEmpty() {
    return html`<div class="note" data-testid="storage-none">
      <strong>${words.units.emptyTitle}</strong>
      <span>${words.units.empty}</span>
      <a class="button" href="#/">${words.units.emptyDo}</a>
    </div>`;
  }

  private renderCameras(report: StorageReport) {
    const largest = Math.max(...report.cameras.map((camera) => camera.bytes));
    const sorted = [...report.cameras].sort((a, b) => b.bytes - a.bytes);
    return html`<p class="quiet">${words.units.text}</p>
      <ul class="rows" data-testid="storage-units">
        ${sorted.map((camera) => this.renderCamera(camera, report, largest))}
      </ul>`;
  }

  private renderCamera(kept: CameraStorage, report: StorageReport, largest: number) {
    const camera = store.camera(kept.camera);
    const archive = hashOf({ name: "archive", cameras: [kept.camera], at: null });
    return html`<li data-testid="storage-unit" data-camera=${kept.camera}>
      <span class="what">
        ${camera?.rights.includes("recorded")
          ? html`<a href=${archive}>${camera.name}</a>`
          : html`<strong>${camera?.name ?? kept.camera}</strong>`}
        ${camera ? nothing : html`<small>${words.units.removed}</small>`}
      </span>
      <span class="fact">
        <span>${bytes(kept.bytes)}</span>
        <span
          class="bar"
          role="img"
          aria-label=${words.units.share(rounded(percent(kept.bytes, report.bytes)))}
          title=${words.units.share(rounded(percent(kept.bytes, report.bytes)))}
          ><i ${styled({ "--width": `${percent(kept.bytes, largest)}%` })}></i
        ></span>
        <small>${isIdle(kept, store.now()) ? words.units.idle : words.units.daily(bytes(kept.bytes_a_day))}</small>
      </span>
      ${this.renderKept(kept, report.full_days)}
    </li>`;
  }

  private renderKept({ from, keep_days, retention_days, max_bytes }: CameraStorage, full_days: number | null) {
    const kept = Math.max(0, (store.now() - Date.parse(from)) / DAY_MS);
    const short = full_days !== null && retention_days !== null && full_days < retention_days;
    const limit = max_bytes === null ? "" : ` · ${words.units.upTo(bytes(max_bytes))}`;
    return html`<span class="fact" data-testid="storage-kept">
      <span>${keep_days === null ? words.units.noLimit(words.days(kept)) : words.units.ofDays(words.days(kept), words.days(keep_days))}</span>
      ${keep_days === null
        ? nothing
        : html`<span class="bar"
            ><i class=${short ? "short" : ""} ${styled({ "--width": `${percent(kept, keep_days)}%` })}></i
          ></span>`}
      ${short ? html`<small class="short">${words.units.short(words.days(kept + full_days))}</small>` : nothing}
      <small>${words.units.since(`${utcMinute(Date.parse(from))} UTC`)}${limit}</small>
    </span>`;
  }
}

/** Whether a unit adds nothing any more. */
function isIdle({ to }: CameraStorage, now: number): boolean {
  return now - Date.parse(to) >= DAY_MS;
}

/** A report as of the news. */
function brought(report: StorageReport, { level, free, total, warnings }: DiskNews): StorageReport {
  const disk = report.disk && free !== null && total !== null ? { ...report.disk, free, total } : report.disk;
  return { ...report, disk, level, warnings };
}

declare global {
  interface HTMLElementTagNameMap {
    "storage-page": StoragePage;
  }
}
