/** The tokens as plain colours: WebGL does not read custom properties. */

import type { Look } from "../faces";

const NAMES = [
  "ground",
  "panel",
  "line",
  "text",
  "quiet",
  "accent",
  "live",
  "stale",
  "offline",
  "alarm",
  "water",
  "land",
  "street",
  "building",
  "green",
] as const;

export type Palette = Record<(typeof NAMES)[number], string>;

/** The colours that hold inside a shadow root now. */
export function readPalette(root: ParentNode): Palette {
  const probe = document.createElement("span");
  probe.hidden = true;
  root.append(probe);
  const palette = {} as Palette;
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    palette[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return palette;
}

export function stateColor(palette: Palette, look: Look): string {
  if (look === "live") return palette.live;
  if (look === "stale") return palette.stale;
  return look === "connecting" || look === "recorded" ? palette.accent : palette.offline;
}
