/** Every word of the page about walls: choosing, arranging and saving them. */

import type { Layout } from "./walls";

const layouts: Record<Layout, string> = {
  auto: "Automatic",
  "1": "1 tile",
  "4": "4 tiles",
  "9": "9 tiles",
  "16": "16 tiles",
  "1+5": "1 large, 5 small",
  "1+7": "1 large, 7 small",
};

export const wallStrings = {
  bar: "Arrange the wall",
  wall: "Wall",
  all: "All units",
  layout: "Layout",
  layouts,
  more: "Save, rename or delete",
  saveAs: "Save as…",
  rename: "Rename…",
  remove: "Delete this wall",
  byName: "Order by name",
  arrange: "Arrange",
  arrangeHint: "Show at every tile how it is moved",
  fullScreen: "The wall on the full screen (F)",
  pages: (page: number, pages: number) => `${page} / ${pages}`,
  pagesLong: (page: number, pages: number) => `Page ${page} of ${pages}`,
  before: "Previous page (Page up)",
  next: "Next page (Page down)",
  loading: "Loading your walls…",
  notThere: "This wall is not there any more, or is somebody else's. These are all units.",
  notLoaded: (why: string) => `Your walls could not be loaded: ${why} All units are shown.`,
  notSaved: (why: string) => `The change was not saved: ${why}`,

  naming: {
    saveTitle: "Save the wall",
    saveText: "Units, places and layout are kept for you, on every computer. Changes to it are saved as you make them.",
    save: "Save",
    renameTitle: (name: string) => `Rename “${name}”`,
    rename: "Rename",
    name: "Name",
    placeholder: "Night shift",
  },

  tile: {
    move: (name: string) => `Move ${name}`,
    moveHint: "Drag it; or press Enter, then the arrows",
    remove: (name: string) => `Take ${name} off the wall`,
    stream: "Small picture",
    streamLong: "The camera's own smaller stream, as this tile is small. Open the unit to see the full picture.",
  },

  empty: {
    label: (place: number) => `Place ${place}, empty`,
    choose: "Put a unit here…",
    none: "Every unit has a place",
  },

  held: (name: string, place: number, of: number) =>
    `${name} is picked up, at place ${place} of ${of}. The arrows move it, Enter puts it down, Escape puts it back.`,
  at: (name: string, place: number, of: number, page: number, pages: number) =>
    `${name}: place ${place} of ${of}${pages > 1 ? `, page ${page} of ${pages}` : ""}`,
  putDown: (name: string) => `${name} is put down`,
  putBack: (name: string) => `${name} is back where it was`,
  moved: (name: string) => `${name} was moved`,
  placed: (name: string) => `${name} was put on the wall`,
  removed: (name: string) => `${name} was taken off the wall`,
  laidOut: (layout: Layout) => `Layout: ${layouts[layout]}`,
  ordered: "Ordered by name",
  deleted: (name: string) => `“${name}” was deleted`,

  helpTitle: "On the wall",
  help: [
    ["1–9", "Choose a tile; again or Enter opens it"],
    ["G", "Pick up the chosen tile; arrows move it, Enter puts it down, Esc puts it back"],
    ["Page up · down", "Previous · next page"],
    ["F", "The wall alone, on the full screen; Esc back"],
  ] as [string, string][],
};
