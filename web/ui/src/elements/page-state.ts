/** What a page shows while it has nothing to show: that it asks, or what went wrong and a way to ask again. */

import { html, nothing, type TemplateResult } from "lit";
import type { Fetched } from "../controllers";
import { strings } from "../strings";

/** `render` once there is a value; a failure stands above the last value rather than in its place. */
export function fetched<T>(asked: Fetched<T>, render: (value: T) => TemplateResult): TemplateResult {
  const failure = asked.error
    ? html`<p class="error failed" role="alert" data-testid="failed">
        ${asked.error} <button ?disabled=${asked.busy} @click=${() => void asked.again()}>${strings.page.again}</button>
      </p>`
    : nothing;
  if (asked.value !== undefined) return html`${failure}${render(asked.value)}`;
  return asked.error ? html`${failure}` : html`<p class="quiet" role="status">${strings.page.loading}</p>`;
}
