/**
 * Every word about the disk of the recordings and about how far the archive can be proved. What the gateway says itself
 * (warnings, problems) stays in its words.
 */

import type { AnchorPlace, DiskLevel } from "./model";

/** `12 days`; under ten with a decimal, under a day in hours. */
function days(n: number): string {
  if (n < 1) return hours(Math.round(n * 24));
  const text = n < 9.95 ? n.toFixed(1).replace(/\.0$/, "") : n.toFixed(0);
  return text === "1" ? "1 day" : `${text} days`;
}

const hours = (n: number) => (n < 1 ? "less than an hour" : n === 1 ? "1 hour" : `${n} hours`);

export const storageStrings = {
  banner: {
    more: "What to do",
    dismiss: "Put this aside until it gets worse",
  },

  lead: "How full the disk of the recordings is, how long that goes well, and what is kept of each unit.",
  days,

  levels: {
    ok: "room enough",
    low: "low",
    clearing: "too little",
    full: "full: nothing is recorded",
  } satisfies Record<DiskLevel, string>,
  /** What to do, by level. */
  advice: {
    ok: "",
    low: "Before that happens: give the recordings a larger disk, have the policy keep less, or let fewer units record.",
    clearing:
      "If that must not go on: give the recordings a larger disk, take other files off it, or have the policy keep less of what matters least. What is on hold or younger than “keep_at_least” is never deleted; holds that have done their work can be released.",
    full: "Make room now: take other files off this disk or enlarge it, remove exports, release holds that have done their work, or shorten “keep_at_least” in the policy and read the settings again. Recording goes on by itself as soon as there is room.",
  } satisfies Record<DiskLevel, string>,
  todo: { policy: "Policy", archive: "Holds and exports in the archive" },

  disk: {
    title: "The disk",
    unknown: "The disk has not said how much room it has. If this stays: look whether it is there, and into the gateway's log.",
    free: (free: string, total: string, percent: string) => `${free} of ${total} free (${percent} %)`,
    bar: (percent: string) => `Used: ${percent} %`,
    recordings: "Recordings",
    other: "Everything else",
    room: "Free",
    warns: (size: string) => `warns below ${size}`,
    clears: (size: string) => `the oldest go below ${size}`,
    never: "At this pace it does not fill up: the policy lets go of enough in time.",
    nothingNew: "Nothing was recorded in the last day: there is nothing to judge by.",
    isFull: "It is full.",
    now: "Less is free than the settings want to be free.",
    full: (time: string, day: string, daily: string) =>
      `Full in about ${time}, on ${day}, at ${daily} a day: from then on the oldest go before their time.`,
    fullToday: (time: string, daily: string) =>
      `Full in about ${time}, at ${daily} a day: from then on the oldest go before their time.`,
  },

  units: {
    title: "By unit",
    text: "As of the last minute; finished files only. Holds keep single times for longer.",
    emptyTitle: "Nothing is recorded yet",
    empty: "A unit appears here as soon as its first file is finished, a minute or so after it began to record.",
    emptyDo: "To the units",
    removed: "removed",
    bytes: "Stored",
    share: (percent: string) => `${percent} % of all recordings`,
    daily: (size: string) => `${size} a day`,
    idle: "nothing new for a day",
    kept: "Kept",
    since: (day: string) => `since ${day}`,
    ofDays: (kept: string, policy: string) => `${kept} of ${policy}`,
    noLimit: (kept: string) => `${kept}; until its room is needed`,
    upTo: (size: string) => `at most ${size}`,
    short: (reach: string) => `Room runs out first, at about ${reach}`,
  },

  evidence: {
    title: "How far the archive can be proved",
    anchored: (time: string) => `All that was written until ${time} UTC is anchored outside this gateway.`,
    ago: (age: string) => `${age} ago`,
    nowhere: "Nothing is anchored outside this gateway.",
    nowhereText:
      "Whoever holds this machine and its key could write the ledgers anew. Name a second place in the settings: “anchor_file” on another disk or machine, or “timestamp_url” of a time stamp authority, in the section [evidence].",
    notYet: "Nothing has reached a place outside yet.",
    late: (every: string) => `An anchor is due every ${every}; the last one is older.`,
    lateText: "Look into the gateway's log why none could be made.",
    kinds: { file: "Second place", timestamp: "Time stamp authority" } satisfies Record<AnchorPlace["kind"], string>,
    reached: (time: string) => `holds all until ${time} UTC`,
    reachedNever: "holds nothing yet",
    problem: (where: string, why: string) => `Anchors do not reach ${where}: ${why}.`,
    todo: {
      file: "Look whether it is mounted and may be written to. What it missed follows by itself; it is tried every five minutes.",
      timestamp:
        "Look whether this machine reaches it, and whether “timestamp_certificates” are its own. It is tried every five minutes.",
    } satisfies Record<AnchorPlace["kind"], string>,
    verified: "Last verification",
    never: "Nobody has verified the whole archive yet. On the gateway's machine:",
    command: "sightline verify",
    holds: (time: string, age: string) => `${time} UTC (${age} ago): everything held.`,
    anchoredThen: (time: string) => `It was anchored until ${time} UTC.`,
    findings: (n: number, time: string, age: string) =>
      `${n === 1 ? "One thing does" : `${n} things do`} not hold, as found ${time} UTC (${age} ago).`,
    findingsText: "Nobody should repair or delete anything before it is clear what happened. What they are, it names again:",
    details: "Keys and ledgers",
    publicKey: "Ed25519",
    signs: "signs now",
    since: (time: string) => `since ${time} UTC`,
    vouched: (id: string) => `vouched for by ${id}`,
    first: "the first: compare it with what your agency has published",
    chain: "Ledger",
    audit: "Audit",
    rows: "Rows",
    open: "Not anchored yet",
    allAnchored: "none",
  },
};
