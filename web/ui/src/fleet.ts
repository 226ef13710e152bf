/**
 * The fleet as a table: what is wrong with which unit, what is shown first, what is left out, and the same as CSV.
 * Pure functions over what the store and the gateway say; nothing here draws.
 */

import type { Camera } from "./model";
import type { FleetUnit } from "./model-admin";

export const LOW_BATTERY = 20;
export const LITTLE_STORAGE = 10;
export const SKEW_SECONDS = 5;
export const LOSS_PERCENT = 1;
export const OLD_FIX_MS = 5 * 60_000;

/** What can be wrong, the worst first. */
export const PROBLEMS = ["lost", "unrecorded", "battery", "memory", "loss", "position", "clock"] as const;
export type Problem = (typeof PROBLEMS)[number];

/** By what the table can be sorted. */
export const SORTS = [
  "attention",
  "name",
  "state",
  "battery",
  "signal",
  "memory",
  "device",
  "clock",
  "position",
  "rate",
  "recording",
  "stored",
] as const;
export type Sort = (typeof SORTS)[number];

export interface Row {
  camera: Camera;
  /** Null: the gateway has not said yet. */
  unit: FleetUnit | null;
  /** When its newest position was, milliseconds; null: none is known. */
  fixAt: number | null;
  problems: readonly Problem[];
}

export interface Asked {
  /** Null: all of them; `attention`: with any problem. */
  problem: Problem | "attention" | null;
  /** Empty: of any. */
  firmware: string;
  /** Words that stand in name, id, model, serial number, address or group. */
  text: string;
  sort: Sort;
  /** The other way round. */
  reversed: boolean;
}

export const ASKED: Asked = { problem: null, firmware: "", text: "", sort: "attention", reversed: false };

/** `fixOf` says when a unit's newest position was, `now` is the gateway's time; milliseconds. */
export function rowsOf(
  cameras: readonly Camera[],
  units: readonly FleetUnit[],
  fixOf: (id: string) => number | null,
  now: number,
): Row[] {
  const byId = new Map(units.map((unit) => [unit.camera, unit]));
  return cameras
    .filter(({ id, rights }) => byId.has(id) || rights.includes("configure"))
    .map((camera) => {
      const unit = byId.get(camera.id) ?? null;
      const fixAt = fixOf(camera.id);
      return { camera, unit, fixAt, problems: problemsOf(camera, unit, fixAt, now) };
    });
}

function problemsOf(camera: Camera, unit: FleetUnit | null, fixAt: number | null, now: number): Problem[] {
  const { status, health, rights } = camera;
  const live = status === "live";
  const wrong: Record<Problem, boolean> = {
    lost: status === "offline" || status === "stale",
    unrecorded: live && !camera.recording && !camera.privacy && unit?.record === true && camera.record_on !== "event",
    battery: (health?.battery_percent ?? 100) < LOW_BATTERY && health?.charging !== true,
    memory: (health?.storage_free_percent ?? 100) < LITTLE_STORAGE,
    loss: (unit?.lost_percent ?? 0) >= LOSS_PERCENT,
    position: live && rights.includes("position") && fixAt !== null && now - fixAt > OLD_FIX_MS,
    clock: Math.abs(unit?.clock_skew_s ?? 0) >= SKEW_SECONDS,
  };
  return PROBLEMS.filter((problem) => wrong[problem]);
}

export function chosen(rows: readonly Row[], asked: Asked): Row[] {
  const words = asked.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter((row) => {
    if (asked.problem === "attention" ? row.problems.length === 0 : asked.problem && !row.problems.includes(asked.problem))
      return false;
    if (asked.firmware && firmwareOf(row) !== asked.firmware) return false;
    const text = words.length > 0 ? searched(row) : "";
    return words.every((word) => text.includes(word));
  });
  const way = asked.reversed ? -1 : 1;
  return found.sort((a, b) => way * compared(a, b, asked.sort) || byName.compare(a.camera.name, b.camera.name));
}

/** How many have which problem, which firmware runs on how many, the most common first. */
export function summary(rows: readonly Row[]) {
  const firmware = new Map<string, number>();
  for (const row of rows) {
    const version = firmwareOf(row);
    if (version) firmware.set(version, (firmware.get(version) ?? 0) + 1);
  }
  const count = (test: (row: Row) => boolean) => rows.filter(test).length;
  return {
    all: rows.length,
    live: count(({ camera }) => camera.status === "live"),
    recording: count(({ camera }) => camera.recording),
    attention: count(({ problems }) => problems.length > 0),
    problems: Object.fromEntries(
      PROBLEMS.map((problem) => [problem, count(({ problems }) => problems.includes(problem))]),
    ) as Record<Problem, number>,
    firmware: [...firmware].sort(([a, n], [b, m]) => m - n || byName.compare(a, b)),
  };
}

