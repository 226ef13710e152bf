import { expect, test } from "vitest";
import { ASKED, chosen, csv, fleetCsv, rowsOf, summary, type Asked, type Row } from "../src/fleet";
import type { Camera, UnitHealth } from "../src/model";
import type { FleetUnit } from "../src/model-admin";

const NOW = Date.parse("2026-11-22T14:00:00Z");

const camera = (id: string, part: Partial<Camera> = {}): Camera =>
  ({
    id,
    name: `Unit ${id}`,
    status: "live",
    reason: null,
    position: null,
    health: null,
    recording: true,
    record_on: "always",
    groups: [],
    rights: ["live", "position", "configure"],
    privacy: null,
    ...part,
  }) as Camera;

const unit = (id: string, part: Partial<FleetUnit> = {}): FleetUnit => ({
  camera: id,
  since: "2026-11-22T13:00:00Z",
  advice: null,
  address: "10.1.2.3",
  transport: "tcp",
  device: null,
  clock_skew_s: null,
  bits_per_second: null,
  lost_percent: null,
  video: null,
  record: true,
  not_recorded: null,
  recorded_to: null,
  bytes: 0,
  bytes_a_day: 0,
  position: "metadata",
  position_key: null,
  ...part,
});

const health = (part: Partial<UnitHealth>): UnitHealth => ({
  utc: "2026-11-22T13:59:00Z",
  battery_percent: null,
  charging: null,
  signal_percent: null,
  storage_free_percent: null,
  carrier: null,
  ...part,
});

const device = (model: string, firmware: string) => ({ manufacturer: "Acme", model, firmware, serial: "77", hardware: "" });

const problems = (c: Partial<Camera>, u: Partial<FleetUnit> = {}, fixAt: number | null = null) =>
  rowsOf([camera("1", c)], [unit("1", u)], () => fixAt, NOW)[0]?.problems;

const ids = (rows: readonly Row[]) => rows.map((row) => row.camera.id);
const asked = (part: Partial<Asked>): Asked => ({ ...ASKED, ...part });

test("what is wrong with a unit, and what is as it should be", () => {
  expect(problems({})).toEqual([]);
  expect(problems({ status: "offline", recording: false })).toEqual(["lost"]);
  expect(problems({ recording: false })).toEqual(["unrecorded"]);
  expect(problems({ recording: false }, { record: false })).toEqual([]);
  expect(problems({ recording: false, record_on: "event" })).toEqual([]);
  expect(problems({ health: health({ battery_percent: 12 }) })).toEqual(["battery"]);
  expect(problems({ health: health({ battery_percent: 12, charging: true }) })).toEqual([]);
  expect(problems({ health: health({ storage_free_percent: 4 }) })).toEqual(["memory"]);
  expect(problems({}, { lost_percent: 2.5, clock_skew_s: -61 })).toEqual(["loss", "clock"]);
  expect(problems({}, {}, NOW - 6 * 60_000)).toEqual(["position"]);
  expect(problems({}, {}, NOW - 60_000)).toEqual([]);
});

const rows = rowsOf(
  [
    camera("2", { health: health({ battery_percent: 60 }) }),
    camera("10", { status: "offline", recording: false }),
    camera("1", { health: health({ battery_percent: 9 }), groups: ["north"] }),
    camera("3"),
  ],
  [
    unit("1", { device: device("X", "1.0"), bytes: 10 }),
    unit("2", { device: device("X", "1.1"), bytes: 30 }),
    unit("10", { device: device("X", "1.1") }),
    unit("3", { bytes: 20 }),
  ],
  () => null,
  NOW,
);

test("who needs somebody comes first, then by name as people count", () => {
  expect(ids(chosen(rows, ASKED))).toEqual(["10", "1", "2", "3"]);
  expect(ids(chosen(rows, asked({ sort: "name" })))).toEqual(["1", "2", "3", "10"]);
  expect(ids(chosen(rows, asked({ sort: "name", reversed: true })))).toEqual(["10", "3", "2", "1"]);
  expect(ids(chosen(rows, asked({ sort: "stored" })))).toEqual(["2", "3", "1", "10"]);
});

test("what is unknown is sorted last", () => {
  expect(ids(chosen(rows, asked({ sort: "battery" })))).toEqual(["1", "2", "3", "10"]);
  expect(ids(chosen(rows, asked({ sort: "device" })))).toEqual(["1", "2", "10", "3"]);
});

test("filters are by problem, firmware and words, together", () => {
  expect(ids(chosen(rows, asked({ problem: "attention" })))).toEqual(["10", "1"]);
  expect(ids(chosen(rows, asked({ problem: "battery" })))).toEqual(["1"]);
  expect(ids(chosen(rows, asked({ firmware: "X 1.1" })))).toEqual(["10", "2"]);
  expect(ids(chosen(rows, asked({ text: "acme NORTH" })))).toEqual(["1"]);
  expect(chosen(rows, asked({ problem: "battery", firmware: "X 1.1" }))).toEqual([]);
});

test("the summary counts each once, and firmware by how common it is", () => {
  const all = summary(rows);
  expect([all.all, all.live, all.recording, all.attention]).toEqual([4, 3, 3, 2]);
  expect(all.problems.lost).toBe(1);
  expect(all.firmware).toEqual([
    ["X 1.1", 2],
    ["X 1.0", 1],
  ]);
});

test("units that one may not configure are not in the table", () => {
  expect(rowsOf([camera("9", { rights: ["live"] })], [], () => null, NOW)).toEqual([]);
});

test("CSV quotes what has to be quoted, and no cell is a formula", () => {
  expect(csv([["a,b", 'say "hi"', "line\nbreak", null, 4, true]])).toBe('"a,b","say ""hi""","line\nbreak",,4,true\r\n');
  expect(csv([["=HYPERLINK(1)", "+1", "-2", "@x"]])).toBe("'=HYPERLINK(1),'+1,'-2,'@x\r\n");
  const lines = fleetCsv(chosen(rows, ASKED)).trimEnd().split("\r\n");
  expect(lines).toHaveLength(5);
  expect(new Set(lines.map((line) => line.split(",").length)).size).toBe(1);
});

test("five hundred units are judged and sorted in a few milliseconds", () => {
  const many = Array.from({ length: 500 }, (_, n) => camera(String(n), { status: n % 7 === 0 ? "offline" : "live" }));
  const units = many.map(({ id }) => unit(id));
  const began = performance.now();
  const found = chosen(rowsOf(many, units, () => NOW, NOW), asked({ text: "unit" }));
  expect(found).toHaveLength(500);
  expect(performance.now() - began).toBeLessThan(100);
});
