/** `<qr-code>`: a text as a QR code that a phone scans. Black on white in both themes: not every phone reads another. */

import { css, html, LitElement, svg } from "lit";
import { customElement, property } from "lit/decorators.js";
import { encode } from "uqr";

@customElement("qr-code")
export class QrCode extends LitElement {
  static override styles = css`
    :host {
      display: block;
    }
    svg {
      display: block;
      width: 100%;
      height: auto;
      border-radius: 6px;
      background: #fff;
    }
  `;

  @property() value = "";
  /** For who does not see it. */
  @property() label = "";

  override render() {
    const { data, size } = encode(this.value, { ecc: "M", border: 4 });
    const path = data.flatMap((line, y) => line.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
    return html`<svg viewBox="0 0 ${size} ${size}" role="img" aria-label=${this.label} shape-rendering="crispEdges">
      ${svg`<path d=${path} fill="#000" />`}
    </svg>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "qr-code": QrCode;
  }
}
