/**
 * `<incident-room>`: the units of an incident and the map on one clock: what happens now, or a moment of what was recorded,
 * with all that happened as marks on its time.
 *
 * Fires `clock` (the moment that is replayed, or null) when that changes, and `act` (RoomCommand) for what the page does.
 */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { picture } from "../archive/api";
import type { Span } from "../archive/coverage";
import { Desk } from "../archive/desk";
import { SECOND, type Window } from "../archive/scale";
import { Thumbnails } from "../archive/thumbnails";
import { EverySecond, Watch } from "../controllers";
import { OLD_MS, TRAIL_MS, type Dated } from "../fixes";
import { utcDateTime, utcTime } from "../format";
import { beginOf, markFrom, marksOf, spanOf, type Mark } from "../incident-marks";
import type { Area, MapUnit } from "../map/engine";
import { mapUnits } from "../map/present";
import type { Alert, Incident, IncidentCamera, Note } from "../model-incidents";
import { hashOf, MOST_TOGETHER, renameTo } from "../route";
import { roomCommand, type RoomCommand } from "../room-commands";
import { store } from "../store";
import { roomStrings as words } from "../strings-room";
import "./archive-picture";
import { controls } from "./controls";
import "./incident-bar";
import { roomStyles } from "./room-styles";
import "./time-line";
import "./trail-map";
import type { Pointed } from "./trail-map";
import "./unit-tile";

const TICK_MS = 50;
/** What moves while it plays is drawn again this often. */
const DRAW_MS = 100;
const SKIP_MS = 10 * SECOND;
const ADDRESS_MS = 400;
/** Of a bar that shows a whole incident, so much is kept free at either end. */
const MARGIN = 0.04;
/** Up to 320 the gateway gives the nearest keyframe, at once. */
const THUMBNAIL_PX = 320;
/** The place of an alert on the map, metres. */
const PLACE_M = 12;
const NO_PATHS: readonly (readonly Dated[])[] = [];
const MARKS_LISTED = 200;

@customElement("incident-room")
export class IncidentRoom extends LitElement {
  static override styles = [controls, roomStyles];

  @property({ attribute: false }) incident!: Incident;
  /** The moment that the address names; null: what happens now, or the begin of what is over. */
  @property({ attribute: false }) moment: number | null = null;
  @property({ attribute: false }) notes: readonly Note[] = [];
  @property({ attribute: false }) alerts: readonly Alert[] = [];

