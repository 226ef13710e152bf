/** Incidents as they were told of last. Knows nothing of elements or the network. */

import type { Incident } from "./model-incidents";

/** A page that is open for weeks remembers no more. */
const MOST = 500;

export class IncidentBook {
  /** Those that were told of, the newest first; another array with each change. */
  told: readonly Incident[] = [];
  /** Those that were deleted since the page was opened. */
  private readonly removed = new Set<number>();

  find(id: number): Incident | undefined {
    return this.told.find((incident) => incident.id === id);
  }

  gone(id: number): boolean {
    return this.removed.has(id);
  }

  /** The one, still open, that an alert belongs to. */
  ofAlert(alert: number): Incident | undefined {
    return this.told.find(({ alerts, closed }) => closed === null && alerts.includes(alert));
  }

  take(incident: Incident): void {
    const others = this.told.filter(({ id }) => id !== incident.id);
    this.told = newestFirst([incident, ...others]).slice(0, MOST);
  }

  /** An answer to what was asked when `before` was what had been told of: what was told of the same one since is newer. */
  takeAnswer(incident: Incident, before: readonly Incident[]): void {
    if (this.find(incident.id) === before.find(({ id }) => id === incident.id)) this.take(incident);
  }

  /**
   * All that are open, by an answer to what was asked when `before` was what had been told of. Those that are not among
   * them have been closed meanwhile, and are asked for by who needs them; what was told since is newer.
   */
  takeOpen(open: readonly Incident[], before: readonly Incident[]): void {
    const since = this.told.filter((incident) => !before.includes(incident));
    const older = open.filter(({ id }) => !this.removed.has(id) && since.every((incident) => incident.id !== id));
    this.told = newestFirst([...since, ...older]);
  }

  remove(id: number): void {
    this.removed.add(id);
    this.told = this.told.filter((incident) => incident.id !== id);
  }

  /** What was listed, and what was told of since, as each is now; the newest first. */
  merged(listed: readonly Incident[]): readonly Incident[] {
    const known = new Map([...listed, ...this.told].map((incident) => [incident.id, incident]));
    return newestFirst([...known.values()].filter(({ id }) => !this.removed.has(id)));
  }

  /** At the log-out. */
  forget(): void {
    this.told = [];
    this.removed.clear();
  }
}

const newestFirst = (incidents: readonly Incident[]) => [...incidents].sort((a, b) => b.id - a.id);
