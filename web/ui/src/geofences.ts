/** The geofences that one may see, as they are told of, and whether maps show them. Knows nothing of elements or the network. */

import type { Geofence } from "./model-incidents";

const KEY = "sightline.geofences.hidden";
const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export class GeofenceBook {
  /** In the order of their names; null: not known yet. Another array with each change. */
  all: readonly Geofence[] | null = null;
  /** Whether maps that are not about them show them. */
  shown: boolean;

  /** @param kept where the choice outlives the visit */
  constructor(private readonly kept: Pick<Storage, "getItem" | "setItem">) {
    this.shown = kept.getItem(KEY) !== "yes";
  }

  show(shown: boolean): void {
    this.shown = shown;
    this.kept.setItem(KEY, shown ? "no" : "yes");
  }

  takeAll(geofences: readonly Geofence[]): void {
    this.all = [...geofences].sort((a, b) => byName.compare(a.name, b.name) || a.id - b.id);
  }

  /** One as it is now. */
  take(geofence: Geofence): void {
    this.takeAll([geofence, ...(this.all ?? []).filter(({ id }) => id !== geofence.id)]);
  }

  remove(id: number): void {
    this.all = this.all?.filter((geofence) => geofence.id !== id) ?? null;
  }

  /** At the log-out. */
  forget(): void {
    this.all = null;
  }
}
