/**
 * What a unit looks like in each of its states: one function from what is known to a shape, a word and a sentence.
 */

import { age } from "./format";
import type { FeedFailure } from "./live-feed";
import type { Camera, StreamState } from "./model";
import { strings } from "./strings";

export type Look = "live" | "stale" | "offline" | "connecting" | "disabled" | "unknown" | "refused";

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

/**
 * @param now the gateway's time
 * @param here this computer's time
 * @param gatewayAway the camera's state is what it was when the gateway was last heard
 */
export function faceOf(camera: Camera, picture: PictureState, now: number, here: number, gatewayAway: boolean): Face {
  const face = (look: Look, message = "", detail = ""): Face => ({ look, word: strings.status[look], message, detail });
  if (picture.playing) return face("live"); // nothing is surer than a moving picture
  if (gatewayAway) return face("unknown", strings.face.unknown);
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
      if (picture.failure?.refused) return face("refused", strings.face.refused, picture.failure.message);
      if (picture.failure) return face("live", picture.failure.message, retry(picture.failure.retryAt, here));
      if (picture.lastFrameAt !== null && here - picture.lastFrameAt > 3_000)
        return face("stale", strings.face.noPictureFor(age(here - picture.lastFrameAt)));
      return face("live", strings.face.coming, camera.reason ?? "");
  }
}

function noPictureSince(camera: Camera, now: number): string {
  if (camera.video_utc === null) return strings.face.noPicture;
  return strings.face.noPictureFor(age(now - Date.parse(camera.video_utc)));
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
