/** `<unit-list>`: the units as rows beside the large map: state, name, age of the position. */

import { css, html, LitElement } from "lit";
import { customElement } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { EverySecond, Watch } from "../controllers";
import { noPosition, stateOf } from "../faces";
import { OLD_MS } from "../fixes";
import { age, coordinates } from "../format";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";
import "./state-mark";

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
        padding: var(--s2);
        list-style: none;
      }
      button {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        justify-content: start;
        gap: 0 var(--s2);
        width: 100%;
        padding: var(--s2) var(--s3);
        border-color: transparent;
        background: none;
        text-align: left;
      }
      button.lit {
        border-color: var(--accent);
      }
      .name {
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .place {
        grid-column: 2 / 4;
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

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.query, s.lit, s.link.downSince]);
  }

  override render() {
    return html`<ul aria-label=${strings.list.label}>
      ${repeat(
        store.matching(),
        (camera) => camera.id,
        (camera) => html`<li>${this.renderUnit(camera)}</li>`,
      )}
    </ul>`;
  }

  private renderUnit(camera: Camera) {
    const seen = store.trail(camera.id).latest();
    const since = seen ? store.now() - seen.measuredAt : 0;
    return html`<button
      class=${store.lit === camera.id ? "lit" : ""}
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
    </button>`;
  }
}