/** `Model 1.2.3`; empty: unknown. */
export function firmwareOf({ unit }: Row): string {
  const device = unit?.device;
  return device?.firmware ? [device.model, device.firmware].filter(Boolean).join(" ") : "";
}

const byName = new Intl.Collator("en", { numeric: true });
const STATES: Record<Camera["status"], number> = { offline: 0, stale: 1, connecting: 2, live: 3, disabled: 4 };

/** What is unknown comes last. */
const number = (value: number | null | undefined) => value ?? Infinity;

/** The largest first, and what is unknown last all the same. */
const largest = (value: number | null | undefined) => -(value ?? -Infinity);

function compared(a: Row, b: Row, sort: Sort): number {
  const order = (of: (row: Row) => number) => {
    const [x, y] = [of(a), of(b)];
    return x === y ? 0 : x - y;
  };
  switch (sort) {
    case "attention":
      return order(attention);
    case "name":
      return byName.compare(a.camera.name, b.camera.name);
    case "state":
      return order(({ camera }) => STATES[camera.status]) || order(({ unit }) => -Date.parse(unit?.since ?? ""));
    case "battery":
      return order(({ camera }) => number(camera.health?.battery_percent));
    case "signal":
      return order(({ camera }) => number(camera.health?.signal_percent));
    case "memory":
      return order(({ camera }) => number(camera.health?.storage_free_percent));
    case "device":
      return order((row) => Number(!firmwareOf(row))) || byName.compare(firmwareOf(a), firmwareOf(b));
    case "clock":
      return order(({ unit }) => largest(unit && Math.abs(unit.clock_skew_s ?? 0)));
    case "position":
      return order(({ fixAt }) => number(fixAt));
    case "rate":
      return order(({ unit }) => largest(unit?.bits_per_second));
    case "recording":
      return order(({ camera }) => Number(camera.recording));
    case "stored":
      return order(({ unit }) => -(unit?.bytes ?? 0));
  }
}

/** The worst problem first, then how many there are. */
function attention({ problems }: Row): number {
  const [worst] = problems;
  return worst === undefined ? Infinity : PROBLEMS.indexOf(worst) * PROBLEMS.length - problems.length;
}

function searched({ camera, unit }: Row): string {
  const device = unit?.device;
  return [camera.name, camera.id, ...camera.groups, unit?.address, device?.manufacturer, device?.model, device?.firmware, device?.serial]
    .join(" ")
    .toLowerCase();
}

// ---- CSV

/** RFC 4180. What a spreadsheet would take for a formula begins with an apostrophe (OWASP, "CSV Injection"). */
export function csv(lines: readonly (readonly (string | number | boolean | null)[])[]): string {
  return lines.map((line) => line.map(cell).join(",") + "\r\n").join("");
}

function cell(value: string | number | boolean | null): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The rows as they are shown, with their heads. */
export function fleetCsv(rows: readonly Row[]): string {
  const heads = [
    "id", "name", "groups", "status", "since", "reason", "problems", "battery_percent", "charging", "signal_percent",
    "storage_free_percent", "manufacturer", "model", "firmware", "serial", "address", "clock_skew_s", "position_carrier",
    "position_utc", "bits_per_second", "lost_percent", "recording", "not_recorded", "recorded_to", "bytes", "bytes_a_day",
  ];
  const lines = rows.map(({ camera, unit, fixAt, problems }) => [
    camera.id, camera.name, camera.groups.join(" "), camera.status, unit?.since ?? null, camera.reason,
    problems.join(" "), camera.health?.battery_percent ?? null, camera.health?.charging ?? null,
    camera.health?.signal_percent ?? null, camera.health?.storage_free_percent ?? null,
    unit?.device?.manufacturer ?? null, unit?.device?.model ?? null, unit?.device?.firmware ?? null,
    unit?.device?.serial ?? null, unit?.address ?? null, unit?.clock_skew_s ?? null, camera.position?.carrier ?? null,
    fixAt === null ? null : new Date(fixAt).toISOString(), unit?.bits_per_second ?? null, unit?.lost_percent ?? null,
    camera.recording, unit?.not_recorded ?? null, unit?.recorded_to ?? null, unit?.bytes ?? null,
    unit?.bytes_a_day ?? null,
  ]);
  return csv([heads, ...lines]);
}
