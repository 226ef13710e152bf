/**
 * What the address says: which view is in front, and for the settings which page of them with which question. Every
 * view has an address of its own that survives a reload and can be sent to somebody.
 */

/** The pages of the settings, in the order of their menu. */
export const SECTIONS = ["account", "policy", "groups", "users", "nvr", "audit", "storage"] as const;
export type Section = (typeof SECTIONS)[number];

export type View =
  | { name: "wall" }
  | { name: "map" }
  | { name: "unit"; id: string }
  /** `cameras`: at most four, the first leads; none: whichever there is. `at`: milliseconds since the Unix epoch. */
  | { name: "archive"; cameras: readonly string[]; at: number | null }
  /** `section` null: the menu alone, as a phone shows it. `query`: what the page is asked, as in a URL. */
  | { name: "settings"; section: Section | null; query: string };

/** More pictures than this are not played in step. */
export const MOST_TOGETHER = 4;

/** The address of a page of the settings, for links. */
export function settingsPath(section: Section, query: Record<string, string> = {}): string {
  return hashOf({ name: "settings", section, query: new URLSearchParams(query).toString() });
}

/** The fragment that `viewOf` turns into `view` again. */
export function hashOf(view: View): string {
  switch (view.name) {
    case "wall":
      return "#/";
    case "map":
      return "#/map";
    case "unit":
      return `#/unit/${encodeURIComponent(view.id)}`;
    case "archive": {
      const path = ["#/archive", ...(view.cameras.length > 0 ? [view.cameras.map(encodeURIComponent).join(",")] : [])];
      return path.join("/") + (view.at === null ? "" : `?at=${new Date(view.at).toISOString()}`);
    }
    case "settings": {
      const path = view.section === null ? "#/settings" : `#/settings/${view.section}`;
      return view.query ? `${path}?${view.query}` : path;
    }
  }
}

/** The view a fragment stands for; the wall when it is mistyped. */
export function viewOf(hash: string): View {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [name, part] = path.split("/");
  if (name === "unit" && part) {
    const id = decoded(part);
    return id === null ? { name: "wall" } : { name: "unit", id };
  }
  if (name === "archive") {
    const ids = (part ?? "").split(",").map(decoded);
    const cameras = [...new Set(ids.filter((id) => id !== null && id !== ""))].slice(0, MOST_TOGETHER);
    const at = Date.parse(new URLSearchParams(query).get("at") ?? "");
    return { name: "archive", cameras: cameras as string[], at: Number.isFinite(at) ? at : null };
  }
  if (name === "settings") {
    const section = SECTIONS.find((known) => known === part) ?? null;
    return { name: "settings", section, query: section === null ? "" : query };
  }
  return { name: name === "map" ? "map" : "wall" };
}

/** What a part of an address stands for; null when it is mistyped. */
function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
