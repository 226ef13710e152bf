/**
 * The units over the map, on a canvas of their own: their trails, how well their places are known, their marks and names.
 * When a unit moves only this is drawn anew, in well under a frame; the map beneath it rests. Draws only what is in view.
 */

import { TRAIL_MS, type Dated, type Place } from "../fixes";
import { clusterUnits, spotOf, WORLD_PX, type Cluster, type Clustered, type Single, type Spot } from "./clusters";
import { Marks } from "./marks";
import { stateColor, type Palette } from "./palette";
import type { MapUnit } from "./units";

/** What the map shows: the middle of it, the width of the world in pixels, and its own size. */
export interface Frame {
  middle: Place;
  zoom: number;
  width: number;
  height: number;
}

/** Marks this far outside reach into the view. */
const MARGIN_PX = 40;
const FADE_STEPS = 10;
/** Two points of a trail nearer than this look like one. */
const STEP_PX = 2;
const EQUATOR_M = 40_075_016.7;
/** An accuracy that its own mark hides is not drawn. */
const LEAST_RADIUS_PX = 13;
const NAME_HEIGHT = 16;
/** Where a name may stand, as the mark's middle sees it: to its right, left, above, below. */
const PLACES: readonly ((width: number) => [number, number])[] = [
  () => [15, -9],
  (width) => [-15 - width, -9],
  (width) => [-width / 2, -31],
  (width) => [-width / 2, 13],
];

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** What a pointer can mean. */
export type Hit = { unit: string } | { cluster: Cluster };

export class UnitOverlay {
  private readonly canvas = document.createElement("canvas");
  private readonly draw: CanvasRenderingContext2D;
  private marks: Marks;
  private units: readonly MapUnit[] = [];
  private lit: string | null = null;
  private now = 0;
  private pinned: Place | null = null;
  private whole = NaN;
  private clustered: Clustered = { singles: [], clusters: [] };
  private frame: Frame = { middle: { lat: 0, lon: 0 }, zoom: 0, width: 0, height: 0 };
  private readonly ratio = Math.min(2, window.devicePixelRatio || 1);

  constructor(
    container: HTMLElement,
    private palette: Palette,
  ) {
    const draw = this.canvas.getContext("2d");
    if (!draw) throw new Error("no canvas");
    this.draw = draw;
    this.marks = new Marks(palette, this.ratio);
    this.canvas.className = "unit-overlay";
    this.canvas.setAttribute("aria-hidden", "true"); // the list beside the map says the same in words
    container.append(this.canvas);
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.marks = new Marks(palette, this.ratio);
    this.redraw();
  }

  /** @param now the time the trails fade by, milliseconds since the Unix epoch */
  show(units: readonly MapUnit[], lit: string | null, now: number): void {
    this.units = units;
    this.lit = lit;
    this.now = now;
    this.whole = NaN;
    this.redraw();
  }

  /** Mark a place that is spoken of; null: none. */
  pin(place: Place | null): void {
    this.pinned = place;
    this.redraw();
  }

  /** The view is another. */
  look(frame: Frame): void {
    this.frame = frame;
    this.redraw();
  }

  /** What stands in the view as marks of its own, by what they are now. */
  get inView(): Clustered {
    const { singles, clusters } = this.clustered;
    const seen = (spot: Spot) => this.visible(spot, 0);
    return { singles: singles.filter(seen), clusters: clusters.filter(seen) };
  }

  /** The mark at a point of the view, the nearest within `reach` pixels of its edge; null: none. */
  at(point: Spot, reach: number): Hit | null {
    let best: Hit | null = null;
    let least = Infinity;
    const consider = (spot: Spot, radius: number, hit: Hit) => {
      const [x, y] = this.pixel(spot);
      const apart = Math.hypot(x - point.x, y - point.y);
      if (apart <= radius + reach && apart < least) [best, least] = [hit, apart];
    };
    for (const cluster of this.clustered.clusters) consider(cluster, 16, { cluster });
    for (const single of this.clustered.singles) consider(single, 10, { unit: single.unit.id });
    return best;
  }

  private redraw(): void {
    const { width, height, zoom } = this.frame;
    if (width === 0) return;
    if (Math.floor(zoom) !== this.whole) {
      this.whole = Math.floor(zoom);
      this.clustered = clusterUnits(this.units, zoom);
    }
    this.size(width, height);
    const { draw } = this;
    draw.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    draw.clearRect(0, 0, width, height);
    const { singles, clusters } = this.clustered;
    const seen = singles.filter((single) => this.visible(single, MARGIN_PX));
    const lit = this.litSingle();
    if (lit && !seen.includes(lit)) seen.push(lit);
    for (const { unit } of seen) this.drawTrail(unit);
    for (const single of seen) this.drawAccuracy(single);
    const taken: Box[] = [];
    for (const cluster of clusters) if (this.visible(cluster, MARGIN_PX)) this.drawCluster(cluster, taken);
    const graver = [...seen].sort((a, b) => rank(a, this.lit) - rank(b, this.lit));
    for (const single of graver) this.drawUnit(single, taken);
    // The gravest take their place first, so that their names stay when there is room for few.
    for (const single of graver.reverse()) this.drawName(single, taken);
    if (this.pinned) this.marks.put(draw, this.marks.pin(), ...this.pixel(spotOf(this.pinned)));
  }

  private size(width: number, height: number): void {
    const [w, h] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    if (this.canvas.width !== w) this.canvas.width = w;
    if (this.canvas.height !== h) this.canvas.height = h;
  }

