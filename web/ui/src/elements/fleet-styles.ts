/** Styles of the fleet's table: its columns, its heads, and what becomes of it on a phone. */

import { css } from "lit";

export const fleetStyles = css`
  :host {
    --page: none;
  }

  .summary {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(120px, 1fr));
    gap: var(--s2);
    margin: 0 0 var(--s4);
  }

  .summary > div {
    display: flex;
    flex-direction: column-reverse;
    padding: var(--s2) var(--s4);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--panel);
  }

  .summary dt {
    color: var(--quiet);
  }

  .summary dd {
    margin: 0;
    font-size: var(--large);
    font-weight: 600;
  }

  .summary button {
    justify-content: start;
    min-height: 28px;
    padding: 0;
    border: 0;
    color: inherit;
    font-weight: 600;
  }

  .bad,
  .summary .bad dd,
  .bad small {
    color: var(--stale);
  }

  .filters {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s2);
    margin-bottom: var(--s3);
  }

  .filter[aria-pressed="true"] {
    border-color: var(--accent);
    color: var(--accent);
  }

  .tools {
    display: flex;
    flex-wrap: wrap;
    align-items: end;
    gap: var(--s3);
    margin-bottom: var(--s3);
  }

  .tools label:first-child {
    flex: 1 1 240px;
  }

  .tools .shown {
    flex: 1 1 100%;
  }

  .table {
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--panel);
    font-variant-numeric: tabular-nums;
  }

  [role="row"] {
    display: grid;
    grid-template-columns:
      minmax(100px, 1.1fr) minmax(130px, 1.6fr) minmax(84px, 0.8fr) minmax(110px, 1.2fr)
      minmax(80px, 0.8fr) minmax(92px, 0.9fr) minmax(110px, 1.3fr) minmax(84px, 0.8fr);
    gap: 0 var(--s3);
    padding: var(--s2) var(--s4);
  }

  .unit {
    border-top: 1px solid var(--line);
    /* Rows out of sight cost neither layout nor paint. */
    content-visibility: auto;
    contain-intrinsic-size: auto 58px;
  }

  .heads {
    position: sticky;
    top: 0;
    z-index: 1;
    border-radius: var(--radius) var(--radius) 0 0;
    background: var(--panel);
    box-shadow: 0 1px 0 var(--line);
  }

  [role="columnheader"] {
    display: flex;
    flex-wrap: wrap;
    gap: 0 var(--s2);
  }

  .heads button {
    min-height: 24px;
    padding: 0;
    color: var(--quiet);
    font-size: 12px;
  }

  .heads .sorted {
    color: var(--text);
  }

  .heads .sorted::after {
    content: "▲";
    font-size: 8px;
  }

  .heads .reversed::after {
    content: "▼";
  }

  [role="cell"] {
    display: flex;
    flex-direction: column;
    min-width: 0;
    overflow-wrap: anywhere;
  }

  [role="cell"] small {
    color: var(--quiet);
    font-size: 12px;
  }

  [role="cell"].bad small,
  [role="cell"] small.bad {
    color: var(--stale);
  }

  .line {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 var(--s2);
  }

  .name a {
    font-weight: 600;
    text-decoration: none;
  }

  .name a:hover {
    text-decoration: underline;
  }

  .recorded {
    display: inline-flex;
    align-items: center;
    gap: var(--s1);
  }

  .recorded svg {
    color: var(--live);
  }

  @media (max-width: 1100px) {
    .heads {
      display: none;
    }

    .table {
      border: 0;
      background: none;
    }

    [role="row"] {
      grid-template-columns: repeat(auto-fill, minmax(132px, 1fr));
      gap: var(--s3);
      margin-bottom: var(--s2);
      padding: var(--s3);
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--panel);
      contain-intrinsic-size: auto 260px;
    }

    .name {
      grid-column: 1 / -1;
    }

    .name a {
      display: flex;
      align-items: center;
      min-height: var(--control);
    }

    [role="cell"][data-label]::before {
      content: attr(data-label);
      color: var(--quiet);
      font-size: 12px;
    }
  }

  @media (max-width: 720px) {
    .filters {
      flex-wrap: nowrap;
      margin-inline: calc(-1 * var(--s3));
      padding: 2px var(--s3);
      overflow-x: auto;
    }

    .tools > * {
      flex: 1 1 132px;
    }

    .summary {
      grid-template-columns: repeat(2, 1fr);
    }

    .summary > :last-child {
      grid-column: 1 / -1;
    }
  }
`;
