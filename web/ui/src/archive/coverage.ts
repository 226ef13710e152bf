/**
 * What there is of a camera: spans of time in order, and questions about them. Times are milliseconds since the Unix
 * epoch. Knows nothing of the network or of elements.
 */

export interface Span {
  /** Inclusive. */
  from: number;
  /** Exclusive. */
  to: number;
}

/** Recordings that are closer than this to each other are one: it is less than a picture. */
const SEAM_MS = 80;

/** What is recorded of a camera. */
export class Coverage {
  readonly spans: readonly Span[];

  /** @param spans in any order, overlapping or not */
  constructor(spans: readonly Span[]) {
    this.spans = merged(spans, SEAM_MS);
  }

  covers(at: number): boolean {
    return this.spans.some((span) => span.from <= at && at < span.to);
  }

  /** The first moment at or after `at` that is recorded; null: there is none. */
  next(at: number): number | null {
    const span = this.spans.find((candidate) => candidate.to > at);
    return span ? Math.max(at, span.from) : null;
  }

  /** The begin of the recording that is under way at `at`, or of the one before it. */
  begunBefore(at: number): number | null {
    return this.spans.findLast((span) => span.from < at)?.from ?? null;
  }

  /** The begin of the next recording. */
  beginsAfter(at: number): number | null {
    return this.spans.find((span) => span.from > at)?.from ?? null;
  }

  /** Where what is recorded ends; null: nothing is. */
  get end(): number | null {
    return this.spans.at(-1)?.to ?? null;
  }
}

/** Spans in order, with no less than `seam` between two. */
export function merged(spans: readonly Span[], seam: number): Span[] {
  const result: Span[] = [];
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last && from - last.to < seam) last.to = Math.max(last.to, to);
    else if (to > from) result.push({ from, to });
  }
  return result;
}

/** What overlaps `window`. */
export function within<S extends Span>(spans: readonly S[], window: Span): S[] {
  return spans.filter((span) => span.to > window.from && span.from < window.to);
}
