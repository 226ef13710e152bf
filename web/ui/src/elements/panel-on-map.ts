/** How a panel over the map looks: who is near, and the clock of a replay. */

import { css } from "lit";

export const panelOnMap = css`
  :host {
    display: block;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--panel);
    box-shadow: 0 2px 12px rgb(0 0 0 / 35%);
  }
  header {
    display: flex;
    align-items: center;
    gap: var(--s1);
    padding: var(--s1) var(--s1) var(--s1) var(--s3);
    border-bottom: 1px solid var(--line);
  }
  h2 {
    flex: 1;
    min-width: 0;
    margin: 0;
    font-size: var(--small);
    font-weight: 600;
  }
  h2 small {
    color: var(--quiet);
    font-weight: 400;
  }
  header button {
    min-height: 28px;
    width: 28px;
  }
  @media (pointer: coarse), (max-width: 720px) {
    header button {
      min-height: 44px;
      width: 44px;
    }
  }
`;
