/**
 * Every word about alerts, geofences, incidents and shares. Sentences that name a unit or a number are functions.
 */

import type { AlertKind, Grade, Tells } from "./model-incidents";

const plural = (n: number, one: string, many: string) => (n === 1 ? `1 ${one}` : `${n} ${many}`);

export const incidentStrings = {
  nav: {
    alerts: "Alerts",
    alertsOpen: (high: number, all: number) =>
      high > 0 ? `Alerts: ${all} open, ${high} of high priority` : `Alerts: ${all} open`,
    incidents: "Incidents",
  },

  kinds: {
    sos: "SOS",
    geofence_enter: "Entered a geofence",
    geofence_leave: "Left a geofence",
    unit_lost: "Unit lost",
    no_movement: "No movement",
    camera_offline: "Camera offline",
    battery_low: "Battery low",
    storage_low: "Storage low",
    not_recording: "Not recording",
  } satisfies Record<AlertKind, string> as Record<string, string>,

  grades: { high: "high priority", activity: "activity" } satisfies Record<Grade, string> as Record<string, string>,

  banner: {
    label: "Alert of high priority",
    /** For a screen reader, once. */
    said: (kind: string, unit: string, text: string) => `${kind}, ${unit}. ${text}`,
    ago: (age: string) => `${age} ago`,
    accuracy: (metres: string) => `${metres} m accuracy`,
    old: (age: string) => `${age} old`,
    noPlace: "no position",
    show: "Show",
    showHint: (unit: string) => `Show ${unit} live`,
    resolve: "Resolve…",
    incident: "Open incident",
    toIncident: "To the incident",
    more: (n: number) => `+ ${plural(n, "other", "others")}`,
    mute: "Mute alerts on this computer",
    unmute: "Let alerts sound on this computer",
    blocked: "The browser keeps the page silent until you click or press a key.",
    gateway: "The gateway",
    noUnit: "A unit that is no longer here",
  },

  resolve: {
    title: (kind: string, unit: string) => `Resolve: ${kind}, ${unit}`,
    text: "It leaves everybody's page. It cannot be opened again, and your word stands in the audit.",
    word: "What became of it",
    placeholder: "False alarm, spoke to the officer",
    submit: "Resolve",
    busy: "Resolving…",
    needed: "Say in a word what became of it.",
    noRight: "You have no right to resolve alerts of this unit.",
  },

  sos: {
    button: "SOS",
    hint: (unit: string) => `Raise an SOS for ${unit}`,
    title: (unit: string) => `Raise an SOS for ${unit}?`,
    text: "Everybody who may see this unit is told at once, with a sound.",
    what: "What happens there (may stay empty)",
    placeholder: "Officer calls for help",
    submit: "Raise SOS",
    busy: "Raising…",
    cancel: "Cancel",
  },

  inbox: {
    title: "Alerts",
    lead: "What waits for somebody, the gravest first. Each stays until somebody resolves it with a word.",
    geofences: "Geofences",
    open: "Open",
    resolved: "Resolved",
    filter: "Filter",
    unit: "Unit",
    kind: "What",
    grade: "Grade",
    any: "any",
    clear: "Show all",
    calm: "All quiet",
    calmText: "Nothing waits for anybody. An SOS comes over every page by itself.",
    calmFiltered: "Nothing open fits the filter.",
    noneResolved: "Nothing has been resolved yet.",
    noneFiltered: "Nothing resolved fits the filter.",
    older: "Older ones",
    end: "No older ones.",
    awayText: "The gateway does not answer: what is listed may be old.",
    times: (n: number, last: string) => `${n} times, the last ${last} UTC`,
    over: (time: string) => `over since ${time} UTC`,
    by: (name: string) => `raised by ${name}`,
    resolvedBy: (name: string, time: string) => `Resolved by ${name}, ${time} UTC`,
    place: "Place",
    archive: "Recording",
    archiveHint: (unit: string) => `The recording of ${unit} at that moment`,
    link: "Link to this alert",
    goneTitle: "This alert is not here",
    gone: "It does not exist, or it is about a unit that you may not see.",
    all: "All alerts",
  },

  deliveries: {
    title: "Told outside",
    none: "Nobody outside was to be told.",
    done: (time: string) => `delivered ${time} UTC`,
    waiting: (attempts: number, time: string) => `not yet, after ${plural(attempts, "attempt", "attempts")}; again ${time} UTC`,
    first: "under way",
    failed: (attempts: number) => `given up after ${plural(attempts, "attempt", "attempts")}`,
  },

  geofences: {
    title: "Geofences",
    tells: { enter: "when a unit enters", leave: "when a unit leaves", both: "when a unit enters or leaves" } satisfies Record<
      Tells,
      string
    >,
  },
};
