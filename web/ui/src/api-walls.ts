/** Calls about the walls that one has saved. docs/interfaces.md has the meaning. */

import { json, request } from "./api";
import type { Arranged, Wall } from "./walls";

export interface NamedWall extends Arranged {
  name: string;
}

export async function savedWalls(): Promise<Wall[]> {
  return (await json<{ walls: Wall[] }>("/api/walls")).walls;
}

export function saveWall({ name, layout, tiles }: NamedWall): Promise<Wall> {
  return json<Wall>("/api/walls", "POST", { name, layout, tiles });
}

export function changeWall(id: number, { name, layout, tiles }: NamedWall): Promise<Wall> {
  return json<Wall>(`/api/walls/${id}`, "PUT", { name, layout, tiles });
}

export async function deleteWall(id: number): Promise<void> {
  await request(`/api/walls/${id}`, { method: "DELETE" });
}
