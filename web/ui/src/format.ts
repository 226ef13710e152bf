/**
 * Numbers and times as people read them. Pure functions; words come from strings.ts.
 */

import { strings } from "./strings";

const two = (n: number) => String(n).padStart(2, "0");

/** Degrees with five decimals: a metre. */
export function coordinates(lat: number, lon: number): string {
  return `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
}

/** Metres a second as km/h; `≈` says that it was worked out from the trail. */
export function speed(mps: number | null, derived: boolean): string {
  if (mps === null) return "– km/h";
  return `${derived ? "≈" : ""}${(mps * 3.6).toFixed(mps * 3.6 < 9.95 ? 1 : 0)} km/h`;
}

/** `274° W` */
export function course(value: number | null, derived: boolean): string {
  if (value === null) return "–°";
  const rounded = Math.round(value) % 360;
  const point = strings.compass[Math.round(value / 45) % 8] ?? "";
  return `${derived ? "≈" : ""}${String(rounded).padStart(3, "0")}° ${point}`;
}

/** `18 %` */
export function percent(value: number): string {
  return `${value.toFixed(0)} %`;
}

/** How long ago, in the one or two largest units: `4 s`, `2 min 05 s`, `3 h 12 min`, `5 d`. */
export function age(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  if (s < 86_400) return `${Math.floor(s / 3_600)} h ${two(Math.floor((s % 3_600) / 60))} min`;
  return `${Math.floor(s / 86_400)} d`;
}

/** `14:02:11`, UTC. */
export function utcTime(at: number): string {
  return new Date(at).toISOString().slice(11, 19);
}

/** `2026-11-22 14:02:11`, UTC. */
export function utcDateTime(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

/** `2026-11-22 14:02`, UTC. */
export function utcMinute(at: number): string {
  return utcDateTime(at).slice(0, 16);
}

/** `2026-11-22`, UTC. */
export function utcDay(at: number): string {
  return utcDateTime(at).slice(0, 10);
}

/** `15:02:11`, where this browser is. */
export function localTime(at: number): string {
  const d = new Date(at);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** `340 m`, `2.4 km` */
export function metres(length: number): string {
  if (length < 995) return `${length.toFixed(0)} m`;
  return `${(length / 1000).toFixed(length < 99_500 ? 1 : 0)} km`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `1.4 GiB` */
export function bytes(n: number): string {
  const power = n < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(n) / 10));
  const value = n / 1024 ** power;
  return `${value.toFixed(power > 0 && value < 99.95 ? 1 : 0)} ${UNITS[power] ?? ""}`;
}

/** A value of JSON as a person writes it: `role: auditor, groups: north south`. */
export function plain(value: unknown): string {
  if (value === null || value === "") return "–";
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(plain).join(" ") || "–";
  if (typeof value !== "object") return JSON.stringify(value);
  return Object.entries(value)
    .map(([name, part]) => `${name.replaceAll("_", " ")}: ${plain(part)}`)
    .join(", ");
}

const BROWSERS: [RegExp, string][] = [
  [/Edg(?:e|A|iOS)?\/(\d+)/, "Edge"],
  [/(?:Firefox|FxiOS)\/(\d+)/, "Firefox"],
  [/(?:Chrome|CriOS|Chromium)\/(\d+)/, "Chrome"],
  [/Version\/(\d+).* Safari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

/** `Firefox 128 on Windows`, from a User-Agent; what no browser sent stays as it is. */
export function browser(agent: string): string {
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1];
  for (const [pattern, name] of BROWSERS) {
    const found = pattern.exec(agent);
    if (found) return strings.browser(`${name} ${found[1] ?? ""}`, system);
  }
  return agent.slice(0, 80);
}

/** A URL-safe id from a name, not among those taken. */
export function freshId(name: string, taken: ReadonlySet<string>): string {
  const plain = name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  const base = plain.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 48) || "camera";
  let id = base;
  for (let n = 2; taken.has(id); n++) id = `${base}-${n}`;
  return id;
}
