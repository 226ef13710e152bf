/** Styles that the parts of an incident's page share: heading, list, small print. */

import { css } from "lit";

export const sectionStyles = css`
  :host {
    display: block;
  }

  .head {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: var(--s2);
    min-height: var(--control);
    margin-bottom: var(--s1);
  }

  h2,
  h3,
  p {
    margin: 0;
  }

  h2 {
    font-size: var(--normal);
    font-weight: 600;
  }

  h3 {
    font-size: var(--small);
    font-weight: 600;
  }

  ul {
    margin: 0 0 var(--s2);
    padding: 0;
    list-style: none;
  }

  li {
    padding: var(--s2) 0;
    border-top: 1px solid var(--line);
  }

  small {
    color: var(--quiet);
    font-size: 12px;
    overflow-wrap: anywhere;
  }

  @media (max-width: 720px) {
    input,
    select {
      font-size: 16px; /* smaller, and a phone zooms in on focus */
    }
  }
`;
