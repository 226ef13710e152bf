/**
 * `<unit-map>`: every unit on the map, with heading, accuracy and trail; those that would lie over each other as one. Shows all
 * until somebody moves the view; with `focused`, or a unit that is followed, keeps that one in the middle. Who is near a place
 * and where units were is shown over it. What stands in view stands in a list, too, for keyboard and screen reader.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import { distance, OLD_MS, type Place } from "../fixes";
import { age, coordinates } from "../format";
import { icons } from "../icons";
import type { Cluster, Clustered } from "../map/clusters";
import type { MapEngine, MapUnit } from "../map/engine";
import { lengthText, scaleBar } from "../map/grid";
import { MapHost } from "../map/host";
import { mapUnits } from "../map/present";
import type { Geofence } from "../model-incidents";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { mapStrings } from "../strings-map";
import { styled } from "../styled";
import "./incident-dialog";
import "./map-replay";
import type { Moment } from "./map-replay";
import { mapStyles } from "./map-styles";
import "./nearest-panel";

const SCALE_PX = 110;
/** Hundreds of units move every second: the map is drawn anew no more often than this for them. */
const DRAW_MS = 400;
/** Trails and list entries of more units than this help nobody. */
const MOST_LISTED = 100;
const NO_IDS: ReadonlySet<string> = new Set();
/** So many units are looked back at together. */
const MOST_REPLAYED = 40;
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const NOBODY: Clustered = { singles: [], clusters: [] };

@customElement("unit-map")
export class UnitMap extends LitElement {
  static override styles = [
    ...mapStyles,
    css`
      .units {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .units:not(.unseen) {
        position: absolute;
        inset: 40px 0 0;
        overflow: auto;
      }
      .units:not(.unseen) button {
        max-width: 100%;
        white-space: normal;
        overflow-wrap: anywhere;
      }
      :host([past])::after {
        content: "";
        position: absolute;
        inset: 0;
        border: 3px dashed var(--stale);
        pointer-events: none;
      }
      .over {
        position: absolute;
        left: var(--s2);
        top: var(--s2);
        bottom: 34px;
        display: flex;
        flex-direction: column;
        align-items: start;
        gap: var(--s2);
        width: calc(100% - 64px);
        pointer-events: none;
      }
      .over > * {
        pointer-events: auto;
      }
      .chip {
        display: flex;
        align-items: center;
        gap: var(--s2);
        max-width: 100%;
        min-height: var(--control);
        padding: 0 var(--s1) 0 var(--s3);
        border: 1px solid var(--accent);
        border-radius: var(--radius);
        background: var(--panel);
      }
      .chip span {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .chip .old {
        flex: none;
        color: var(--stale);
      }
      .chip button {
        min-height: 26px;
      }
      button.again {
        max-width: 100%;
        overflow: hidden;
        background: var(--panel);
      }
      nearest-panel {
        width: min(320px, 100%);
        margin-top: auto;
      }
      map-replay {
        position: absolute;
        inset: auto var(--s2) 34px;
        max-width: 720px;
        margin: 0 auto;
      }
    `,
  ];

