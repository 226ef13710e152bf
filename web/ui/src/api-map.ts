/** The call that the map makes of its own: which way a unit went. docs/interfaces.md has the meaning. */

import { request, withReason } from "./api";
import type { Dated } from "./fixes";

/** As it comes: a line for each run without a break over five seconds (RFC 7946). */
interface Trajectory {
  geometry: { coordinates: [number, number][][] };
  properties: { times: string[][]; speeds_mps: (number | null)[][] };
}

/** What is asked for. Times in milliseconds since the Unix epoch. */
export interface WayAsked {
  id: string;
  from: number;
  to: number;
  /** How many points at most. */
  points: number;
  /** Why one wants to know, where the policy asks. */
  reason: string | null;
  signal?: AbortSignal;
}

/** The way a unit went, in order, in as few points as a map can show: in runs without a break over five seconds. */
export async function way({ id, from, to, points, reason, signal }: WayAsked): Promise<Dated[][]> {
  const query = new URLSearchParams({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    points: String(points),
  });
  const init = signal ? { signal } : {};
  const path = `/api/cameras/${encodeURIComponent(id)}/trajectory?${query.toString()}`;
  const response = await request(path, reason === null ? init : withReason(init, reason));
  return dated((await response.json()) as Trajectory);
}

/** Its points as fixes that say nothing but where, when and how fast. */
export function dated({ geometry, properties }: Trajectory): Dated[][] {
  return geometry.coordinates.map((line, run) =>
    line.map(([lon, lat], index) => {
      const utc = properties.times[run]?.[index] ?? "";
      const speed_mps = properties.speeds_mps[run]?.[index] ?? null;
      return { at: Date.parse(utc), fix: { ...UNTOLD, utc, lat, lon, speed_mps } };
    }),
  );
}

const UNTOLD = {
  altitude_m: null,
  course_deg: null,
  accuracy_m: null,
  constellations: null,
  satellites: null,
  carrier: null,
  received_utc: null,
};
