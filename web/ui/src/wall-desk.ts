/**
 * The walls of who is logged in: those saved with the gateway, and “all units”, whose layout and order this browser
 * remembers. Keeps which one was used last, saves each change as it is made, and takes the last one back. Knows
 * nothing of elements; what stands where is `walls`.
 */

import * as api from "./api-walls";
import { wallStrings as words } from "./strings-wall";
import { LAYOUTS, type Arranged, type Layout, type Tiles, type Wall } from "./walls";

/** A wall's number, or all units. */
export type WallId = number | "all";

/** What was done last, as a sentence, and how it is taken back. */
export interface Done {
  sentence: string;
  undo: () => Promise<void>;
}

/** What this browser remembers. */
interface Remembered {
  last: WallId;
  layout: Layout;
  /** Of all units; [] while they stand in the order of their names. */
  tiles: Tiles;
}

const FIRST: Remembered = { last: "all", layout: "auto", tiles: [] };
const KEY = "sightline.wall";

export class WallDesk {
  /** In the order of their names; null until the gateway has said. */
  saved: readonly Wall[] | null = null;
  /** Why the walls could not be had, or the last change not be saved; a sentence. */
  error = "";
  done: Done | null = null;
  /** Grows with every change. */
  revision = 0;
  private user = "";
  private own: Remembered = FIRST;
  private readonly listeners = new Set<() => void>();
  /** Changes reach the gateway in the order in which they were made. */
  private saving: Promise<void> = Promise.resolve();

  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem">) {}

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Somebody looks at the wall: what is known of another person's is forgotten. */
  async open(user: string): Promise<void> {
    if (this.user !== user) {
      this.user = user;
      this.saved = this.done = null;
      this.own = remembered(this.storage.getItem(this.key));
    }
    this.error = "";
    await this.saving;
    try {
      const saved = await api.savedWalls();
      if (this.user === user) this.saved = saved;
    } catch (error) {
      if (this.user === user) this.error = words.notLoaded((error as Error).message);
    }
    this.changed();
  }

  /** The wall that an address without a name stands for. */
  get last(): WallId {
    return this.own.last;
  }

  find(id: WallId): Wall | undefined {
    return this.saved?.find((wall) => wall.id === id);
  }

  /** A wall that is there; `all`, while it is not known whether it is. */
  arranged(id: WallId): Arranged {
    return this.find(id) ?? { layout: this.own.layout, tiles: this.own.tiles };
  }

  /** This one is looked at now. */
  use(id: WallId): void {
    if (id !== this.own.last) this.remember({ last: id });
  }

  /** A wall is arranged otherwise. `sentence` says how, for who may want it back. */
  async arrange(id: WallId, after: Arranged, sentence: string): Promise<void> {
    const { layout, tiles } = this.arranged(id);
    const before = { layout, tiles };
    this.done = { sentence, undo: () => this.put(id, before) };
    await this.put(id, after);
  }

  /** @throws ApiError, with what to do, when the name is taken */
  async saveAs(name: string, { layout, tiles }: Arranged): Promise<Wall> {
    const made = await api.saveWall({ name, layout, tiles });
    this.took(made);
    return made;
  }

  /** @throws ApiError, with what to do, when the name is taken */
  async rename(id: number, name: string): Promise<void> {
    const wall = this.find(id);
    if (wall) this.took(await api.changeWall(id, { ...wall, name }));
  }

  /** @throws ApiError when it is still there */
  async remove(wall: Wall, back: (again: Wall) => void): Promise<void> {
    await api.deleteWall(wall.id);
    this.saved = (this.saved ?? []).filter(({ id }) => id !== wall.id);
    if (this.own.last === wall.id) this.remember({ last: "all" });
    this.done = { sentence: words.deleted(wall.name), undo: async () => back(await this.saveAs(wall.name, wall)) };
    this.changed();
  }

  async undo(): Promise<void> {
    const { done } = this;
    this.done = null;
    this.changed();
    try {
      await done?.undo();
    } catch (error) {
      this.error = (error as Error).message;
      this.changed();
    }
  }

  /** Something that was asked for did not come about; `why` is a sentence. */
  fail(why: string): void {
    this.error = why;
    this.changed();
  }

  /** Nothing is to be taken back any more. */
  forgetDone(): void {
    this.done = null;
    this.error = "";
    this.changed();
  }

  private async put(id: WallId, after: Arranged): Promise<void> {
    const wall = this.find(id);
    if (!wall) {
      this.remember(after);
      this.changed();
      return;
    }
    this.took({ ...wall, ...after });
    this.saving = this.saving.then(async () => {
      try {
        await api.changeWall(wall.id, { name: this.find(id)?.name ?? wall.name, ...after });
        this.error = "";
      } catch (error) {
        this.error = words.notSaved((error as Error).message);
      }
      this.changed();
    });
    await this.saving;
  }

  private took(wall: Wall): void {
    const others = (this.saved ?? []).filter(({ id }) => id !== wall.id);
    this.saved = [...others, wall].sort((a, b) => a.name.localeCompare(b.name));
    this.changed();
  }

  private get key(): string {
    return `${KEY}.${this.user}`;
  }

  private remember(some: Partial<Remembered>): void {
    const { last, layout, tiles } = { ...this.own, ...some };
    this.own = { last, layout, tiles };
    this.storage.setItem(this.key, JSON.stringify(this.own));
  }

  private changed(): void {
    this.revision++;
    for (const listener of this.listeners) listener();
  }
}

/** What was stored, as far as it can be used. */
function remembered(text: string | null): Remembered {
  try {
    const { last, layout, tiles } = JSON.parse(text ?? "{}") as Partial<Record<keyof Remembered, unknown>>;
    return {
      last: typeof last === "number" ? last : "all",
      layout: LAYOUTS.find((known) => known === layout) ?? "auto",
      tiles: Array.isArray(tiles) ? tiles.map((one: unknown) => (typeof one === "string" ? one : null)) : [],
    };
  } catch {
    return FIRST; // somebody else's text
  }
}
