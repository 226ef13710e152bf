import { expect, test } from "vitest";
import { sharedPlaylistUrl, type SharedCamera } from "../src/api-share";

const FROM = "2026-11-23T17:15:24.401722Z";
const one: SharedCamera = { camera: "unit 12", name: "", from: FROM, to: "2026-11-23T17:25:00.900999Z", rights: [], watermark: null };
const MINUTE = 60_000;

test("nothing outside of what was shared is asked for, not by a microsecond", () => {
  const at = Date.parse(FROM);
  const url = new URL(sharedPlaylistUrl(one, at - 10 * MINUTE, at + 50 * MINUTE), "http://gateway");
  expect(url.pathname).toBe("/api/share/cameras/unit%2012/playlist.m3u8");
  expect(url.searchParams.get("from")).toBe("2026-11-23T17:15:24.402Z");
  expect(url.searchParams.get("to")).toBe("2026-11-23T17:25:00.900Z");
});
