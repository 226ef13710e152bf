/**
 * `<time-line>`: a bar of time with a lane for each unit: what is recorded, gaps, privacy, holds, bookmarks, who wore it.
 *
 * A mouse seeks by click, drags the bar, enlarges it with the wheel and is told what lies under it; a finger drags time
 * under the playhead and enlarges with two. Fires `seek` (milliseconds since the Unix epoch) and `window` (Window),
 * `alert` (Alert) when its mark is clicked.
 */

import { css, html, LitElement, nothing, svg, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { merged, within, without, type Span } from "../archive/coverage";
import type { Lane } from "../archive/lane";
import type { Alert } from "../model-incidents";
import type { Thumbnails } from "../archive/thumbnails";
import { DAY, lengthOf, moved, pixelOf, ticks, timeOf, zoomed, type Window } from "../archive/scale";
import { utcDateTime, utcDay, utcTime } from "../format";
import { archiveStrings } from "../strings-archive";
import { styled } from "../styled";
import { controls } from "./controls";
import { flag, kindStyles, leaf, patterns, placeOf, warning, type Kind } from "./time-kinds";
import "./time-tip";

const words = archiveStrings.bar;
/** A pointer that moved less has clicked. */
const CLICK_PX = 4;
/** So near to an alert's mark a click means it. */
const ALERT_PX = 8;
const WHEEL = 0.0016;
const LANE_PX = 30;
const LEAST_PX = 2;

interface Drag {
  x: number;
  window: Window;
  at: number;
  moved: boolean;
  /** It moves the playhead: the moment it is on, or the time under it. */
  scrubs: "head" | "time" | null;
}

@customElement("time-line")
export class TimeLine extends LitElement {
  static override styles = [
    controls,
    kindStyles,
    css`
      :host {
        display: block;
        position: relative;
        user-select: none;
        -webkit-user-select: none;
      }
      .bar {
        position: relative;
        overflow: hidden;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--panel);
        cursor: pointer;
        touch-action: pan-y;
      }
      .bar.dragged {
        cursor: grabbing;
      }
      svg {
        width: 100%;
        pointer-events: none;
      }
      .ground {
        fill: var(--raised);
      }
      .tick {
        stroke: var(--line);
      }
      .now {
        fill: var(--ground);
        opacity: 0.55;
      }
      .selected {
        fill: color-mix(in srgb, var(--accent), transparent 72%);
        stroke: var(--accent);
      }
      text {
        fill: var(--quiet);
        font: 11px var(--sans);
        font-variant-numeric: tabular-nums;
      }
      text.name {
        fill: var(--text);
        font-weight: 600;
        paint-order: stroke;
        stroke: color-mix(in srgb, var(--panel), transparent 20%);
        stroke-width: 3px;
      }
      .head {
        position: absolute;
        inset: 0 auto 0 var(--x);
        width: 24px;
        margin-left: -12px;
        cursor: ew-resize;
        touch-action: none;
      }
      .head::before {
        content: "";
        position: absolute;
        inset: 0 11px;
        background: var(--text);
        box-shadow: 0 0 0 1px var(--panel);
      }
      .head::after {
        content: "";
        position: absolute;
        top: 0;
        left: 5px;
        border: 7px solid transparent;
        border-top: 9px solid var(--text);
      }
      time-tip {
        position: absolute;
        bottom: calc(100% + var(--s1));
        left: var(--x);
        z-index: 3;
        pointer-events: none;
      }
      .bar:focus-visible {
        outline-offset: 1px;
      }
    `,
  ];

  @property({ attribute: false }) window: Window = { from: 0, to: DAY };
  @property({ type: Number }) at = 0;
  /** The gateway's time: what comes after it is to come. */
  @property({ type: Number }) now = 0;
  @property({ attribute: false }) lanes: readonly Lane[] = [];
  /** Names of the lanes. */
  @property({ attribute: false }) names: readonly string[] = [];
  @property({ attribute: false }) selection: { from: number | null; to: number | null } = { from: null, to: null };
  /** Moments at which something was noted, for all lanes. */
  @property({ attribute: false }) notes: readonly number[] = [];
  /** What of each lane is spoken of; null: all of it. What is not is paler. */
  @property({ attribute: false }) parts: readonly (Span | null)[] = [];
  @property({ attribute: false }) thumbnails!: Thumbnails;

  @state() private width = 0;
  /** Where the mouse is, pixels; null: elsewhere. */
  @state() private hover: { x: number; lane: number } | null = null;
  @state() private drag: Drag | null = null;
  @query(".bar") private bar!: HTMLElement;
  private readonly pointers = new Map<number, number>();
  private readonly size = new ResizeObserver(([entry]) => {
    this.width = entry?.contentRect.width ?? 0;
  });

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.size.observe(this.bar);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.size.disconnect();
  }

  override firstUpdated(_changed: PropertyValues<this>): void {
    this.size.observe(this.bar);
    this.bar.addEventListener("wheel", this.wheel, { passive: false });
  }

  private tell(name: "seek", detail: number): void;
  private tell(name: "window", detail: Window): void;
  private tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // ---- pointer

  private x(event: MouseEvent): number {
    return event.clientX - this.bar.getBoundingClientRect().left;
  }

  private readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.deltaY) || event.shiftKey)
      this.tell("window", moved(this.window, (sideways / this.width) * lengthOf(this.window)));
    else this.tell("window", zoomed(this.window, Math.exp(event.deltaY * WHEEL), timeOf(this.window, this.width, this.x(event))));
  };

  private readonly down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.bar.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.x(event));
    const head = event.composedPath().some((target) => target instanceof HTMLElement && target.className === "head");
    const scrubs = event.pointerType === "touch" ? "time" : head ? "head" : null;
    this.drag = { x: this.x(event), window: this.window, at: this.at, moved: false, scrubs };
    this.hover = null;
  };

  private readonly move = (event: PointerEvent): void => {
    const x = this.x(event);
    const { drag } = this;
    if (!drag) {
      if (event.pointerType === "mouse") this.hover = { x, lane: this.laneAt(event) };
      return;
    }
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) return;
    if (this.pointers.size === 2) { this.pinch(event.pointerId, x); return; }
    this.pointers.set(event.pointerId, x);
    if (!drag.moved && Math.abs(x - drag.x) < CLICK_PX) return;
    drag.moved = true;
    const by = ((drag.x - x) / this.width) * lengthOf(drag.window);
    if (drag.scrubs === "head") this.tell("seek", timeOf(this.window, this.width, Math.min(this.width, Math.max(0, x))));
    else this.tell("window", moved(drag.window, by));
    if (drag.scrubs === "time") this.tell("seek", Math.min(this.now, drag.at + by));
    this.requestUpdate();
  };

  private pinch(pointer: number, x: number): void {
    const other = [...this.pointers].find(([id]) => id !== pointer)?.[1] ?? x;
    const before = Math.abs((this.pointers.get(pointer) ?? x) - other);
    this.pointers.set(pointer, x);
    if (!this.drag || before < 8) return;
    this.drag.moved = true;
    const factor = before / Math.max(8, Math.abs(x - other));
    this.tell("window", zoomed(this.window, factor, timeOf(this.window, this.width, (x + other) / 2)));
    Object.assign(this.drag, { window: this.window, x: other, at: this.at });
  }

  private readonly up = (event: PointerEvent): void => {
    const { drag } = this;
    this.pointers.delete(event.pointerId);
    if (!drag || this.pointers.size > 0) return;
    this.drag = null;
    if (drag.moved || event.type !== "pointerup") return;
    const alert = this.alertAt(event);
    this.tell("seek", alert?.at ?? timeOf(this.window, this.width, this.x(event)));
    if (alert) this.dispatchEvent(new CustomEvent<Alert>("alert", { detail: alert.alert }));
  };

  /** The alert whose mark was clicked. */
  private alertAt(event: MouseEvent): Lane["alerts"][number] | undefined {
    const near = ({ at }: { at: number }) => Math.abs(pixelOf(this.window, this.width, at) - this.x(event)) < ALERT_PX;
    return this.lanes[this.laneAt(event)]?.alerts.find(near);
  }

  private laneAt(event: MouseEvent): number {
    const y = event.clientY - this.bar.getBoundingClientRect().top;
    return Math.min(this.lanes.length - 1, Math.max(0, Math.floor(y / LANE_PX)));
  }

  // ---- drawing

  private get foot(): number {
    return this.lanes.length * LANE_PX;
  }

  override render() {
    const height = this.foot + 20;
    const x = pixelOf(this.window, this.width, this.at);
    const label = words.label(this.names.join(", "));
    return html`<div
        class="bar ${this.drag?.moved ? "dragged" : ""}"
        data-testid="time-line"
        data-from=${Math.round(this.window.from)}
        data-to=${Math.round(this.window.to)}
        role="slider"
        tabindex="0"
        aria-label=${label}
        aria-valuemin=${Math.round(this.window.from / 1000)}
        aria-valuemax=${Math.round(this.window.to / 1000)}
        aria-valuenow=${Math.round(this.at / 1000)}
        aria-valuetext=${words.value(utcDateTime(this.at))}
        @pointerdown=${this.down}
        @pointermove=${this.move}
        @pointerup=${this.up}
        @pointercancel=${this.up}
        @pointerleave=${() => (this.hover = null)}
      >
        <svg height=${height} aria-hidden="true">
          ${patterns}
          ${this.drawTicks(height)} ${this.lanes.map((lane, n) => this.drawLane(lane, n))} ${this.drawFuture()}
          ${this.drawSelection()} ${this.notes.map((at) => this.drawNote(at))}
        </svg>
        ${x > -12 && x < this.width + 12
          ? html`<div class="head" data-testid="playhead" ${styled({ "--x": `${x.toFixed(1)}px` })}></div>`
          : nothing}
      </div>
      ${this.renderTip()}`;
  }

  private drawTicks(height: number) {
    const { at, step } = ticks(this.window, this.width);
    const text = (t: number) => (t % DAY === 0 ? utcDay(t) : utcTime(t).slice(0, step < 60_000 ? 8 : 5));
    return at.map((t) => {
      const x = pixelOf(this.window, this.width, t);
      return svg`<line class="tick" x1=${x} x2=${x} y1="0" y2=${height}/><text x=${x + 4} y=${height - 6}>${text(t)}</text>`;
    });
  }

  private box(span: Span, kind: string, y: number, height: number) {
    const from = Math.max(-4, pixelOf(this.window, this.width, span.from));
    const to = Math.min(this.width + 4, pixelOf(this.window, this.width, span.to));
    return svg`<rect class=${kind} data-kind=${kind} x=${from} y=${y} width=${Math.max(LEAST_PX, to - from)} height=${height} />`;
  }

  /** What is in sight, as one where the eye could not tell them apart. */
  private seen(spans: readonly Span[]): Span[] {
    return merged(within(spans, this.window), lengthOf(this.window) / Math.max(1, this.width));
  }

  private drawLane(lane: Lane, n: number) {
    const top = n * LANE_PX + 5;
    const height = LANE_PX - 9;
    const name = this.names[n] ?? lane.camera;
    const drawn = (kind: Kind, spans: readonly Span[]) => {
      const place = placeOf(kind, height);
      return this.seen(spans).map((span) => this.box(span, kind, top + place.y, place.height));
    };
    return svg`
      <rect class="ground" x="0" y=${top} width="100%" height=${height} />
      ${drawn("deleted", lane.deleted)} ${drawn("recorded", lane.coverage.spans)} ${drawn("imported", lane.imported)}
      ${drawn("gap", lane.gaps)} ${drawn("partial", lane.partial)} ${drawn("private", lane.privacy)}
      ${drawn("worn", lane.assignments)} ${drawn("held", lane.holds)}
      ${this.outside(n).map((span) => this.box(span, "outside", top, height))}
      ${this.lanes.length > 1 ? svg`<text class="name" x="6" y=${top + 15}>${name}</text>` : nothing}
      ${lane.bookmarks.map(({ at }) => this.drawBookmark(at, top))} ${lane.alerts.map(({ at, alert }) => this.drawAlert(at, alert, top))}`;
  }

  private outside(n: number): Span[] {
    const part = this.parts[n];
    return part ? without([this.window], [part]) : [];
  }

  private drawNote(at: number) {
    const x = pixelOf(this.window, this.width, at);
    return x < -8 || x > this.width + 8 ? nothing : svg`<path class="note-mark" data-kind="note" d=${leaf(x, this.foot)} />`;
  }

  private drawAlert(at: number, { id, grade }: Alert, top: number) {
    const x = pixelOf(this.window, this.width, at);
    if (x < -8 || x > this.width + 8) return nothing;
    return svg`<path class="alert ${grade}" data-kind="alert" data-alert=${id} d=${warning(x, top)} />`;
  }

  private drawBookmark(at: number, top: number) {
    const x = pixelOf(this.window, this.width, at);
    if (x < -8 || x > this.width + 8) return nothing;
    return svg`<path class="bookmark" data-kind="bookmark" d=${flag(x, top)} />`;
  }

  private drawFuture() {
    const x = pixelOf(this.window, this.width, this.now);
    return x < this.width ? svg`<rect class="now" x=${Math.max(0, x)} y="0" width="100%" height=${this.foot} />` : nothing;
  }

  private drawSelection() {
    const { from, to } = this.selection;
    if (from === null && to === null) return nothing;
    const ends = { from: from ?? to ?? 0, to: to ?? from ?? 0 };
    return this.box(ends, "selected", 1, this.foot - 2);
  }

  private renderTip() {
    if (!this.hover || this.drag || this.width === 0) return nothing;
    const lane = this.lanes[this.hover.lane];
    if (!lane) return nothing;
    const at = timeOf(this.window, this.width, this.hover.x);
    const left = Math.min(this.width - 108, Math.max(108, this.hover.x));
    return html`<time-tip
      .lane=${lane}
      .name=${this.lanes.length > 1 ? (this.names[this.hover.lane] ?? "") : ""}
      .at=${at}
      .pixel=${lengthOf(this.window) / this.width}
      .thumbnails=${this.thumbnails}
      ${styled({ "--x": `${left}px` })}
    ></time-tip>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "time-line": TimeLine;
  }
}
