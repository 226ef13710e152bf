/** Calls of who looks after the devices: the fleet, tests, position keys, channels. docs/interfaces.md has the meaning. */

import { json, request } from "./api";
import type { CameraChange } from "./model";
import type { Channel, FleetUnit, MadeKey, TestStep } from "./model-admin";

const camera = (id: string) => `/api/cameras/${encodeURIComponent(id)}`;

export async function fleetUnits(signal?: AbortSignal): Promise<FleetUnit[]> {
  return (await json<{ units: FleetUnit[] }>("/api/fleet", "GET", undefined, signal)).units;
}

/**
 * Try a camera out: `id` null, one that is not added, as `entered`; else that one, with what is entered changed for the
 * test alone. `told` hears of each step as it is told.
 *
 * @returns whether it works
 */
export async function testCamera(
  id: string | null,
  entered: CameraChange,
  told: (step: TestStep) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const response = await request(id === null ? "/api/cameras/test" : `${camera(id)}/test`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(entered),
    signal,
  });
  let works = false;
  await eachLine(response, (line) => {
    const value = JSON.parse(line) as TestStep | { works: boolean };
    if ("works" in value) works = value.works;
    else told(value);
  });
  return works;
}

/** Hand over the lines of an answer as they come. */
async function eachLine(response: Response, take: (line: string) => void): Promise<void> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split("\n");
    rest = lines.pop() ?? "";
    lines.filter(Boolean).forEach(take);
  }
}

export function makePositionKey(id: string): Promise<MadeKey> {
  return json<MadeKey>(`${camera(id)}/position-key`, "POST");
}

export async function revokePositionKey(id: string): Promise<void> {
  await request(`${camera(id)}/position-key`, { method: "DELETE" });
}

export async function channels(signal?: AbortSignal): Promise<Channel[]> {
  return (await json<{ channels: Channel[] }>("/api/alerts/channels", "GET", undefined, signal)).channels;
}

/** Sends at once; the error is a sentence, null: it was taken. */
export async function testChannel(name: string): Promise<string | null> {
  const path = `/api/alerts/channels/${encodeURIComponent(name)}/test`;
  return (await json<{ delivered: boolean; error: string | null }>(path, "POST")).error;
}
