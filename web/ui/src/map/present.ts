/** The units as they are now, as a map draws them. */

import { stateOf } from "../faces";
import { OLD_MS } from "../fixes";
import { store } from "../store";
import type { MapUnit } from "./units";

/** Those of which it is known where they are. */
export function mapUnits(): MapUnit[] {
  const now = store.now();
  const away = store.link.downSince !== null;
  const alarmed = new Set(store.duty.alerts.high.map(({ camera }) => camera));
  return (store.cameras ?? []).flatMap((camera) => {
    const trail = store.trail(camera.id);
    const seen = trail.latest();
    if (!seen) return [];
    return [
      {
        id: camera.id,
        name: camera.name,
        look: stateOf(camera, away),
        lat: seen.lat,
        lon: seen.lon,
        course: seen.course,
        accuracy: seen.measured.accuracy_m,
        alarm: alarmed.has(camera.id),
        old: now - seen.measuredAt > OLD_MS,
        trail: trail.fixes,
      },
    ];
  });
}
