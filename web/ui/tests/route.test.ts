import { expect, test } from "vitest";
import { hashOf, settingsPath, viewOf, type View } from "../src/route";

const views: View[] = [
  { name: "wall" },
  { name: "map" },
  { name: "unit", id: "unit 12/north?" },
  { name: "archive", cameras: [], at: null },
  { name: "archive", cameras: ["unit-12", "unit 7/north,?"], at: Date.parse("2026-11-22T14:02:11.250Z") },
  { name: "alerts", id: null, query: "" },
  { name: "alerts", id: null, query: "camera=unit-12&kind=sos" },
  { name: "alerts", id: 214, query: "" },
  { name: "geofences" },
  { name: "incidents", query: "q=market+square" },
  { name: "incident", id: 7 },
  { name: "incident", id: 7, at: Date.parse("2026-11-22T14:02:11.250Z") },
  { name: "share", key: "AbC-_9" },
  { name: "share", key: null },
  { name: "settings", section: null, query: "" },
  { name: "settings", section: "users", query: "" },
  { name: "settings", section: "storage", query: "" },
  { name: "settings", section: "nvr", query: "" },
  { name: "settings", section: "cameras", query: "" },
  { name: "settings", section: "cameras", query: "", id: "unit-12" },
  { name: "settings", section: "fleet", query: "problem=lost&sort=battery" },
  { name: "settings", section: "audit", query: "actor=anna&camera=unit-12" },
];

test.each(views)("an address leads back to its view: $name", (view) => {
  expect(viewOf(hashOf(view))).toEqual(view);
});

test("what is mistyped leads somewhere sensible", () => {
  expect(viewOf("")).toEqual({ name: "wall" });
  expect(viewOf("#/nowhere")).toEqual({ name: "wall" });
  expect(viewOf("#/unit/%E0%A4%A")).toEqual({ name: "wall" });
  expect(viewOf("#/alerts/never")).toEqual({ name: "alerts", id: null, query: "" });
  expect(viewOf("#/incident/none")).toEqual({ name: "incidents", query: "" });
  expect(viewOf("#/settings/nothing?x=1")).toEqual({ name: "settings", section: null, query: "" });
});

test("no more units than can be played in step are taken, and none twice", () => {
  expect(viewOf("#/archive/a,b,a,c,d,e?at=never")).toEqual({ name: "archive", cameras: ["a", "b", "c", "d"], at: null });
  expect(viewOf("#/archive/%E0%A4%A,b")).toEqual({ name: "archive", cameras: ["b"], at: null });
});

test("a link carries what is asked, whatever is in it", () => {
  const view = viewOf(settingsPath("audit", { actor: "a&b=c?d#e" }));
  expect(view.name === "settings" && new URLSearchParams(view.query).get("actor")).toBe("a&b=c?d#e");
});
