/**
 * What somebody does with the map: follows a unit, asks who is near a place, looks back. Knows nothing of elements or of the
 * network.
 */

import type { Place } from "./fixes";

export class MapDesk {
  /** The unit that stays in the middle, whatever page is open; null: none. */
  followed: string | null = null;
  /** The place whose neighbours are shown; another object each time somebody asks. */
  near: Place | null = null;
  /** The units whose past is shown instead of what is: it is not live; null: it is. */
  replayed: readonly string[] | null = null;
  /** How many could be seen when somebody began to look back: `replayed` are the nearest of them. */
  inSight = 0;

  /** @param changed something to be seen is another than before */
  constructor(private readonly changed: () => void) {}

  follow(id: string | null): void {
    this.followed = id;
    this.changed();
  }

  /** Who is near a place; the map goes there. */
  ask(place: Place | null): void {
    this.near = place;
    if (place !== null) this.followed = null;
    this.changed();
  }

  replay(ids: readonly string[], inSight: number): void {
    this.replayed = ids;
    this.inSight = inSight;
    this.near = null;
    this.followed = null;
    this.changed();
  }

  /** Back to what is now. Returns whether it was not. */
  live(): boolean {
    if (this.replayed === null) return false;
    this.replayed = null;
    this.changed();
    return true;
  }

  /** Step back once: from the past, from a place's neighbours, from a unit. Returns whether there was anything. */
  back(): boolean {
    if (this.live()) return true;
    if (this.near === null && this.followed === null) return false;
    if (this.near !== null) this.near = null;
    else this.followed = null;
    this.changed();
    return true;
  }

  /** At the log-out. */
  forget(): void {
    this.followed = null;
    this.near = null;
    this.replayed = null;
  }
}
