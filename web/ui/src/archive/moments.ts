/** Moments as fields of a form take and give them: UTC, to the second. Milliseconds since the Unix epoch. */

import { entered } from "../fields";

/** As a `datetime-local` field has it. */
export const fieldOf = (at: number) => new Date(at).toISOString().slice(0, 19);

/** What stands in a `datetime-local` field; null: nothing. */
export function momentIn(form: HTMLFormElement, name: string): number | null {
  const at = Date.parse(`${entered(form, name)}Z`);
  return Number.isFinite(at) ? at : null;
}
