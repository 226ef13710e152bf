/**
 * `<archive-page>`: what was recorded of up to four units, on one clock: pictures, timeline, map, and beside them
 * bookmarks, holds and exports. The address names the units and the moment.
 */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { picture, removeBookmark } from "../archive/api";
import { commandOf, type Command } from "../archive/commands";
import { BEFORE_LAST_MS, Desk } from "../archive/desk";
import { momentOf } from "../archive/lane";
import type { Bookmark } from "../archive/model";
import { RATES, type Jump } from "../archive/player";
import { around, lengthOf, MINUTE, SECOND, zoomed, type Window } from "../archive/scale";
import { Thumbnails } from "../archive/thumbnails";
import { EverySecond, Watch } from "../controllers";
import { TRAIL_MS } from "../fixes";
import { age, utcDay, utcMinute } from "../format";
import type { MapUnit } from "../map/engine";
import type { Alert } from "../model-incidents";
import { hashOf, MOST_TOGETHER, renameTo } from "../route";
import { store } from "../store";
import { archiveStrings as words } from "../strings-archive";
import "./archive-controls";
import "./archive-head";
import type { ArchiveHead } from "./archive-head";
import "./archive-panel";
import type { ArchivePanel } from "./archive-panel";
import "./archive-picture";
import type { ArchivePicture } from "./archive-picture";
import { archiveStyles } from "./archive-styles";
import { controls } from "./controls";
import "./time-legend";
import "./time-line";
import "./trail-map";
import type { Pointed } from "./trail-map";
import type { Change } from "./undo-note";
import "./undo-note";

const TICK_MS = 50;
/** What moves while it plays is drawn again this often. */
const DRAW_MS = 100;
const SKIP_MS = 10 * SECOND;
const ADDRESS_MS = 400;
/** Further than this from the clock a picture is that of another moment: there is none of this one. */
const OWN_MS = 500;
const SAID_MS = 4 * SECOND;
/** Nearer to the newest picture than this, faster is live. */
const AT_THE_END_MS = 15 * SECOND;
/** Up to 320 the gateway gives the nearest keyframe, at once. */
const THUMBNAIL_PX = 320;

@customElement("archive-page")
export class ArchivePage extends LitElement {
  static override styles = [controls, archiveStyles];

  /** The units; none: whichever there is. */
  @property({ attribute: false }) cameras: readonly string[] = [];
  /** The moment that the address names; null: the newest there is. */
  @property({ attribute: false }) moment: number | null = null;

  @state() private muted = true;
  @state() private change: Change | null = null;
  @state() private said = "";
  @state() private mapSaid = "";
  @query("archive-panel") private panel!: ArchivePanel;
  @query("archive-head") private head!: ArchiveHead;
  @query("archive-picture[lead]") private picture!: ArchivePicture | null;
  @query(".pictures") private stage!: HTMLElement;