  /** The unit to keep in the middle, or null for all. */
  @property() focused: string | null = null;
  /** What it shows is not what is. */
  @property({ type: Boolean, reflect: true }) past = false;
  @query(".map") private container!: HTMLElement;
  /** Somebody has moved the view: it stays where they put it. */
  @state() private taken = false;
  /** Where somebody wants to open an incident. */
  @state() private opening: Place | null = null;
  private units: readonly MapUnit[] = [];
  private moment: Moment = { at: 0, units: [] };
  private drawnFor: readonly unknown[] = [];
  private drawnAt = 0;
  private drawTimer = 0;
  private stopFixes: (() => void) | undefined;
  private drawnAreas: readonly Geofence[] | null = null;
  private shownPlace: Place | null = null;
  private fitted: ReadonlySet<string> = NO_IDS;
  private followed = "";
  private readonly map: MapHost = new MapHost(this, () => this.container, {
    hovered: (id) => store.light(id),
    picked: (id) => (this.past ? undefined : store.go({ name: "unit", id })),
    crowd: (place) => store.map.ask(place),
    asked: (place) => (this.past ? undefined : store.map.ask(place)),
    taken: () => this.take(),
    resized: () => this.fitAgain(),
  });

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, ({ map, duty, ...s }) => [
      ...[s.cameras, s.lit, s.link.downSince, s.theme, map.followed, map.near, map.replayed],
      ...[duty.geofences.all, duty.geofences.shown, duty.alerts.open],
    ]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    let seen = store.fixVersion;
    this.stopFixes = store.subscribe(() => {
      if (seen === store.fixVersion) return;
      seen = store.fixVersion;
      this.drawSoon();
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stopFixes?.();
    window.clearTimeout(this.drawTimer);
    this.drawTimer = 0;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("focused")) this.taken = false;
    this.past = store.map.replayed !== null;
    if (!this.map.engine) this.units = mapUnits();
  }

  override updated(): void {
    const { engine } = this.map;
    if (!engine) return;
    this.showAreas(engine);
    const { map, lit, theme } = store;
    const shown = [engine, lit, theme, this.focused, this.taken, map.followed, map.near, map.replayed];
    if (shown.every((value, i) => Object.is(value, this.drawnFor[i]))) this.drawSoon();
    else this.draw();
    this.drawnFor = shown;
  }

  // ---- drawing

  /** Some unit has moved, or it is older by a second. */
  private drawSoon(): void {
    if (document.hidden) return;
    this.drawTimer ||= window.setTimeout(() => this.draw(), Math.max(0, this.drawnAt + DRAW_MS - performance.now()));
  }

  private draw(): void {
    window.clearTimeout(this.drawTimer);
    this.drawTimer = 0;
    this.drawnAt = performance.now();
    const { engine } = this.map;
    if (!engine) return;
    if (this.past) {
      this.units = this.moment.units;
      engine.show(this.units, store.lit, this.moment.at);
    } else {
      this.units = mapUnits();
      engine.show(this.units, store.lit ?? this.kept, store.now());
      store.trails.want(engine.inView.singles.slice(0, MOST_LISTED).map(({ unit }) => unit.id));
    }
    this.move(engine);
  }

  /** Have in view what is to be seen, unless somebody has chosen the view. */
  private move(engine: MapEngine): void {
    const animate = !calm.matches;
    const { near } = store.map;
    if (near !== this.shownPlace) {
      this.shownPlace = near;
      engine.pin(near);
      if (near) {
        this.taken = true;
        engine.bring(near, animate);
      }
    }
    const kept = this.kept === null ? undefined : this.units.find(({ id }) => id === this.kept);
    if (this.taken) return;
    if (kept) {
      const place = `${kept.id} ${kept.lat} ${kept.lon}`;
      if (place !== this.followed) engine.follow(kept, !this.followed.startsWith(`${kept.id} `), animate && this.followed !== "");
      this.followed = place;
      this.fitted = NO_IDS;
    } else if (!this.past) {
      // Who comes where one looks already moves nothing; when some are gone, the others are looked at closely.
      const who = new Set(this.units.map(({ id }) => id));
      const force = this.fitted.size === 0 || [...this.fitted].some((id) => !who.has(id));
      engine.fit(this.units, force, animate && this.fitted.size > 0);
      this.fitted = who;
      this.followed = "";
    }
  }

  /** The unit that stays in the middle. */
  private get kept(): string | null {
    return this.past ? null : (store.map.followed ?? this.focused);
  }

  /** Somebody has moved the view. */
  private take(): void {
    this.taken = true;
    if (store.map.followed !== null) store.map.follow(null);
  }

  private showAreas(engine: MapEngine): void {
    const { all, shown } = store.duty.geofences;
    const drawn = shown ? all : null;
    if (drawn === this.drawnAreas) return;
    this.drawnAreas = drawn;
    engine.showAreas((drawn ?? []).map(({ id, name, shape }) => ({ id, name, shape, chosen: false })));
  }

