import { expect, test } from "vitest";
import { DiskWatch } from "../src/disk-news";
import type { DiskLevel, DiskNews } from "../src/model";

const AFTER: Record<DiskLevel, string> = {
  ok: "",
  low: "Below 5.00 GiB the oldest recordings that may be deleted are.",
  clearing: "The oldest recordings that may be deleted are.",
  full: "Nothing is recorded until there is more: nothing that is kept may be deleted.",
};
const STAY = "Recordings stay although they are due: the disk refused.";

function news(level: DiskLevel, free: string, after = AFTER[level], ...more: string[]): DiskNews {
  const own = level === "ok" ? [] : [`${free} of 100 GiB are free on the disk of the recordings. ${after}`];
  return { level, free: 1, total: 2, warnings: [...own, ...more] };
}

/** What a browser keeps through a reload. */
function session() {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
}

/** Somebody has put `read` aside; then came `next`, the last of them after a reload. */
function told(read: DiskNews, ...next: DiskNews[]): DiskNews | null {
  const kept = session();
  let watch = new DiskWatch(kept);
  watch.take(read);
  watch.putAside();
  for (const news of next) {
    watch = new DiskWatch(kept);
    watch.take(news);
  }
  return watch.warning;
}

test.each([
  ["only the sizes differ", news("clearing", "512 MiB"), false],
  ["the disk is fuller", news("full", "1.00 GiB"), true],
  ["the disk is less full", news("low", "9.10 GiB"), false],
  ["nothing more may be deleted", news("clearing", "4.00 GiB", "Nothing more may be deleted: recording will stop."), true],
  ["something else goes wrong", news("clearing", "4.98 GiB", AFTER.clearing, STAY), true],
  ["something else goes wrong while there is more room", news("low", "9.10 GiB", AFTER.low, STAY), true],
  ["something else goes wrong on a disk that has room", news("ok", "", "", STAY), true],
  ["all is well", news("ok", ""), false],
])("%s", (_, next, shown) => {
  expect(told(news("clearing", "4.98 GiB"), next)).toBe(shown ? next : null);
});

test("what was put aside before all was well is another time", () => {
  const again = news("low", "9.10 GiB");
  expect(told(news("full", "1.00 GiB"), news("ok", ""), again)).toBe(again);
});

test("a time that moves on is nothing new", () => {
  const jumped = (time: string) => news("ok", "", "", `The clock jumped ahead to ${time}: recordings are deleted as if it were ${time}.`);
  expect(told(jumped("2031-01-01T00:00:00Z"), jumped("2031-01-01T00:10:00Z"))).toBeNull();
});

test("who logs out has read nothing", () => {
  const kept = session();
  const watch = new DiskWatch(kept);
  watch.take(news("low", "9.10 GiB"));
  watch.putAside();
  watch.forget();
  expect(watch.warning).toBeNull();
  watch.take(news("low", "9.10 GiB"));
  expect(watch.warning).not.toBeNull();
});
