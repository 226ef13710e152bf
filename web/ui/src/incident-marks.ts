/**
 * What happened in an incident, as marks on its time: where its units begin and end, what was noted, alerts, gaps; and
 * which of it is of a moment. Times are milliseconds since the Unix epoch. Knows nothing of elements or the network.
 */

import type { Span } from "./archive/coverage";
import type { Lane } from "./archive/lane";
import type { Alert, Incident, IncidentCamera, Note } from "./model-incidents";

export type MarkKind = "begin" | "end" | "note" | "alert" | "gap";

export interface Mark {
  at: number;
  kind: MarkKind;
  /** What it is about: the name of a unit, or the text of a note or an alert. */
  text: string;
  /** The number of the note or the alert; null: it has none. */
  id: number | null;
}

/** A note lights up as its moment passes, and stays lit so long. */
export const LIT_MS = 8_000;
/** A shorter gap is no station on the way. */
const LEAST_GAP_MS = 1_000;
/** Marks nearer than this to where one is are passed over: one has just come from there. */
const PASSED_MS = 500;
/** Of a live incident one looks back at its last moments. */
const BEFORE_NOW_MS = 10_000;

/** From when to when an incident is; what grows reaches to `now`. */
export const spanOf = ({ from, to }: Pick<Incident, "from" | "to">, now: number): Span => ({
  from: Date.parse(from),
  to: to === null ? now : Date.parse(to),
});

/** Where a replay begins that nobody named a moment for. */
export function beginOf(incident: Pick<Incident, "from" | "to">, now: number): number {
  const { from } = spanOf(incident, now);
  return incident.to === null ? Math.max(from, now - BEFORE_NOW_MS) : from;
}

/** Whether a moment is one of those that the incident has of a unit. */
export function includes(camera: Pick<IncidentCamera, "from" | "to">, at: number): boolean {
  return at >= Date.parse(camera.from) && (camera.to === null || at < Date.parse(camera.to));
}

/** All that happened, in order. */
export function marksOf(
  incident: Pick<Incident, "cameras">,
  notes: readonly Note[],
  alerts: readonly Alert[],
  lanes: readonly Pick<Lane, "camera" | "gaps">[],
): Mark[] {
  const ends = incident.cameras.flatMap(({ name, from, to }): Mark[] => [
    { at: Date.parse(from), kind: "begin", text: name, id: null },
    ...(to === null ? [] : [{ at: Date.parse(to), kind: "end" as const, text: name, id: null }]),
  ]);
  const gaps = lanes.flatMap(({ camera, gaps }) => {
    const one = incident.cameras.find((candidate) => candidate.camera === camera);
    const long = gaps.filter(({ from, to }) => to - from >= LEAST_GAP_MS && one && includes(one, from));
    return long.map(({ from }): Mark => ({ at: from, kind: "gap", text: one?.name ?? camera, id: null }));
  });
  const said = notes.map(({ id, utc, text }): Mark => ({ at: Date.parse(utc), kind: "note", text, id }));
  const raised = alerts.map(({ id, utc, text }): Mark => ({ at: Date.parse(utc), kind: "alert", text, id }));
  return [...ends, ...gaps, ...said, ...raised].sort((a, b) => a.at - b.at);
}

/** The mark that comes next after where one is, or came before it; null: none. */
export function markFrom(marks: readonly Mark[], at: number, direction: 1 | -1): Mark | null {
  return (direction > 0 ? marks.find((mark) => mark.at > at + PASSED_MS) : marks.findLast((mark) => mark.at < at - PASSED_MS)) ?? null;
}

/** The notes whose moment has just passed. */
export function litNotes(notes: readonly Note[], at: number): ReadonlySet<number> {
  const lit = notes.filter(({ utc }) => {
    const since = at - Date.parse(utc);
    return since >= 0 && since < LIT_MS;
  });
  return new Set(lit.map(({ id }) => id));
}
