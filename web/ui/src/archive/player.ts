/**
 * The common clock of up to four films: plays, waits for who buffers, jumps where nobody has anything, keeps all in step.
 * Times are milliseconds since the Unix epoch; the time that passes is an argument.
 */

import type { Presence } from "./film";
import { correction } from "./steering";

/** What the player needs of a film. */
export interface Reel {
  readonly waiting: boolean;
  readonly utc: number | null;
  /** Up to when there is something, while more is being recorded; null: all there is is known. */
  readonly edge: number | null;
  at(utc: number): Presence;
  seek(utc: number): void;
  play(rate: number): void;
  pause(): void;
}

export const RATES = [0.5, 1, 2, 4, 8, 16] as const;
/** The others wait this long for one that has a picture and does not get it. */
const PATIENCE_MS = 6_000;
/** A film that leads may tell the time as long as it is this near to what the clock says, milliseconds at single speed. */
const BELIEVED_MS = 500;

/** So near to what is being recorded it goes on at single speed: it comes in pieces of some seconds. */
const NEAR_EDGE_MS = 6_000;
/** A jump that is shorter needs no words. */
const WORTH_SAYING_MS = 1_000;

/** Where the clock jumped over a time of which nothing is recorded. */
export interface Jump {
  from: number;
  to: number;
}

export class Player {
  at: number;
  playing = false;
  rate = 1;
  /** The last jump over a gap. */
  jumped: Jump | null = null;
  /** It went over to single speed near what is being recorded. */
  slowed = false;
  /** The clock stands because a film buffers. */
  held = false;
  private readonly reels: Reel[] = [];
  private heldFor = 0;
  private before = 0;

  constructor(
    at: number,
    /** The next moment at or after this one of which anything is recorded, by what is known beside the films. */
    private readonly next: (at: number) => number | null,
    /** `at`, `playing`, `rate`, `held`, `jumped` or `slowed` has changed. */
    private readonly changed: () => void,
  ) {
    this.at = at;
  }

  /** The first film leads: the others follow it. */
  add(reel: Reel): () => void {
    this.reels.push(reel);
    reel.seek(this.at);
    return () => void this.reels.splice(this.reels.indexOf(reel), 1);
  }

  seek(at: number): void {
    this.at = at;
    this.jumped = null;
    this.heldFor = 0;
    for (const reel of this.reels) reel.seek(at);
    this.changed();
  }

  play(): void {
    this.playing = true;
    this.heldFor = 0;
    this.changed();
  }

  pause(): void {
    this.playing = false;
    this.held = false;
    for (const reel of this.reels) reel.pause();
    // Stopped somewhere between two looks: all on the same picture.
    this.seek(this.at);
  }

  setRate(rate: number): void {
    this.rate = rate;
    this.changed();
  }

  /** Look at the films, and move the clock. To be called often while it plays. @param now monotonic milliseconds */
  tick(now: number): void {
    const passed = Math.min(1_000, Math.max(0, now - this.before));
    this.before = now;
    if (!this.playing) return;
    if (this.rate > 1 && this.reels.some(({ edge }) => nears(edge, this.at))) {
      this.rate = 1;
      this.slowed = true;
    }
    const wanted = this.at + passed * this.rate;
    const there = this.reels.map((reel) => ({ reel, presence: reel.at(wanted) }));
    const late = there.filter(({ reel, presence: { kind } }) => kind === "loading" || kind === "edge" || (kind === "media" && reel.waiting));
    const ready = there.filter(({ reel, presence }) => presence.kind === "media" && !reel.waiting);
    this.heldFor = late.length > 0 ? this.heldFor + passed : 0;
    const hold = late.length > 0 && (ready.length === 0 || this.heldFor < PATIENCE_MS);
    if (hold) this.wait(wanted, there);
    else if (ready.length > 0) this.advance(wanted, there);
    else this.jump(there);
    this.held = hold;
    this.changed();
  }

  private wait(wanted: number, there: readonly { reel: Reel; presence: Presence }[]): void {
    for (const { reel, presence } of there) {
      if (presence.kind === "loading") reel.seek(wanted);
      // Who waits for media must go on playing, or the browser fetches none; who has them must not run away.
      else if (presence.kind === "media" && reel.waiting) reel.play(this.rate);
      else reel.pause();
    }
  }

  private advance(wanted: number, there: readonly { reel: Reel; presence: Presence }[]): void {
    const lead = there.find(({ reel, presence }) => presence.kind === "media" && !reel.waiting)?.reel;
    const told = lead?.utc ?? wanted;
    this.at = Math.abs(told - wanted) < BELIEVED_MS * Math.max(1, this.rate) ? told : wanted;
    for (const { reel, presence } of there) this.guide(reel, presence, reel === lead);
  }

  private guide(reel: Reel, presence: Presence, leads: boolean): void {
    if (presence.kind !== "media") {
      reel.pause();
      // It shows where it goes on as soon as it does.
      if (presence.kind !== "failed") reel.seek(this.at);
      return;
    }
    const change = correction((reel.utc ?? this.at) - this.at, this.rate);
    if (change === "jump") reel.seek(this.at);
    reel.play(leads || change === "jump" ? this.rate : change.rate);
  }

  /** Nobody has anything now: go on where somebody has. */
  private jump(there: readonly { reel: Reel; presence: Presence }[]): void {
    const known = there.flatMap(({ presence }) => (presence.kind === "gap" ? [presence.next] : []));
    // The films know it to the picture; what lies beyond what they have loaded is asked for elsewhere.
    const to = known.length > 0 ? Math.min(...known) : this.next(this.at + 1);
    if (to === null || to <= this.at || there.every(({ presence }) => presence.kind === "failed")) {
      this.playing = false;
      for (const { reel } of there) reel.pause();
      return;
    }
    const from = this.at;
    this.seek(to);
    if (to - from > WORTH_SAYING_MS) this.jumped = { from, to };
  }
}

function nears(edge: number | null, at: number): boolean {
  return edge !== null && at < edge && edge - at < NEAR_EDGE_MS;
}
