import { expect, test } from "vitest";
import { grows, piecesOf, placeOf, utcOf, withoutGaps } from "../src/archive/playlist";

const noon = Date.parse("2026-11-22T12:00:00.000Z");
const text = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:10
#EXT-X-MAP:URI="a/init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:00.000Z
#EXTINF:4.0,
a/1.m4s
#EXTINF:4.0,
a/2.m4s
#EXT-X-GAP
#EXTINF:10.0,
gap.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="b/init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:18.500Z
#EXTINF:4.0,
b/1.m4s
#EXT-X-ENDLIST
`;

test("each piece has its UTC, said or counted on", () => {
  expect(piecesOf(text)).toEqual([
    { start: 0, duration: 4, utc: noon },
    { start: 4, duration: 4, utc: noon + 4_000 },
    { start: 18, duration: 4, utc: noon + 18_500 },
  ]);
});

test("without its gaps a playlist says that something ends and something begins", () => {
  const compact = withoutGaps(text);
  expect(compact).not.toContain("GAP");
  expect(compact).not.toContain("gap.m4s");
  expect(compact.match(/#EXT-X-DISCONTINUITY/g)).toHaveLength(1);
  expect(compact.indexOf("#EXT-X-DISCONTINUITY")).toBeLessThan(compact.indexOf("b/init.mp4"));
  expect(grows(compact)).toBe(false);
  expect(grows(withoutGaps(text.replace("#EXT-X-ENDLIST\n", "")))).toBe(true);
  expect(compact.startsWith("#EXTM3U")).toBe(true);
  expect(piecesOf(compact).map(({ start }) => start)).toEqual([0, 4, 8]);
});

test("a break is marked where the playlist had only a gap", () => {
  const plain = text.replace("#EXT-X-DISCONTINUITY\n", "");
  expect(withoutGaps(plain).match(/#EXT-X-DISCONTINUITY/g)).toHaveLength(1);
});

test("a moment is found in the media, and the other way round", () => {
  const pieces = piecesOf(withoutGaps(text));
  expect(placeOf(pieces, noon + 5_000)).toEqual({ kind: "media", start: 5 });
  expect(placeOf(pieces, noon - 1)).toEqual({ kind: "gap", start: 0, utc: noon });
  expect(placeOf(pieces, noon + 9_000)).toEqual({ kind: "gap", start: 8, utc: noon + 18_500 });
  expect(placeOf(pieces, noon + 19_500)).toEqual({ kind: "media", start: 9 });
  expect(placeOf(pieces, noon + 22_500)).toEqual({ kind: "outside" });
  expect(utcOf(pieces, 5)).toBe(noon + 5_000);
  expect(utcOf(pieces, 9)).toBe(noon + 19_500);
  expect(utcOf([], 9)).toBeNull();
});

test("a hole of a few milliseconds between two files is none", () => {
  const pieces = [
    { start: 0, duration: 4, utc: noon },
    { start: 4, duration: 4, utc: noon + 4_040 },
  ];
  expect(placeOf(pieces, noon + 4_020)).toEqual({ kind: "media", start: 4 });
});
