/** What the service worker may keep: decided by the address alone. */

/** "page": the first page. "file": one that carries a hash in its name. null: none of the worker's business. */
export function kindOf(request: Pick<Request, "url" | "method" | "mode">, origin: string): "page" | "file" | null {
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== origin) return null;
  if (request.mode === "navigate") return url.pathname === "/" ? "page" : null;
  return /^\/assets\/[^/]+$/.test(url.pathname) ? "file" : null;
}
