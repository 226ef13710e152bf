import { describe, expect, it } from "vitest";
import { faceOf, NO_PICTURE, qualityOf, type PictureState } from "../src/faces";
import type { Camera } from "../src/model";

const NOW = Date.parse("2026-11-22T14:00:00Z");
const HERE = NOW + 7_000; // this computer's clock is wrong

const camera = (part: Partial<Camera>): Camera => ({
  id: "unit-12",
  name: "Unit 12",
  status: "live",
  reason: null,
  tracks: [],
  position: null,
  viewers: 0,
  recording: false,
  retry_utc: null,
  video_utc: null,
  source: "database",
  ...part,
});
const face = (part: Partial<Camera>, picture: Partial<PictureState> = {}, away = false) =>
  faceOf(camera(part), { ...NO_PICTURE, ...picture }, NOW, HERE, away);
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

describe("faceOf", () => {
  it("shows a moving picture without a word over it", () => {
    expect(face({}, { playing: true, lastFrameAt: HERE })).toMatchObject({ look: "live", message: "" });
  });

  it("says why a camera is offline and when the next attempt is", () => {
    const seen = face({ status: "offline", reason: "Unit 12 refused the password.", retry_utc: ago(-3.2) });
    expect(seen).toMatchObject({ look: "offline", message: "Unit 12 refused the password.", detail: "Retrying in 4 s" });
  });

  it("does not count below zero", () => {
    expect(face({ status: "offline", retry_utc: ago(2) }).detail).toBe("Retrying now");
  });

  it("counts the seconds without a picture", () => {
    expect(face({ status: "stale", video_utc: ago(31) })).toMatchObject({ look: "stale", message: "No picture for 31 s" });
  });

  it("calls a live camera stale when this page gets no frames", () => {
    expect(face({}, { lastFrameAt: HERE - 6_000 })).toMatchObject({ look: "stale", message: "No picture for 6 s" });
  });

  it("claims nothing while the gateway is away, unless the picture moves", () => {
    expect(face({}, {}, true).look).toBe("unknown");
    expect(face({}, { playing: true }, true).look).toBe("live");
  });

  it("tells a missing right from a failure", () => {
    const failure = { message: "Unit 12 has no H.264.", refused: false, retryAt: HERE + 2_000 };
    expect(face({}, { failure })).toMatchObject({ look: "live", message: failure.message, detail: "Retrying in 2 s" });
    expect(face({}, { failure: { ...failure, refused: true } }).look).toBe("refused");
  });
});

describe("qualityOf", () => {
  it("says that a picture is reduced, or may be, and why", () => {
    expect(qualityOf({ quality: "original", trouble: null })).toBe("");
    for (const quality of ["second", "reduced"] as const)
      expect(qualityOf({ quality, trouble: "slow link" })).toBe("Reduced quality: slow link");
    expect(qualityOf({ quality: "original", trouble: "slow link" })).toMatch(/smaller picture is coming/);
    expect(qualityOf({ quality: "original", trouble: "slow link, no smaller picture" })).toMatch(/stand still/);
    expect(qualityOf({ quality: "original", trouble: "slow link, gateway busy" })).toMatch(/too busy/);
  });
});
