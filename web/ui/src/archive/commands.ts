/** What can be done with the playback, and by which key. */

export type Command =
  | "toggle"
  | "slower"
  | "faster"
  | "back"
  | "ahead"
  | "minute-back"
  | "minute-ahead"
  | "frame-back"
  | "frame-ahead"
  | "recording-back"
  | "recording-ahead"
  | "bookmark-back"
  | "bookmark-ahead"
  | "zoom-in"
  | "zoom-out"
  | "mark-in"
  | "mark-out"
  | "clear-marks"
  | "bookmark"
  | "export"
  | "link"
  | "go-to"
  | "sound"
  | "full-screen";

const KEYS: Record<string, Command> = {
  " ": "toggle",
  k: "toggle",
  j: "slower",
  l: "faster",
  arrowleft: "back",
  arrowright: "ahead",
  "shift arrowleft": "recording-back",
  "shift arrowright": "recording-ahead",
  pagedown: "minute-ahead",
  pageup: "minute-back",
  ",": "frame-back",
  ".": "frame-ahead",
  "[": "bookmark-back",
  "]": "bookmark-ahead",
  "+": "zoom-in",
  "=": "zoom-in",
  "-": "zoom-out",
  i: "mark-in",
  o: "mark-out",
  x: "clear-marks",
  b: "bookmark",
  e: "export",
  c: "link",
  g: "go-to",
  s: "sound",
  f: "full-screen",
};

/** The command of a key, or null. A key with Ctrl, Alt or Meta is the browser's. */
export function commandOf(event: Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "altKey" | "metaKey">): Command | null {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  const key = event.key.toLowerCase();
  const shifted = event.shiftKey && key.startsWith("arrow") ? `shift ${key}` : key;
  return KEYS[shifted] ?? null;
}
