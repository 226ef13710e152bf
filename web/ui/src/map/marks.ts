/** The marks of units and clusters, each drawn once for a theme and kept. Sizes are CSS pixels around the middle. */

import type { Look } from "../faces";
import { stateColor, type Palette } from "./palette";

/** Half the side of the largest mark. */
const HALF_PX = 28;
/** Names that are kept, drawn: more than fit on a map. */
const MOST_NAMES = 600;
const FONT = "12px system-ui, sans-serif";
const CLUSTER_FONT = "600 12px system-ui, sans-serif";
const NAME_PX = 18;

/** A name as it is drawn, and how wide that is. */
export interface Name {
  image: HTMLCanvasElement;
  width: number;
}

export class Marks {
  private readonly drawn = new Map<string, HTMLCanvasElement>();
  private readonly names = new Map<string, Name>();

  constructor(
    private readonly palette: Palette,
    private readonly ratio: number,
  ) {}

  /** Put a mark's middle at x, y. */
  put(draw: CanvasRenderingContext2D, image: HTMLCanvasElement, x: number, y: number): void {
    draw.drawImage(image, Math.round(x) - HALF_PX, Math.round(y) - HALF_PX, 2 * HALF_PX, 2 * HALF_PX);
  }

  putName(draw: CanvasRenderingContext2D, name: Name, x: number, y: number): void {
    draw.drawImage(name.image, Math.round(x), Math.round(y), name.width, NAME_PX);
  }

  disc(look: Look, hollow: boolean, alarm: boolean): HTMLCanvasElement {
    return this.mark(`disc ${look} ${hollow} ${alarm}`, (draw) => {
      if (alarm) triangle(draw, this.palette, hollow);
      else disc(draw, look, stateColor(this.palette, look), this.palette.ground, hollow);
    });
  }

  /** Points up: north. */
  wedge(look: Look, hollow: boolean, alarm: boolean): HTMLCanvasElement {
    const color = alarm ? this.palette.alarm : stateColor(this.palette, look);
    return this.mark(`wedge ${color} ${hollow}`, (draw) => wedge(draw, color, this.palette.ground, hollow));
  }

  cluster(count: number, worst: Look, hollow: boolean): HTMLCanvasElement {
    const { palette } = this;
    return this.mark(`cluster ${count} ${worst} ${hollow}`, (draw) => cluster(draw, count, stateColor(palette, worst), palette, hollow, worst));
  }

  /** A ring around the one that is spoken of. */
  ring(): HTMLCanvasElement {
    return this.mark("ring", (draw) => {
      circle(draw, 22);
      draw.strokeStyle = this.palette.accent;
      draw.lineWidth = 2;
      draw.stroke();
      draw.globalAlpha = 0.22;
      draw.fillStyle = this.palette.accent;
      draw.fill();
    });
  }

  /** A place that somebody asks about: its foot stands there. */
  pin(): HTMLCanvasElement {
    return this.mark("pin", (draw) => {
      draw.beginPath();
      draw.moveTo(0, 0);
      draw.bezierCurveTo(-3, -8, -9, -11, -9, -17);
      draw.arc(0, -17, 9, Math.PI, 0);
      draw.bezierCurveTo(9, -11, 3, -8, 0, 0);
      draw.fillStyle = this.palette.accent;
      draw.strokeStyle = this.palette.ground;
      draw.lineWidth = 2;
      draw.fill();
      draw.stroke();
      draw.beginPath();
      draw.arc(0, -17, 3.2, 0, FULL);
      draw.fillStyle = this.palette.ground;
      draw.fill();
    });
  }

  name(text: string): Name {
    const known = this.names.get(text);
    if (known) return known;
    const image = document.createElement("canvas");
    const draw = image.getContext("2d");
    if (draw) draw.font = FONT;
    const width = Math.ceil(draw?.measureText(text).width ?? 0) + 6;
    image.width = width * this.ratio;
    image.height = NAME_PX * this.ratio;
    if (draw) {
      draw.scale(this.ratio, this.ratio);
      draw.font = FONT;
      draw.textBaseline = "middle";
      draw.lineJoin = "round";
      draw.lineWidth = 3.2;
      draw.strokeStyle = this.palette.ground;
      draw.strokeText(text, 3, NAME_PX / 2);
      draw.fillStyle = this.palette.text;
      draw.fillText(text, 3, NAME_PX / 2);
    }
    const name = { image, width };
    const oldest = this.names.keys().next();
    if (this.names.size >= MOST_NAMES && !oldest.done) this.names.delete(oldest.value);
    this.names.set(text, name);
    return name;
  }

