/**
 * Every word of the page about NVRs: what is there now, and what is entered into each of them. docs/nvr.md says the same
 * at greater length; what is said here to have been tested is in tests/peers.
 */

import { rtspUrl, type Entry, type Shape } from "./nvr";

const ACCOUNT = "USER";
const PASSWORD = "PASSWORD";

/** How a recorder is set up. */
export interface Recipe {
  name: string;
  /** What was tried with it, or with what it is made of; else that its manual was only read. */
  proof: string;
  tested: boolean;
  /** The shape of ONVIF devices that fits it; null: it needs no ONVIF. */
  shapes: readonly Shape[] | null;
  steps: (entry: Entry) => readonly string[];
  /** A file to put text into, and the text. */
  file?: { name: string; text: (entry: Entry) => string };
  notes: readonly string[];
}

const recipes = {
  milestone: {
    name: "Milestone XProtect",
    tested: false,
    proof: "Only read: the driver's manual and the calls it makes. No XProtect was at hand.",
    shapes: ["one", "both"],
    steps: ({ host, port }) => [
      "In the Management Client, right-click the recording server and choose “Add Hardware”, then “Manual”.",
      `Add this account's user name and password, and choose the driver group “ONVIF”.`,
      `Address ${host}, port ${port}, hardware model “Auto-detect”.`,
      "All units come as the cameras of one piece of hardware. Enable the cameras and, for positions, the metadata of each.",
    ],
    notes: [
      "A driver takes a limited number of cameras from one device. If some are missing, use a device per camera (devices = \"port\") and add each by its port.",
      "XProtect shows positions that come as NavigationalData. Others are recorded with the metadata and not shown.",
    ],
  },
  homeAssistant: {
    name: "Home Assistant",
    tested: true,
    proof: "Tested: the library of its ONVIF integration, with the calls that the integration makes, and ffmpeg for the pictures. Not tested: Home Assistant itself.",
    shapes: ["one", "both"],
    steps: ({ host, port }) => [
      "Settings → Devices & services → Add integration → ONVIF. It may have found the gateway by itself; else choose to configure it by hand.",
      `Host ${host}, port ${port}, then this account's user name and password.`,
      "Each unit that sends H.264 becomes a camera entity.",
    ],
    notes: ["Units that send H.265 get no entity: the integration takes H.264 alone. A “Generic camera” with the RTSP address shows them."],
  },
  frigate: {
    name: "Frigate",
    tested: true,
    proof: "Tested: ffmpeg with RTSP over TCP and digest, which is what Frigate starts. Not tested: Frigate itself.",
    shapes: null,
    steps: () => ["Add each unit to the configuration, and restart Frigate."],
    file: {
      name: "config.yml",
      text: ({ host, rtspPort, account, camera }) => `cameras:
  ${camera}:
    ffmpeg:
      inputs:
        - path: ${rtspUrl(host, rtspPort, camera).replace("//", `//${account || ACCOUNT}:${PASSWORD}@`)}
          roles:
            - detect
            - record`,
    },
    notes: ["A camera that moves with its wearer sets off motion detection all the time: record continuously, or by object."],
  },
  synology: {
    name: "Synology Surveillance Station",
    tested: false,
    proof: "Only read: its help pages and reports of others. No Surveillance Station was at hand.",
    shapes: ["port", "both"],
    steps: ({ host, rtspPort, camera }) => [
      "IP Camera → Add → Add camera, one for each unit.",
      `With a device per unit: brand “ONVIF”, model “All functions”, address ${host}, and the port of the unit.`,
      `Or without ONVIF: brand “User-defined”, type “RTSP”, address ${rtspUrl(host, rtspPort, camera)}.`,
      "Then this account's user name and password, and “Test connection”.",
    ],
    notes: ["Of one device that has all units it takes the first alone."],
  },
  blueIris: {
    name: "Blue Iris",
    tested: false,
    proof: "Only read: its manual. No Blue Iris was at hand.",
    shapes: null,
    steps: ({ host, rtspPort, camera }) => [
      "Add new camera → Network IP → Configure, one for each unit.",
      `Address rtsp://${host}:${rtspPort}, then this account's user name and password.`,
      "Make “Generic/ONVIF”, model “RTSP H.264/H.265/MJPG/MPEG4”.",
      `Main stream path /${camera}. Leave the sub stream empty.`,
    ],
    notes: ["“Find/inspect” asks ONVIF and takes the first unit of the device: enter the path yourself."],
  },
  unifi: {
    name: "UniFi Protect",
    tested: false,
    proof: "Only read: what it asks of devices, in reports of others. No UniFi console was at hand.",
    shapes: ["port", "both"],
    steps: ({ host }) => [
      "In Protect's settings, allow third-party cameras.",
      "Adopt the device that was found, or by “Advanced adoption” with its address, its port and this account's user name and password.",
      `Protect tells devices apart by their address: of all units behind ${host} it adopts one. For more, give the gateway's machine an address for each.`,
    ],
    notes: ["It wants H.264, and shows no positions."],
  },
} satisfies Record<string, Recipe>;

