/**
 * What is told of the disk of the recordings, and whether somebody who has put a warning aside must hear of it again. What
 * they put aside is kept through reloads, until the log-out. Knows nothing of elements.
 */

import type { DiskLevel, DiskNews } from "./model";

const KEY = "sightline.disk.aside";
const RANK: Record<DiskLevel, number> = { ok: 0, low: 1, clearing: 2, full: 3 };

/** What somebody has read. */
interface PutAside {
  level: DiskLevel;
  /** Its warnings, without their sizes and times. */
  said: readonly string[];
}

/** What a warning says beside sizes and times, which differ each time. */
const gist = (warning: string) => warning.replace(/\d\S*( [KMGT]?i?B\b)?/g, "");

export class DiskWatch {
  /** As told last; null: one may not know, or nothing was told yet. */
  news: DiskNews | null = null;
  private aside: PutAside | null;

  /** @param kept where what was put aside outlives a reload */
  constructor(private readonly kept: Pick<Storage, "getItem" | "setItem" | "removeItem">) {
    const text = kept.getItem(KEY);
    this.aside = text === null ? null : (JSON.parse(text) as PutAside);
  }

  take(news: DiskNews): void {
    this.news = news;
    if (news.warnings.length === 0) this.keep(null); // it is over: what comes next is another
  }

  /** What is to be shown now: there are warnings, and they are worse than what was put aside. */
  get warning(): DiskNews | null {
    return this.news && this.news.warnings.length > 0 && (this.aside === null || isWorse(this.news, this.aside)) ? this.news : null;
  }

  putAside(): void {
    if (this.news) this.keep({ level: this.news.level, said: this.news.warnings.map(gist) });
  }

  /** At the log-out. */
  forget(): void {
    this.news = null;
    this.keep(null);
  }

  private keep(aside: PutAside | null): void {
    this.aside = aside;
    if (aside === null) this.kept.removeItem(KEY);
    else this.kept.setItem(KEY, JSON.stringify(aside));
  }
}

/** Whether the disk is fuller than it was, or there is another trouble. */
function isWorse(news: DiskNews, aside: PutAside): boolean {
  const by = RANK[news.level] - RANK[aside.level];
  if (by > 0) return true;
  // Of a disk that is less full than it was, its own warning, which comes first, is no news.
  const others = by < 0 && news.level !== "ok" ? news.warnings.slice(1) : news.warnings;
  return others.some((warning) => !aside.said.includes(gist(warning)));
}
