/** How the archive's page shares its space. */

import { css } from "lit";

export const archiveStyles = css`
  :host {
    display: block;
    height: 100%;
    min-height: 0;
  }

  .page {
    display: grid;
    grid-template: auto minmax(0, 1fr) auto / minmax(0, 1fr) minmax(300px, 380px);
    grid-template-areas: "head head" "pictures aside" "transport aside";
    height: 100%;
  }

  archive-head {
    grid-area: head;
  }

  .pictures {
    grid-area: pictures;
    position: relative;
    display: grid;
    gap: var(--s2);
    min-height: 0;
    padding: 0 var(--s2);
    background: var(--ground);
  }

  .pictures[data-count="2"] {
    grid-template-columns: 1fr 1fr;
  }

  .pictures[data-count="3"],
  .pictures[data-count="4"] {
    grid-template: 1fr 1fr / 1fr 1fr;
  }

  .said {
    position: absolute;
    inset: auto 0 56px;
    display: grid;
    justify-content: center;
    pointer-events: none;
  }

  .said span {
    padding: var(--s2) var(--s4);
    border-radius: 999px;
    background: rgb(5 7 10 / 82%);
    color: #eef2f6;
  }

  .transport {
    grid-area: transport;
    display: grid;
    gap: var(--s2);
    min-width: 0;
    padding: var(--s2) var(--s2) var(--s2);
  }

  aside {
    grid-area: aside;
    display: flex;
    flex-direction: column;
    min-height: 0;
    border-left: 1px solid var(--line);
  }

  trail-map {
    flex: 1 1 45%;
    min-height: 180px;
  }

  undo-note {
    margin: var(--s2) var(--s2) 0;
  }

  archive-panel {
    flex: 1 1 55%;
    min-height: 0;
    border-top: 1px solid var(--line);
  }

  .empty {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s3);
    padding: var(--s2) var(--s3);
    border: 1px dashed var(--edge);
    border-radius: var(--radius);
  }

  .wait,
  .none {
    display: grid;
    place-content: center;
    justify-items: center;
    gap: var(--s2);
    height: 100%;
    margin: 0;
    color: var(--quiet);
    text-align: center;
  }

  .none h1 {
    margin: 0;
    color: var(--text);
    font-size: var(--large);
  }

  .none p {
    max-width: 46ch;
    margin: 0;
  }

  @media (max-width: 720px) {
    .page {
      display: block;
      height: auto;
    }

    .pictures {
      aspect-ratio: 16 / 10;
      padding: 0;
    }

    .pictures[data-count="2"] {
      grid-template: 1fr 1fr / 1fr;
      aspect-ratio: 8 / 9;
    }

    .transport {
      position: sticky;
      bottom: 0;
      z-index: 2;
      background: var(--ground);
    }

    aside {
      border-left: 0;
      border-top: 1px solid var(--line);
    }

    trail-map {
      height: 38dvh;
    }
  }
`;
