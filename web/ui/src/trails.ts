/**
 * Where each unit has been in the last ten minutes: what the socket told, and, of those somebody looks at on the map, what was
 * before that. Knows nothing of elements.
 */

import { way } from "./api-map";
import { COARSE_MS, TRAIL_MS, Trail } from "./fixes";

/** A trail that is ten minutes long is drawn with so many points. */
const POINTS = 120;
const AT_A_TIME = 3;
/** More are not asked for before those have come: whoever drags the map has gone on by then. */
const MOST_WAITING = 60;

export class Trails {
  private readonly trails = new Map<string, Trail>();
  /** Those whose past is here, on its way, or not to be had. */
  private readonly asked = new Set<string>();
  private waiting: string[] = [];
  private loading = 0;

  /** @param changed a unit's past has come */
  constructor(
    private readonly now: () => number,
    private readonly reason: (id: string) => string | null,
    private readonly changed: () => void,
  ) {}

  of(id: string): Trail {
    let trail = this.trails.get(id);
    if (!trail) this.trails.set(id, (trail = new Trail(TRAIL_MS, undefined, COARSE_MS)));
    return trail;
  }

  /** Somebody looks at these: ask for their past, of those first that were named last. */
  want(ids: Iterable<string>): void {
    for (const id of ids) {
      if (this.asked.has(id)) continue;
      this.asked.add(id);
      this.waiting.push(id);
    }
    for (const id of this.waiting.splice(0, this.waiting.length - MOST_WAITING)) this.asked.delete(id);
    while (this.loading < AT_A_TIME && this.waiting.length > 0) void this.work();
  }

  /** The socket was away: what it would have told is missing. */
  renew(): void {
    this.asked.clear();
    this.waiting = [];
  }

  forget(id: string): void {
    this.trails.delete(id);
    this.asked.delete(id);
  }

  clear(): void {
    this.trails.clear();
    this.renew();
  }

  private async work(): Promise<void> {
    this.loading++;
    for (let id = this.waiting.pop(); id !== undefined; id = this.waiting.pop()) {
      const to = this.now();
      try {
        const past = await way({ id, from: to - TRAIL_MS, to, points: POINTS, reason: this.reason(id) });
        const trail = this.of(id);
        const known = new Set(trail.fixes.map(({ at }) => at));
        // What the socket told says more: it stays.
        for (const { at, fix } of past.flat()) if (!known.has(at)) trail.add(fix);
        this.changed();
      } catch {
        // The trail begins with the next fix instead; a lost link is told of by the socket.
      }
    }
    this.loading--;
  }
}
