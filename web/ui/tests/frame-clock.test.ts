import { describe, expect, it } from "vitest";
import { FrameClock } from "../src/frame-clock";

describe("FrameClock", () => {
  it("knows nothing before the first anchor", () => {
    expect(new FrameClock().utcOf(1)).toBeNull();
  });

  it("counts 90 ticks a millisecond from the anchor", () => {
    const clock = new FrameClock();
    clock.add(9_000, 1_000);
    expect(clock.utcOf(18_000)).toBe(1_100);
    expect(clock.utcOf(0)).toBe(900);
  });

  it("goes on past the 32-bit wrap", () => {
    const clock = new FrameClock();
    clock.add(0xffff_ff00, 5_000);
    expect(clock.utcOf(0x0000_0e10 - 0x100)).toBeCloseTo(5_000 + 0xe10 / 90);
  });

  it("lets a new anchor hold from its frame on only", () => {
    const clock = new FrameClock();
    clock.add(0, 1_000);
    clock.add(90_000, 50_000);
    expect(clock.utcOf(89_910)).toBe(1_999);
    expect(clock.utcOf(90_090)).toBe(50_001);
  });
});
