/**
 * The gateway's clock as it is known here. What only arrives says the least that it can be by now: on a slow link that is
 * a second off, and every age on the page would be a second too young. An echo says how long the way took.
 */

/** Clocks drift apart by this much: an echo that is older than a better one was is worth more after a while. */
const DRIFT_MS_PER_S = 0.1;

export class GatewayClock {
  /** The gateway's clock minus this computer's, milliseconds. */
  offset = 0;
  /** By how much that may be wrong; none: nothing was echoed yet. */
  private error = Infinity;
  private at = 0;

  /** The gateway said at `utc` what arrived here at `here`. */
  heard(utc: number, here: number): void {
    const least = utc - here;
    if (least > this.offset + (this.error === Infinity ? 0 : this.error)) this.offset = least;
  }

  /** What was asked here at `sent` was answered at `utc` and arrived at `here`: half of the round trip each way. */
  echoed(utc: number, sent: number, here: number): void {
    const error = (here - sent) / 2;
    if (error > this.error + ((here - this.at) / 1000) * DRIFT_MS_PER_S) return;
    this.offset = utc - (sent + here) / 2;
    this.error = error;
    this.at = here;
  }

  /** A new connection, perhaps after a sleep or to another gateway: what was known of the clock may not hold. */
  begin(utc: number, here: number): void {
    this.error = Infinity;
    this.offset = utc - here;
  }
}
