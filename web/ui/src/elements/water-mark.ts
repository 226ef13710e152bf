/**
 * `<water-mark>`: the viewer's name and the minute over a picture, faint and repeated, so that a photo of the screen
 * says whose screen it was. Drawn here, so whoever knows the browser's tools can take it away: a deterrent, no proof.
 */

import { css, html, LitElement } from "lit";
import { customElement } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import { utcMinute } from "../format";
import { store } from "../store";
import { strings } from "../strings";

const LINE = 110;
/** Room for a letter at 15 px. */
const LETTER = 8.5;

@customElement("water-mark")
export class WaterMark extends LitElement {
  static override styles = css`
    :host {
      position: absolute;
      inset: 0;
      pointer-events: none;
    }
    svg {
      display: block;
      width: 100%;
      height: 100%;
    }
    text {
      font: 600 15px var(--sans);
      fill: rgb(255 255 255 / 15%);
      stroke: rgb(0 0 0 / 20%);
      stroke-width: 2px;
      paint-order: stroke;
    }
  `;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.session]);
  }

  override render() {
    const text = `${store.session?.user.name ?? ""} · ${utcMinute(store.now())} ${strings.bar.utc}`;
    const width = Math.ceil(text.length * LETTER) + 40;
    return html`<svg aria-hidden="true" data-testid="watermark" data-text=${text}>
      <defs>
        <pattern id="mark" patternUnits="userSpaceOnUse" width=${width} height=${LINE} patternTransform="rotate(-24)">
          <text x="0" y="30">${text}</text>
          <text x=${-width / 2} y=${30 + LINE / 2}>${text}</text>
          <text x=${width / 2} y=${30 + LINE / 2}>${text}</text>
        </pattern>
      </defs>
      <rect width="100%" height="100%" fill="url(#mark)" />
    </svg>`;
  }
}