  /** The unit that is spoken of, out of its cluster. */
  private litSingle(): Single | undefined {
    const { lit } = this;
    if (lit === null) return undefined;
    const known = this.clustered.singles.find(({ unit }) => unit.id === lit);
    if (known) return known;
    const unit = this.units.find(({ id }) => id === lit);
    return unit && { unit, ...spotOf(unit) };
  }

  private get world(): number {
    return WORLD_PX * 2 ** this.frame.zoom;
  }

  /** Where a spot is in the view: of the worlds side by side, in the one nearest to the middle. */
  private pixel({ x, y }: Spot): [number, number] {
    const middle = spotOf(this.frame.middle);
    const east = x - middle.x - Math.round(x - middle.x);
    return [east * this.world + this.frame.width / 2, (y - middle.y) * this.world + this.frame.height / 2];
  }

  private visible(spot: Spot, margin: number): boolean {
    const [x, y] = this.pixel(spot);
    return x >= -margin && y >= -margin && x <= this.frame.width + margin && y <= this.frame.height + margin;
  }

  private drawUnit(single: Single, taken: Box[]): void {
    const { unit } = single;
    const { draw, marks } = this;
    const [x, y] = this.pixel(single);
    if (unit.id === this.lit) marks.put(draw, marks.ring(), x, y);
    if (unit.course !== null) {
      draw.save();
      draw.translate(Math.round(x), Math.round(y));
      draw.rotate((unit.course * Math.PI) / 180);
      marks.put(draw, marks.wedge(unit.look, unit.old, unit.alarm ?? false), 0, 0);
      draw.restore();
    }
    marks.put(draw, marks.disc(unit.look, unit.old, unit.alarm ?? false), x, y);
    taken.push({ left: x - 12, top: y - 12, right: x + 12, bottom: y + 12 });
  }

  private drawCluster(cluster: Cluster, taken: Box[]): void {
    const [x, y] = this.pixel(cluster);
    this.marks.put(this.draw, this.marks.cluster(cluster.units.length, cluster.worst, cluster.old), x, y);
    taken.push({ left: x - 20, top: y - 20, right: x + 20, bottom: y + 20 });
  }

  /** Where there is room beside the mark, else nowhere. */
  private drawName(single: Single, taken: Box[]): void {
    const [x, y] = this.pixel(single);
    const name = this.marks.name(single.unit.name);
    const own = taken.find((box) => box.left === x - 12 && box.top === y - 12);
    for (const place of PLACES) {
      const [dx, dy] = place(name.width);
      const box = { left: x + dx, top: y + dy, right: x + dx + name.width, bottom: y + dy + NAME_HEIGHT };
      if (taken.some((other) => other !== own && overlap(box, other))) continue;
      taken.push(box);
      this.marks.putName(this.draw, name, box.left, box.top);
      return;
    }
  }

  private drawAccuracy(single: Single): void {
    const { unit } = single;
    if (unit.accuracy === null) return;
    const metre = this.world / (EQUATOR_M * Math.cos((unit.lat * Math.PI) / 180));
    const radius = unit.accuracy * metre;
    if (radius < LEAST_RADIUS_PX || radius > 4 * Math.max(this.frame.width, this.frame.height)) return;
    const { draw } = this;
    const [x, y] = this.pixel(single);
    draw.beginPath();
    draw.arc(x, y, radius, 0, 2 * Math.PI);
    draw.fillStyle = draw.strokeStyle = this.color(unit);
    draw.globalAlpha = 0.1;
    draw.fill();
    draw.globalAlpha = 0.55;
    draw.lineWidth = 1;
    draw.setLineDash(unit.old ? [4, 3] : []);
    draw.stroke();
    draw.setLineDash([]);
    draw.globalAlpha = 1;
  }

  /** In steps of a minute, each fainter than the next. */
  private drawTrail(unit: MapUnit): void {
    const { draw } = this;
    draw.strokeStyle = this.color(unit);
    draw.lineWidth = 2.5;
    draw.lineJoin = "round";
    let step = -1;
    let [lastX, lastY] = [NaN, NaN];
    const end = () => {
      if (step >= 0) draw.stroke();
    };
    for (const dated of unit.trail) {
      const faded = this.stepOf(dated);
      if (faded < 0) continue;
      const [x, y] = this.pixel(spotOf(dated.fix));
      if (faded !== step) {
        end();
        step = faded;
        draw.globalAlpha = 0.85 * (1 - step / FADE_STEPS);
        draw.beginPath();
        draw.moveTo(Number.isNaN(lastX) ? x : lastX, Number.isNaN(lastY) ? y : lastY);
      } else if (Math.hypot(x - lastX, y - lastY) < STEP_PX) continue;
      draw.lineTo(x, y);
      [lastX, lastY] = [x, y];
    }
    end();
    draw.globalAlpha = 1;
  }

  /** How many tenths of the trail's time ago; negative: it is over. */
  private stepOf({ at }: Dated): number {
    const step = Math.floor(((this.now - at) / TRAIL_MS) * FADE_STEPS);
    return step >= FADE_STEPS ? -1 : Math.max(0, step);
  }

  private color(unit: MapUnit): string {
    return unit.alarm ? this.palette.alarm : stateColor(this.palette, unit.look);
  }
}

/** Those drawn last lie above the others. */
function rank({ unit }: Single, lit: string | null): number {
  if (unit.alarm) return 3;
  if (unit.id === lit) return 2;
  return unit.look === "live" ? 1 : 0;
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
