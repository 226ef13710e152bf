/** Styles that the forms in the dialogs of alerts, geofences and incidents share. */

import { css } from "lit";

export const dialogStyles = css`
  form {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--s3);
  }

  p {
    margin: 0;
  }

  .said {
    overflow-wrap: anywhere;
  }

  .two {
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: var(--s3);
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

  .known {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(140px, 1fr));
    column-gap: var(--s3);
    max-height: 180px;
    overflow: auto;
  }

  .actions {
    display: flex;
    justify-content: end;
    gap: var(--s2);
  }

  @media (max-width: 720px) {
    .actions > * {
      flex: 1;
    }

    input:not([type="checkbox"]),
    select,
    textarea {
      font-size: 16px; /* smaller, and a phone zooms in on focus */
    }
  }
`;
