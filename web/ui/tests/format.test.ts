import { describe, expect, it } from "vitest";
import { age, coordinates, course, freshId, speed, utcTime } from "../src/format";

describe("format", () => {
  it("writes ages in their largest units", () => {
    expect([-500, 4_900, 125_000, 11_520_000, 5 * 86_400_000].map(age)).toEqual([
      "0 s",
      "4 s",
      "2 min 05 s",
      "3 h 12 min",
      "5 d",
    ]);
  });

  it("marks what was worked out from the trail", () => {
    expect(speed(1.4, false)).toBe("5.0 km/h");
    expect(speed(20, true)).toBe("≈72 km/h");
    expect(course(274, true)).toBe("≈274° W");
    expect(course(359.7, false)).toBe("000° N");
  });

  it("writes places to a metre and times in UTC", () => {
    expect(coordinates(59.3293, -18.06858)).toBe("59.32930, -18.06858");
    expect(utcTime(Date.parse("2026-11-22T14:02:11.9Z"))).toBe("14:02:11");
  });

  it("makes ids that are free and fit for a URL", () => {
    expect(freshId("Unité 12 / Süd", new Set())).toBe("unite-12-sud");
    expect(freshId("Unit 12", new Set(["unit-12", "unit-12-2"]))).toBe("unit-12-3");
    expect(freshId("☂", new Set())).toBe("camera");
  });
});
