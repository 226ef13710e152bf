/**
 * Where an instant replay begins, how it steps and what it may ask for. Times are milliseconds since the Unix epoch.
 * Knows nothing of elements, the network or the store.
 */

/** What is played again, and how far one goes back beyond it at a time. */
export const REPLAY_MS = 30_000;
export const STEP_MS = 5_000;
/**
 * An interval that ends so long ago is answered with all that is on the disk, the piece that is being written included
 * (docs/interfaces.md: a playlist is finished two seconds after its end); half a second is for clocks.
 */
export const SETTLED_MS = 2_500;

/** The end of what may be asked for at `now`, if a playlist is to be finished, not one that grows. */
export const settled = (to: number, now: number) => Math.min(to, now - SETTLED_MS);

/** Where somebody stands who goes from `at` by `by`: never beyond what is on the disk at `now`. */
export function stepped(at: number, by: number, now: number): number {
  return Math.min(at + by, now - SETTLED_MS);
}

export type ReplayCommand = "toggle" | "back" | "ahead" | "further" | "bookmark" | "end";

const KEYS: Record<string, ReplayCommand> = {
  " ": "toggle",
  arrowleft: "back",
  arrowright: "ahead",
  pageup: "further",
  b: "bookmark",
  r: "end",
  escape: "end",
};

/** What a key means while a replay is open; null: nothing. */
export function replayCommand({ key }: Pick<KeyboardEvent, "key">): ReplayCommand | null {
  return KEYS[key.toLowerCase()] ?? null;
}
