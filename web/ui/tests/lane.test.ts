import { expect, test } from "vitest";
import { grown, laneOf, momentOf, refined } from "../src/archive/lane";
import type { GapEntry, Timeline } from "../src/archive/model";

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const interval = (start: number, end: number) => ({ start: at(start), end: at(end) });
const gap = (start: number, end: number, more: Partial<GapEntry> = {}): GapEntry => ({
  ...interval(start, end),
  reason: "packets lost",
  detail: "",
  count: 1,
  track: null,
  ...more,
});
const timeline = (more: Partial<Timeline>): Timeline => ({
  recordings: [],
  imported: [],
  gaps: [],
  privacy: [],
  bookmarks: [],
  holds: [],
  assignments: [],
  deleted: [],
  alerts: [],
  first: null,
  last: null,
  ...more,
});
const lane = (more: Partial<Timeline>, now = 1_000) => laneOf("a", timeline(more), now * 1000);
const spans = (from: readonly { from: number; to: number }[]) => from.map((span) => [span.from / 1000, span.to / 1000]);

test("a gap inside a recording is one when it concerns the picture", () => {
  const torn = lane({
    recordings: [interval(0, 100)],
    gaps: [gap(10, 12, { track: "audio" }), gap(20, 25, { track: "video" }), gap(40, 45), gap(50, 51, { track: "metadata" })],
  });
  expect(spans(torn.coverage.spans)).toEqual([[0, 20], [25, 40], [45, 100]]);
  expect(momentOf(torn, 11_000).kind).toBe("recorded");
  expect(momentOf(torn, 22_000)).toMatchObject({ kind: "gap", reason: "packets lost", to: 25_000 });
  expect(momentOf(torn, 50_500).kind).toBe("recorded");
  expect(torn.coverage.beginsAfter(0)).toBe(25_000);
  expect(torn.coverage.begunBefore(40_000)).toBe(25_000);
  expect(spans(torn.partial)).toEqual([[10, 12], [50, 51]]);
});

test("of gaps that are told of as one it is not known where they lie", () => {
  const torn = lane({ recordings: [interval(0, 100)], gaps: [gap(20, 60, { count: 5, track: "video" })] });
  expect(spans(torn.coverage.spans)).toEqual([[0, 100]]);
  expect(momentOf(torn, 30_000).kind).toBe("recorded");
});

test("a closer look tells apart what was one, and says nothing of what is beside it", () => {
  const days = lane({ recordings: [interval(0, 1_000)], gaps: [gap(20, 620, { count: 9 })], bookmarks: [] });
  const close = lane({ recordings: [interval(0, 100), interval(110, 150)], gaps: [gap(100, 110), gap(150, 620)] });
  const both = refined(days, close, { from: 60_000, to: 200_000 });
  expect(spans(both.coverage.spans)).toEqual([[0, 100], [110, 150], [200, 1_000]]);
  expect(momentOf(both, 105_000)).toMatchObject({ kind: "gap", count: 1, from: 100_000, to: 110_000 });
  expect(momentOf(both, 160_000)).toMatchObject({ kind: "gap", to: 620_000 });
});

test("what is recorded now reaches on, what had ended before does not", () => {
  const now = lane({ recordings: [interval(0, 98)] }, 100);
  expect(spans(grown(now, 130_000).coverage.spans)).toEqual([[0, 130]]);
  expect(grown(now, 130_000).last).toBe(130_000);
  const over = lane({ recordings: [interval(0, 50)] }, 100);
  expect(grown(over, 130_000)).toBe(over);
});

test("privacy hides what is recorded, also where it is imported", () => {
  const hidden = lane({
    recordings: [interval(0, 100)],
    imported: [interval(50, 100)],
    privacy: [{ ...interval(60, 70), hides: ["stream"] }, { ...interval(80, 90), hides: ["position"] }],
  });
  expect(momentOf(hidden, 65_000).kind).toBe("private");
  expect(momentOf(hidden, 85_000).kind).toBe("recorded");
  expect(spans(hidden.imported)).toEqual([[50, 100]]);
});
