/**
 * What a unit looks like in each of its states: one function from what is known to a shape, a word and a sentence.
 */

import { age, utcTime } from "./format";
import type { FeedFailure } from "./live-feed";
import type { Camera, StreamState } from "./model";
import { strings } from "./strings";

export type Look =
  | "live"
  | "stale"
  | "offline"
  | "connecting"
  | "disabled"
  | "unknown"
  /** What was, not what is: in the archive. */
  | "recorded"
  /** No right to watch. */
  | "refused"
  /** The policy wants to know why one watches. */
  | "reason"
  /** The wearer's privacy mode. */
  | "private";

export interface Face {
  look: Look;
  /** The state in a word, next to the shape. */
  word: string;
  /** A sentence over the picture, or empty when the picture speaks for itself. */
  message: string;
  /** A second, quieter one. */
  detail: string;
}

/** What the picture element knows of itself. Times by this computer's clock, milliseconds. */
export interface PictureState {
  /** When the last frame was shown; null: none yet. */
  lastFrameAt: number | null;
  /** Whether frames come now. */
  playing: boolean;
  failure: FeedFailure | null;
  /** The WHEP session it comes by. */
  session: string | null;
}

export const NO_PICTURE: PictureState = { lastFrameAt: null, playing: false, failure: null, session: null };

const secondsUntil = (at: number, now: number) => Math.max(0, Math.ceil((at - now) / 1000));

function retry(at: number | null, now: number): string {
  if (at === null) return "";
  const seconds = secondsUntil(at, now);
  return seconds > 0 ? strings.face.retryingIn(seconds) : strings.face.retryingNow;
}

/** Looks under which no picture may stay on the screen, not even the last one. */
export const BLANK: ReadonlySet<Look> = new Set(["refused", "reason", "private"]);

/** What else a face depends on. Times in milliseconds. */
export interface Circumstances {
  /** The gateway's time. */
  now: number;
  /** This computer's time. */
  here: number;
  /** The camera's state is what it was when the gateway was last heard. */
  gatewayAway: boolean;
  /** The right to watch this unit was taken away while this page was open; null: it was not. */
  rightEnded: RightEnded | null;
}

export interface RightEnded {
  /** By the gateway's clock. */
  at: number;
  /** Why, as a clause. */
  why: string;
}

export function faceOf(camera: Camera, picture: PictureState, circumstances: Circumstances): Face {
  const { now, here, gatewayAway, rightEnded } = circumstances;
  const face = (look: Look, message = "", detail = ""): Face => ({ look, word: strings.status[look], message, detail });
  if (camera.private) return face("private", strings.face.private(camera.name), privateSince(camera));
  if (rightEnded)
    return face("refused", strings.face.ended(camera.name, utcTime(rightEnded.at)), strings.sentence(rightEnded.why));
  if (picture.playing) return face("live"); // nothing is surer than a moving picture
  if (gatewayAway) return face("unknown", strings.face.unknown);
  if (picture.failure?.refused && !picture.failure.reasonNeeded)
    return face("refused", strings.face.refused, picture.failure.message);
  switch (camera.status) {
    case "disabled":
      return face("disabled", camera.reason ?? strings.face.disabled);
    case "connecting":
      return face("connecting", strings.face.connecting);
    case "offline": {
      const at = camera.retry_utc === null ? null : Date.parse(camera.retry_utc);
      return face("offline", camera.reason ?? strings.face.offline, retry(at, now));
    }
    case "stale":
      return face("stale", noPictureSince(camera, now), camera.reason ?? "");
    case "live":
      if (picture.failure?.reasonNeeded) return face("reason", strings.face.reason(camera.name));
      if (picture.failure) return face("live", picture.failure.message, retry(picture.failure.retryAt, here));
      if (picture.lastFrameAt !== null && here - picture.lastFrameAt > 3_000)
        return face("stale", strings.face.noPictureFor(age(here - picture.lastFrameAt)));
      return face("live", strings.face.coming, camera.reason ?? "");
  }
}

function privateSince({ privacy }: Camera): string {
  if (!privacy) return "";
  return strings.face.privateSince(utcTime(Date.parse(privacy.since)), privacy.recording);
}

function noPictureSince(camera: Camera, now: number): string {
  if (camera.video_utc === null) return strings.face.noPicture;
  return strings.face.noPictureFor(age(now - Date.parse(camera.video_utc)));
}

/** Why nothing is said of where a unit is. */
export function noPosition(camera: Camera): string {
  if (camera.rights.includes("position")) return strings.fix.none;
  return camera.privacy?.hides.includes("position") ? strings.fix.private : strings.fix.noRight;
}

/** Whether there is a picture to be seen, be it an old one. */
export function showsPicture(face: Face, picture: PictureState): boolean {
  return picture.lastFrameAt !== null && !BLANK.has(face.look);
}

/** What stands over a picture that is not, or may not stay, what the camera sends; empty while all is well. */
export function qualityOf({ quality, trouble }: StreamState): string {
  if (trouble === null) return "";
  if (quality !== "original") return strings.quality.reduced;
  if (trouble === "slow link, gateway busy") return strings.quality.busy;
  return trouble === "slow link" ? strings.quality.soon : strings.quality.none;
}

/** A unit's state where no picture is shown: on the map, in a list. */
export function stateOf(camera: Camera, gatewayAway: boolean): Look {
  return gatewayAway ? "unknown" : camera.status;
}
