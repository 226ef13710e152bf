/**
 * What the address says: which view is in front, of what, and with which question. Every
 * view has an address of its own that survives a reload and can be sent to somebody.
 */

/** The pages of the settings, in the order of their menu. */
export const PARTS = {
  people: ["account", "users", "groups", "policy", "audit"],
  units: ["fleet", "cameras", "phones"],
  gateway: ["storage", "nvr", "notifications"],
} as const;
export type Section = (typeof PARTS)[keyof typeof PARTS][number];
export const SECTIONS: readonly Section[] = Object.values(PARTS).flat();

export type View =
  /** `id`: a saved wall's, or all units; without it, the one that was used last. */
  | { name: "wall"; id?: number | "all" }
  /** What a phone begins with: alerts, incidents, units. */
  | { name: "duty" }
  | { name: "map" }
  | { name: "unit"; id: string }
  /** `cameras`: at most four, the first leads; none: whichever there is. `at`: milliseconds since the Unix epoch. */
  | { name: "archive"; cameras: readonly string[]; at: number | null }
  /** `id`: one of them alone. `query`: what is filtered by. */
  | { name: "alerts"; id: number | null; query: string }
  | { name: "geofences" }
  | { name: "incidents"; query: string }
  /** `at`: the moment that is replayed, milliseconds since the Unix epoch; without it, what happens now. */
  | { name: "incident"; id: number; at?: number }
  /** What somebody without an account was given. `key` null: it was used, and the cookie stands for it now. */
  | { name: "share"; key: string | null }
  /**
   * `section` null: the menu alone, as a phone shows it. `query`: what the page is asked, as in a URL. `id`: of what is
   * shown alone, where the page has single ones.
   */
  | { name: "settings"; section: Section | null; query: string; id?: string };

/** More pictures than this are not played in step. */
export const MOST_TOGETHER = 4;

/** The address of a page of the settings, for links. */
export function settingsPath(section: Section, query: Record<string, string> = {}): string {
  return hashOf({ name: "settings", section, query: new URLSearchParams(query).toString() });
}

/** The address of the page on which one camera is set up and tested. */
export function cameraPath(id: string): string {
  return hashOf({ name: "settings", section: "cameras", query: "", id });
}

/** The fragment that `viewOf` turns into `view` again. */
export function hashOf(view: View): string {
  switch (view.name) {
    case "wall":
      return view.id === undefined ? "#/" : `#/wall/${view.id}`;
    case "duty":
      return "#/duty";
    case "map":
      return "#/map";
    case "unit":
      return `#/unit/${encodeURIComponent(view.id)}`;
    case "archive": {
      const path = ["#/archive", ...(view.cameras.length > 0 ? [view.cameras.map(encodeURIComponent).join(",")] : [])];
      return path.join("/") + moment(view.at);
    }
    case "alerts":
      return view.id === null ? asked("#/alerts", view.query) : `#/alerts/${view.id}`;
    case "geofences":
      return "#/geofences";
    case "incidents":
      return asked("#/incidents", view.query);
    case "incident":
      return `#/incident/${view.id}${moment(view.at ?? null)}`;
    case "share":
      return view.key === null ? "#/share" : `#/share/${encodeURIComponent(view.key)}`;
    case "settings": {
      const path = view.section === null ? "#/settings" : `#/settings/${view.section}`;
      return asked(view.id === undefined ? path : `${path}/${encodeURIComponent(view.id)}`, view.query);
    }
  }
}

const moment = (at: number | null) => (at === null ? "" : `?at=${new Date(at).toISOString()}`);
const asked = (path: string, query: string) => (query ? `${path}?${query}` : path);

/** The view a fragment stands for; the wall when it is mistyped. */
export function viewOf(hash: string): View {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [name, part, single] = path.split("/");
  if (name === "unit" && part) {
    const id = decoded(part);
    return id === null ? { name: "wall" } : { name: "unit", id };
  }
  if (name === "archive") {
    const ids = (part ?? "").split(",").map(decoded);
    const cameras = [...new Set(ids.filter((id) => id !== null && id !== ""))].slice(0, MOST_TOGETHER);
    return { name: "archive", cameras: cameras as string[], at: momentOf(query) };
  }
  if (name === "settings") {
    const section = SECTIONS.find((known) => known === part) ?? null;
    const id = section === "cameras" && single ? decoded(single) : null;
    return { name: "settings", section, query: section === null ? "" : query, ...(id === null ? {} : { id }) };
  }
  const id = numberOf(part);
  if (name === "wall" && (id !== null || part === "all")) return { name, id: id ?? "all" };
  if (name === "alerts") return { name, id, query: id === null ? query : "" };
  if (name === "geofences") return { name };
  if (name === "incident" && id !== null) {
    const at = momentOf(query);
    return at === null ? { name, id } : { name, id, at };
  }
  if (name === "incidents" || name === "incident") return { name: "incidents", query };
  if (name === "share") return { name, key: part ? decoded(part) : null };
  if (name === "duty") return { name };
  return { name: name === "map" ? "map" : "wall" };
}

/** The moment that a query names; null: none. */
function momentOf(query: string): number | null {
  const at = Date.parse(new URLSearchParams(query).get("at") ?? "");
  return Number.isFinite(at) ? at : null;
}

/** The number that a part of an address is; null: it is none. */
function numberOf(part: string | undefined): number | null {
  return part !== undefined && /^\d{1,15}$/.test(part) ? Number(part) : null;
}

/** What a part of an address stands for; null when it is mistyped. */
function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/**
 * Have the address name what is seen by now, with no step to go back to; unless somebody has just gone elsewhere, which
 * the page hears of a moment later.
 */
export function renameTo(hash: string): void {
  if (viewOf(window.location.hash).name === viewOf(hash).name) window.history.replaceState(null, "", hash);
}
