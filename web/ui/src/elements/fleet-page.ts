/**
 * `<fleet-page>`: every unit with all that is known of it, those that need somebody first; sorted, filtered, and as CSV.
 * A table in a wide window, cards on a phone. Ages count up without the list being drawn anew.
 */

import { html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import { fleetUnits } from "../api-admin";
import { Ages } from "../ages";
import { Fetched, Watch } from "../controllers";
import { stateOf } from "../faces";
import { ASKED, chosen, firmwareOf, fleetCsv, PROBLEMS, rowsOf, SORTS, summary, type Asked, type Problem, type Row, type Sort } from "../fleet";
import { bytes, percent, utcMinute } from "../format";
import { icons } from "../icons";
import type { FleetUnit } from "../model-admin";
import { cameraPath, renameTo, settingsPath } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { adminStrings } from "../strings-admin";
import { controls } from "./controls";
import { fleetStyles } from "./fleet-styles";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./state-mark";

const words = adminStrings.fleet;
/** What is not told as it happens (bit rate, loss, storage) is asked for. */
const AGAIN_MS = 10_000;
/** In the order of the table; under each what can be sorted by. */
const COLUMNS: readonly (readonly Sort[])[] = [
  ["name"],
  ["state"],
  ["battery", "signal", "memory"],
  ["device", "clock"],
  ["position"],
  ["rate"],
  ["recording"],
  ["stored"],
];

@customElement("fleet-page")
export class FleetPage extends LitElement {
  static override styles = [controls, pageStyles, fleetStyles];

  /** What is asked, as in a URL. */
  @property() query = "";
  @state() private asked: Asked = ASKED;
  private readonly found = new Fetched(this, fleetUnits, AGAIN_MS);

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.link.downSince]);
    new Ages(this, (element) => (element.dataset.fix ? fixAt(element.dataset.fix) : null));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.asked = readAsked(this.query);
  }

  /** The address says what is asked, so that it can be sent to somebody; going back does not go through every letter. */
  private ask(part: Partial<Asked>): void {
    this.asked = { ...this.asked, ...part };
    renameTo(settingsPath("fleet", written(this.asked)));
  }

  private sortBy(sort: Sort): void {
    this.ask({ sort, reversed: this.asked.sort === sort && !this.asked.reversed });
  }

  override render() {
    return html`<div class="head"><h1>${strings.settings.sections.fleet}</h1></div>
      <p class="lead">${words.lead}</p>
      ${fetched(this.found, (units) => this.renderFleet(units))}`;
  }

  private renderFleet(units: FleetUnit[]) {
    const all = rowsOf(store.cameras ?? [], units, fixAt, store.now());
    if (all.length === 0)
      return html`<div class="note" data-testid="fleet-none">
        <strong>${words.emptyTitle}</strong><span>${words.empty}</span>
        <a class="button" href=${settingsPath("cameras")}>${words.emptyDo}</a>
      </div>`;
    const rows = chosen(all, this.asked);
    return html`${this.renderSummary(all)} ${this.renderFilters(all, rows)}
      ${rows.length === 0
        ? html`<div class="note" data-testid="fleet-nothing">
            <strong>${words.noneTitle}</strong><span>${words.none}</span>
            <button @click=${() => this.ask({ problem: null, firmware: "", text: "" })}>${words.showAll}</button>
          </div>`
        : this.renderTable(rows)}`;
  }

  // ---- what it comes to

  private renderSummary(all: readonly Row[]) {
    const { live, problems, firmware } = summary(all);
    const one = (name: keyof typeof words.counts, value: string, problem: Problem | null, bad: boolean) =>
      html`<div class=${bad ? "bad" : ""}>
        <dt>${words.counts[name]}</dt>
        <dd class="figures" data-testid="fleet-${name}">
          ${problem
            ? html`<button class="plain" @click=${() => this.ask({ problem })}>${value}</button>`
            : html`<span>${value}</span>`}
        </dd>
      </div>`;
    return html`<dl class="summary">
      ${one("live", words.of(live, all.length), null, false)}
      ${one("lost", String(problems.lost), "lost", problems.lost > 0)}
      ${one("unrecorded", String(problems.unrecorded), "unrecorded", problems.unrecorded > 0)}
      ${one("battery", String(problems.battery), "battery", problems.battery > 0)}
      ${one("firmware", String(firmware.length), null, false)}
    </dl>`;
  }

  private renderFilters(all: readonly Row[], rows: readonly Row[]) {
    const { attention, problems, firmware } = summary(all);
    const { asked } = this;
    const filter = (problem: Asked["problem"], name: string, count: number) =>
      html`<button
        class="filter"
        data-testid="fleet-filter-${problem ?? "all"}"
        aria-pressed=${asked.problem === problem}
        @click=${() => this.ask({ problem })}
      >
        ${name} <span class="figures">${count}</span>
      </button>`;
    return html`<div class="filters" role="group" aria-label=${words.show}>
        ${filter(null, words.all, all.length)} ${filter("attention", words.attention, attention)}
        ${PROBLEMS.filter((problem) => problems[problem] > 0 || asked.problem === problem).map((problem) =>
          filter(problem, words.problems[problem], problems[problem]),
        )}
      </div>
      <div class="tools">
        <label
          >${words.search}
          <input
            type="search"
            data-testid="fleet-search"
            .value=${asked.text}
            placeholder=${words.searchPlaceholder}
            autocapitalize="none"
            @input=${(event: Event) => this.ask({ text: (event.target as HTMLInputElement).value })}
        /></label>
        <label
          >${words.firmware}
          <select
            data-testid="fleet-firmware"
            @change=${(event: Event) => this.ask({ firmware: (event.target as HTMLSelectElement).value })}
          >
            <option value="">${words.anyFirmware}</option>
            ${firmware.map(
              ([version, n]) =>
                html`<option value=${version} ?selected=${asked.firmware === version}>${version} (${n})</option>`,
            )}
          </select></label
        >
        <label
          >${words.sort}
          <select
            data-testid="fleet-sort"
            .value=${asked.sort}
            @change=${(event: Event) => this.ask({ sort: (event.target as HTMLSelectElement).value as Sort, reversed: false })}
          >
            ${SORTS.map(
              (sort) => html`<option value=${sort} ?selected=${asked.sort === sort}>${words.columns[sort]}</option>`,
            )}
          </select></label
        >
        <button data-testid="fleet-csv" @click=${() => save(fleetCsv(rows))}>${icons.download} ${words.csv}</button>
        <span class="quiet shown" role="status" data-testid="fleet-shown">${words.shown(rows.length, all.length)}</span>
      </div>`;
  }

  // ---- the table

  private renderTable(rows: readonly Row[]) {
    const away = store.link.downSince !== null;
    return html`<div class="table" role="table" aria-label=${strings.settings.sections.fleet} data-testid="fleet">
      <div role="rowgroup" class="heads">
        <div role="row">${COLUMNS.map((sorts) => this.renderHead(sorts))}</div>
      </div>
      <div role="rowgroup">
        ${repeat(
          rows,
          ({ camera }) => camera.id,
          (row) => guard([row.camera, row.unit, row.fixAt === null, row.problems.join(), away], () => renderRow(row, away)),
        )}
      </div>
    </div>`;
  }

  private renderHead(sorts: readonly Sort[]) {
    const { sort, reversed } = this.asked;
    const sorted = sorts.includes(sort) ? (reversed ? "descending" : "ascending") : nothing;
    return html`<span role="columnheader" aria-sort=${sorted}>
      ${sorts.map(
        (one) =>
          html`<button
            class="plain ${one === sort ? (reversed ? "sorted reversed" : "sorted") : ""}"
            title=${words.sortBy(words.columns[one])}
            @click=${() => this.sortBy(one)}
          >
            ${words.columns[one]}
          </button>`,
      )}
    </span>`;
  }
}

