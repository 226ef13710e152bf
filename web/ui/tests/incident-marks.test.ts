import { describe, expect, it } from "vitest";
import { beginOf, includes, LIT_MS, litNotes, markFrom, marksOf, spanOf } from "../src/incident-marks";
import type { Alert, IncidentCamera, Note } from "../src/model-incidents";

const T0 = Date.parse("2026-01-31T12:00:00Z");
const iso = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();
const unit = (camera: string, from: number, to: number | null): IncidentCamera => ({
  camera,
  name: `Unit ${camera}`,
  from: iso(from),
  to: to === null ? null : iso(to),
  follows: to === null,
  hold: 1,
  added_by: "anna",
  added: iso(from),
});
const note = (id: number, at: number): Note => ({ id, utc: iso(at), text: `note ${id}`, created_by: "anna", created: iso(at) });
const alert = { id: 7, utc: iso(12), text: "SOS" } as Alert;
const gap = (from: number, to: number) => ({ from: T0 + from * 1000, to: T0 + to * 1000, reason: "", detail: "", count: 1, track: null });

describe("the time of an incident", () => {
  it("grows up to now, and ends where it was closed", () => {
    expect(spanOf({ from: iso(0), to: null }, T0 + 60_000)).toEqual({ from: T0, to: T0 + 60_000 });
    expect(spanOf({ from: iso(0), to: iso(5) }, T0 + 60_000).to).toBe(T0 + 5_000);
  });

  it("is looked back at from its last moments while it grows, else from its begin", () => {
    expect(beginOf({ from: iso(0), to: null }, T0 + 60_000)).toBe(T0 + 50_000);
    expect(beginOf({ from: iso(0), to: null }, T0 + 4_000)).toBe(T0);
    expect(beginOf({ from: iso(0), to: iso(40) }, T0 + 60_000)).toBe(T0);
  });

  it("has of each unit its own part, without its end", () => {
    expect([9.999, 10, 19.999, 20].map((s) => includes(unit("a", 10, 20), T0 + s * 1000))).toEqual([false, true, true, false]);
    expect(includes(unit("a", 10, null), T0 + 1e9)).toBe(true);
  });
});

describe("the marks of an incident", () => {
  const incident = { cameras: [unit("a", 0, null), unit("b", 10, 30)] };
  const lanes = [
    { camera: "b", gaps: [gap(15, 18), gap(20, 20.5), gap(40, 50)] },
    { camera: "stranger", gaps: [gap(1, 9)] },
  ];
  const marks = marksOf(incident, [note(2, 25), note(1, 5)], [alert], lanes);

  it("are in the order in which it happened, without short gaps and those outside of it", () => {
    expect(marks.map(({ at, kind, id }) => [(at - T0) / 1000, kind, id])).toEqual([
      [0, "begin", null],
      [5, "note", 1],
      [10, "begin", null],
      [12, "alert", 7],
      [15, "gap", null],
      [25, "note", 2],
      [30, "end", null],
    ]);
    expect(marks.map(({ text }) => text)).toEqual(["Unit a", "note 1", "Unit b", "SOS", "Unit b", "note 2", "Unit b"]);
  });

  it("lead on to the next and back to the one before, not to the one where one is", () => {
    expect(markFrom(marks, T0 + 5_000, 1)?.at).toBe(T0 + 10_000);
    expect(markFrom(marks, T0 + 5_000, -1)?.at).toBe(T0);
    expect(markFrom(marks, T0 + 12_300, -1)?.at).toBe(T0 + 10_000);
    expect(markFrom(marks, T0 + 30_000, 1)).toBeNull();
    expect(markFrom(marks, T0, -1)).toBeNull();
  });
});

it("lights a note as its moment passes, and for a while", () => {
  const notes = [note(1, 5), note(2, 8)];
  expect(litNotes(notes, T0 + 4_999)).toEqual(new Set());
  expect(litNotes(notes, T0 + 8_000)).toEqual(new Set([1, 2]));
  expect(litNotes(notes, T0 + 5_000 + LIT_MS)).toEqual(new Set([2]));
});