  private readonly desk = new Desk(() => this.moved());
  private readonly thumbnails = new Thumbnails((camera, at, signal) =>
    picture(camera, at, THUMBNAIL_PX, store.reasonFor(camera), signal),
  );
  private timer = 0;
  private addressTimer = 0;
  private saidTimer = 0;
  private drawnAt = 0;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.session, s.reasonVersion, s.link.downSince]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = window.setInterval(() => this.desk.player.tick(performance.now()), TICK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const timer of [this.timer, this.addressTimer, this.saidTimer]) window.clearTimeout(timer);
    this.desk.close();
    this.thumbnails.close();
  }

  /** The units that are shown: those of the address, or the first that has recordings. */
  private get shown(): readonly string[] {
    if (this.cameras.length > 0) return this.cameras;
    const first = (store.cameras ?? []).find((camera) => camera.rights.includes("recorded"));
    return first ? [first.id] : [];
  }

  private name(camera: string): string {
    return store.camera(camera)?.name ?? camera;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    // Each address that somebody opens brings another array of units, also one that was opened before.
    const opened = changed.has("cameras") || changed.has("moment");
    if (opened && (this.moment === null || Math.abs(this.moment - this.desk.player.at) > 1)) this.desk.begin(this.moment);
    this.desk.show(this.shown);
  }

  private moved(): void {
    const { player } = this.desk;
    const now = performance.now();
    if (player.jumped) this.sayJump(player.jumped);
    if (player.slowed) this.say(words.picture.slowed);
    player.slowed = false;
    if (player.playing && now - this.drawnAt < DRAW_MS) return;
    this.drawnAt = now;
    if (!player.playing) this.addressTimer ||= window.setTimeout(this.writeAddress, ADDRESS_MS);
    this.requestUpdate();
  }

  // ---- the address: a link to what is on the screen

  private readonly writeAddress = (): void => {
    this.addressTimer = 0;
    if (this.isConnected && this.desk.placed && this.shown.length > 0) renameTo(this.address);
  };

  private get address(): string {
    const { player } = this.desk;
    // A picture's time is rounded up: a moment later it is still there, a moment before it was not yet.
    const frame = player.playing ? null : (this.picture?.frameUtc ?? null);
    const at = Math.ceil(frame !== null && Math.abs(frame - player.at) < OWN_MS ? frame : player.at);
    return hashOf({ name: "archive", cameras: this.shown, at });
  }

  private async copyLink(): Promise<void> {
    const link = new URL(this.address, window.location.href).href;
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      this.say(words.controls.linkCopied);
    } catch {
      this.say(words.controls.linkFailed);
    }
  }

  // ---- what is done

  /** Do what a key says; whether there was anything to do. */
  key(event: KeyboardEvent): boolean {
    const command = commandOf(event);
    if (command === null || !this.picture) return false;
    // Space on a button presses the button.
    if (event.key === " " && event.composedPath()[0] instanceof HTMLButtonElement) return false;
    this.acts[command]();
    return true;
  }

  private readonly acts: Record<Command, () => void> = {
    toggle: () => (this.desk.player.playing ? this.desk.player.pause() : this.desk.player.play()),
    slower: () => this.changeRate(-1),
    faster: () => this.changeRate(1),
    back: () => this.skip(-SKIP_MS),
    ahead: () => this.skip(SKIP_MS),
    "minute-back": () => this.skip(-MINUTE),
    "minute-ahead": () => this.skip(MINUTE),
    "frame-back": () => void this.step(-1),
    "frame-ahead": () => void this.step(1),
    "recording-back": () => this.seek(this.desk.lane?.coverage.begunBefore(this.desk.player.at - SECOND)),
    "recording-ahead": () => this.seek(this.desk.lane?.coverage.beginsAfter(this.desk.player.at)),
    "bookmark-back": () => this.seek(this.desk.lane?.bookmarks.findLast(({ at }) => at < this.desk.player.at - SECOND / 2)?.at),
    "bookmark-ahead": () => this.seek(this.desk.lane?.bookmarks.find(({ at }) => at > this.desk.player.at + 1)?.at),
    "zoom-in": () => this.desk.look(zoomed(this.desk.window, 0.5, this.desk.player.at)),
    "zoom-out": () => this.desk.look(zoomed(this.desk.window, 2, this.desk.player.at)),
    "mark-in": () => this.mark(this.desk.player.at, this.desk.marks.to),
    "mark-out": () => this.mark(this.desk.marks.from, this.desk.player.at),
    "clear-marks": () => this.mark(null, null),
    bookmark: () => {
      this.desk.player.pause();
      this.panel.open("bookmark");
    },
    export: () => this.panel.open("export"),
    link: () => void this.copyLink(),
    "go-to": () => this.head.goTo(this.desk.player.at),
    sound: () => (this.muted = !this.muted),
    "full-screen": () => this.fullScreen(),
  };

  private seek(at: number | null | undefined): void {
    if (at !== null && at !== undefined) this.desk.seek(at);
  }

  private skip(by: number): void {
    this.desk.seek(this.desk.player.at + by);
  }

  private changeRate(by: 1 | -1): void {
    const { player, lane } = this.desk;
    const end = lane?.coverage.end ?? 0;
    const atTheEnd = end - player.at < AT_THE_END_MS && store.now() - end < MINUTE;
    if (by > 0 && player.playing && atTheEnd) {
      this.live();
      return;
    }
    const place = RATES.findIndex((rate) => rate === player.rate);
    player.setRate(RATES[Math.min(RATES.length - 1, Math.max(0, place + by))] ?? 1);
    if (by > 0) player.play();
  }

  private async step(direction: 1 | -1): Promise<void> {
    const { player } = this.desk;
    player.pause();
    const utc = (await this.picture?.step(direction)) ?? null;
    if (utc !== null) this.desk.seek(Math.ceil(utc));
  }

  private mark(from: number | null, to: number | null): void {
    if (!this.desk.mark(from, to)) this.say(words.exports.backwards);
  }

  private fullScreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.stage.requestFullscreen();
  }

  private live(): void {
    const [only, ...others] = this.shown;
    store.go(only !== undefined && others.length === 0 ? { name: "unit", id: only } : { name: "wall" });
  }

  private say(sentence: string): void {
    this.said = sentence;
    window.clearTimeout(this.saidTimer);
    this.saidTimer = window.setTimeout(() => (this.said = this.mapSaid = ""), SAID_MS);
  }

  private sayJump({ from, to }: Jump): void {
    this.desk.player.jumped = null;
    const moment = this.desk.lane ? momentOf(this.desk.lane, from + 1) : null;
    this.say(words.picture.jumped(age(to - from), moment?.kind === "gap" ? moment.reason : words.picture.nothingRecorded));
  }

  private pointed({ place, reach }: Pointed): void {
    this.say("");
    this.mapSaid = this.desk.goWhere(place, reach) ? "" : words.map.notHere;
  }

  private showUnits(cameras: readonly string[]): void {
    this.desk.player.pause();
    store.go({ name: "archive", cameras, at: Math.ceil(this.desk.player.at) });
  }

  private async removeBookmark(camera: string, bookmark: Bookmark): Promise<void> {
    try {
      await removeBookmark(camera, bookmark.id);
      this.change = {
        sentence: words.bookmarks.removed(bookmark.text),
        undo: () => this.panel.addBookmark(camera, Date.parse(bookmark.utc), bookmark.text),
      };
    } catch (error) {
      this.say((error as Error).message);
    }
    this.desk.lanes.refresh(camera);
  }

  // ---- drawing

  private units(): MapUnit[] {
    const { player, tracks } = this.desk;
    const { at } = player;
    return this.shown.flatMap((camera) => {
      const seen = tracks.sighting(camera, at);
      if (!seen) return [];
      return [
        {
          id: camera,
          name: this.name(camera),
          look: "recorded" as const,
          lat: seen.lat,
          lon: seen.lon,
          course: seen.course,
          accuracy: seen.measured.accuracy_m,
          old: at - seen.measuredAt > MINUTE,
          trail: tracks.of(camera, at).filter((fix) => fix.at <= at && fix.at > at - TRAIL_MS),
        },
      ];
    });
  }

  override render() {
    const { shown } = this;
    if (store.cameras === null) return html`<p class="wait" role="status">${words.loading}</p>`;
    if (shown.length === 0)
      return html`<div class="none" data-testid="archive-none">
        <h1>${words.noUnitsTitle}</h1>
        <p>${words.noUnits}</p>
      </div>`;
    return html`<div class="page">
      <archive-head
        .cameras=${shown}
        .full=${shown.length >= MOST_TOGETHER}
        .day=${this.desk.day}
        .first=${this.desk.lane?.first ?? null}
        .now=${store.now()}
        @add=${(event: CustomEvent<string>) => this.showUnits([...shown, event.detail])}
        @live=${() => this.live()}
        @day=${(event: CustomEvent<number>) => this.desk.goDay(event.detail)}
        @moment=${(event: CustomEvent<number>) => this.desk.go(event.detail)}
      ></archive-head>
      <div class="pictures" data-count=${shown.length}>
        ${repeat(
          shown,
          (camera) => camera,
          (camera) => this.renderPicture(camera),
        )}
        <div class="said" role="status" data-testid="archive-said">${this.said ? html`<span>${this.said}</span>` : nothing}</div>
      </div>
      <div class="transport">${this.renderEmpty()} ${this.renderControls()} ${this.renderBar()}</div>
      <aside>${this.renderMap()} ${this.renderPanel()}</aside>
    </div>`;
  }

  private renderPicture(camera: string) {
    const { player, lanes, tracks, leader } = this.desk;
    return html`<archive-picture
      data-camera=${camera}
      .camera=${camera}
      .name=${this.name(camera)}
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
      @leave=${() => this.showUnits(this.shown.filter((id) => id !== camera))}
    ></archive-picture>`;
  }

  private renderControls() {
    const { player, marks, window, leader } = this.desk;
    return html`<archive-controls
      .at=${player.at}
      .playing=${player.playing}
      .held=${player.held}
      .rate=${player.rate}
      .muted=${this.muted}
      .sound=${store.camera(leader)?.rights.includes("audio") ?? false}
      .length=${lengthOf(window)}
      .marked=${marks.from !== null || marks.to !== null}
      @command=${(event: CustomEvent<Command>) => this.acts[event.detail]()}
      @rate=${(event: CustomEvent<number>) => player.setRate(event.detail)}
      @length=${(event: CustomEvent<number>) => this.desk.look(around(player.at, event.detail))}
    ></archive-controls>`;
  }

  private renderBar() {
    const { player, window, marks, shownLanes: known } = this.desk;
    return html`<time-line
      .window=${window}
      .at=${player.at}
      .now=${store.now()}
      .lanes=${known}
      .names=${known.map(({ camera }) => this.name(camera))}
      .selection=${marks}
      .thumbnails=${this.thumbnails}
      @seek=${(event: CustomEvent<number>) => this.desk.seek(event.detail)}
      @window=${(event: CustomEvent<Window>) => this.desk.look(event.detail)}
      @alert=${(event: CustomEvent<Alert>) => store.go({ name: "alerts", id: event.detail.id, query: "" })}
    ></time-line>
    <time-legend .lanes=${known} .window=${window}></time-legend>`;
  }

  /** The days that are shown have nothing: where is something? */
  private renderEmpty() {
    const { lane, leader, empty, day } = this.desk;
    if (!lane || !empty) return nothing;
    const { first, last } = lane;
    if (first === null || last === null)
      return html`<div class="empty" role="status" data-testid="empty-day">${words.empty.never(this.name(leader))}</div>`;
    return html`<div class="empty" role="status" data-testid="empty-day">
      <span>${words.empty.title(utcDay(day))}</span>
      <button data-testid="go-first" @click=${() => this.desk.go(first)}>${words.empty.first(utcMinute(first))}</button>
      <button data-testid="go-last" @click=${() => this.desk.go(Math.max(first, last - BEFORE_LAST_MS))}>
        ${words.empty.last(utcMinute(last))}
      </button>
    </div>`;
  }

  private renderMap() {
    return html`<trail-map
      role="region"
      aria-label=${words.map.label}
      title=${words.map.hint}
      .units=${this.units()}
      .paths=${this.desk.paths}
      .at=${this.desk.player.at}
      .note=${this.mapSaid}
      @place=${(event: CustomEvent<Pointed>) => this.pointed(event.detail)}
    ></trail-map>`;
  }

  private renderPanel() {
    const { lanes, leader, window, marks, player } = this.desk;
    return html`${this.change
        ? html`<undo-note .change=${this.change} @close=${() => (this.change = null)}></undo-note>`
        : nothing}
      <archive-panel
        .cameras=${this.shown}
        .leader=${leader}
        .lanes=${this.desk.shownLanes}
        .window=${window}
        .selection=${marks}
        .at=${player.at}
        @seek=${(event: CustomEvent<number>) => this.desk.seek(event.detail)}
        @changed=${(event: CustomEvent<string>) => lanes.refresh(event.detail)}
        @remove-bookmark=${({ detail }: CustomEvent<{ camera: string; bookmark: Bookmark }>) =>
          void this.removeBookmark(detail.camera, detail.bookmark)}
      ></archive-panel>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "archive-page": ArchivePage;
  }
}