  @state() private live = true;
  @state() private muted = true;
  /** Those that are replayed, as somebody chose them; null: the first. */
  @state() private chosen: readonly string[] | null = null;
  private readonly desk = new Desk(() => this.moved());
  private readonly thumbnails = new Thumbnails((camera, at, signal) => picture(camera, at, THUMBNAIL_PX, store.reasonFor(camera), signal));
  /** Somebody has looked elsewhere on the bar: it stays there. */
  private looked = false;
  private marks: readonly Mark[] = [];
  private areas: { key: string; list: readonly Area[] } = { key: "", list: [] };
  private told: number | null = null;
  private timer = 0;
  private addressTimer = 0;
  private drawnAt = 0;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.session, s.reasonVersion, s.link.downSince, s.fixVersion, s.duty.geofences.all, s.duty.geofences.shown, s.exports]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = window.setInterval(() => this.desk.player.tick(performance.now()), TICK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.timer);
    window.clearTimeout(this.addressTimer);
    this.desk.close();
    this.thumbnails.close();
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const { incident, desk } = this;
    const another = changed.has("incident") && changed.get("incident")?.id !== incident.id;
    if (another) this.looked = false;
    desk.show(this.shown);
    this.marks = marksOf(incident, this.notes, this.alerts, desk.shownLanes);
    if (another || (changed.has("moment") && this.moment !== null)) this.open();
    if (this.live && !this.looked) this.frame();
  }

  /** Begin as the address says. */
  private open(): void {
    const { incident, moment } = this;
    this.frame();
    if (moment !== null) this.go(moment);
    else if (incident.live) this.goLive();
    else this.go(beginOf(incident, store.now()));
  }

  /** The whole incident on the bar. */
  private frame(): void {
    const { from, to } = spanOf(this.incident, store.now());
    const margin = Math.max(5 * SECOND, (to - from) * MARGIN);
    this.desk.window = { from: from - margin, to: to + margin };
  }

  /** The units of which pictures are shown: live all of them, replayed some at a time. */
  private get shown(): readonly string[] {
    const inside = this.incident.cameras.map(({ camera }) => camera);
    const chosen = this.chosen?.filter((camera) => inside.includes(camera)) ?? [];
    return (chosen.length > 0 ? chosen : inside).slice(0, MOST_TOGETHER);
  }

  // ---- the clock

  /** The moment that is replayed; null: it is live. */
  get clock(): number | null {
    return this.live ? null : this.desk.player.at;
  }

  /** Replay a moment. */
  go(at: number): void {
    this.live = false;
    this.desk.seek(at);
  }

  goLive(): void {
    this.desk.player.pause();
    this.live = true;
    this.looked = false;
    this.moved();
  }

  private moved(): void {
    const { player } = this.desk;
    player.jumped = null;
    player.slowed = false;
    const now = performance.now();
    if (player.playing && now - this.drawnAt < DRAW_MS) return;
    this.drawnAt = now;
    const clock = this.clock;
    if (clock !== this.told) {
      this.told = clock;
      this.dispatchEvent(new CustomEvent<number | null>("clock", { detail: clock }));
    }
    if (!player.playing) this.addressTimer ||= window.setTimeout(this.writeAddress, ADDRESS_MS);
    this.requestUpdate();
  }

  /** A link to what is on the screen. */
  private readonly writeAddress = (): void => {
    this.addressTimer = 0;
    const { clock, incident } = this;
    const view = clock === null ? { name: "incident" as const, id: incident.id } : { name: "incident" as const, id: incident.id, at: Math.ceil(clock) };
    if (this.isConnected) renameTo(hashOf(view));
  };

  // ---- what is done

  /** Do what a key says; whether there was anything to do. */
  key(event: KeyboardEvent): boolean {
    const command = roomCommand(event);
    if (command === null) return false;
    // Space on a button presses the button.
    if (event.key === " " && event.composedPath().some((target) => target instanceof HTMLButtonElement)) return false;
    this.act(command);
    return true;
  }

  private act(command: RoomCommand): void {
    const { player } = this.desk;
    const now = store.now();
    const at = this.clock ?? now;
    switch (command) {
      case "toggle":
        if (this.live) this.go(beginOf({ ...this.incident, to: null }, now));
        if (player.playing) player.pause();
        else player.play();
        return;
      case "live":
        if (this.incident.live) this.goLive();
        return;
      case "back":
        this.go(at - SKIP_MS);
        return;
      case "ahead":
        if (this.clock !== null) this.go(at + SKIP_MS);
        return;
      case "mark-back":
      case "mark-ahead": {
        const mark = markFrom(this.marks, at, command === "mark-back" ? -1 : 1);
        if (mark && mark.at <= now) this.go(mark.at);
        return;
      }
      case "sound":
        this.muted = !this.muted;
        return;
      default:
        this.dispatchEvent(new CustomEvent<RoomCommand>("act", { detail: command }));
    }
  }

  private pointed({ place, reach }: Pointed): void {
    if (!this.live) this.desk.goWhere(place, reach);
  }

  private readonly choose = (event: Event): void => {
    const { value, checked } = event.target as HTMLInputElement;
    const others = this.shown.filter((camera) => camera !== value);
    if (!checked && others.length === 0) (event.target as HTMLInputElement).checked = true;
    else this.chosen = checked ? [...others.slice(1 - MOST_TOGETHER), value] : others;
  };

  // ---- the map

  private units(): MapUnit[] {
    const inside = new Set(this.incident.cameras.map(({ camera }) => camera));
    if (this.live) return mapUnits().filter(({ id }) => inside.has(id));
    const { player, tracks } = this.desk;
    const { at } = player;
    return this.incident.cameras.flatMap(({ camera, name }) => {
      const seen = tracks.sighting(camera, at);
      if (!seen) return [];
      const { lat, lon, course, measured, measuredAt } = seen;
      const trail = tracks.of(camera, at).filter((fix) => fix.at <= at && fix.at > at - TRAIL_MS);
      return [{ id: camera, name, look: "recorded" as const, lat, lon, course, accuracy: measured.accuracy_m, old: at - measuredAt > OLD_MS, trail }];
    });
  }

  /** Geofences, and where its alerts were raised; the same array as long as it is the same. */
  private places(): readonly Area[] {
    const { all, shown } = store.duty.geofences;
    const fences = (shown ? all : null) ?? [];
    const key = [...fences.map(({ id, name }) => `${id} ${name}`), ...this.alerts.map(({ id }) => id)].join("\n");
    if (key !== this.areas.key) {
      const raised = this.alerts.flatMap(({ id, utc, detail: { fix } }) =>
        fix ? [{ id: -id, name: words.alertPlace(utcTime(Date.parse(utc))), chosen: true, shape: pointAt(fix.lat, fix.lon) }] : [],
      );
      this.areas = { key, list: [...fences.map(({ id, name, shape }) => ({ id, name, shape, chosen: false })), ...raised] };
    }
    return this.areas.list;
  }

  // ---- drawing

  override render() {
    const { live } = this;
    return html`<div class="room" role="region" aria-label=${words.label}>
      ${this.renderChoice()}
      <div class="pictures" data-testid=${live ? "room-tiles" : "room-pictures"} data-count=${live ? this.incident.cameras.length : this.shown.length}>
        ${live ? this.renderTiles() : this.renderPictures()}
      </div>
      <div class="map">
        <trail-map
          role="region"
          aria-label=${live ? words.mapNow : words.mapThen}
          .units=${this.units()}
          .paths=${live ? NO_PATHS : this.desk.paths}
          .areas=${this.places()}
          .at=${this.clock ?? store.now()}
          @place=${(event: CustomEvent<Pointed>) => this.pointed(event.detail)}
        ></trail-map>
      </div>
      ${this.renderBar()}
      <div class="time">${this.renderTimeLine()}</div>
    </div>`;
  }

  private renderChoice() {
    const { cameras } = this.incident;
    const { shown } = this;
    if (this.live || (cameras.length <= MOST_TOGETHER && shown.length === cameras.length)) return nothing;
    return html`<fieldset class="choice" @change=${this.choose}>
      <legend class="unseen">${words.chooseUnits}</legend>
      ${cameras.map(
        ({ camera, name }) =>
          html`<label class="check"><input type="checkbox" value=${camera} .checked=${shown.includes(camera)} /> ${name}</label>`,
      )}
      ${cameras.length > MOST_TOGETHER ? html`<small>${words.most(MOST_TOGETHER)}</small>` : nothing}
    </fieldset>`;
  }

  private renderTiles() {
    return repeat(
      this.incident.cameras,
      ({ camera }) => camera,
      ({ camera, name }) => {
        const unit = store.camera(camera);
        return unit
          ? html`<unit-tile data-testid="tile" data-camera=${camera} .camera=${unit}></unit-tile>`
          : html`<div class="unknown"><strong>${name}</strong><span>${words.unknown}</span></div>`;
      },
    );
  }

  private renderPictures() {
    const { player, lanes, tracks, leader } = this.desk;
    const one = (camera: string) => this.incident.cameras.find((candidate) => candidate.camera === camera);
    return repeat(
      this.shown,
      (camera) => camera,
      (camera) =>
        html`<archive-picture
          data-camera=${camera}
          .camera=${camera}
          .name=${one(camera)?.name ?? camera}
          .player=${player}
          .lane=${lanes.lane(camera)}
          .laneFailure=${lanes.failure(camera)}
          .sighting=${tracks.sighting(camera, player.at)}
          .at=${player.at}
          .muted=${this.muted || camera !== leader}
          ?lead=${camera === leader}
          ?many=${this.shown.length > 1}
          .watermark=${store.camera(camera)?.watermark ?? false}
          .reasons=${store.reasonVersion}
          @frame=${() => this.moved()}
          @again=${() => lanes.again(camera)}
          @lead=${() => this.desk.follow(camera)}
          @leave=${() => (this.chosen = this.shown.filter((other) => other !== camera))}
        ></archive-picture>`,
    );
  }

  private renderBar() {
    const { player, leader } = this.desk;
    const at = this.clock ?? store.now();
    const job = store.exports.find(({ incident, status }) => incident === this.incident.id && (status === "queued" || status === "running"));
    return html`<incident-bar
      role="group"
      aria-label=${words.bar}
      data-testid="room-bar"
      .at=${this.clock}
      ?growing=${this.incident.live}
      ?playing=${player.playing}
      ?held=${player.held}
      .rate=${player.rate}
      ?muted=${this.muted}
      ?sound=${store.camera(leader)?.rights.includes("audio") ?? false}
      ?earlier=${markFrom(this.marks, at, -1) !== null}
      ?later=${(markFrom(this.marks, at, 1)?.at ?? Infinity) <= store.now()}
      .may=${this.incident.may}
      .exported=${job?.progress ?? null}
      @command=${(event: CustomEvent<RoomCommand>) => this.act(event.detail)}
      @rate=${(event: CustomEvent<number>) => player.setRate(event.detail)}
    ></incident-bar>`;
  }

  private renderTimeLine() {
    const { window, shownLanes: known } = this.desk;
    const of = (camera: string): IncidentCamera | undefined => this.incident.cameras.find((candidate) => candidate.camera === camera);
    const now = store.now();
    const part = (camera: string): Span | null => {
      const one = of(camera);
      return one ? spanOf(one, now) : null;
    };
    return html`<time-line
        .window=${window}
        .at=${this.clock ?? now}
        .now=${now}
        .lanes=${known}
        .names=${known.map(({ camera }) => of(camera)?.name ?? camera)}
        .parts=${known.map(({ camera }) => part(camera))}
        .notes=${this.notes.map(({ utc }) => Date.parse(utc))}
        .thumbnails=${this.thumbnails}
        @seek=${(event: CustomEvent<number>) => this.go(event.detail)}
        @window=${(event: CustomEvent<Window>) => {
          this.looked = true;
          this.desk.look(event.detail);
        }}
      ></time-line>
      ${this.renderMarks()}`;
  }

  /** The marks as words, for keyboard and screen reader: what a bar shows by shapes. */
  private renderMarks() {
    return html`<details class="marks">
      <summary>${words.marksTitle} <span class="quiet figures">${this.marks.length}</span></summary>
      <ol data-testid="room-marks">
        ${this.marks.slice(-MARKS_LISTED).map(
          ({ at, kind, text }) => html`<li>
            <button class="plain" data-kind=${kind} title=${words.markAt(words.marks[kind], text, utcDateTime(at))} @click=${() => this.go(at)}>
              <span class="figures">${utcTime(at)}</span> <strong>${words.marks[kind]}</strong> <span class="text">${text}</span>
            </button>
          </li>`,
        )}
      </ol>
    </details>`;
  }
}

const pointAt = (lat: number, lon: number) => ({ type: "Point" as const, coordinates: [lon, lat] as [number, number], radius_m: PLACE_M });

declare global {
  interface HTMLElementTagNameMap {
    "incident-room": IncidentRoom;
  }
}
