/** `<time-legend>`: what the shapes on the timeline mean, of those that are in sight. */

import { css, html, LitElement, nothing, svg } from "lit";
import { customElement, property } from "lit/decorators.js";
import { within, type Span } from "../archive/coverage";
import type { Lane } from "../archive/lane";
import type { Window } from "../archive/scale";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";
import { flag, kindStyles, patterns, placeOf, warning, type Kind } from "./time-kinds";

const words = archiveStrings.bar;
const [WIDTH, HEIGHT, MARGIN] = [20, 10, 3];

const SPANS: Record<Kind, (lane: Lane) => readonly Span[]> = {
  recorded: (lane) => lane.coverage.spans,
  imported: (lane) => lane.imported,
  gap: (lane) => lane.gaps,
  partial: (lane) => lane.partial,
  private: (lane) => lane.privacy,
  deleted: (lane) => lane.deleted,
  held: (lane) => lane.holds,
  worn: (lane) => lane.assignments,
  bookmark: (lane) => lane.bookmarks.map(({ at }) => ({ from: at, to: at + 1 })),
  alert: (lane) => lane.alerts.map(({ at }) => ({ from: at, to: at + 1 })),
};

@customElement("time-legend")
export class TimeLegend extends LitElement {
  static override styles = [
    controls,
    kindStyles,
    css`
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--s3);
        margin: 0;
        padding: 0;
        list-style: none;
        color: var(--quiet);
        font-size: 12px;
      }
      li {
        display: flex;
        align-items: center;
        gap: 5px;
      }
    `,
  ];

  @property({ attribute: false }) lanes: readonly Lane[] = [];
  @property({ attribute: false }) window: Window = { from: 0, to: 0 };

  override render() {
    const kinds = (Object.keys(SPANS) as Kind[]).filter((kind) =>
      this.lanes.some((lane) => within(SPANS[kind](lane), this.window).length > 0),
    );
    // What is blue is recorded: that needs no words as long as there is nothing else.
    if (kinds.every((kind) => kind === "recorded")) return nothing;
    return html`<ul aria-label=${words.legend} data-testid="legend">
      ${kinds.map((kind) => html`<li data-kind=${kind}>${sample(kind)} ${words.kinds[kind]}</li>`)}
    </ul>`;
  }
}

function sample(kind: Kind) {
  const { y, height } = placeOf(kind, HEIGHT);
  const ground = kind === "imported" || kind === "partial" ? "recorded" : null;
  const box = (name: string, top: number, tall: number) =>
    svg`<rect class=${name} x="0" y=${top + MARGIN} width=${WIDTH} height=${tall} />`;
  return html`<svg width=${WIDTH} height=${HEIGHT + 2 * MARGIN} aria-hidden="true">
    ${patterns} ${ground ? box(ground, 0, HEIGHT) : nothing}
    ${kind === "bookmark" || kind === "alert"
      ? svg`<path class=${kind} d=${(kind === "alert" ? warning : flag)(WIDTH / 2, MARGIN)} />`
      : box(kind, y, height)}
  </svg>`;
}

declare global {
  interface HTMLElementTagNameMap {
    "time-legend": TimeLegend;
  }
}
