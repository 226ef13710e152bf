/**
 * Why somebody watches a unit, where the policy asks for it. A reason holds for one incident of watching: through
 * reconnects, and from the tile to the large view; it is forgotten a minute after the last picture was closed, at the
 * log-out and with a reload. Time is an argument, milliseconds.
 */

/** Between two looks at the same unit this much may pass: scrolling on the wall, a glance at another view. */
const FORGOTTEN_AFTER_MS = 60_000;

interface Given {
  reason: string;
  /** How many pictures of the unit are open. */
  open: number;
  /** When the last one was closed, or when the reason was given if none has been opened since. */
  since: number;
}

export class Reasons {
  private readonly given = new Map<string, Given>();

  /** What was given for watching this unit; null: it has to be asked for. */
  of(camera: string, now: number): string | null {
    const found = this.given.get(camera);
    if (!found) return null;
    if (found.open > 0 || now - found.since < FORGOTTEN_AFTER_MS) return found.reason;
    this.given.delete(camera);
    return null;
  }

  give(camera: string, reason: string, now: number): void {
    const open = this.given.get(camera)?.open ?? 0;
    this.given.set(camera, { reason, open, since: now });
  }

  /** A picture of the unit is opened. Returns how it is closed again. */
  watch(camera: string, now: () => number): () => void {
    const found = this.given.get(camera);
    if (!found) return () => undefined;
    found.open++;
    return () => {
      found.open--;
      found.since = now();
    };
  }

  forget(): void {
    this.given.clear();
  }
}
