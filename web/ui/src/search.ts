/**
 * What a search finds, the best first: units, incidents, pages, and a place that was typed as latitude and longitude. Pure:
 * what there is to be found is handed in. Knows nothing of elements.
 */

import { placeIn, placeText } from "./geofence-draft";
import type { Place } from "./fixes";
import type { View } from "./route";

/** Something that can be gone to. */
export interface Goal {
  /** Says which it is, through reloads. */
  key: string;
  kind: "unit" | "incident" | "page";
  title: string;
  /** What else it is found by, and is shown beside it. */
  detail: string;
  view: View;
}

export type Found = Goal | { key: "place"; kind: "place"; title: string; detail: string; place: Place };

const MOST_FOUND = 12;
const MOST_RECENT = 8;
const RECENT_KEY = "sightline.recent";

/** How well a word fits, the best highest; 0: not at all. */
const EXACT = 100;
const BEGINS = 60;
const BEGINS_WORD = 40;
const WITHIN = 20;
/** A fit in what stands beside the title counts so much less. */
const ASIDE = 10;
/** Of two that fit about as well, the one that was gone to lately stands first. */
const RECENT = 15;
/** Of two that fit equally well. */
const ORDER: readonly Goal["kind"][] = ["unit", "incident", "page"];

const byTitle = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
/** As it is compared: without accents and case. */
const plain = (text: string) => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();

/** @param recent keys of what was gone to, the latest first */
export function find(query: string, goals: readonly Goal[], recent: readonly string[]): readonly Found[] {
  const words = plain(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return lately(goals, recent);
  const place = placeIn(query);
  const rated = goals.flatMap((goal) => {
    const fit = fitOf(goal, words);
    if (fit === 0) return [];
    const seen = recent.indexOf(goal.key);
    return [{ goal, rank: fit + (seen < 0 ? 0 : RECENT - seen) }];
  });
  rated.sort(
    (a, b) =>
      b.rank - a.rank ||
      ORDER.indexOf(a.goal.kind) - ORDER.indexOf(b.goal.kind) ||
      byTitle.compare(a.goal.title, b.goal.title),
  );
  const found: Found[] = rated.slice(0, MOST_FOUND).map(({ goal }) => goal);
  return place === null ? found : [{ key: "place", kind: "place", title: placeText(place), detail: "", place }, ...found];
}

/** What was gone to lately, as far as it is still there. */
function lately(goals: readonly Goal[], recent: readonly string[]): readonly Goal[] {
  return recent.flatMap((key) => goals.find((goal) => goal.key === key) ?? []);
}

/** All words have to fit; the worst decides, so that a second word narrows and never widens. */
function fitOf(goal: Goal, words: readonly string[]): number {
  const [title, detail] = [plain(goal.title), plain(goal.detail)];
  return Math.min(...words.map((word) => Math.max(wordFit(title, word), wordFit(detail, word) - ASIDE, 0)));
}

function wordFit(text: string, word: string): number {
  if (text === word) return EXACT;
  const at = text.indexOf(word);
  if (at < 0) return 0;
  if (at === 0) return BEGINS;
  return new RegExp(`[\\s\\-_./#]${escaped(word)}`).test(text) ? BEGINS_WORD : WITHIN;
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** What was gone to, the latest first; outlives a reload. */
export class Recent {
  keys: readonly string[];

  constructor(private readonly kept: Pick<Storage, "getItem" | "setItem">) {
    const text = kept.getItem(RECENT_KEY) ?? "";
    this.keys = text.split("\n").filter(Boolean).slice(0, MOST_RECENT);
  }

  add(key: string): void {
    this.keys = [key, ...this.keys.filter((other) => other !== key)].slice(0, MOST_RECENT);
    this.kept.setItem(RECENT_KEY, this.keys.join("\n"));
  }
}
