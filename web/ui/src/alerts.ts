/**
 * The alerts that nobody has resolved, as they are told of, and which of them this browser has sounded already. Knows
 * nothing of elements or the network.
 */

import type { Place } from "./fixes";
import type { Alert } from "./model-incidents";
import { incidentStrings } from "./strings-incidents";

const KEY = "sightline.alerts.sounded";
/** A page that is open for weeks remembers no more of those that are over. */
const MOST_RESOLVED = 200;

/** What happened, in a word. */
export const kindOf = ({ kind }: Alert) => incidentStrings.kinds[kind] ?? kind;

/** Whom it is about, by name. */
export function unitOf({ camera }: Alert, cameras: { camera(id: string): { name: string } | undefined }): string {
  return camera === null ? incidentStrings.banner.gateway : (cameras.camera(camera)?.name ?? camera);
}

/** Where a unit was, how well that is known, and since when; times in milliseconds since the Unix epoch. */
export interface Whereabouts extends Place {
  accuracy: number | null;
  at: number;
}

/** Where it happened; null: not known, or nobody may say. */
export function placeOf({ detail: { fix } }: Alert): Whereabouts | null {
  return fix ? { lat: fix.lat, lon: fix.lon, accuracy: fix.accuracy_m, at: Date.parse(fix.utc) } : null;
}

/** The gravest first, of those the newest. */
export function ordered(alerts: readonly Alert[]): readonly Alert[] {
  const rank = ({ grade }: Alert) => (grade === "high" ? 0 : 1);
  return [...alerts].sort((a, b) => rank(a) - rank(b) || Date.parse(b.utc) - Date.parse(a.utc) || b.id - a.id);
}

export class AlertBook {
  /** Those that are open, the gravest first; another array with each change. */
  open: readonly Alert[] = [];
  /** Those that were resolved since the page was opened, the last first. */
  resolved: readonly Alert[] = [];

  /**
   * @param kept where what was sounded outlives a reload
   * @param sound called once for each alert of the first grade
   */
  constructor(
    private readonly kept: Pick<Storage, "getItem" | "setItem" | "removeItem">,
    private readonly sound: () => void,
  ) {}

  /** Those that everybody has to see. */
  get high(): readonly Alert[] {
    return this.open.filter(({ grade }) => grade === "high");
  }

  /** One as it was told of last, if it was. */
  find(id: number): Alert | undefined {
    return [...this.open, ...this.resolved].find((alert) => alert.id === id);
  }

  /** All that are open. */
  takeAll(alerts: readonly Alert[]): void {
    this.open = ordered(alerts.filter(({ resolved }) => resolved === null));
    this.soundNew();
  }

  /** One as it is now. */
  take(alert: Alert): void {
    const others = ({ id }: Alert) => id !== alert.id;
    if (alert.resolved !== null) this.resolved = [alert, ...this.resolved.filter(others)].slice(0, MOST_RESOLVED);
    this.takeAll([alert, ...this.open.filter(others)]);
  }

  /** At the log-out. */
  forget(): void {
    this.open = [];
    this.resolved = [];
    this.kept.removeItem(KEY);
  }

  private soundNew(): void {
    const sounded = Number(this.kept.getItem(KEY) ?? 0);
    const newest = Math.max(0, ...this.high.map(({ id }) => id));
    if (newest <= sounded) return;
    this.kept.setItem(KEY, String(newest));
    this.sound();
  }
}
