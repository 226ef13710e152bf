import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Away, compared, SHORTEST_MS, type Moment } from "../src/away";
import type { CameraStatus, ServerEvent } from "../src/model";
import type { Alert, Incident } from "../src/model-incidents";

const unit = (id: string, status: CameraStatus) => ({ id, name: `Unit ${id}`, status });
const alert = (id: number) => ({ id, resolved: null }) as unknown as Alert;
const incident = (id: number) => ({ id }) as unknown as Incident;
const moment = (more: Partial<Moment>): Moment => ({ cameras: [], alerts: [], incidents: [], ...more });
const state: ServerEvent = { type: "state", utc: "2026-11-23T12:00:00Z", cameras: [], alerts: [] };
const ping: ServerEvent = { type: "ping", utc: "2026-11-23T12:00:00Z" };

describe("compared", () => {
  it("tells which units went and came, and not of those that come again after a restart", () => {
    const before = moment({ cameras: [unit("1", "live"), unit("2", "stale"), unit("12", "offline"), unit("3", "live")] });
    const after = moment({ cameras: [unit("1", "offline"), unit("2", "offline"), unit("12", "live"), unit("3", "connecting")] });
    const { wentOffline, cameBack } = compared(before, after, [], 240_000);
    expect(wentOffline.map(({ name }) => name)).toEqual(["Unit 1", "Unit 2"]);
    expect(cameBack.map(({ name }) => name)).toEqual(["Unit 12"]);
  });

  it("tells of alerts that came and went, and of new incidents", () => {
    const before = moment({ alerts: [alert(4)], incidents: [incident(7)] });
    const after = moment({ incidents: [incident(8), incident(7), incident(2)] });
    const missed = compared(before, after, [alert(4), alert(5), alert(6)], 1);
    expect(missed.alerts.map(({ id }) => id)).toEqual([6, 5]);
    expect(missed.incidents.map(({ id }) => id)).toEqual([8]);
  });
});

describe("Away", () => {
  let now: Moment;
  let asked: number[];
  let away: Away;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("window", globalThis);
    now = moment({ cameras: [unit("1", "live")] });
    asked = [];
    const ask = (since: number) => {
      asked.push(since);
      return Promise.resolve({ alerts: [alert(9)], before: null });
    };
    away = new Away(() => now, ask, () => undefined);
  });

  afterEach(() => {
    away.forget();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const take = (event: ServerEvent, here: number, after = now) => {
    away.hearing(event, here, 50);
    now = after;
    away.heard();
  };

  it("says nothing at the first state, of a short silence, or of a state that comes again", async () => {
    take(state, 0);
    take(state, SHORTEST_MS - 1);
    take(ping, SHORTEST_MS * 3);
    take(state, SHORTEST_MS * 3 + 10);
    await vi.runAllTimersAsync();
    expect(away.missed).toBeNull();
    expect(asked).toEqual([]);
  });

  it("waits until the cameras have settled, and asks for the alerts since the last word, by the gateway's clock", async () => {
    take(state, 0);
    take(ping, 1_000);
    take(state, 241_000, moment({ cameras: [unit("1", "connecting")] }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toEqual([1_050]);
    expect(away.missed).toBeNull();
    take(ping, 242_000, moment({ cameras: [unit("1", "offline")] }));
    expect(away.missed?.away).toBe(240_000);
    expect(away.missed?.alerts.map(({ id }) => id)).toEqual([9]);
    expect(away.missed?.wentOffline.map(({ id }) => id)).toEqual(["1"]);
    away.dismiss();
    expect(away.missed).toBeNull();
  });

  it("does not wait for ever, and counts two absences in a row as one", async () => {
    take(state, 0);
    take(state, 10_000, moment({ cameras: [unit("1", "connecting")] }));
    take(state, 30_000, moment({ cameras: [unit("1", "connecting")] }));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(away.missed?.away).toBe(30_000);
  });
});
