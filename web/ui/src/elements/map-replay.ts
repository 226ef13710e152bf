/**
 * `<map-replay>`: looks back on the map: fetches the ways of some units, plays them, and says at every moment that this is
 * not live. Fires `moment` (MapUnit[]: where they were) when that changes, and `live` to go back to what is now.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { way } from "../api-map";
import type { Dated } from "../fixes";
import { localTime, utcDateTime, utcTime } from "../format";
import { icons } from "../icons";
import { ReplayClock, SPANS, SPEEDS, unitAt } from "../map/replay";
import type { MapUnit } from "../map/units";
import { store } from "../store";
import { strings } from "../strings";
import { mapStrings } from "../strings-map";
import { controls } from "./controls";
import { panelOnMap } from "./panel-on-map";

const words = mapStrings.replay;
const HOUR = 3_600_000;
const POINTS = 1_500;
const AT_A_TIME = 3;
/** So often the units move: more than the map needs, less than a frame takes. */
const STEP_MS = 100;

export interface Moment {
  at: number;
  units: readonly MapUnit[];
}

@customElement("map-replay")
export class MapReplay extends LitElement {
  static override styles = [
    controls,
    panelOnMap,
    css`
      header {
        color: var(--stale);
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s2);
        padding: var(--s2) var(--s3);
      }
      .range {
        flex: 1 1 160px;
        padding: 0;
        accent-color: var(--accent);
      }
      select {
        width: auto;
        padding: 0 var(--s2);
      }
      .time {
        white-space: nowrap;
      }
      .zone {
        color: var(--quiet);
        font-size: 12px;
      }
      p {
        margin: 0;
        padding: 0 var(--s3) var(--s2);
      }
      header .live {
        width: auto;
        min-height: 28px;
        padding: 0 var(--s2);
        color: var(--text);
      }
    `,
  ];

  /** Whose past is shown. */
  @property({ attribute: false }) units: readonly string[] = [];
  /** They are the nearest of so many. */
  @property({ type: Number }) outOf = 0;
  @state() private span: number = SPANS[0];
  @state() private loaded = 0;
  @state() private missing = 0;
  @state() private why = "";
  @state() private clock = new ReplayClock(0, 0);
  private ways: ReadonlyMap<string, readonly (readonly Dated[])[]> = new Map();
  private attempt: AbortController | null = null;
  private timer = 0;
  private last = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    this.last = performance.now();
    this.timer = window.setInterval(() => this.step(), STEP_MS);
    if (this.hasUpdated) void this.load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.timer);
    this.attempt?.abort();
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("units")) void this.load();
  }

  /** Fetch the ways; those that have come are played meanwhile. */
  private async load(): Promise<void> {
    this.attempt?.abort();
    const attempt = new AbortController();
    this.attempt = attempt;
    const to = store.now();
    const from = to - this.span * HOUR;
    const { speed } = this.clock;
    this.clock = new ReplayClock(from, to);
    this.clock.speed = speed;
    const ways = (this.ways = new Map<string, readonly (readonly Dated[])[]>());
    this.loaded = this.missing = 0;
    this.why = "";
    const waiting = [...this.units];
    const work = async () => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        try {
          const asked = { id, from, to, points: POINTS, reason: store.reasonFor(id), signal: attempt.signal };
          ways.set(id, await way(asked));
        } catch (error) {
          if (this.attempt !== attempt) return;
          this.missing++;
          this.why = (error as Error).message;
        }
        if (this.attempt !== attempt) return;
        this.loaded++;
        this.tell();
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  }

  private step(): void {
    const now = performance.now();
    const elapsed = now - this.last;
    this.last = now;
    if (!this.clock.playing || this.loaded === 0) return;
    this.clock.tick(elapsed);
    this.tell();
  }

  private tell(): void {
    const { at } = this.clock;
    const units = [...this.ways].flatMap(([id, runs]) => unitAt(id, store.camera(id)?.name ?? id, runs, at) ?? []);
    this.dispatchEvent(new CustomEvent<Moment>("moment", { detail: { at, units } }));
    this.requestUpdate();
  }

  private seek(at: number): void {
    this.clock.seek(at);
    this.tell();
  }

  override render() {
    const { at, from, to, playing, speed } = this.clock;
    const play = playing ? words.pause : words.play;
    const nothingThere = this.loaded === this.units.length && [...this.ways.values()].every((runs) => runs.length === 0);
    const { length } = this.units;
    const count = length < this.outOf ? words.first(length, this.outOf) : words.of(length);
    const spoken = `${utcDateTime(at)} ${strings.bar.utc}`;
    return html`<header>
        ${icons.archive}
        <h2>${words.badge} <small>${count}</small></h2>
        <button class="live" data-testid="replay-live" title=${words.liveHint} @click=${() => this.dispatchEvent(new CustomEvent("live"))}>
          ${icons.live} ${words.live}
        </button>
      </header>
      <div class="row">
        <button class="icon" data-testid="replay-play" title=${play} aria-label=${play} @click=${() => this.toggle()}>
          ${playing ? icons.pause : icons.play}
        </button>
        <input
          class="range"
          type="range"
          data-testid="replay-time"
          aria-label=${words.time}
          aria-valuetext=${spoken}
          min=${from}
          max=${to}
          step="1000"
          .value=${String(at)}
          @input=${(event: Event) => this.seek(Number((event.target as HTMLInputElement).value))}
        />
        <span class="time figures" data-testid="replay-at"
          >${utcDateTime(at)} <span class="zone">${strings.bar.utc}</span> · ${localTime(at)}
          <span class="zone">${strings.bar.local}</span></span
        >
      </div>
      <div class="row">
        ${this.renderChoice(words.speed, SPEEDS, speed, words.times, (chosen) => (this.clock.speed = chosen))}
        ${this.renderChoice(words.span, SPANS, this.span, words.hours, (chosen) => {
          this.span = chosen;
          void this.load();
        })}
        ${this.renderArchive(at)}
      </div>
      ${this.loaded < this.units.length ? html`<p class="quiet" role="status">${words.loading(this.loaded, this.units.length)}</p>` : nothing}
      ${this.missing > 0 ? html`<p class="error" role="alert">${words.missing(this.missing, this.why)}</p>` : nothing}
      ${nothingThere && this.missing === 0 ? html`<p role="status">${words.none}</p>` : nothing}`;
  }

  private renderChoice(label: string, all: readonly number[], chosen: number, word: (n: number) => string, choose: (n: number) => void) {
    return html`<select
      aria-label=${label}
      title=${label}
      @change=${(event: Event) => {
        choose(Number((event.target as HTMLSelectElement).value));
        this.requestUpdate();
      }}
    >
      ${all.map((n) => html`<option value=${n} ?selected=${n === chosen}>${word(n)}</option>`)}
    </select>`;
  }

  /** One unit's pictures of the moment that is shown. */
  private renderArchive(at: number) {
    const [only] = this.units;
    if (this.units.length !== 1 || only === undefined || !store.camera(only)?.rights.includes("recorded")) return nothing;
    return html`<button
      title="${words.archive}, ${utcTime(at)} ${strings.bar.utc}"
      @click=${() => store.go({ name: "archive", cameras: [only], at })}
    >
      ${icons.archive} ${words.archive}
    </button>`;
  }

  private toggle(): void {
    this.clock.toggle();
    this.tell();
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "map-replay": MapReplay;
  }
}
