import { describe, expect, it } from "vitest";
import { find, Recent, type Goal } from "../src/search";

const unit = (id: string, title: string): Goal => ({ key: `unit ${id}`, kind: "unit", title, detail: id, view: { name: "unit", id } });
const goals: Goal[] = [
  unit("cam-12", "Unit 12"),
  unit("cam-2", "Unit 2"),
  unit("cam-120", "Unit 120"),
  unit("north", "Zoë, Café"),
  { key: "incident 7", kind: "incident", title: "Fight at Unit Street", detail: "incident 7", view: { name: "incident", id: 7 } },
  { key: "page Users", kind: "page", title: "Users", detail: "", view: { name: "settings", section: "users", query: "" } },
];
const found = (query: string, recent: string[] = []) => find(query, goals, recent).map(({ title }) => title);

describe("a search", () => {
  it("finds by any word of a name, the best first", () => {
    expect(found("unit 12")).toEqual(["Unit 12", "Unit 120"]);
    expect(found("unit")).toEqual(["Unit 2", "Unit 12", "Unit 120", "Fight at Unit Street"]);
  });

  it("finds by id, whatever the case and the accents", () => {
    expect(found("CAM-2")).toEqual(["Unit 2"]);
    expect(found("zoe cafe")).toEqual(["Zoë, Café"]);
  });

  it("finds incidents by their number, and pages", () => {
    expect(found("incident 7")).toEqual(["Fight at Unit Street"]);
    expect(found("users")).toEqual(["Users"]);
  });

  it("puts what was gone to lately first, among those that fit about as well", () => {
    expect(found("unit", ["unit cam-120"])[0]).toBe("Unit 120");
    expect(found("", ["page Users", "unit cam-2", "unit gone"])).toEqual(["Users", "Unit 2"]);
    expect(found("")).toEqual([]);
  });

  it("takes latitude and longitude for a place", () => {
    expect(find(" 51.5007, -0.1246 ", goals, [])[0]).toMatchObject({ kind: "place", place: { lat: 51.5007, lon: -0.1246 } });
    expect(found("91, 0")).toEqual([]);
  });

  it("is of the words that were written, not a pattern", () => {
    expect(found("(")).toEqual([]);
    expect(found(".*")).toEqual([]);
  });

  it("keeps what was gone to, the latest first, through a reload", () => {
    const kept = new Map<string, string>();
    const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
    const recent = new Recent(storage);
    for (let n = 0; n < 20; n++) recent.add(`unit ${n % 10}`);
    expect(new Recent(storage).keys).toEqual(recent.keys);
    expect(recent.keys).toEqual(["unit 9", "unit 8", "unit 7", "unit 6", "unit 5", "unit 4", "unit 3", "unit 2"]);
  });
});
