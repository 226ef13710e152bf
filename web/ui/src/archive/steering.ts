/**
 * How a picture is kept on the common clock: gently by its rate, and by a jump where that would take too long. Pure.
 */

/** A picture this far off is left alone, milliseconds. */
const GOOD_ENOUGH_MS = 15;
/** Further off than this at single speed, it jumps. */
const JUMP_MS = 400;
/** An error is to be gone after about this long. */
const CORRECT_WITHIN_MS = 600;
/** The most that the rate is changed: nobody hears it, as only who leads is heard, and nothing of it is seen for long. */
const MOST = 0.4;

export type Correction = { rate: number } | "jump";

/**
 * @param error by how much the picture is ahead of the clock, milliseconds of UTC
 * @param rate how fast the clock goes
 */
export function correction(error: number, rate: number): Correction {
  if (Math.abs(error) > JUMP_MS * Math.max(1, rate)) return "jump";
  if (Math.abs(error) < GOOD_ENOUGH_MS) return { rate };
  const share = Math.min(MOST, Math.max(-MOST, error / (CORRECT_WITHIN_MS * rate)));
  return { rate: rate * (1 - share) };
}
