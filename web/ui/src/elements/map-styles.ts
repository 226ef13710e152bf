/** How a map looks, whoever's it is: the ground, a note over it, its tools, scale and credit. */

import { css, unsafeCSS } from "lit";
import maplibreCss from "maplibre-gl/dist/maplibre-gl.css?inline";
import { controls } from "./controls";

export const mapStyles = [
  unsafeCSS(maplibreCss),
  controls,
  css`
    :host {
      display: block;
      position: relative;
      overflow: hidden;
      background: var(--ground);
    }
    .unit-overlay {
      position: absolute;
      inset: 0;
      width: 100%;
      height: 100%;
      pointer-events: none;
    }
    .map,
    .note {
      position: absolute;
      inset: 0;
    }
    .note {
      display: grid;
      place-content: center;
      gap: var(--s2);
      padding: var(--s4);
      color: var(--quiet);
      text-align: center;
      pointer-events: none;
    }
    .note.on-map span {
      padding: var(--s1) var(--s3);
      border-radius: var(--radius);
      background: var(--panel);
    }
    .tools {
      position: absolute;
      right: var(--s2);
      top: var(--s2);
      display: grid;
      gap: var(--s1);
    }
    .tools button {
      background: var(--panel);
    }
    .tools button[aria-pressed="true"] {
      border-color: var(--accent);
      color: var(--accent);
    }
    .foot {
      position: absolute;
      inset: auto var(--s2) var(--s2);
      display: flex;
      align-items: end;
      gap: var(--s3);
      color: var(--quiet);
      font-size: 12px;
      text-shadow: 0 0 3px var(--ground);
      pointer-events: none;
    }
    .scale {
      width: var(--width);
      border: 1px solid var(--quiet);
      border-top: 0;
      padding: 0 var(--s1);
      text-align: center;
    }
    .credit {
      margin-left: auto;
    }
  `,
];
