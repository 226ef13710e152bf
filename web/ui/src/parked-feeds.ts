/**
 * Live feeds whose picture has just left the page. Another picture of the same unit takes one over, tile to large view
 * and back: it goes on without a black moment and without a second session. What nobody takes is ended. Knows nothing
 * of elements.
 */

import type { LiveFeed } from "./live-feed";

/** The next view is there sooner. */
const PARKED_MS = 1_000;

interface Parked {
  feed: LiveFeed;
  timer: number;
}

const parked = new Map<string, Parked>();

/** Keep the feed of this unit for a moment; its session is not shown meanwhile. */
export function park(unit: string, feed: LiveFeed): void {
  end(unit);
  feed.changed = () => undefined;
  parked.set(unit, { feed, timer: window.setTimeout(() => end(unit), PARKED_MS) });
}

/** The feed of this unit, if one was parked just now. Its `changed` is the caller's to set. */
export function unpark(unit: string): LiveFeed | null {
  const found = parked.get(unit);
  if (!found) return null;
  window.clearTimeout(found.timer);
  parked.delete(unit);
  return found.feed;
}

function end(unit: string): void {
  unpark(unit)?.stop();
}
