/**
 * Notes that the gateway does not have yet: on their way, or waiting for the link. They keep the moment at which they were
 * written, outlive a reload, and are forgotten at the log-out. Knows nothing of elements.
 */

import { ApiError } from "./api";

const KEY = "sightline.notes";

/** A note that is not there yet. */
export interface Unsent {
  key: number;
  incident: number;
  text: string;
  /** The moment it is about. */
  utc: string;
  /** Why it did not arrive; "": it is on its way. */
  trouble: string;
  /** It is sent again by itself once the gateway answers. */
  waits: boolean;
}

export class NoteOutbox {
  /** In the order in which they were written; another array with each change. */
  unsent: readonly Unsent[];

  /**
   * @param kept where they outlive a reload
   * @param send rejects when a note did not arrive
   * @param changed something to be seen is another than before
   */
  constructor(
    private readonly kept: Pick<Storage, "getItem" | "setItem" | "removeItem">,
    private readonly send: (note: Unsent) => Promise<unknown>,
    private readonly changed: () => void,
  ) {
    const text = kept.getItem(KEY);
    const before = text === null ? [] : (JSON.parse(text) as Unsent[]);
    // What was on its way when the page went is sent again: twice is better than never.
    this.unsent = before.map((note) => ({ ...note, waits: note.waits || note.trouble === "" }));
  }

  of(incident: number): readonly Unsent[] {
    return this.unsent.filter((note) => note.incident === incident);
  }

  write(incident: number, text: string, utc: string): Promise<void> {
    const key = Math.max(0, ...this.unsent.map((note) => note.key)) + 1;
    const note = { key, incident, text, utc, trouble: "", waits: false };
    this.keep([...this.unsent, note]);
    return this.deliver(note);
  }

  /** Send one again. */
  again(key: number): Promise<void> {
    const note = this.unsent.find((candidate) => candidate.key === key);
    return note && (note.waits || note.trouble) ? this.deliver(note) : Promise.resolve();
  }

  /** The gateway answers again: send what waits for that. */
  linkUp(): void {
    for (const note of this.unsent) if (note.waits) void this.deliver(note);
  }

  drop(key: number): void {
    this.keep(this.unsent.filter((note) => note.key !== key));
  }

  /** At the log-out. */
  forget(): void {
    this.keep([]);
  }

  private async deliver(note: Unsent): Promise<void> {
    this.mark(note.key, { trouble: "", waits: false });
    try {
      await this.send(note);
      this.drop(note.key);
    } catch (error) {
      const away = error instanceof ApiError && (error.status === 0 || error.status >= 500);
      this.mark(note.key, { trouble: (error as Error).message, waits: away });
    }
  }

  private mark(key: number, change: Pick<Unsent, "trouble" | "waits">): void {
    this.keep(this.unsent.map((note) => (note.key === key ? { ...note, ...change } : note)));
  }

  private keep(unsent: readonly Unsent[]): void {
    this.unsent = unsent;
    if (unsent.length === 0) this.kept.removeItem(KEY);
    else this.kept.setItem(KEY, JSON.stringify(unsent));
    this.changed();
  }
}
