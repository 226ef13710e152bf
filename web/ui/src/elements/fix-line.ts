/**
 * `<fix-line>`: the overlay, one line at the foot of a picture: unit, position, speed, course, UTC, age of the fix. It
 * shows the fix of the frame on screen; without a frame, the newest.
 */

import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import { noPosition } from "../faces";
import { OLD_MS } from "../fixes";
import { age, coordinates, course, speed, utcTime } from "../format";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { styled } from "../styled";

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
    /* What gives way when the line is short; the time and the age never do. */
    .where {
      display: flex;
      align-items: baseline;
      gap: inherit;
      flex: 1;
      min-width: 0;
      overflow: hidden;
    }
    .when {
      display: flex;
      gap: inherit;
    }
    .name {
      overflow: hidden;
      text-overflow: ellipsis;
      min-width: 0;
      font-weight: 600;
    }
    .age {
      min-width: 2.4em;
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
    .line > *,
    .place,
    .speed,
    .course {
      flex-shrink: 0;
    }
    .line > .where {
      flex-shrink: 1;
    }
    @container (max-width: 520px) {
      .name {
        display: none; /* it stands above the picture */
      }
    }
    @container (max-width: 430px) {
      .line {
        gap: 0 9px;
        padding-inline: 8px;
        font-size: 11px;
      }
      .point {
        display: none;
      }
    }
    @container (max-width: 330px) {
      .zone {
        display: none;
      }
    }
    @container (max-width: 300px) {
      .course {
        display: none;
      }
    }
    @container (min-width: 640px) {
      .line {
        padding: 34px 16px 11px;
        font-size: 15px;
        gap: 0 20px;
      }
    }
  `;

  @property({ attribute: false }) camera!: Camera;
  /** UTC of the frame on screen in milliseconds; null: none. */
  @property({ type: Number }) frameUtc: number | null = null;

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
        <span class="where">${name}<span>${noPosition(this.camera)}</span></span>${utc}
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
      <span class="where">
        ${name}
        <span class="place">${coordinates(seen.lat, seen.lon)}</span>
        <span class="speed" title=${seen.speedDerived ? strings.fix.derived : strings.fix.speed}
          >${speed(seen.speed, seen.speedDerived)}</span
        >
        <span class="course" title=${seen.courseDerived ? strings.fix.derived : strings.fix.course}
          >${seen.course === null
            ? ""
            : html`<span class="heading" ${styled({ "--course": `${Math.round(seen.course)}deg` })} aria-hidden="true"
                >↑</span
              >`}${heading}<span class="point"> ${point ?? ""}</span></span
        >
      </span>
      <span class="when">
        ${utc}<span class="age ${since > OLD_MS ? "old" : ""}" title=${strings.fix.age}>${age(since)}</span>
      </span>
    </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "fix-line": FixLine;
  }
}
