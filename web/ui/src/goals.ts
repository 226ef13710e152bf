/** All that the search can go to, of what this person may see. */

import type { Goal } from "./search";
import { store } from "./store";
import { strings } from "./strings";
import { incidentStrings } from "./strings-incidents";
import { mapStrings } from "./strings-map";
import type { View } from "./route";

const words = mapStrings.search;

export function goals(): readonly Goal[] {
  return [...units(), ...incidents(), ...pages()];
}

function units(): Goal[] {
  return (store.cameras ?? []).map(({ id, name }) => ({
    key: `unit ${id}`,
    kind: "unit",
    title: name,
    detail: id === name ? "" : id,
    view: { name: "unit", id },
  }));
}

function incidents(): Goal[] {
  return store.duty.incidents.told.map(({ id, title }) => ({
    key: `incident ${id}`,
    kind: "incident",
    title,
    detail: words.incident(id),
    view: { name: "incident", id },
  }));
}

function pages(): Goal[] {
  const page = (title: string, view: View): Goal => ({ key: `page ${title}`, kind: "page", title, detail: "", view });
  return [
    page(strings.nav.wall, { name: "wall" }),
    page(strings.nav.map, { name: "map" }),
    ...(store.may("recorded") ? [page(strings.nav.archive, { name: "archive", cameras: [], at: null })] : []),
    page(incidentStrings.inbox.title, { name: "alerts", id: null, query: "" }),
    page(incidentStrings.incidents.title, { name: "incidents", query: "" }),
    ...(store.may("position") ? [page(incidentStrings.geofences.title, { name: "geofences" })] : []),
    ...store.sections.map((section) => page(strings.settings.sections[section], { name: "settings", section, query: "" })),
  ];
}
