/** `<keyboard-help>`: the keys, and what the shapes mean. */

import { css, html, LitElement, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import type { Look } from "../faces";
import { store } from "../store";
import { strings } from "../strings";
import { replayStrings } from "../strings-replay";
import { roomStrings } from "../strings-room";
import { wallStrings } from "../strings-wall";
import { controls } from "./controls";
import "./modal-dialog";
import "./state-mark";

const SHOWN: Look[] = ["live", "stale", "offline", "connecting", "disabled", "private", "reason", "refused"];

function list(keys: readonly [string, string][]) {
  return html`<dl>
    ${keys.map(
      ([key, does]) =>
        html`<dt><kbd>${key}</kbd></dt>
          <dd>${does}</dd>`,
    )}
  </dl>`;
}

@customElement("keyboard-help")
export class KeyboardHelp extends LitElement {
  static override styles = [
    controls,
    css`
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: var(--s2) var(--s4);
        margin: 0;
      }
      dd {
        margin: 0;
      }
      h3 {
        margin: var(--s6) 0 var(--s2);
        font-size: var(--small);
      }
      .shapes {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s2) var(--s4);
      }
    `,
  ];

  override render() {
    return html`<modal-dialog heading=${strings.help.title} data-testid="help" @close=${() => this.dispatchEvent(new CustomEvent("close"))}>
      ${list(strings.help.keys)}
      <h3>${wallStrings.helpTitle}</h3>
      ${list(wallStrings.help)}
      <h3>${roomStrings.helpTitle}</h3>
      ${list(roomStrings.help)}
      ${store.may("recorded")
        ? html`<h3>${replayStrings.helpTitle}</h3>
            ${list(replayStrings.help)}
            <h3>${strings.help.archive}</h3>
            ${list(strings.help.archiveKeys)}`
        : nothing}
      <h3>${strings.help.shapes}</h3>
      <div class="shapes">${SHOWN.map((look) => html`<state-mark look=${look}></state-mark>`)}</div>
    </modal-dialog>`;
  }
}
