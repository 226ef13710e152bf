/**
 * Styles that several elements share: buttons, fields, what only screen readers see. Values come from tokens.css.
 */

import { css } from "lit";

export const controls = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  [hidden] {
    display: none !important;
  }

  /* What others wrote turns round no letter but its own, whatever marks of direction are in it (UAX 9, 6.4). */
  a,
  b,
  code,
  em,
  label,
  small,
  span,
  strong {
    unicode-bidi: isolate;
  }

  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: var(--s2);
    min-height: var(--control);
    padding: 0 var(--s3);
    border: 1px solid var(--edge);
    border-radius: var(--radius);
    background: var(--raised);
    color: var(--text);
    font: inherit;
    font-weight: 500;
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
    touch-action: manipulation;
  }

  button:hover:not(:disabled),
  .button:hover {
    border-color: var(--quiet);
    background: color-mix(in srgb, var(--raised), var(--text) 8%);
  }

  button:disabled {
    opacity: 0.55;
    cursor: default;
  }

  button.primary {
    border-color: var(--accent);
    background: var(--accent);
    color: var(--on-accent);
  }

  button.primary:hover:not(:disabled) {
    background: color-mix(in srgb, var(--accent), var(--text) 15%);
  }

  button.plain {
    border-color: transparent;
    background: none;
  }

  button.icon {
    width: var(--control);
    padding: 0;
  }

  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }

  label {
    display: grid;
    gap: var(--s1);
    color: var(--quiet);
  }

  input,
  select {
    min-height: var(--control);
    width: 100%;
    padding: 0 var(--s3);
    border: 1px solid var(--edge);
    border-radius: var(--radius);
    background: var(--ground);
    color: var(--text);
    font: inherit;
  }

  input::placeholder {
    color: var(--quiet);
    opacity: 1;
  }

  input[type="checkbox"] {
    flex: none;
    width: 18px;
    min-height: 18px;
    margin: 0;
    accent-color: var(--accent);
  }

  label.check {
    display: flex;
    align-items: center;
    gap: var(--s2);
    min-height: var(--control);
    color: var(--text);
  }

  .error {
    margin: 0;
    padding: var(--s2) var(--s3);
    border-left: 3px solid var(--stale);
    border-radius: var(--radius);
    background: color-mix(in srgb, var(--panel), var(--stale) 12%);
    color: var(--text);
    overflow-wrap: anywhere;
  }

  .quiet {
    color: var(--quiet);
  }

  .figures {
    font-variant-numeric: tabular-nums;
  }

  code {
    padding: 1px var(--s1);
    border-radius: 4px;
    background: var(--raised);
    color: var(--text);
    font: 0.95em var(--mono);
  }

  kbd {
    display: inline-block;
    min-width: 22px;
    padding: 1px 6px;
    border: 1px solid var(--line);
    border-bottom-width: 2px;
    border-radius: 4px;
    background: var(--raised);
    color: var(--text);
    font: 12px var(--mono);
    text-align: center;
  }

  svg {
    display: block;
    flex: none;
  }

  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0.01ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 0.01ms !important;
    }
  }
`;
