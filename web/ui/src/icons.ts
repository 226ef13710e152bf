/**
 * The page's icons, drawn here on a 20-unit square, and the shapes that stand beside the colours of states.
 */

import { svg, html, type TemplateResult } from "lit";
import type { Look } from "./faces";

const icon = (content: TemplateResult) => html`<svg
  width="20"
  height="20"
  viewBox="0 0 20 20"
  fill="none"
  stroke="currentColor"
  stroke-width="1.6"
  stroke-linecap="round"
  stroke-linejoin="round"
  aria-hidden="true"
>
  ${content}
</svg>`;

export const icons = {
  duty: icon(svg`<path d="M3 10.5 10 4l7 6.5M5 9v7.5h10V9M8.5 16.5v-4h3v4" />`),
  wall: icon(svg`<rect x="2.5" y="3.5" width="6.5" height="5.5" rx="1"/><rect x="11" y="3.5" width="6.5" height="5.5" rx="1"/><rect x="2.5" y="11" width="6.5" height="5.5" rx="1"/><rect x="11" y="11" width="6.5" height="5.5" rx="1"/>`),
  map: icon(svg`<path d="M7.5 4 2.5 6v10l5-2 5 2 5-2V4l-5 2-5-2Zm0 0v10m5-8v10"/>`),
  find: icon(svg`<circle cx="10" cy="10" r="1.8"/><path d="M6.3 13.7a5.2 5.2 0 0 1 0-7.4M13.7 6.3a5.2 5.2 0 0 1 0 7.4M3.6 16.4a9 9 0 0 1 0-12.8M16.4 3.6a9 9 0 0 1 0 12.8"/>`),
  add: icon(svg`<path d="M10 4v12M4 10h12"/>`),
  theme: icon(svg`<circle cx="10" cy="10" r="6.5"/><path d="M10 3.5a6.5 6.5 0 0 1 0 13Z" fill="currentColor"/>`),
  help: icon(svg`<rect x="2" y="5" width="16" height="10.5" rx="1.5"/><path d="M5 8.2h.01M8.3 8.2h.01M11.7 8.2h.01M15 8.2h.01M5 12.2h.01M15 12.2h.01M7.5 12.2h5"/>`),
  logOut: icon(svg`<path d="M8 3.5H4.5v13H8M8.5 10H17m-3-3 3 3-3 3"/>`),
  search: icon(svg`<circle cx="9" cy="9" r="5"/><path d="m13 13 4 4"/>`),
  close: icon(svg`<path d="m5 5 10 10M15 5 5 15"/>`),
  back: icon(svg`<path d="M12 4.5 6.5 10l5.5 5.5"/>`),
  fullScreen: icon(svg`<path d="M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4"/>`),
  sound: icon(svg`<path d="M3 8v4h3l4 3.5v-11L6 8H3ZM13 7.5a3.5 3.5 0 0 1 0 5M15.3 5.3a6.6 6.6 0 0 1 0 9.4"/>`),
  muted: icon(svg`<path d="M3 8v4h3l4 3.5v-11L6 8H3ZM13 8l4 4M17 8l-4 4"/>`),
  minus: icon(svg`<path d="M4.5 10h11"/>`),
  fit: icon(svg`<circle cx="10" cy="10" r="2.2"/><path d="M10 2.5v3.2M10 14.3v3.2M2.5 10h3.2M14.3 10h3.2"/><circle cx="10" cy="10" r="5.8"/>`),
  microphone: icon(svg`<rect x="7.5" y="2.5" width="5" height="9" rx="2.5"/><path d="M4.5 9.5a5.5 5.5 0 0 0 11 0M10 15v2.5"/>`),
  camera: icon(svg`<rect x="5" y="2.5" width="10" height="15" rx="2.5"/><circle cx="10" cy="8" r="2.8"/><path d="M8 14h4"/>`),
  edit: icon(svg`<path d="m4 16 .8-3.4L13 4.4a1.4 1.4 0 0 1 2 0l.6.6a1.4 1.4 0 0 1 0 2L7.4 15.2 4 16Z"/>`),
  settings: icon(svg`<circle cx="10" cy="10" r="2.4"/><path d="M10 2.6v2.6m0 9.6v2.6M17.4 10h-2.6M5.2 10H2.6m12.6-5.2-1.8 1.8m-6.8 6.8-1.8 1.8m10.4 0-1.8-1.8M6.6 6.6 4.8 4.8"/><circle cx="10" cy="10" r="5"/>`),
  account: icon(svg`<circle cx="10" cy="7" r="3.2"/><path d="M3.5 17c.6-3.4 3.2-5.2 6.5-5.2s5.9 1.8 6.5 5.2"/>`),
  policy: icon(svg`<path d="M10 2.5 16.5 5v4.6c0 3.9-2.6 6.7-6.5 7.9-3.9-1.2-6.5-4-6.5-7.9V5L10 2.5ZM7 9.8l2.2 2.2L13.2 8"/>`),
  groups: icon(svg`<rect x="2.5" y="3.5" width="9" height="7" rx="1.5"/><path d="M14 6.5h2a1.5 1.5 0 0 1 1.5 1.5v7a1.5 1.5 0 0 1-1.5 1.5H9A1.5 1.5 0 0 1 7.5 15v-1.5"/>`),
  users: icon(svg`<circle cx="7.5" cy="7" r="2.8"/><path d="M2 16.5c.5-3 2.7-4.6 5.5-4.6s5 1.6 5.5 4.6M13 4.4a2.8 2.8 0 0 1 0 5.2M15 12.4c1.7.7 2.7 2.1 3 4.1"/>`),
  audit: icon(svg`<path d="M5 2.5h7l3.5 3.5v11.5H5v-15ZM12 2.5V6h3.5M7.5 9.5h5M7.5 12h5M7.5 14.5h3"/>`),
  download: icon(svg`<path d="M10 3v9m-3.5-3.2L10 12.3l3.5-3.5M4 16.5h12"/>`),
  copy: icon(svg`<rect x="7" y="7" width="9.5" height="10" rx="1.5"/><path d="M13 4.5A1.5 1.5 0 0 0 11.5 3H5a1.5 1.5 0 0 0-1.5 1.5v7A1.5 1.5 0 0 0 5 13"/>`),
  undo: icon(svg`<path d="M7 4 3.5 7.5 7 11M4 7.5h7.5a4.2 4.2 0 0 1 0 8.4H8"/>`),
  key: icon(svg`<circle cx="6.5" cy="13" r="3.2"/><path d="m9 10.8 7-7M13 6.5l2.5 2.5M11 8.5l1.5 1.5"/>`),
  privacy: icon(svg`<circle cx="10" cy="10" r="7"/><path d="M10 3a7 7 0 0 1 0 14Z" fill="currentColor"/>`),
  move: icon(svg`<path d="M10 2.5v15M2.5 10h15M7.800 4.700 10 2.500l2.200 2.200M7.800 15.300l2.200 2.200 2.200-2.200M4.700 7.800 2.500 10l2.200 2.200M15.300 7.800l2.200 2.200-2.200 2.200"/>`),
  more: icon(svg`<path d="M4.5 10h.01M10 10h.01M15.5 10h.01" stroke-width="2.6"/>`),
  next: icon(svg`<path d="m8 4.5 5.5 5.5L8 15.5"/>`),
  archive: icon(svg`<path d="M3.2 7.4A7.3 7.3 0 1 1 2.7 10M2.5 4.5l.7 2.9 3-.4M10 6v4.2l2.8 1.8"/>`),
  play: icon(svg`<path d="M6 3.8v12.4L16 10 6 3.8Z" fill="currentColor"/>`),
  pause: icon(svg`<path d="M6.5 4v12M13.5 4v12" stroke-width="3"/>`),
  rewind: icon(svg`<path d="M9.5 5 4.5 10l5 5M15.5 5l-5 5 5 5"/>`),
  forward: icon(svg`<path d="m10.5 5 5 5-5 5M4.5 5l5 5-5 5"/>`),
  frameBack: icon(svg`<path d="M12.5 5 7 10l5.5 5V5ZM4.5 5v10"/>`),
  frameAhead: icon(svg`<path d="m7.5 5 5.5 5-5.5 5V5ZM15.5 5v10"/>`),
  toStart: icon(svg`<path d="M4 4.500v11M15.5 5 7 10l8.5 5V5Z" fill="currentColor"/>`),
  toEnd: icon(svg`<path d="M16 4.500v11M4.5 5l8.5 5-8.5 5V5Z" fill="currentColor"/>`),
  link: icon(svg`<path d="M8.5 11.500a3.2 3.2 0 0 0 4.6 0l2.7-2.700a3.2 3.2 0 0 0-4.6-4.600l-1 1M11.5 8.500a3.2 3.2 0 0 0-4.6 0l-2.7 2.700a3.2 3.2 0 0 0 4.6 4.600l1-1"/>`),
  markIn: icon(svg`<path d="M9 3.500H5v13h4M8.5 10H16"/>`),
  markOut: icon(svg`<path d="M11 3.500h4v13h-4M11.5 10H4"/>`),
  bookmark: icon(svg`<path d="M5.5 3h9v14L10 13.2 5.5 17V3Z"/>`),
  hold: icon(svg`<rect x="4.5" y="9" width="11" height="8" rx="1.5"/><path d="M7 9V6.200a3 3 0 0 1 6 0V9"/>`),
  /** Recording: the filled dot of every recorder. */
  record: icon(svg`<circle cx="10" cy="10" r="4" fill="currentColor" stroke="none"/>`),
  fleet: icon(svg`<path d="M3 5h14M3 10h14M3 15h14"/><path d="M7 3v14" opacity=".6"/>`),
  phones: icon(svg`<rect x="5.5" y="2.5" width="9" height="15" rx="2"/><path d="M9 14.500h2"/>`),
  notifications: icon(svg`<path d="M2.500 5.500h15v9.500h-15v-9.500ZM2.500 6l7.500 5.500L17.500 6"/>`),
  nvr: icon(svg`<rect x="2.8" y="4.5" width="14.4" height="5" rx="1"/><rect x="2.8" y="10.500" width="14.4" height="5" rx="1"/><path d="M5.8 7h.01M5.8 13h.01M9 7h5M9 13h5"/>`),
  storage: icon(svg`<ellipse cx="10" cy="5" rx="6.5" ry="2.3"/><path d="M3.5 5v10c0 1.3 2.9 2.3 6.5 2.300s6.5-1 6.5-2.300V5M3.5 10c0 1.3 2.9 2.3 6.5 2.300s6.5-1 6.5-2.3"/>`),
  live: icon(svg`<circle cx="10" cy="10" r="2.2" fill="currentColor"/><path d="M6.3 13.700a5.2 5.2 0 0 1 0-7.400M13.7 6.300a5.2 5.2 0 0 1 0 7.4"/>`),
  calendar: icon(svg`<rect x="3" y="4.5" width="14" height="12.5" rx="1.5"/><path d="M3 8.500h14M7 2.500v3M13 2.500v3"/>`),
  alarm: icon(svg`<path d="M10 3 18 16.5H2L10 3Z"/><path d="M10 8.2v3.8M10 14.2v.1"/>`),
  alerts: icon(svg`<path d="M4 14.5h12l-1.6-2.2V9a4.4 4.4 0 0 0-8.8 0v3.3L4 14.5ZM8.3 17h3.4"/>`),
  incidents: icon(svg`<path d="M5 17.5V3M5 3.7h9.8l-2.2 3.6 2.2 3.6H5"/>`),
  fence: icon(svg`<path d="m4.5 6.5 6-3 6 4.5-2 8-8.5-.5-1.5-9Z"/><circle cx="4.5" cy="6.5" r="1.3" fill="currentColor"/><circle cx="10.5" cy="3.5" r="1.3" fill="currentColor"/><circle cx="16.5" cy="8" r="1.3" fill="currentColor"/><circle cx="14.5" cy="16" r="1.3" fill="currentColor"/><circle cx="6" cy="15.5" r="1.3" fill="currentColor"/>`),
  share: icon(svg`<circle cx="5" cy="10" r="2.2"/><circle cx="14.5" cy="4.8" r="2.2"/><circle cx="14.5" cy="15.2" r="2.2"/><path d="m7 9 5.5-3.1M7 11l5.5 3.1"/>`),
  note: icon(svg`<path d="M4 3.5h12v9l-4 4H4v-13ZM16 12.5h-4v4M7 7.5h6M7 10.5h4"/>`),
  check: icon(svg`<path d="m4.5 10.5 3.7 3.7 7.3-8"/>`),
  remove: icon(svg`<path d="M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5"/>`),
};

