/**
 * What the address says: which view is in front, and for the settings which page of them with which question. Every
 * view has an address of its own that survives a reload and can be sent to somebody.
 */

/** The pages of the settings, in the order of their menu. */
export const SECTIONS = ["account", "policy", "groups", "users", "audit"] as const;
export type Section = (typeof SECTIONS)[number];

export type View =
  | { name: "wall" }
  | { name: "map" }
  | { name: "unit"; id: string }
  /** `section` null: the menu alone, as a phone shows it. `query`: what the page is asked, as in a URL. */
  | { name: "settings"; section: Section | null; query: string };

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
    try {
      return { name: "unit", id: decodeURIComponent(part) };
    } catch {
      return { name: "wall" };
    }
  }
  if (name === "settings") {
    const section = SECTIONS.find((known) => known === part) ?? null;
    return { name: "settings", section, query: section === null ? "" : query };
  }
  return { name: name === "map" ? "map" : "wall" };
}
