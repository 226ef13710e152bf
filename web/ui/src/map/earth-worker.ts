/**
 * Land and borders of the earth, made in MapLibre's own worker: `earth:` in a source's address. On the page it would take a
 * tenth of a second of a fast computer, and another to hand them over.
 */

import { merge, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import countriesUrl from "world-atlas/countries-50m.json?url";

/** MapLibre's worker. */
declare const self: {
  readonly location: { readonly href: string };
  /** It fetches here what has an address that begins so. */
  addProtocol(scheme: string, load: (request: { url: string }) => Promise<{ data: unknown }>): void;
};

type Atlas = Topology<{ countries: GeometryCollection }>;

let atlas: Promise<Atlas> | undefined;

async function fetched(): Promise<Atlas> {
  const response = await fetch(new URL(countriesUrl, self.location.href));
  if (!response.ok) throw new Error(`the coasts cannot be loaded: ${String(response.status)}`);
  return (await response.json()) as Atlas;
}

self.addProtocol("earth", async ({ url }) => {
  atlas ??= fetched();
  try {
    const topology = await atlas;
    const { countries } = topology.objects;
    if (url.endsWith("borders")) return { data: mesh(topology, countries, (a, b) => a !== b) };
    const polygons = countries.geometries.filter((g) => g.type === "Polygon" || g.type === "MultiPolygon");
    return { data: merge(topology, polygons) };
  } catch (error) {
    atlas = undefined; // the next map tries again
    throw error;
  }
});
