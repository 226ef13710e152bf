/** Calls about NVRs: where they connect, which do, and the end of what one reads. docs/interfaces.md has the meaning. */

import { json, request } from "./api";
import type { NvrStanding } from "./nvr";

export function nvrStanding(signal?: AbortSignal): Promise<NvrStanding> {
  return json<NvrStanding>("/api/nvr", "GET", undefined, signal);
}

/** Its NVR may come again, as long as its account holds. */
export async function endReader(id: string): Promise<void> {
  await request(`/api/nvr/readers/${encodeURIComponent(id)}`, { method: "DELETE" });
}