  private fitAgain(): void {
    this.fitted = NO_IDS;
    this.followed = "";
    this.requestUpdate();
  }

  private fitAll(): void {
    this.taken = this.focused !== null;
    if (store.map.followed !== null) store.map.follow(null);
    this.map.engine?.fit(this.units, true, !calm.matches);
  }

  /** Follow the unit of this page, or another, from where it is now. */
  private follow(id: string): void {
    this.taken = false;
    this.followed = "";
    store.map.follow(id);
  }

  private stopFollowing(): void {
    this.taken = true;
    store.map.follow(null);
  }

  /** Look back at those in sight, or at the one that is in the middle. */
  private lookBack(): void {
    const { engine } = this.map;
    if (!engine) return;
    const { singles, clusters } = engine.inView;
    const { middle } = engine;
    const seen = [...singles.map(({ unit }) => unit), ...clusters.flatMap(({ units }) => units)];
    const nearest = seen.map((unit) => ({ id: unit.id, away: distance(unit, middle) })).sort((a, b) => a.away - b.away);
    this.moment = { at: 0, units: [] };
    this.taken = true;
    if (this.kept !== null) store.map.replay([this.kept], 1);
    else store.map.replay(nearest.slice(0, MOST_REPLAYED).map(({ id }) => id), nearest.length);
  }

  // ---- rendering

  override render() {
    const inView = this.map.engine?.inView ?? NOBODY;
    return html`
      <div
        class="map"
        data-testid="map"
        data-ready=${this.map.engine ? "yes" : "no"}
        data-units=${this.units.length}
        data-clusters=${inView.clusters.length}
      ></div>
      ${this.renderNote()}
      <ul class="units ${this.map.failed ? "" : "unseen"}" aria-label=${strings.map.units}>
        ${inView.clusters.map((cluster) => this.renderCluster(cluster))} ${this.listed(inView).map((unit) => this.renderUnit(unit))}
      </ul>
      ${this.map.engine ? this.renderOver() : nothing} ${this.map.engine ? this.renderTools() : nothing} ${this.renderFoot()}
      ${this.opening
        ? html`<incident-dialog .place=${this.opening} @close=${() => (this.opening = null)}></incident-dialog>`
        : nothing}
    `;
  }

  /** Those that stand alone in view; without a map, all. */
  private listed({ singles }: Clustered): readonly MapUnit[] {
    return this.map.engine ? singles.slice(0, MOST_LISTED).map(({ unit }) => unit) : this.units;
  }

  private renderNote() {
    if (this.map.failed) return html`<div class="note">${strings.map.failed}</div>`;
    if (!this.map.engine) return html`<div class="note" role="status">${strings.map.loading}</div>`;
    if (this.units.length === 0 && !this.past)
      return html`<div class="note on-map" role="status"><span>${strings.map.noPositions}</span></div>`;
    return nothing;
  }

  private renderUnit(unit: MapUnit) {
    const at = this.past ? this.moment.at : store.now();
    const since = at - (unit.trail.at(-1)?.at ?? 0);
    const word = unit.alarm ? mapStrings.alarm : strings.status[unit.look];
    return html`<li>
      <button
        data-testid="map-unit"
        data-camera=${unit.id}
        data-lit=${store.lit === unit.id ? "yes" : "no"}
        @focus=${() => store.light(unit.id)}
        @blur=${() => store.light(null)}
        @click=${() => store.go({ name: "unit", id: unit.id })}
      >
        ${strings.map.unit(unit.name, word, coordinates(unit.lat, unit.lon), age(since))}
      </button>
    </li>`;
  }

  private renderCluster(cluster: Cluster) {
    return html`<li>
      <button data-testid="map-cluster" @click=${() => this.map.engine?.open(cluster, !calm.matches)}>
        ${mapStrings.cluster(cluster.units.length, strings.status[cluster.worst])}
      </button>
    </li>`;
  }

