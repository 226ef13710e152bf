/**
 * The service worker: lets the page begin without a link, and at once on a poor one. It keeps the page's own files and
 * nothing else: no call to the gateway, no picture, nothing that is anybody's.
 *
 * The first page is asked of the gateway each time, so that it is never older than the gateway; what it names carries a
 * hash in its name and does not change.
 */

import { kindOf } from "./kept";

declare const self: ServiceWorkerGlobalScope;

/** What the page needs to begin, and a name for this edition of it; the build fills both in (shell.ts). */
declare const SHELL: readonly string[];
declare const EDITION: string;

const CACHE = `sightline-${EDITION}`;
/** A link that takes longer for the first page than this is as good as none. */
const PATIENCE_MS = 4_000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([...SHELL])));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") void self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const kind = kindOf(event.request, self.location.origin);
  if (kind === "page") event.respondWith(page(event.request));
  else if (kind === "file") event.respondWith(file(event.request));
});

/** The gateway's; without a link the one that was kept. */
async function page(request: Request): Promise<Response> {
  const kept = await caches.match("/");
  if (!kept) return fetch(request);
  const late = new Promise<Response>((resolve) => setTimeout(() => resolve(kept), PATIENCE_MS));
  const asked = fetch(request).catch(() => kept);
  return Promise.race([asked, late]);
}

/** The one that was kept, or the gateway's, which is kept from now on. */
async function file(request: Request): Promise<Response> {
  const kept = await caches.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await (await caches.open(CACHE)).put(request, response.clone());
  return response;
}
