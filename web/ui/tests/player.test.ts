import { expect, test } from "vitest";
import type { Presence } from "../src/archive/film";
import { Player, type Reel } from "../src/archive/player";
import { correction } from "../src/archive/steering";

/** A film of spans of time that goes by a clock of its own. */
class Tape implements Reel {
  waiting = false;
  edge: number | null = null;
  utc: number;
  rate = 0;
  sought: number[] = [];

  constructor(
    private readonly spans: readonly [number, number][],
    private readonly pace = 1,
    start = 0,
  ) {
    this.utc = start;
  }

  at(utc: number): Presence {
    if (this.spans.some(([from, to]) => from <= utc && utc < to)) return { kind: "media" };
    const next = this.spans.find(([from]) => from > utc);
    if (next) return { kind: "gap", next: next[0] };
    return { kind: this.edge === null ? "end" : "edge" };
  }

  seek(utc: number): void {
    this.sought.push(utc);
    const presence = this.at(utc);
    this.utc = presence.kind === "gap" ? presence.next : utc;
  }

  play(rate: number): void {
    this.rate = rate;
  }

  pause(): void {
    this.rate = 0;
  }

  pass(ms: number): void {
    this.utc += ms * this.rate * this.pace;
  }
}

const TICK = 50;

function play(player: Player, tapes: Tape[], seconds: number, each: () => void = () => undefined): void {
  for (let t = 0; t < seconds * 1000; t += TICK) {
    for (const tape of tapes) tape.pass(TICK);
    now += TICK;
    player.tick(now);
    each();
  }
}

let now = 0;

function set(tapes: Tape[], next: (at: number) => number | null = () => null): Player {
  const player = new Player(0, next, () => undefined);
  for (const tape of tapes) player.add(tape);
  player.tick(now);
  player.play();
  return player;
}

test.each([1, 4, 16])("films that go too fast or too slow stay in step at %d×", (rate) => {
  const tapes = [1, 1.02, 0.97, 1.005].map((pace) => new Tape([[0, 1e7]], pace));
  const player = set(tapes);
  player.setRate(rate);
  play(player, tapes, 2);
  let worst = 0;
  play(player, tapes, 20, () => {
    worst = Math.max(worst, ...tapes.map((tape) => Math.abs(tape.utc - player.at)));
  });
  expect(worst).toBeLessThan(100 * rate);
  expect(player.at).toBeGreaterThan(20_000 * rate);
  expect(Math.max(...tapes.map((tape) => tape.sought.length))).toBeLessThan(4);
});

test("who has a gap waits at its end while the others play", () => {
  const [whole, torn] = [new Tape([[0, 60_000]]), new Tape([[0, 5_000], [10_000, 60_000]])];
  const player = set([torn, whole]);
  play(player, [torn, whole], 7);
  expect(player.at).toBeGreaterThan(6_000);
  expect(player.at).toBeLessThan(8_000);
  expect([torn.rate, torn.utc]).toEqual([0, 10_000]);
  expect(whole.rate).toBeGreaterThan(0);
  play(player, [torn, whole], 5);
  expect(torn.rate).toBeGreaterThan(0);
  expect(Math.abs(torn.utc - whole.utc)).toBeLessThan(100);
});

test("where nobody has anything the clock jumps, and says from where to where", () => {
  const tape = new Tape([[0, 2_000], [30_000, 60_000]]);
  const player = set([tape]);
  play(player, [tape], 4);
  expect(player.at).toBeGreaterThan(30_000);
  expect(player.jumped?.to).toBe(30_000);
  expect(player.playing).toBe(true);
});

test("at the end it stops, unless something is known to come", () => {
  const tape = new Tape([[0, 2_000]]);
  const player = set([tape], (at) => (at < 100_000 ? 100_000 : null));
  play(player, [tape], 2.2);
  expect(player.at).toBe(100_000);
  play(player, [tape], 1);
  expect(player.playing).toBe(false);
});

test("near what is being recorded it goes on at single speed, and waits for what comes", () => {
  const span: [number, number] = [0, 30_000];
  const tape = new Tape([span]);
  tape.edge = span[1];
  const player = set([tape]);
  player.setRate(4);
  play(player, [tape], 5);
  expect([player.rate, player.slowed]).toEqual([4, false]);
  play(player, [tape], 2);
  expect([player.rate, player.slowed]).toEqual([1, true]);
  play(player, [tape], 6);
  expect([player.playing, player.held]).toEqual([true, true]);
  expect(player.at).toBeLessThanOrEqual(30_000);
  tape.edge = span[1] = 34_000;
  play(player, [tape], 2);
  expect(player.held).toBe(false);
  expect(player.at).toBeGreaterThan(31_000);
  expect(tape.sought.length).toBe(1);
});

test("the others wait for one that has no media yet, and not for ever", () => {
  const [slow, quick] = [new Tape([[0, 1e6]]), new Tape([[0, 1e6]])];
  const player = set([slow, quick]);
  slow.waiting = true;
  play(player, [quick], 3);
  expect(player.held).toBe(true);
  expect(player.at).toBe(0);
  expect(quick.rate).toBe(0);
  play(player, [quick], 5);
  expect(player.held).toBe(false);
  expect(player.at).toBeGreaterThan(500);
});

test("small errors are corrected by the rate, large ones by a jump", () => {
  expect(correction(5, 1)).toEqual({ rate: 1 });
  expect(correction(-600, 1)).toBe("jump");
  expect(correction(-600, 4)).not.toBe("jump");
  const ahead = correction(100, 1);
  const behind = correction(-100, 1);
  expect(ahead !== "jump" && ahead.rate < 1 && ahead.rate > 0.6).toBe(true);
  expect(behind !== "jump" && behind.rate > 1 && behind.rate < 1.4).toBe(true);
});
