/** How the picture of now stands beside a replay: small, in the corner, marked as what it is. */

import { css } from "lit";

export const replayStyles = css`
  .replaying live-picture {
    inset: var(--s2) var(--s2) auto auto;
    z-index: 3;
    width: clamp(104px, 30%, 260px);
    aspect-ratio: 16 / 9;
    border: 1px solid #eef2f6;
    border-radius: var(--radius);
  }

  .live-now {
    position: absolute;
    top: calc(var(--s2) + 5px);
    right: calc(var(--s2) + 5px);
    z-index: 4;
    padding: 0 5px;
    border-radius: 3px;
    background: rgb(5 7 10 / 82%);
    color: #eef2f6;
    font-size: 12px;
    font-weight: 600;
    pointer-events: none;
  }
`;