/** When the newest position of a unit was. */
function fixAt(id: string): number | null {
  const known = store.camera(id)?.position;
  return store.trail(id).last?.at ?? (known ? Date.parse(known.utc) : null);
}

function renderRow({ camera, unit, fixAt: at, problems }: Row, away: boolean) {
  const bad = (...ones: Problem[]) => (ones.some((one) => problems.includes(one)) ? "bad" : "");
  const { columns } = words;
  return html`<div role="row" class="unit" data-testid="fleet-unit" data-camera=${camera.id} data-problems=${problems.join(" ")}>
    <span role="cell" class="name">
      <a href=${cameraPath(camera.id)}>${camera.name}</a>
      <small>${camera.groups.length > 0 ? camera.groups.join(", ") : camera.id}</small>
    </span>
    <span role="cell" class=${bad("lost")} data-label=${columns.state}>
      <span class="line"
        ><state-mark look=${stateOf(camera, away)}></state-mark> ${unit
          ? html`<small>${words.since} <time data-at=${Date.parse(unit.since)}></time></small>`
          : nothing}</span
      >
      ${camera.reason ? html`<small title=${unit?.advice ?? ""}>${camera.reason}</small>` : nothing}
    </span>
    <span role="cell" class="health" data-label=${columns.battery}>${renderHealth({ camera, unit, fixAt: at, problems })}</span>
    <span role="cell" data-label=${columns.device}>
      <span>${unit?.device ? firmwareOf({ camera, unit, fixAt: at, problems }) || words.unknown : html`<span class="quiet">${words.unknown}</span>`}</span>
      <small class=${bad("clock")}
        >${[unit?.device?.serial && words.serial(unit.device.serial), unit?.clock_skew_s === null || unit === null ? "" : words.skew(unit.clock_skew_s)]
          .filter(Boolean)
          .join(" · ")}</small
      >
    </span>
    <span role="cell" class=${bad("position")} data-label=${columns.position}>
      ${at === null
        ? html`<span class="quiet">${words.noFix}</span>`
        : html`<span><time data-at=${at} data-fix=${camera.id}></time> ${words.ago}</span>`}
      <small>${camera.position?.carrier ?? unit?.position ?? ""}</small>
    </span>
    <span role="cell" class=${bad("loss")} data-label=${columns.rate}>
      ${typeof unit?.bits_per_second !== "number"
        ? html`<span class="quiet">–</span>`
        : html`<span>${rate(unit.bits_per_second)}</span>
            <small>${unit.lost_percent ? words.loss(unit.lost_percent) : words.noLoss}</small>`}
      ${unit?.video ? html`<small>${[unit.video.codec, size(unit)].filter(Boolean).join(" ")}</small>` : nothing}
    </span>
    <span role="cell" class=${bad("unrecorded")} data-label=${columns.recording}>
      ${camera.recording
        ? html`<span class="recorded">${icons.record} ${words.recorded}</span>`
        : html`<span>${unit?.not_recorded ?? "–"}</span>`}
      ${camera.recording || unit === null
        ? nothing
        : html`<small>${unit.recorded_to ? words.recordedTo(`${utcMinute(Date.parse(unit.recorded_to))} UTC`) : words.neverRecorded}</small>`}
    </span>
    <span role="cell" data-label=${columns.stored}>
      <span>${unit ? bytes(unit.bytes) : "–"}</span>
      <small>${unit && unit.bytes_a_day > 0 ? words.daily(bytes(unit.bytes_a_day)) : ""}</small>
    </span>
  </div>`;
}

