/**
 * What was missed while the gateway could not be heard: the link was gone, the gateway restarted, the computer slept. The
 * state before is compared with the state after, and alerts that came and went in between are asked for. Knows nothing
 * of elements.
 */

import type { AlertsFound } from "./api-incidents";
import type { Camera, CameraStatus, ServerEvent } from "./model";
import type { Alert, Incident } from "./model-incidents";

/** What is compared. */
export interface Moment {
  cameras: readonly Pick<Camera, "id" | "name" | "status">[];
  alerts: readonly Alert[];
  incidents: readonly Incident[];
}

export interface Missed {
  /** How long nothing was heard, milliseconds. */
  away: number;
  /** Raised meanwhile, resolved or not; the newest first. */
  alerts: readonly Alert[];
  /** Opened meanwhile. */
  incidents: readonly Incident[];
  wentOffline: readonly Unit[];
  cameBack: readonly Unit[];
}

export interface Unit {
  id: string;
  name: string;
}

/** Shorter silences are no absence: what happened shows where it happens. */
export const SHORTEST_MS = 5_000;
/** After a restart the cameras come back one by one: what is said of them waits so long at most. */
const SETTLE_MS = 20_000;

const there: ReadonlySet<CameraStatus> = new Set(["live", "stale"]);
const gone: ReadonlySet<CameraStatus> = new Set(["offline"]);

/** What is another than before; `raised`: the alerts of the time between. */
export function compared(before: Moment, after: Moment, raised: readonly Alert[], away: number): Missed {
  const was = new Map(before.cameras.map((camera) => [camera.id, camera.status]));
  const changed = (from: ReadonlySet<CameraStatus>, to: ReadonlySet<CameraStatus>) =>
    after.cameras
      .filter(({ id, status }) => to.has(status) && from.has(was.get(id) ?? "disabled"))
      .map(({ id, name }) => ({ id, name }));
  const knownAlerts = new Set(before.alerts.map(({ id }) => id));
  const newest = Math.max(0, ...before.incidents.map(({ id }) => id));
  return {
    away,
    alerts: raised.filter(({ id }) => !knownAlerts.has(id)).sort((a, b) => b.id - a.id),
    incidents: before.incidents.length === 0 ? [] : after.incidents.filter(({ id }) => id > newest),
    wentOffline: changed(there, gone),
    cameBack: changed(gone, there),
  };
}

export class Away {
  /** What is to be said; null: nothing, or not yet. */
  missed: Missed | null = null;
  private heardAt: number | null = null;
  private before: Moment | null = null;
  private raised: readonly Alert[] = [];
  private length = 0;
  private timer = 0;

  /**
   * @param now what is known at this moment
   * @param ask for the alerts since a time (milliseconds since the Unix epoch, the gateway's clock)
   * @param changed `missed` has
   */
  constructor(
    private readonly now: () => Moment,
    private readonly ask: (since: number) => Promise<AlertsFound>,
    private readonly changed: () => void,
  ) {}

  /** The gateway said something, and it is not taken into account yet. `offset`: its clock minus this computer's. */
  hearing(event: ServerEvent, here: number, offset: number): void {
    const silence = this.heardAt === null ? 0 : here - this.heardAt;
    if (event.type === "state" && silence >= SHORTEST_MS && this.heardAt !== null)
      this.begin(silence, this.heardAt + offset, this.now());
    this.heardAt = here;
  }

  /** It is taken into account now: perhaps that was the last of what there was to wait for. */
  heard(): void {
    if (this.before !== null && this.now().cameras.every(({ status }) => status !== "connecting")) this.tell();
  }

  /** It has been read. */
  dismiss(): void {
    this.missed = null;
    this.changed();
  }

  /** At the log-out. */
  forget(): void {
    window.clearTimeout(this.timer);
    this.heardAt = this.before = this.missed = null;
  }

  private begin(silence: number, since: number, before: Moment): void {
    // Gone again before it was told: one absence, from the beginning of the first.
    this.length = this.before === null ? silence : this.length + silence;
    this.before ??= before;
    this.raised = [];
    void this.ask(since).then(
      ({ alerts }) => {
        this.raised = alerts;
        if (this.before === null) this.tell(before);
      },
      () => undefined, // those that are still open are known by the state
    );
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.tell(), SETTLE_MS);
  }

  private tell(before = this.before): void {
    if (before === null) return;
    window.clearTimeout(this.timer);
    this.before = null;
    const after = this.now();
    const open = after.alerts.filter(({ id }) => this.raised.every((alert) => alert.id !== id));
    this.missed = compared(before, after, [...this.raised, ...open], this.length);
    this.changed();
  }
}
