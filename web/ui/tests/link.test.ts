import { describe, expect, it } from "vitest";
import { backoff } from "../src/backoff";
import { GatewayClock } from "../src/gateway-clock";
import { beginsSmall, LinkHealth, type Vitals } from "../src/link-health";
import { kindOf } from "../src/worker/kept";

describe("backoff", () => {
  it("doubles up to the longest, and spreads by a quarter each way", () => {
    expect([0, 1, 2, 3, 4, 40].map((failures) => backoff(failures, 500, 5_000, 0.5))).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(backoff(0, 1_000, 5_000, 0)).toBe(750);
    expect(backoff(0, 1_000, 5_000, 1)).toBe(1_250);
  });
});

describe("GatewayClock", () => {
  it("takes what arrives late for the least that the time can be", () => {
    const clock = new GatewayClock();
    clock.begin(10_000, 1_800); // 800 ms under way
    clock.heard(20_000, 11_200);
    expect(clock.offset).toBe(8_800);
    clock.heard(30_000, 22_500); // later still: nothing new
    expect(clock.offset).toBe(8_800);
  });

  it("believes the quickest echo, until it is too old", () => {
    const clock = new GatewayClock();
    clock.begin(10_000, 1_000);
    clock.echoed(10_100, 1_000, 1_200);
    expect(clock.offset).toBe(9_000);
    clock.echoed(12_900, 2_000, 5_000);
    expect(clock.offset).toBe(9_000);
    clock.echoed(40_000_500, 30_000_000, 30_001_400);
    expect(clock.offset).toBe(9_999_800);
  });
});

describe("LinkHealth", () => {
  const vitals = (more: Partial<Vitals>): Vitals => ({ packetsReceived: 0, packetsLost: 0, roundTrip: 50, buffer: 40, ...more });
  const state = (health: LinkHealth, here = 0) => health.news(here, false, true).state;

  it("tells a device without a network from a gateway that does not answer", () => {
    const health = new LinkHealth();
    expect(health.news(0, true, false).state).toBe("offline");
    expect(health.news(0, true, true).state).toBe("away");
    expect(state(health)).toBe("well");
  });

  it("finds a link slow by its echoes, and well again only after a while", () => {
    const health = new LinkHealth();
    for (let i = 0; i < 3; i++) health.echo(1_300);
    expect(health.news(0, false, true)).toEqual({ state: "slow", roundTrip: 1_300, loss: 0 });
    for (let i = 0; i < 4; i++) health.echo(80);
    expect(state(health)).toBe("slow");
    health.echo(80);
    health.echo(80);
    expect(state(health)).toBe("well");
  });

  it("does not wait for an echo that does not come", () => {
    const health = new LinkHealth();
    health.echo(80);
    health.awaiting(10_000);
    expect(state(health, 10_500)).toBe("well");
    expect(health.news(14_000, false, true)).toEqual({ state: "slow", roundTrip: 4_000, loss: 0 });
  });

  it("finds it slow by what its pictures lose or wait for, of a session that is still watched", () => {
    const health = new LinkHealth();
    health.picture("a", vitals({ packetsReceived: 1_000 }));
    health.picture("a", vitals({ packetsReceived: 1_090, packetsLost: 10, buffer: 700, roundTrip: 1_000 }));
    expect(state(health)).toBe("slow");
    expect(health.news(0, false, true).loss).toBeCloseTo(0.1);
    expect(health.behind("a")).toBe(1_200);
    health.ended("a");
    expect(health.behind("a")).toBe(0);
    expect(health.news(0, false, true).loss).toBe(0);
  });
});

describe("beginsSmall", () => {
  const load = (files: { bytes: number; ms: number }[], downlinkMbit: number | null = null, saveData = false) =>
    beginsSmall({ files, downlinkMbit, saveData });

  it("goes by what came, then by what the browser believes", () => {
    expect(load([{ bytes: 100_000, ms: 900 }])).toBe(true);
    expect(load([{ bytes: 100_000, ms: 100 }], 0.4)).toBe(false);
    expect(load([{ bytes: 2_000, ms: 90 }])).toBe(false);
    expect(load([], 0.4)).toBe(true);
    expect(load([], 10)).toBe(false);
    expect(load([], 10, true)).toBe(true);
  });
});

describe("kindOf", () => {
  const asked = (url: string, more: Partial<Request> = {}) =>
    kindOf({ url: new URL(url, "https://gw").href, method: "GET", mode: "cors", ...more }, "https://gw");

  it("keeps the page and its files, and nothing that is anybody's", () => {
    expect(asked("/", { mode: "navigate" })).toBe("page");
    expect(asked("/assets/index-abc.js")).toBe("file");
    for (const url of ["/api/session", "/api/cameras/a/snapshot.jpg", "/assets/../api/session", "/region.pmtiles", "https://other/assets/x.js"])
      expect(asked(url), url).toBeNull();
    expect(asked("/api/cameras/a/video.mp4", { mode: "navigate" })).toBeNull();
    expect(asked("/assets/index-abc.js", { method: "POST" })).toBeNull();
  });
});
