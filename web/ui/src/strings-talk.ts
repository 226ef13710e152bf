/** Every word about talking to a camera. Sentences that name a unit or a person are functions. */

import type { Hindrance } from "./talk";

export const talkStrings = {
  button: "Talk",
  hint: (unit: string) => `Talk to ${unit}: hold, or click to keep talking`,
  connecting: "Connecting …",
  connectingHint: "The microphone is being connected: wait with speaking",
  talking: (unit: string, time: string) => `Talking to ${unit} · ${time}`,
  stopHint: (unit: string) => `Stop talking to ${unit}`,
  release: "Release to stop",
  /** For a screen reader, once. */
  began: (unit: string) => `You are talking to ${unit}`,
  silent: "Your microphone is silent",
  other: (name: string) => `${name} is talking`,
  otherHint: (name: string) => `${name} is talking to this unit: wait until they have finished`,
  takeOver: "Take over",
  takeOverHint: (name: string) => `Cut ${name} off, and talk yourself`,
  dismiss: "Dismiss",
  lost: "The connection to the gateway broke. Try again.",
  over: (why: string) => `You are not heard any more: ${why}.`,
  hindrances: {
    insecure:
      "Browsers give the microphone only to pages that came over HTTPS. Open this page with https://, or ask whoever runs the gateway for a certificate.",
    denied:
      "The browser keeps the microphone from this page. Allow it beside the address, or in the settings of the browser, then try again.",
    "no-microphone": "This computer has no microphone. Connect one, then try again.",
    "microphone-busy": "The microphone cannot be used now. Close other programs that use it, then try again.",
    unreachable:
      "The gateway's port for live media cannot be reached from here, so nobody hears you. A firewall may be in the way.",
  } satisfies Record<Hindrance, string>,
};
