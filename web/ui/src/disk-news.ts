/**
 * Whether somebody who has put a warning about the disk aside must hear of it again, and what they put aside, for as long
 * as they are logged in. Knows nothing of elements.
 */

import type { DiskLevel, DiskNews } from "./model";

const KEY = "sightline.disk.aside";
const RANK: Record<DiskLevel, number> = { ok: 0, low: 1, clearing: 2, full: 3 };

/** What somebody has read. */
export interface PutAside {
  level: DiskLevel;
  /** Its warnings, without their sizes and times. */
  said: readonly string[];
}

/** What a warning says beside sizes and times, which differ each time. */
const gist = (warning: string) => warning.replace(/\d\S*( [KMGT]?i?B\b)?/g, "");

export function asideOf({ level, warnings }: DiskNews): PutAside {
  return { level, said: warnings.map(gist) };
}

/** Whether the news are worse than what was put aside: the disk is fuller, or there is another trouble. */
export function isWorse(news: DiskNews, aside: PutAside): boolean {
  const by = RANK[news.level] - RANK[aside.level];
  if (by > 0) return true;
  // Of a disk that is less full than it was, its own warning, which comes first, is no news.
  const others = by < 0 && news.level !== "ok" ? news.warnings.slice(1) : news.warnings;
  return others.some((warning) => !aside.said.includes(gist(warning)));
}

export function readAside(): PutAside | null {
  const kept = sessionStorage.getItem(KEY);
  return kept === null ? null : (JSON.parse(kept) as PutAside);
}

export function keepAside(aside: PutAside | null): void {
  if (aside === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, JSON.stringify(aside));
}
