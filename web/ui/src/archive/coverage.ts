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

/** Who goes from one recording to the next does not stop at less than this: a few pictures were lost. */
const STOP_MS = 1_000;

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

  /** Where what was recorded at `at` begins, or what was recorded before it. */
  begunBefore(at: number): number | null {
    return this.begins.findLast((from) => from < at) ?? null;
  }

  /** Where it goes on after the next gap. */
  beginsAfter(at: number): number | null {
    return this.begins.find((from) => from > at) ?? null;
  }

  private get begins(): number[] {
    return merged(this.spans, STOP_MS).map(({ from }) => from);
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

/** The spans without what lies in the holes. */
export function without<S extends Span>(spans: readonly S[], holes: readonly Span[]): S[] {
  let left = [...spans];
  for (const hole of holes)
    left = left.flatMap((span) => {
      if (hole.to <= span.from || span.to <= hole.from) return [span];
      const sides = [{ ...span, to: hole.from }, { ...span, from: hole.to }];
      return sides.filter(({ from, to }) => from < to);
    });
  return left;
}

/** What overlaps `window`. */
export function within<S extends Span>(spans: readonly S[], window: Span): S[] {
  return spans.filter((span) => span.to > window.from && span.from < window.to);
}
