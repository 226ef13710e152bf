import { expect, test } from "vitest";
import { asideOf, isWorse } from "../src/disk-news";
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

const aside = asideOf(news("clearing", "4.98 GiB"));

test.each([
  ["only the sizes differ", news("clearing", "512 MiB"), false],
  ["the disk is fuller", news("full", "1.00 GiB"), true],
  ["the disk is less full", news("low", "9.10 GiB"), false],
  ["nothing more may be deleted", news("clearing", "4.00 GiB", "Nothing more may be deleted: recording will stop."), true],
  ["something else goes wrong", news("clearing", "4.98 GiB", AFTER.clearing, STAY), true],
  ["something else goes wrong while there is more room", news("low", "9.10 GiB", AFTER.low, STAY), true],
  ["something else goes wrong on a disk that has room", news("ok", "", "", STAY), true],
  ["all is well", news("ok", ""), false],
])("%s", (_, now, worse) => {
  expect(isWorse(now, aside)).toBe(worse);
});

test("a time that moves on is nothing new", () => {
  const jumped = (time: string) => news("ok", "", "", `The clock jumped ahead to ${time}: recordings are deleted as if it were ${time}.`);
  expect(isWorse(jumped("2031-01-01T00:10:00Z"), asideOf(jumped("2031-01-01T00:00:00Z")))).toBe(false);
});
