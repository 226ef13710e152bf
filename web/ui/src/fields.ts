/** What somebody has entered into a form. */

/** A field as it stands there; empty when there is none of that name. */
export function entered(form: HTMLFormElement, name: string): string {
  const value = new FormData(form).get(name);
  return typeof value === "string" ? value : "";
}
