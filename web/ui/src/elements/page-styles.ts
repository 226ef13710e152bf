/** Styles that the pages of the settings share: their head, cards, rows, fields, tables and empty states. */

import { css } from "lit";

export const pageStyles = css`
  :host {
    display: block;
    max-width: var(--page, 860px);
    padding: var(--s4) var(--s6) var(--s8);
  }

  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s2) var(--s3);
    margin-bottom: var(--s4);
  }

  h1,
  h2,
  h3,
  p {
    margin: 0;
  }

  h1 {
    flex: 1;
    min-width: min(100%, 8em);
    overflow-wrap: anywhere;
    font-size: var(--large);
    font-weight: 600;
  }

  h2 {
    font-size: var(--normal);
    font-weight: 600;
  }

  .lead {
    max-width: 68ch;
    margin-bottom: var(--s4);
    color: var(--quiet);
  }

  section {
    margin-bottom: var(--s8);
  }

  section > h2 {
    margin-bottom: var(--s1);
  }

  section > .quiet {
    max-width: 68ch;
    margin-bottom: var(--s3);
  }

  .card {
    padding: var(--s4);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--panel);
  }

  .rows {
    margin: 0;
    padding: 0;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--panel);
    list-style: none;
  }

  .rows > li {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s1) var(--s3);
    padding: var(--s3) var(--s4);
  }

  .rows > li + li {
    border-top: 1px solid var(--line);
  }

  .rows .what {
    flex: 1 1 220px;
    min-width: 0;
    overflow-wrap: anywhere;
  }

  .rows strong {
    font-weight: 600;
  }

  .rows small {
    display: block;
    color: var(--quiet);
    font-size: var(--small);
  }

  .actions {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s2);
  }

  .chips {
    display: inline-flex;
    flex-wrap: wrap;
    gap: var(--s1);
    min-width: 0;
    max-width: 100%;
  }

  .chip {
    display: inline-flex;
    flex: none;
    align-items: center;
    gap: 5px;
    max-width: 100%;
    padding: 1px var(--s2);
    border: 1px solid var(--line);
    border-radius: 999px;
    background: var(--raised);
    font-size: 12px;
    overflow-wrap: anywhere;
  }

  .chip.here {
    border-color: var(--accent);
    color: var(--accent);
  }

  .note {
    display: grid;
    justify-items: center;
    gap: var(--s2);
    padding: var(--s8) var(--s4);
    border: 1px dashed var(--line);
    border-radius: var(--radius);
    color: var(--quiet);
    text-align: center;
  }

  .note strong {
    color: var(--text);
    font-weight: 600;
  }

  form.fields {
    display: grid;
    gap: var(--s3);
  }

  a {
    color: var(--accent);
  }

  @media (max-width: 720px) {
    :host {
      padding: var(--s3) var(--s3) var(--s8);
    }

    .head .actions {
      flex: 1 1 100%;
    }

    .head .actions > * {
      flex: 1;
    }

    .rows > li {
      padding: var(--s3);
    }

    .rows > li > .actions {
      flex: 1 1 100%;
    }

    .rows > li > .actions > * {
      flex: 1;
    }

    input,
    select,
    textarea {
      font-size: 16px; /* smaller, and a phone zooms in on focus */
    }
  }
`;
