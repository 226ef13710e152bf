/** Where NVRs connect: addresses and ports as they are entered into one. No calls and no elements here. */

/** One device for all cameras, one for each on a port of its own, or both. */
export type Shape = "one" | "port" | "both";

/** Something that plays a camera by RTSP now. */
export interface NvrReader {
  id: string;
  account: string;
  address: string;
  /** What its program calls itself; empty: nothing. */
  agent: string;
  camera: string;
  /** It plays what was recorded, not what is live. */
  recorded: boolean;
  sound: boolean;
  /** Whether it gets the metadata track. */
  positions: boolean;
  since_utc: string;
}

/** Something that has logged in. */
export interface NvrSeen {
  account: string;
  address: string;
  service: "rtsp" | "onvif";
  utc: string;
}

export interface NvrStanding {
  /** `tls_port` null: the gateway has no certificate. */
  rtsp: { port: number; tls_port: number | null };
  /** `ports`: of the devices of single cameras, by camera. */
  onvif: { devices: Shape; ports: Record<string, number> };
  readers: NvrReader[];
  /** The last first. */
  seen: NvrSeen[];
}

/** What somebody enters into an NVR. */
export interface Entry {
  host: string;
  /** Of ONVIF: the port of this page. */
  port: number;
  rtspPort: number;
  /** The account's name; empty: there is none yet. */
  account: string;
  /** The id of a camera, as an example. */
  camera: string;
}

/** The device service of the one device that has all cameras. */
export function deviceUrl(page: URL, host: string): string {
  return `${page.protocol}//${inUrl(host)}:${portOf(page)}/onvif/device_service`;
}

export function rtspUrl(host: string, port: number, camera: string, tls = false): string {
  return `${tls ? "rtsps" : "rtsp"}://${inUrl(host)}:${port}/${camera}`;
}

/** The port that a page was fetched from. */
export function portOf(page: URL): number {
  return Number(page.port) || (page.protocol === "https:" ? 443 : 80);
}

/** The name or address of a host, as it stands outside of URLs: without an IPv6 address's brackets. */
export function hostOf(page: URL): string {
  return page.hostname.replace(/^\[|\]$/g, "");
}

/** Whether a host names the computer itself, and so nothing for an NVR elsewhere. */
export function isHere(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "::1" || host.startsWith("127.");
}

function inUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
