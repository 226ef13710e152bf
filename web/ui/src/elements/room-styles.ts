/** How an incident's room shares its space: pictures beside the map, below them the bar and the time; on a phone one column. */

import { css } from "lit";

export const roomStyles = css`
  :host {
    display: block;
    min-width: 0;
  }

  .room {
    display: grid;
    grid-template: auto auto auto auto / minmax(0, 2fr) minmax(280px, 1fr);
    grid-template-areas: "choice choice" "pictures map" "bar bar" "time time";
    gap: var(--s2);
  }

  .choice {
    grid-area: choice;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 var(--s4);
    margin: 0;
    padding: 0;
    border: 0;
  }

  .choice small {
    color: var(--quiet);
  }

  .pictures {
    grid-area: pictures;
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: var(--s2);
    align-content: start;
  }

  .pictures[data-count="1"] {
    grid-template-columns: minmax(0, 1fr);
  }

  .pictures > * {
    aspect-ratio: 16 / 10;
  }

  .unknown {
    display: grid;
    place-content: center;
    justify-items: center;
    gap: var(--s2);
    padding: var(--s4);
    border: 1px dashed var(--edge);
    border-radius: var(--radius);
    color: var(--quiet);
    text-align: center;
  }

  .unknown strong {
    color: var(--text);
  }

  .map {
    grid-area: map;
    display: flex;
    min-height: 220px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    overflow: hidden;
  }

  trail-map {
    flex: 1;
    min-width: 0;
  }

  incident-bar {
    grid-area: bar;
  }

  .time {
    grid-area: time;
    min-width: 0;
  }

  .marks summary {
    padding: var(--s1) 0;
    color: var(--quiet);
    cursor: pointer;
  }

  .marks ol {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    max-height: 220px;
    margin: 0;
    padding: 0;
    overflow: auto;
    list-style: none;
  }

  .marks button {
    justify-content: start;
    gap: var(--s2);
    width: 100%;
    overflow: hidden;
    text-align: left;
    white-space: nowrap;
  }

  .marks .text {
    overflow: hidden;
    text-overflow: ellipsis;
  }

  @media (max-width: 720px) {
    .room {
      display: flex;
      flex-direction: column;
    }

    .pictures {
      grid-template-columns: minmax(0, 1fr);
    }

    .map {
      height: 38dvh;
    }

    incident-bar {
      position: sticky;
      bottom: 0;
      z-index: 5;
      order: 9;
      margin: 0 calc(-1 * var(--s3));
    }
  }
`;
