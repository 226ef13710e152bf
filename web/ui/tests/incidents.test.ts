import { describe, expect, it } from "vitest";
import { IncidentBook } from "../src/incidents";
import type { Incident } from "../src/model-incidents";

const incident = (id: number, title: string) => ({ id, title, alerts: [], closed: null }) as unknown as Incident;

describe("what was told of incidents while an answer was under way", () => {
  it("is newer than the answer", () => {
    const book = new IncidentBook();
    book.take(incident(1, "old"));
    const before = book.told;
    book.take(incident(1, "told since"));
    book.takeAnswer(incident(1, "answer"), before);
    expect(book.find(1)?.title).toBe("told since");
  });

  it("is nothing: then the answer holds", () => {
    const book = new IncidentBook();
    book.take(incident(1, "old"));
    const before = book.told;
    book.take(incident(2, "another"));
    book.takeAnswer(incident(1, "answer"), before);
    book.takeAnswer(incident(3, "not known so far"), before);
    expect(book.told.map(({ id, title }) => [id, title])).toEqual([
      [3, "not known so far"],
      [2, "another"],
      [1, "answer"],
    ]);
  });

  it("stays beside all that are open, which do not bring back what was deleted", () => {
    const book = new IncidentBook();
    for (const id of [1, 2, 3]) book.take(incident(id, "old"));
    const before = book.told;
    book.take(incident(2, "told since"));
    book.take(incident(4, "opened since"));
    book.remove(3);
    book.takeOpen([incident(3, "answer"), incident(2, "answer")], before);
    expect(book.told.map(({ id, title }) => [id, title])).toEqual([
      [4, "opened since"],
      [2, "told since"],
    ]);
  });
});