export const nvrStrings = {
  lead: "A recorder pulls from Sightline as if it were a camera: by ONVIF, or by RTSP alone. What it gets is what its account may see.",
  recipes: recipes as Record<string, Recipe>,

  now: {
    title: (n: number) => (n === 0 ? "Connected now" : `Connected now: ${n}`),
    text: "What NVRs play at this moment. Ending one cuts it off; it may come again as long as its account holds.",
    none: "No NVR plays anything now.",
    noneText: "Make an account below and enter it into the recorder. What it plays is listed here at once.",
    by: (account: string, address: string) => `${account} from ${address}`,
    since: (age: string) => `for ${age}`,
    recorded: "recording",
    live: "live",
    sound: "sound",
    positions: "positions",
    unknownProgram: "a program that says nothing of itself",
    end: "Disconnect",
    endOf: (account: string, unit: string) => `Disconnect ${account} from ${unit}`,
    ended: (account: string, unit: string) => `${account} is disconnected from ${unit}. Most NVRs come again within seconds.`,
  },

  accounts: {
    title: "1. An account",
    text: "One for each NVR, so that each can be revoked alone. It opens RTSP and ONVIF, and not this page.",
    none: "No NVR has an account yet.",
    noneText: "Make one, limited to the units that the NVR records. Its password is shown once.",
    add: "Add an account",
    seen: (service: string, address: string, age: string) => `${service} from ${address} ${age} ago`,
    neverSeen: "never logged in since the gateway started",
    newPassword: "New password",
    newPasswordTitle: (name: string) => `Make a new password for ${name}?`,
    newPasswordText: "What the NVR plays ends at once, and it gets nothing until the new password is entered there.",
    revoke: "Revoke",
    revokeTitle: (name: string) => `Revoke ${name}?`,
    revokeText: "What the NVR plays ends at once, and the account is removed. It cannot be undone.",
    revoked: (name: string) => `${name} is revoked.`,
    passwordOf: (name: string) => `Password of ${name}`,
    passwordText: (name: string) =>
      `Enter it into the NVR together with the user name ${name}. It is not shown again; a new one can be made at any time.`,
    positions:
      "Whether NVRs get sound and positions is the policy's to say, for the role “nvr”. By default they get both.",
    policy: "What the policy says",
  },

  enter: {
    title: "2. What to enter",
    text: "Digest authentication; SHA-256 and MD5 are offered. RTSP over TCP gets through firewalls best.",
    here: "This page was opened by an address that other computers do not know. Enter the gateway's name or address in your network instead:",
    host: "Address",
    account: "User name",
    whose: "For the account",
    noAccount: "User name and password: make an account first.",
    password: "The password is shown once, when it is made. A new one can be made above.",
    onvifPort: "ONVIF port",
    device: "ONVIF device service",
    rtspPort: "RTSP port",
    rtspsPort: "RTSPS port (encrypted)",
    noTls: "No RTSPS: the gateway has no certificate. Passwords are never sent in clear all the same; pictures are.",
    shape: {
      one: "One device has all units: a video source and a profile for each. (onvif.devices = \"one\" in the settings file)",
      port: "Each unit is a device of its own, on a port of its own. (onvif.devices = \"port\" in the settings file)",
      both: "One device has all units, and each is a device of its own as well. (onvif.devices = \"both\" in the settings file)",
    } satisfies Record<Shape, string>,
    units: "Each unit",
    unitsText: "The RTSP address, for recorders that take one. The stream is what the camera sends: picture, sound and metadata as they come.",
    unitPort: (unit: string) => `${unit}, ONVIF port`,
    noUnits: "There are no units yet.",
    copy: (what: string) => `Copy: ${what}`,
    selected: "Selected: press Ctrl+C",
  },

  recorder: {
    title: "3. In your recorder",
    choose: "Recorder",
    tested: "tested in part",
    read: "only read",
    fits: (shape: Shape) => `The devices that are offered now fit it (onvif.devices = "${shape}").`,
    fitsNot: (shapes: string, now: Shape) =>
      `It needs other devices than are offered now: set onvif.devices = ${shapes} in the settings file (now "${now}") and restart the gateway.`,
    noOnvif: "It needs no ONVIF: the RTSP address is enough.",
    or: " or ",
  },
};
