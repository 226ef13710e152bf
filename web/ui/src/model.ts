/**
 * The gateway's public values as they arrive in JSON. docs/interfaces.md has their meaning; nothing here has behaviour.
 */

export type CameraStatus = "disabled" | "connecting" | "live" | "stale" | "offline";

export interface Track {
  kind: "video" | "audio" | "metadata";
  codec: string;
}

/** One GNSS position, WGS 84. Null where the carrier says nothing. */
export interface Fix {
  utc: string;
  lat: number;
  lon: number;
  altitude_m: number | null;
  speed_mps: number | null;
  course_deg: number | null;
  accuracy_m: number | null;
  constellations: string[] | null;
  satellites: number | null;
  carrier: string | null;
  received_utc: string | null;
}

export interface Camera {
  id: string;
  name: string;
  status: CameraStatus;
  reason: string | null;
  tracks: Track[];
  position: Fix | null;
  viewers: number;
  recording: boolean;
  /** While offline: when the next attempt starts. */
  retry_utc: string | null;
  /** UTC of the last picture the gateway has. */
  video_utc: string | null;
  source: "file" | "database";
}

/** Which stream of a camera a WHEP session sees, best first, and what keeps it from the best. */
export interface StreamState {
  quality: "original" | "second" | "reduced";
  trouble: "slow link" | "slow link, no smaller picture" | "slow link, gateway busy" | null;
}

export interface Session {
  user: { name: string; role: string; rights: string[] };
  csrf: string;
}

/** A device that answered a discovery; `camera` is the id of the camera that already uses it. */
export interface Device {
  endpoint: string;
  onvif: string;
  name: string;
  model: string;
  location: string;
  address: string;
  camera: string | null;
}

/** What POST /api/cameras takes: exactly one of `url` and `onvif`. */
export interface NewCamera {
  id: string;
  name: string;
  url?: string;
  onvif?: string;
  username?: string;
  password?: string;
  transport?: "tcp" | "udp";
  record?: boolean;
}

/** How a camera is configured, for who may configure it; of the password only whether there is one. */
export interface CameraSettings {
  url: string | null;
  onvif: string | null;
  username: string;
  has_password: boolean;
  transport: "tcp" | "udp";
  record: boolean;
}

export type CameraChange = Partial<Omit<NewCamera, "id">>;

/** What /api/events sends. */
export type ServerEvent =
  | { type: "state"; utc: string; cameras: Camera[] }
  | { type: "camera"; camera: Camera }
  | { type: "removed"; id: string }
  | { type: "fix"; camera: string; fix: Fix }
  | { type: "anchor"; session: string; rtp: number; utc: string }
  | ({ type: "quality"; session: string } & StreamState)
  | { type: "ping"; utc: string };