/** The product's mark. */
export const mark = html`<svg width="28" height="28" viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2.5" aria-hidden="true">
  <circle cx="16" cy="16" r="8.5" />
  <circle cx="16" cy="16" r="3.5" fill="currentColor" stroke="none" />
  <path d="M16 2.5v4M16 25.5v4M2.5 16h4M25.5 16h4" stroke-linecap="round" />
</svg>`;

const shape = (content: TemplateResult) => html`<svg
  width="14"
  height="14"
  viewBox="0 0 14 14"
  fill="none"
  stroke="currentColor"
  stroke-width="1.7"
  aria-hidden="true"
>
  ${content}
</svg>`;

/** One shape for each state, so that no meaning hangs on colour. */
export const shapes: Record<Look, TemplateResult> = {
  live: shape(svg`<circle cx="7" cy="7" r="5.6"/><circle cx="7" cy="7" r="2.6" fill="currentColor" stroke="none"/>`),
  stale: shape(svg`<circle cx="7" cy="7" r="5.6" stroke-dasharray="2.6 1.8"/>`),
  offline: shape(svg`<circle cx="7" cy="7" r="5.6"/><path d="m3.2 10.8 7.6-7.6"/>`),
  connecting: shape(svg`<path class="turning" d="M7 1.4A5.6 5.6 0 1 1 1.4 7" stroke-linecap="round"/>`),
  disabled: shape(svg`<circle cx="7" cy="7" r="5.6"/><path d="M4 7h6"/>`),
  unknown: shape(svg`<circle cx="7" cy="7" r="5.6" stroke-dasharray="1 2.5" stroke-linecap="round"/><path d="M7 4v3.4M7 9.6v.2" stroke-linecap="round"/>`),
  private: shape(svg`<circle cx="7" cy="7" r="5.6"/><path d="M7 1.4a5.6 5.6 0 0 1 0 11.2Z" fill="currentColor"/>`),
  refused: shape(svg`<rect x="2.4" y="6.2" width="9.2" height="6.4" rx="1.2"/><path d="M4.4 6.2V4.2a2.6 2.6 0 0 1 5.2 0v2"/>`),
  recorded: shape(svg`<circle cx="7" cy="7" r="5.6"/><path d="M5.6 4.400v5.200L9.8 7Z" fill="currentColor" stroke="none"/>`),
  reason: shape(svg`<path d="M1.6 2.2h10.8v7.4H6.6l-2.8 2.6V9.6H1.6Z" stroke-linejoin="round"/>`),
};
