/** What can be done in an incident's room, and by which key. */

export type RoomCommand =
  | "toggle"
  | "live"
  | "back"
  | "ahead"
  | "mark-back"
  | "mark-ahead"
  | "sound"
  | "note"
  | "hold"
  | "export"
  | "share";

const KEYS: Record<string, RoomCommand> = {
  " ": "toggle",
  k: "toggle",
  l: "live",
  arrowleft: "back",
  arrowright: "ahead",
  "[": "mark-back",
  "]": "mark-ahead",
  s: "sound",
  n: "note",
  h: "hold",
  e: "export",
};

/** The command of a key, or null. */
export function roomCommand({ key }: Pick<KeyboardEvent, "key">): RoomCommand | null {
  return KEYS[key.toLowerCase()] ?? null;
}
