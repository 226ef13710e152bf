import { describe, expect, it } from "vitest";
import { faceOf, NO_PICTURE, qualityOf, type PictureState, type RightEnded } from "../src/faces";
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
  health: null,
  viewers: 0,
  recording: false,
  record_on: "always",
  retry_utc: null,
  video_utc: null,
  source: "database",
  groups: [],
  rights: ["live", "position"],
  watermark: false,
  reason_needed: false,
  watched: null,
  private: false,
  privacy: null,
  has_privacy: false,
  talk: false,
  talking: null,
  ...part,
});
const face = (
  part: Partial<Camera>,
  picture: Partial<PictureState> = {},
  gatewayAway = false,
  rightEnded: RightEnded | null = null,
) => faceOf(camera(part), { ...NO_PICTURE, ...picture }, { now: NOW, here: HERE, gatewayAway, rightEnded });
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
    const failure = { message: "Unit 12 has no H.264.", refused: false, reasonNeeded: false, retryAt: HERE + 2_000 };
    expect(face({}, { failure })).toMatchObject({ look: "live", message: failure.message, detail: "Retrying in 2 s" });
    expect(face({}, { failure: { ...failure, refused: true } }).look).toBe("refused");
  });
});

describe("faceOf, where something forbids the picture", () => {
  it("says when a right ended, before anything else", () => {
    const seen = face({}, { playing: true }, true, { at: NOW - 60_000, why: "anna is limited to the group south" });
    expect(seen).toMatchObject({
      look: "refused",
      message: "Your right to watch Unit 12 ended at 13:59:00 UTC.",
      detail: "Anna is limited to the group south.",
    });
  });

  it("asks for a reason where the policy wants one, and tells that from a missing right", () => {
    const failure = { message: "", refused: true, reasonNeeded: true, retryAt: 0 };
    expect(face({}, { failure })).toMatchObject({ look: "reason", message: "Say why you want to watch Unit 12." });
  });

  it("has a face for a wearer's privacy, whether the camera is live or not", () => {
    const privacy = { since: ago(60), hides: ["stream" as const], recording: true };
    for (const status of ["live", "offline"] as const) {
      const seen = face({ status, private: true, privacy }, {}, false, { at: NOW, why: "its wearer is private" });
      expect(seen).toMatchObject({ look: "private", detail: "Since 13:59:00 UTC. Recording goes on." });
    }
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
