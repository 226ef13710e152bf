/**
 * `<fix-line>`: the overlay, one line at the foot of a picture: unit, position, speed, course, UTC, age of the fix. It
 * shows the fix of the frame on screen; without a frame, the newest.
 */

import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import { styleMap } from "lit/directives/style-map.js";
import { EverySecond, Watch } from "../controllers";
import { OLD_MS } from "../fixes";
import { age, coordinates, course, speed, utcTime } from "../format";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";

@customElement("fix-line")
export class FixLine extends LitElement {
  static override styles = css`
    :host {
      display: block;
      position: absolute;
      inset: auto 0 0;
      container-type: inline-size;
      pointer-events: none;
    }
    .line {
      display: flex;
      align-items: baseline;
      gap: 0 12px;
      padding: 26px 10px 7px;
      background: linear-gradient(to top, rgb(0 0 0 / 82%), rgb(0 0 0 / 62%) 45%, transparent);
      color: #f0f4f8;
      font: 12px/1.3 var(--sans);
      font-variant-numeric: tabular-nums;
      white-space: nowrap;
      text-shadow: 0 0 3px rgb(0 0 0 / 90%);
    }
    .name {
      overflow: hidden;
      text-overflow: ellipsis;
      font-weight: 600;
      flex: 0 1 auto;
      min-width: 3em;
    }
    .utc {
      margin-left: auto;
    }
    .age {
      min-width: 3.2em;
      text-align: right;
      font-weight: 600;
    }
    .old {
      color: #f0b84a;
    }
    .heading {
      display: inline-block;
      margin-right: 3px;
      transform: rotate(var(--course));
    }
    :host([large]) .line {
      padding: 36px 16px 12px;
      gap: 0 20px;
      font-size: 16px;
    }
    @container (max-width: 420px) {
      .line {
        gap: 0 8px;
        padding-inline: 8px;
        font-size: 11px;
      }
      .point {
        display: none;
      }
    }
    @container (max-width: 370px) {
      .name {
        display: none;
      }
    }
    @container (max-width: 310px) {
      .zone {
        display: none;
      }
      .line {
        gap: 0 6px;
      }
    }
    @container (max-width: 270px) {
      .course {
        display: none;
      }
    }
    @container (min-width: 600px) {
      .line {
        font-size: 14px;
        gap: 0 18px;
      }
    }
  `;

  @property({ attribute: false }) camera!: Camera;
  /** UTC of the frame on screen in milliseconds; null: none. */
  @property({ type: Number }) frameUtc: number | null = null;
  @property({ type: Boolean, reflect: true }) large = false;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, () => [store.trail(this.camera.id).version]);
  }

  override render() {
    const trail = store.trail(this.camera.id);
    const matched = this.frameUtc === null ? undefined : trail.sighting(this.frameUtc);
    const seen = matched ?? trail.latest();
    const name = html`<span class="name">${this.camera.name}</span>`;
    const at = this.frameUtc ?? seen?.measuredAt ?? null;
    const utc =
      at === null ? "" : html`<span class="utc">${utcTime(at)}<span class="zone"> ${strings.bar.utc}</span></span>`;
    if (!seen)
      return html`<div class="line" data-testid="overlay" role="group" aria-label=${strings.fix.label(this.camera.name)}>
        ${name}<span>${strings.fix.none}</span>${utc}
      </div>`;
    const since = store.now() - seen.measuredAt;
    const [heading, point] = course(seen.course, seen.courseDerived).split(" ");
    return html`<div
      class="line"
      data-testid="overlay"
      data-lat=${seen.lat.toFixed(7)}
      data-lon=${seen.lon.toFixed(7)}
      data-fix-utc=${seen.measured.utc}
      data-frame-utc=${this.frameUtc === null ? "" : new Date(this.frameUtc).toISOString()}
      data-matched=${matched ? "frame" : "live"}
      role="group"
      aria-label=${strings.fix.label(this.camera.name)}
    >
      ${name}
      <span class="place">${coordinates(seen.lat, seen.lon)}</span>
      <span class="speed" title=${seen.speedDerived ? strings.fix.derived : strings.fix.speed}
        >${speed(seen.speed, seen.speedDerived)}</span
      >
      <span class="course" title=${seen.courseDerived ? strings.fix.derived : strings.fix.course}
        >${seen.course === null
          ? ""
          : html`<span class="heading" style=${styleMap({ "--course": `${Math.round(seen.course)}deg` })} aria-hidden="true"
              >↑</span
            >`}${heading}<span class="point"> ${point ?? ""}</span></span
      >
      ${utc}
      <span class="age ${since > OLD_MS ? "old" : ""}" title=${strings.fix.age}>${age(since)}</span>
    </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "fix-line": FixLine;
  }
}