  private renderOver() {
    const { near, replayed } = store.map;
    if (replayed !== null)
      return html`<map-replay
        role="region"
        aria-label=${mapStrings.replay.label}
        data-testid="map-replay"
        .units=${replayed}
        .outOf=${store.map.inSight}
        @moment=${(event: CustomEvent<Moment>) => {
          this.moment = event.detail;
          this.draw();
        }}
        @live=${() => store.map.live()}
      ></map-replay>`;
    return html`<div class="over">
      ${this.renderFollow()}
      ${near
        ? html`<nearest-panel
            role="region"
            aria-label=${mapStrings.near.title}
            .place=${near}
            @incident=${() => (this.opening = near)}
            @close=${() => store.map.ask(null)}
          ></nearest-panel>`
        : nothing}
    </div>`;
  }

  private renderFollow() {
    const id = store.map.followed ?? this.focused;
    const camera = id === null ? undefined : store.camera(id);
    if (!camera) return nothing;
    const words = mapStrings.follow;
    if (this.taken)
      return html`<button class="again" data-testid="follow-again" @click=${() => this.follow(camera.id)}>
        ${icons.fit} ${words.again(camera.name)}
      </button>`;
    const last = store.trail(camera.id).last;
    const since = last ? store.now() - last.at : 0;
    return html`<div class="chip" role="status" data-testid="following">
      <span>${last ? words.chip(camera.name) : words.silent(camera.name)}</span>
      ${since > OLD_MS ? html`<span class="old figures">${words.old(age(since))}</span>` : nothing}
      <button class="plain" data-testid="follow-stop" title=${words.stopHint} @click=${() => this.stopFollowing()}>${words.stop}</button>
    </div>`;
  }

  private renderTools() {
    const tool = (icon: unknown, label: string, id: string, act: () => void) =>
      html`<button class="icon" data-testid=${id} title=${label} aria-label=${label} @click=${act}>${icon}</button>`;
    const zoom = (by: 1 | -1) => () => {
      this.taken ||= this.kept === null;
      this.map.engine?.zoom(by, !calm.matches);
    };
    return html`<div class="tools">
      ${tool(icons.fit, strings.map.fit, "map-fit", () => this.fitAll())} ${tool(icons.add, strings.map.zoomIn, "map-in", zoom(1))}
      ${tool(icons.minus, strings.map.zoomOut, "map-out", zoom(-1))} ${this.renderFences()}
      ${this.past
        ? nothing
        : html`${tool(icons.find, mapStrings.near.tool, "map-nearest", () => store.map.ask(this.map.engine?.middle ?? null))}
            ${tool(icons.archive, this.kept === null ? mapStrings.replay.tool : mapStrings.replay.unit(store.camera(this.kept)?.name ?? ""), "map-look-back", () => this.lookBack())}`}
      ${store.may("respond") && !this.past
        ? tool(icons.incidents, incidentStrings.opening.here, "map-incident", () => (this.opening = this.map.engine?.middle ?? null))
        : nothing}
    </div>`;
  }

  private renderFences() {
    const { all, shown } = store.duty.geofences;
    if (!all?.length) return nothing;
    const label = shown ? incidentStrings.geofences.hide : incidentStrings.geofences.show;
    return html`<button
      class="icon"
      data-testid="map-geofences"
      title=${label}
      aria-label=${label}
      aria-pressed=${shown}
      @click=${() => store.duty.showGeofences(!shown)}
    >
      ${icons.fence}
    </button>`;
  }

  private renderFoot() {
    const { engine, view } = this.map;
    if (!engine || !view) return nothing;
    const bar = scaleBar(view.metresPerPixel, SCALE_PX);
    return html`<div class="foot figures">
      <span class="scale" ${styled({ "--width": `${Math.round(bar.pixels)}px` })} data-testid="scale"
        >${lengthText(bar.metres)}</span
      >
      <span>${strings.map.grid(lengthText(view.grid))}</span>
      <span class="credit">${engine.hasStreets ? strings.map.openStreetMap : strings.map.naturalEarth}</span>
    </div>`;
  }
}
