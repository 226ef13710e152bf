/** Passwords that nobody thinks up. */

/** Letters and digits that are not taken for each other; 32 of them, so a byte picks one without a bias. */
const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";
const GROUPS = 4;
const GROUP = 5;

/** A hundred random bits, in groups that can be read out: `k3v9d-…`. */
export function madePassword(): string {
  const random = crypto.getRandomValues(new Uint8Array(GROUPS * GROUP));
  const letters = Array.from(random, (byte) => LETTERS.charAt(byte % LETTERS.length)).join("");
  return Array.from({ length: GROUPS }, (_, i) => letters.slice(i * GROUP, (i + 1) * GROUP)).join("-");
}
