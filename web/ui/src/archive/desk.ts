/**
 * What somebody works on in the archive: up to four units on one clock, the part of time that the bar shows, the marks,
 * and where the wearers were. Times are milliseconds since the Unix epoch. Knows nothing of elements.
 */

import type { Dated, Place } from "../fixes";
import { store } from "../store";
import type { Lane } from "./lane";
import { Lanes } from "./lanes";
import { momentAt } from "./passes";
import { Player } from "./player";
import { around, DAY, HOUR, including, lengthOf, MINUTE, SECOND, type Window } from "./scale";
import { Tracks } from "./tracks";

/** How far before the newest picture one begins. */
export const BEFORE_LAST_MS = 10 * SECOND;
/** What is known of the present is asked for again after this long, while somebody looks at it. */
const OLD_LANE_MS = 30 * SECOND;
const coarse = window.matchMedia("(pointer: coarse)");

/** The begin and the end of what is marked. */
export interface Marks {
  from: number | null;
  to: number | null;
}

const NO_MARKS: Marks = { from: null, to: null };

export class Desk {
  window: Window = around(store.now(), HOUR);
  marks: Marks = NO_MARKS;
  readonly lanes: Lanes;
  readonly tracks: Tracks;
  readonly player: Player;
  private cameras: readonly string[] = [];
  private lead = 0;
  /** Where to begin is still to be learnt: the newest picture (null), or the first of a day. */
  private unplaced: { day: number | null } | null = null;
  /** Somebody has moved the bar away from the playhead. */
  private away = false;
  private known: readonly Lane[] = [];
  private drawn: { key: string; paths: readonly (readonly Dated[])[] } = { key: "", paths: [] };

  /** @param changed something to be seen is another than before; often while it plays */
  constructor(private readonly changed: () => void) {
    const now = () => store.now();
    const reason = (camera: string) => store.reasonFor(camera);
    const recording = (camera: string) => {
      const unit = store.camera(camera);
      return unit?.status === "live" && unit.recording;
    };
    this.lanes = new Lanes({ now, reason, recording, changed: () => this.lanesCame() });
    this.tracks = new Tracks(now, reason, changed);
    this.player = new Player(
      store.now(),
      (at) => this.nextRecorded(at),
      () => this.moved(),
    );
  }

  close(): void {
    this.player.playing = false;
    this.lanes.stop();
    this.tracks.stop();
  }

  // ---- the units

  /** The unit that leads: its sound is heard, its recordings are jumped between. */
  get leader(): string {
    return this.cameras[this.lead] ?? "";
  }

  get lane(): Lane | null {
    return this.lanes.lane(this.leader);
  }

  /** The first bookmark, recording, picture that is asked for is that of this unit. */
  follow(camera: string): void {
    this.lead = Math.max(0, this.cameras.indexOf(camera));
    this.changed();
  }

  /** These units are shown; what is not known of them yet is fetched. */
  show(cameras: readonly string[]): void {
    if (!cameras.includes(this.leader)) this.lead = 0;
    this.cameras = cameras;
    if (cameras.length === 0) return;
    this.lanes.want(cameras, this.window);
    if (this.window.to < store.now() - MINUTE) return;
    // What is under way grows.
    for (const camera of cameras)
      if (this.lanes.lane(camera) && this.lanes.age(camera) > OLD_LANE_MS) this.lanes.refresh(camera);
  }

  // ---- the clock

  /** Begin at a moment; null: at the newest picture there is. */
  begin(moment: number | null): void {
    this.unplaced = moment === null ? { day: null } : null;
    if (moment !== null) this.go(moment);
  }

  get placed(): boolean {
    return this.unplaced === null;
  }

  seek(at: number): void {
    this.away = false;
    this.unplaced = null;
    this.player.seek(Math.min(at, store.now()));
  }

  /** Seek, and have the bar around it. */
  go(at: number): void {
    this.seek(at);
    this.look(around(this.player.at, lengthOf(this.window)));
    this.away = false;
  }

  /** The first picture of a day. */
  goDay(day: number): void {
    this.player.pause();
    this.unplaced = { day };
    this.look({ from: day, to: day + DAY });
    this.lanes.want(this.cameras, this.window);
    if (this.lanes.knows(this.leader, this.window)) this.lanesCame();
  }

  /** Go to when a wearer was at a place on the map; whether any was. */
  goWhere(place: Place, reach: number): boolean {
    const { at } = this.player;
    const moments = this.cameras.flatMap((camera) => momentAt(this.tracks.of(camera, at), place, reach, at) ?? []);
    const [nearest] = moments.sort((a, b) => Math.abs(a - at) - Math.abs(b - at));
    if (nearest === undefined) return false;
    this.seek(nearest);
    return true;
  }

  private nextRecorded(at: number): number | null {
    const nexts = this.cameras.flatMap((camera) => this.lanes.lane(camera)?.coverage.next(at) ?? []);
    return nexts.length > 0 ? Math.min(...nexts) : null;
  }

  private moved(): void {
    const { at } = this.player;
    if (!this.away) this.window = coarse.matches ? around(at, lengthOf(this.window)) : including(this.window, at);
    this.changed();
  }

  private lanesCame(): void {
    const { lane, unplaced } = this;
    if (lane && unplaced?.day === null) {
      const last = lane.last ?? store.now();
      this.go(Math.max(lane.first ?? 0, last - BEFORE_LAST_MS));
    } else if (lane && unplaced?.day) {
      const first = lane.coverage.next(unplaced.day);
      this.unplaced = null;
      this.player.seek(first !== null && first < unplaced.day + DAY ? first : unplaced.day);
    }
    this.changed();
  }

  // ---- the bar

  /** Show a part of time, wherever the playhead is. */
  look(window: Window): void {
    this.away = true;
    this.window = window;
    this.changed();
  }

  /** What is known of the units; the same array as long as nothing came. */
  get shownLanes(): readonly Lane[] {
    const lanes = this.cameras.flatMap((camera) => this.lanes.lane(camera) ?? []);
    if (lanes.length !== this.known.length || lanes.some((lane, n) => lane !== this.known[n])) this.known = lanes;
    return this.known;
  }

  /** The day that is looked at. */
  get day(): number {
    const at = this.away ? (this.window.from + this.window.to) / 2 : this.player.at;
    return Math.floor(at / DAY) * DAY;
  }

  /** Whether the leading unit has nothing in the days that are shown. */
  get empty(): boolean {
    return this.lane?.coverage.end === null;
  }

  /** Whether the marks could be set so: an end after the begin. */
  mark(from: number | null, to: number | null): boolean {
    const possible = from === null || to === null || from < to;
    this.marks = possible ? { from, to } : NO_MARKS;
    this.changed();
    return possible;
  }

  // ---- the map

  /** Where the units have been in the hour that is played; the same array as long as nothing came. */
  get paths(): readonly (readonly Dated[])[] {
    const { at } = this.player;
    const paths = this.cameras.map((camera) => this.tracks.of(camera, at));
    const key = `${Math.floor(at / HOUR)} ${this.tracks.version} ${this.cameras.join(" ")}`;
    if (key !== this.drawn.key) this.drawn = { key, paths: paths.map((path) => [...path]) };
    return this.drawn.paths;
  }
}
