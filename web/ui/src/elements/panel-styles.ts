/** Styles that the lists and dialogs of the archive share. */

import { css } from "lit";

export const panelStyles = css`
  ul {
    display: grid;
    gap: var(--s1);
    margin: 0;
    padding: 0;
    list-style: none;
  }

  li {
    display: flex;
    align-items: center;
    gap: var(--s1);
    min-width: 0;
  }

  p {
    margin: 0 0 var(--s3);
  }

  .row {
    flex: 1;
    display: grid;
    justify-items: start;
    justify-content: start;
    gap: 0;
    min-width: 0;
    min-height: 44px;
    padding: var(--s1) var(--s2);
    border-color: transparent;
    background: none;
    font-weight: 400;
    text-align: left;
    white-space: normal;
    overflow-wrap: anywhere;
  }

  small {
    color: var(--quiet);
    font-size: 12px;
    font-variant-numeric: tabular-nums;
  }

  form {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--s3);
  }

  modal-dialog {
    --width: 560px; /* two moments, to the second, beside each other */
  }

  .two {
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 1fr));
    align-items: end;
    gap: var(--s3);
  }

  .two label {
    grid-template-columns: minmax(0, 1fr);
  }

  fieldset {
    display: grid;
    gap: var(--s1);
    margin: 0;
    padding: 0;
    border: 0;
  }

  legend {
    padding: 0;
    color: var(--quiet);
  }

  input[type="radio"] {
    width: 18px;
    min-height: 18px;
    margin: 0;
    flex: none;
    accent-color: var(--accent);
  }

  .actions {
    display: flex;
    justify-content: end;
    gap: var(--s2);
  }

  .begin {
    width: 100%;
    margin-bottom: var(--s3);
  }

  @media (max-width: 720px) {
    .two {
      grid-template-columns: 1fr;
    }

    .actions > * {
      flex: 1;
    }

    input,
    select {
      font-size: 16px; /* smaller, and a phone zooms in on focus */
    }
  }
`;
