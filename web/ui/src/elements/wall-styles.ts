/** How the wall looks: the grid that its places share, and what stands there instead when there is nothing to show. */

import { css } from "lit";

export const wallStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    padding: var(--s2);
  }
  .room {
    flex: 1;
    min-height: 0;
    margin: -4px; /* what is outlined within is not cut off */
    padding: 4px;
    overflow: auto;
  }
  .tiles {
    display: grid;
    justify-content: center;
    gap: 8px;
    grid-template-columns: repeat(var(--columns), var(--tile));
    grid-auto-rows: var(--row);
    min-height: var(--rows); /* what is not in the page has its place all the same */
  }
  .tiles > * {
    grid-area: var(--area);
  }
  .tiles.scrolls > * {
    grid-area: auto;
  }
  .gone {
    margin: 0 0 var(--s2);
    color: var(--quiet);
  }
  .note {
    display: grid;
    justify-items: center;
    align-content: center;
    gap: var(--s3);
    height: 100%;
    min-height: 320px;
    padding: var(--s6);
    text-align: center;
    color: var(--quiet);
  }
  .note h2 {
    margin: 0;
    color: var(--text);
    font-size: var(--large);
    font-weight: 600;
  }
  .note p {
    margin: 0;
    max-width: 52ch;
  }
  .large {
    display: grid;
    place-items: center;
    width: 72px;
    height: 72px;
    border: 1px solid var(--line);
    border-radius: 50%;
    background: var(--panel);
  }
  .large svg {
    width: 34px;
    height: 34px;
    stroke-width: 1.1;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
    gap: var(--s2);
    margin: var(--s2);
  }
  @media (max-width: 720px) {
    .room {
      overflow: visible;
    }
  }
`;
