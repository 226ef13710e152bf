/**
 * `<unit-list>`: the units as rows beside the large map: state, name, age of the position, and to follow it. Of hundreds
 * only those in sight are in the page.
 */

import { css, html, LitElement } from "lit";
import { customElement } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { EverySecond, Watch } from "../controllers";
import { noPosition, stateOf } from "../faces";
import { OLD_MS } from "../fixes";
import { age, coordinates } from "../format";
import { icons } from "../icons";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { mapStrings } from "../strings-map";
import { styled } from "../styled";
import { Windowed } from "../windowed";
import { controls } from "./controls";
import "./state-mark";

const ROW_PX = 58;

@customElement("unit-list")
export class UnitList extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        overflow: auto;
      }
      ul {
        margin: 0;
        padding: var(--before) var(--s2) var(--after);
        list-style: none;
      }
      li {
        position: relative;
        height: 58px;
      }
      .unit {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        justify-content: start;
        gap: 0 var(--s2);
        width: 100%;
        height: 100%;
        padding: var(--s2) 44px var(--s2) var(--s3);
        border-color: transparent;
        background: none;
        text-align: left;
      }
      .unit.lit {
        border-color: var(--accent);
      }
      .follow {
        position: absolute;
        right: 4px;
        top: 50%;
        transform: translateY(-50%);
        color: var(--quiet);
      }
      .follow[aria-pressed="true"] {
        color: var(--accent);
      }
      .name {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .place {
        grid-column: 2 / 4;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        color: var(--quiet);
        font-weight: 400;
      }
      .age {
        color: var(--quiet);
        font-weight: 400;
      }
      .old {
        color: var(--stale);
      }
    `,
  ];

  private readonly rows: Windowed = new Windowed(this, () => ROW_PX);

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.query, s.lit, s.link.downSince, s.map.followed]);
  }

  override render() {
    const all = store.matching();
    const { from, to } = this.rows.range(all.length);
    return html`<ul
      aria-label=${strings.list.label}
      ${styled({ "--before": `${from * ROW_PX + 8}px`, "--after": `${(all.length - to) * ROW_PX + 8}px` })}
    >
      ${repeat(
        all.slice(from, to),
        (camera) => camera.id,
        (camera, index) =>
          html`<li aria-setsize=${all.length} aria-posinset=${from + index + 1}>${this.renderUnit(camera)}</li>`,
      )}
    </ul>`;
  }

  private renderUnit(camera: Camera) {
    const seen = store.trail(camera.id).latest();
    const since = seen ? store.now() - seen.measuredAt : 0;
    const followed = store.map.followed === camera.id;
    return html`<button
        class="unit ${store.lit === camera.id ? "lit" : ""}"
        data-testid="list-unit"
        data-camera=${camera.id}
        @pointerenter=${() => store.light(camera.id)}
        @pointerleave=${() => store.light(null)}
        @focus=${() => store.light(camera.id)}
        @blur=${() => store.light(null)}
        @click=${() => store.go({ name: "unit", id: camera.id })}
      >
        <state-mark look=${stateOf(camera, store.link.downSince !== null)} bare></state-mark>
        <span class="name">${camera.name}</span>
        <span class="age figures ${since > OLD_MS ? "old" : ""}">${seen ? age(since) : ""}</span>
        <span class="place figures">${seen ? coordinates(seen.lat, seen.lon) : noPosition(camera)}</span>
      </button>
      <button
        class="plain icon follow"
        data-testid="list-follow"
        title=${mapStrings.follow.start(camera.name)}
        aria-label=${mapStrings.follow.start(camera.name)}
        aria-pressed=${followed}
        ?disabled=${!seen}
        @click=${() => store.map.follow(followed ? null : camera.id)}
      >
        ${icons.fit}
      </button>`;
  }
}
