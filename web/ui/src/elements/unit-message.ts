/** What stands over a unit's picture in each of its states, with the one thing that can be done about it. */

import { html, nothing } from "lit";
import type { Face } from "../faces";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import "./picture-message";

/** A `<picture-message>`, or nothing while the picture speaks for itself. */
export function unitMessage(camera: Camera, face: Face) {
  if (!face.message) return nothing;
  return html`<picture-message look=${face.look} .message=${face.message} .detail=${face.detail}>
    ${face.look === "reason"
      ? html`<button data-testid="give-reason" @click=${() => store.askReason(camera.id)}>
          ${strings.face.giveReason}
        </button>`
      : nothing}
    ${store.gone(camera.id)
      ? html`<button data-testid="dismiss-ended" @click=${() => store.forget(camera.id)}>${strings.face.dismiss}</button>`
      : nothing}
  </picture-message>`;
}
