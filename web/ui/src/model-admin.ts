/** What the gateway says of devices, tests, position keys and notification channels, as it arrives in JSON. */

/** One unit as who looks after the devices sees it. */
export interface FleetUnit {
  /** Its id. */
  camera: string;
  /** Since when its status is what it is. */
  since: string;
  /** What to do about its reason; null: nothing. */
  advice: string | null;
  address: string;
  transport: "tcp" | "udp";
  /** Null: it has not said since the gateway started, or does not speak ONVIF. */
  device: { manufacturer: string; model: string; firmware: string; serial: string; hardware: string } | null;
  /** How far its clock is ahead. */
  clock_skew_s: number | null;
  bits_per_second: number | null;
  lost_percent: number | null;
  video: { codec: string; width: number | null; height: number | null } | null;
  /** Whether its settings have it recorded. */
  record: boolean;
  /** Why it is not recorded now, a sentence; null: it is. */
  not_recorded: string | null;
  /** Until when finished files reach. */
  recorded_to: string | null;
  bytes: number;
  bytes_a_day: number;
  /** Where its position comes from, as the settings have it. */
  position: string;
  position_key: PositionKey | null;
}

/** What a phone reports its position with; the key itself is shown once. */
export interface PositionKey {
  created_by: string;
  created: string;
  /** Null: not since the gateway started. */
  used: string | null;
}

/** A key that was just made, and what goes into the apps. */
export interface MadeKey {
  key: string;
  url: string;
  traccar_client: string;
  osmand: string;
}

export type StepName =
  | "address"
  | "port"
  | "answer"
  | "log_in"
  | "profiles"
  | "stream"
  | "picture"
  | "position"
  | "recording";

/** A step of trying a camera out: told when it begins, and with what it came to. */
export interface TestStep {
  step: StepName;
  state: "running" | "done" | "remark" | "failed";
  seconds: number | null;
  says: string;
  advice: string | null;
  /** A JPEG in Base64. */
  picture: string | null;
}

/** Who outside is told of alerts, and how that goes. */
export interface Channel {
  name: string;
  kind: "webhook" | "mail";
  waiting: number;
  delivered: number;
  given_up: number;
  delivered_utc: string | null;
  failed_utc: string | null;
  error: string | null;
  grades: string[];
  kinds: string[];
  groups: string[];
  resolved: boolean;
  positions: boolean;
  deliveries: ChannelDelivery[];
}

export interface ChannelDelivery {
  id: string;
  alert: number;
  type: "alert.opened" | "alert.resolved";
  created: string;
  attempts: number;
  next: string | null;
  delivered: string | null;
  error: string | null;
}
