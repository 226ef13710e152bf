/**
 * Which UTC a picture on screen has: from its RTP timestamp and the anchors the gateway sends for a session.
 */

const RATE = 90; // ticks a millisecond: RTP video runs at 90 kHz (RFC 6184 8.1)
const KEEP = 16;

/** Ticks from b to a on the 32-bit circle, -2^31 <= d < 2^31. */
const ticksBetween = (a: number, b: number) => (a - b) | 0;

interface Anchor {
  rtp: number;
  utc: number;
}

/** The anchors of one session. A new one holds from its frame on; what is before it keeps the older one. */
export class FrameClock {
  private anchors: Anchor[] = [];

  /** @param utc milliseconds since the Unix epoch */
  add(rtp: number, utc: number): void {
    this.anchors.push({ rtp, utc });
    if (this.anchors.length > KEEP) this.anchors.shift();
  }

  /** Milliseconds since the Unix epoch, or null before the first anchor. */
  utcOf(rtp: number): number | null {
    const holds = this.anchors.findLast((anchor) => ticksBetween(rtp, anchor.rtp) >= 0) ?? this.anchors[0];
    return holds ? holds.utc + ticksBetween(rtp, holds.rtp) / RATE : null;
  }
}