  private mark(key: string, paint: (draw: CanvasRenderingContext2D) => void): HTMLCanvasElement {
    const known = this.drawn.get(key);
    if (known) return known;
    const image = document.createElement("canvas");
    image.width = image.height = 2 * HALF_PX * this.ratio;
    const draw = image.getContext("2d");
    if (draw) {
      draw.scale(this.ratio, this.ratio);
      draw.translate(HALF_PX, HALF_PX);
      paint(draw);
    }
    this.drawn.set(key, image);
    return image;
  }
}

const FULL = 2 * Math.PI;

function circle(draw: CanvasRenderingContext2D, radius: number): void {
  draw.beginPath();
  draw.arc(0, 0, radius, 0, FULL);
}

function wedge(draw: CanvasRenderingContext2D, color: string, ground: string, hollow: boolean): void {
  draw.beginPath();
  draw.moveTo(0, -24);
  draw.lineTo(9, -7);
  draw.lineTo(-9, -7);
  draw.closePath();
  draw.lineJoin = "round";
  draw.lineWidth = hollow ? 1.6 : 2;
  draw.fillStyle = hollow ? ground : color;
  draw.strokeStyle = hollow ? color : ground;
  draw.fill();
  draw.stroke();
}

function disc(draw: CanvasRenderingContext2D, look: Look, color: string, ground: string, hollow: boolean): void {
  circle(draw, 11.5);
  draw.fillStyle = ground;
  draw.fill();
  draw.strokeStyle = color;
  draw.lineWidth = 2.2;
  dashed(draw, look);
  circle(draw, 8.6);
  draw.stroke();
  draw.setLineDash([]);
  draw.fillStyle = color;
  if ((look === "live" || look === "recorded") && !hollow) {
    circle(draw, 4.4);
    draw.fill();
  } else if (look === "offline" || look === "disabled" || look === "refused") {
    draw.beginPath();
    draw.moveTo(-5.6, look === "offline" ? 5.6 : 0);
    draw.lineTo(5.6, look === "offline" ? -5.6 : 0);
    draw.stroke();
  }
}

function dashed(draw: CanvasRenderingContext2D, look: Look): void {
  if (look === "stale" || look === "unknown") draw.setLineDash([4, 2.6]);
}

function triangle(draw: CanvasRenderingContext2D, palette: Palette, hollow: boolean): void {
  draw.beginPath();
  draw.moveTo(0, -12);
  draw.lineTo(12, 9);
  draw.lineTo(-12, 9);
  draw.closePath();
  draw.lineJoin = "round";
  draw.lineWidth = 6;
  draw.strokeStyle = palette.ground;
  draw.stroke();
  draw.fillStyle = hollow ? palette.ground : palette.alarm;
  draw.fill();
  draw.lineWidth = 2.4;
  draw.strokeStyle = palette.alarm;
  draw.stroke();
  draw.strokeStyle = hollow ? palette.alarm : palette.ground;
  draw.beginPath();
  draw.moveTo(0, -4);
  draw.lineTo(0, 2.5);
  draw.moveTo(0, 5.4);
  draw.lineTo(0, 6.2);
  draw.stroke();
}

/** As wide as its count asks for; the ring says the worst state by colour and by its dashes, a stroke that one is offline. */
function cluster(draw: CanvasRenderingContext2D, count: number, color: string, palette: Palette, hollow: boolean, worst: Look): void {
  const radius = count < 10 ? 14 : count < 100 ? 17 : 21;
  circle(draw, radius + 2.6);
  draw.fillStyle = palette.ground;
  draw.fill();
  circle(draw, radius);
  draw.fillStyle = palette.panel;
  draw.fill();
  if (!hollow) {
    draw.globalAlpha = 0.22;
    draw.fillStyle = color;
    draw.fill();
    draw.globalAlpha = 1;
  }
  draw.strokeStyle = color;
  draw.lineWidth = 2.6;
  dashed(draw, worst);
  draw.stroke();
  draw.setLineDash([]);
  if (worst === "offline") {
    draw.beginPath();
    draw.moveTo(radius * 0.5, -radius * 0.5);
    draw.lineTo(radius * 0.95, -radius * 0.95);
    draw.stroke();
  }
  draw.font = CLUSTER_FONT;
  draw.textAlign = "center";
  draw.textBaseline = "middle";
  draw.fillStyle = palette.text;
  draw.fillText(String(count), 0, 0.5);
}
