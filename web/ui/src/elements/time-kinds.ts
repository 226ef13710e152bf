/** How each kind of time looks, on the bar and in its legend: told apart by shape as well as by colour. */

import { css, svg } from "lit";

/** What of a lane is told apart, in the order in which it is drawn. */
export type Kind = "deleted" | "recorded" | "imported" | "gap" | "partial" | "private" | "worn" | "held" | "bookmark" | "alert";

export const kindStyles = css`
  .recorded {
    fill: color-mix(in srgb, var(--accent), var(--panel) 35%);
  }
  .imported {
    fill: url(#dots);
  }
  .dot {
    fill: var(--text);
  }
  .gap,
  .partial {
    fill: url(#hatch);
  }
  .hatch {
    stroke: var(--stale);
    stroke-width: 2.5;
  }
  .private {
    fill: color-mix(in srgb, var(--quiet), var(--panel) 25%);
  }
  .deleted {
    fill: none;
    stroke: var(--quiet);
    stroke-dasharray: 2 3;
  }
  .held {
    fill: var(--text);
  }
  .worn {
    fill: var(--quiet);
  }
  .alert {
    fill: var(--stale);
    stroke: var(--panel);
    stroke-width: 1;
    cursor: pointer;
  }
  .alert.high {
    fill: var(--alarm);
  }
  .note-mark {
    fill: var(--accent);
    stroke: var(--panel);
    stroke-width: 1;
  }
  .outside {
    fill: var(--ground);
    opacity: 0.6;
  }
  .bookmark {
    fill: var(--text);
    stroke: var(--panel);
    stroke-width: 1;
  }
`;

/** What the styles refer to: in each <svg> that uses them. */
export const patterns = svg`<defs>
  <pattern id="hatch" patternUnits="userSpaceOnUse" width="6" height="6" patternTransform="rotate(45)">
    <line class="hatch" x1="0" y1="0" x2="0" y2="6" />
  </pattern>
  <pattern id="dots" patternUnits="userSpaceOnUse" width="6" height="6">
    <circle class="dot" cx="2" cy="2" r="1" />
  </pattern>
</defs>`;

/** Where in a lane a kind is drawn: from its top, and how high; in pixels. */
export function placeOf(kind: Kind, height: number): { y: number; height: number } {
  switch (kind) {
    case "deleted":
      return { y: 1, height: height - 2 };
    case "partial":
      return { y: height - 4, height: 4 };
    case "worn":
      return { y: height + 1, height: 2 };
    case "held":
      return { y: -3, height: 3 };
    default:
      return { y: 0, height };
  }
}

/** The outline of a bookmark whose point is at `x`. */
export const flag = (x: number, top: number) => `M${x - 4.5} ${top - 2}h9v13l-4.5 -4l-4.5 4z`;

/** The outline of a note's mark, a leaf whose point is at `x`. */
export const leaf = (x: number, top: number) => `M${x - 5} ${top}h10v8h-3l-2 3l-2 -3h-3z`;

/** The outline of an alert's mark, a triangle that stands at `x`. */
export const warning = (x: number, top: number) => `M${x} ${top - 3}l6.5 12h-13z`;