function renderHealth({ camera: { health }, problems }: Row) {
  if (health === null) return html`<span class="quiet">${words.unknown}</span>`;
  const { battery_percent, charging, signal_percent, storage_free_percent } = health;
  const one = (value: number | null, name: string, problem: Problem | null) =>
    value === null
      ? nothing
      : html`<span class=${problem && problems.includes(problem) ? "bad" : ""}>${percent(value)} <small>${name}</small></span>`;
  return html`${one(battery_percent, charging ? words.charging : words.battery, "battery")}
  ${one(signal_percent, words.signal, null)} ${one(storage_free_percent, words.memory, "memory")}
  <small><time data-at=${Date.parse(health.utc)}></time> ${words.ago}</small>`;
}

function rate(bits: number): string {
  return bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${(bits / 1e3).toFixed(0)} kbit/s`;
}

function size({ video }: FleetUnit): string {
  return video?.width && video.height ? `${video.width}×${video.height}` : "";
}

function save(text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `fleet-${utcMinute(store.now()).replace(/[ :]/g, "-")}.csv`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function readAsked(query: string): Asked {
  const given = new URLSearchParams(query);
  const one = <T extends string>(known: readonly T[], name: string) => known.find((value) => value === given.get(name));
  return {
    problem: one([...PROBLEMS, "attention" as const], "problem") ?? null,
    firmware: given.get("firmware") ?? "",
    text: given.get("q") ?? "",
    sort: one(SORTS, "sort") ?? ASKED.sort,
    reversed: given.has("reversed"),
  };
}

function written({ problem, firmware, text, sort, reversed }: Asked): Record<string, string> {
  return {
    ...(problem ? { problem } : {}),
    ...(firmware ? { firmware } : {}),
    ...(text ? { q: text } : {}),
    ...(sort === ASKED.sort ? {} : { sort }),
    ...(reversed ? { reversed: "1" } : {}),
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "fleet-page": FleetPage;
  }
}
