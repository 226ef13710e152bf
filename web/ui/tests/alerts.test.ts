import { expect, test } from "vitest";
import { AlertBook } from "../src/alerts";
import type { Alert } from "../src/model-incidents";

const T = Date.parse("2026-11-23T14:00:00Z");

function alert(id: number, more: Partial<Alert> = {}): Alert {
  const utc = new Date(T + id * 1000).toISOString();
  return { id, kind: "sos", grade: "high", camera: "unit-12", text: "", detail: {}, utc, created: utc, ended: null, resolved: null, ...more };
}

const quiet = (id: number) => alert(id, { grade: "activity", kind: "battery_low" });
const over = (id: number) => alert(id, { resolved: { by: "anna", utc: new Date(T).toISOString(), word: "false alarm" } });

/** A book, and how often it has sounded. */
function book(kept = new Map<string, string>()) {
  const heard = { times: 0 };
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  return { heard, alerts: new AlertBook(storage, () => heard.times++) };
}

const ids = (alerts: readonly Alert[]) => alerts.map(({ id }) => id);

test("the gravest come first, of those the newest", () => {
  const { alerts } = book();
  alerts.takeAll([quiet(4), alert(1), quiet(2), alert(3)]);
  expect(ids(alerts.open)).toEqual([3, 1, 4, 2]);
  expect(ids(alerts.high)).toEqual([3, 1]);
});

test("one that is resolved leaves, and is found among those that were", () => {
  const { alerts } = book();
  alerts.takeAll([alert(1), alert(2)]);
  alerts.take(over(1));
  expect(ids(alerts.open)).toEqual([2]);
  expect(ids(alerts.resolved)).toEqual([1]);
  expect(alerts.find(1)?.resolved?.word).toBe("false alarm");
});

test("each of high priority sounds once, those of activity never", () => {
  const { alerts, heard } = book();
  alerts.take(quiet(1));
  expect(heard.times).toBe(0);
  alerts.take(alert(2));
  alerts.take(alert(2, { detail: { count: 2 } }));
  expect(heard.times).toBe(1);
  alerts.takeAll([alert(2), alert(3), alert(4)]);
  expect(heard.times).toBe(2);
});

test("after a reload only what is new sounds, after a log-out all that is open", () => {
  const kept = new Map<string, string>();
  book(kept).alerts.take(alert(5));
  const again = book(kept);
  again.alerts.takeAll([alert(5)]);
  expect(again.heard.times).toBe(0);
  again.alerts.take(alert(6));
  expect(again.heard.times).toBe(1);
  again.alerts.forget();
  again.alerts.takeAll([alert(5), alert(6)]);
  expect(again.heard.times).toBe(2);
});
