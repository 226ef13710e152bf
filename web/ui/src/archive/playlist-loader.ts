/**
 * How hls.js comes by a playlist that the page fetches itself, with a reason, telling its errors. Knows nothing of what is
 * in it.
 */

import type { HlsConfig, LoaderCallbacks, PlaylistLoaderContext } from "hls.js/light";
import { ApiError } from "../api";

/**
 * A loader of a playlist that is here already.
 *
 * @param more fetches it again, which hls.js asks for while it grows; null: take the one from before
 */
export function loaderOf(text: string, more: (signal: AbortSignal) => Promise<string | null>): NonNullable<HlsConfig["pLoader"]> {
  let known = text;
  let begun = false;

  class Loader {
    context: PlaylistLoaderContext | null = null;
    stats = {
      aborted: false,
      loaded: 0,
      retry: 0,
      total: 0,
      chunkCount: 1,
      bwEstimate: 0,
      loading: { start: 0, first: 0, end: 0 },
      parsing: { start: 0, end: 0 },
      buffering: { start: 0, first: 0, end: 0 },
    };
    private readonly attempt = new AbortController();

    load(context: PlaylistLoaderContext, _config: unknown, callbacks: LoaderCallbacks<PlaylistLoaderContext>): void {
      this.context = context;
      this.stats.loading.start = performance.now();
      void this.next().then(
        (data) => {
          if (this.attempt.signal.aborted) return;
          const now = performance.now();
          Object.assign(this.stats.loading, { first: now, end: now });
          this.stats.loaded = this.stats.total = data.length;
          callbacks.onSuccess({ url: context.url, data, code: 200 }, this.stats, context, null);
        },
        (error: unknown) => {
          if (this.attempt.signal.aborted) return;
          const code = error instanceof ApiError ? error.status : 0;
          callbacks.onError({ code, text: (error as Error).message }, context, null, this.stats);
        },
      );
    }

    private async next(): Promise<string> {
      if (begun) known = (await more(this.attempt.signal)) ?? known;
      begun = true;
      return known;
    }

    abort(): void {
      this.stats.aborted = true;
      this.attempt.abort();
    }

    destroy(): void {
      this.abort();
      this.context = null;
    }
  }

  return Loader;
}
