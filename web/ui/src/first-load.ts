/** How the page itself came: what is known of the link before the first picture is asked for. */

import { beginsSmall } from "./link-health";

/** Chromium's; other browsers do not say (Network Information API, a draft). */
interface Connection {
  downlink?: number;
  saveData?: boolean;
}

/** Whether pictures had better begin small, by the files that have come so far and by what the browser says. */
export function linkIsSlow(): boolean {
  const timings = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
  const files = timings
    .filter(({ transferSize }) => transferSize > 0)
    .map(({ transferSize, responseStart, responseEnd }) => ({ bytes: transferSize, ms: responseEnd - responseStart }));
  const { connection } = navigator as Navigator & { connection?: Connection };
  return beginsSmall({ files, downlinkMbit: connection?.downlink ?? null, saveData: connection?.saveData ?? false });
}
