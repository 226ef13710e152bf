import { describe, expect, it } from "vitest";
import { browser, plain, age, coordinates, course, freshId, percent, speed, utcTime } from "../src/format";

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

  it("writes percents whole", () => {
    expect([0, 17.5, 99.96].map(percent)).toEqual(["0 %", "18 %", "100 %"]);
  });

  it("makes ids that are free and fit for a URL", () => {
    expect(freshId("Unité 12 / Süd", new Set())).toBe("unite-12-sud");
    expect(freshId("Unit 12", new Set(["unit-12", "unit-12-2"]))).toBe("unit-12-3");
    expect(freshId("☂", new Set())).toBe("camera");
  });
});

describe("browser", () => {
  it("names browser and system, and leaves alone what is none", () => {
    const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";
    const edge = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0";
    expect(browser(firefox)).toBe("Firefox 128 on Windows");
    expect(browser(edge)).toBe("Edge 126 on Linux");
    expect(browser("curl/8.5")).toBe("curl/8.5");
  });
});

describe("plain", () => {
  it("writes JSON as a person does", () => {
    expect(plain({ role: "auditor", groups: ["north", "south"], expires_ns: null })).toBe(
      "role: auditor, groups: north south, expires ns: –",
    );
    expect(plain([])).toBe("–");
    expect(plain(true)).toBe("true");
  });
});
