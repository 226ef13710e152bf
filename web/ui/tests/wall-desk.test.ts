import { beforeEach, describe, expect, it, vi } from "vitest";
import * as api from "../src/api-walls";
import { WallDesk } from "../src/wall-desk";
import type { Wall } from "../src/walls";

const NIGHT: Wall = { id: 7, name: "Night", layout: "4", tiles: ["a", "b"], changed: "" };

describe("WallDesk", () => {
  let stored: Map<string, string>;
  let desk: WallDesk;

  const fresh = () =>
    new WallDesk({ getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => void stored.set(key, value) });

  beforeEach(() => {
    vi.restoreAllMocks();
    vi.spyOn(api, "savedWalls").mockResolvedValue([NIGHT]);
    vi.spyOn(api, "changeWall").mockImplementation((id, wall) => Promise.resolve({ ...wall, id, changed: "" }));
    stored = new Map();
    desk = fresh();
  });

  it("saves each change of a saved wall, and takes the last one back", async () => {
    await desk.open("ann");
    await desk.arrange(7, { layout: "4", tiles: ["b", "a"] }, "Unit a was moved");
    expect(api.changeWall).toHaveBeenLastCalledWith(7, { name: "Night", layout: "4", tiles: ["b", "a"] });
    expect(desk.done?.sentence).toBe("Unit a was moved");
    await desk.undo();
    expect(api.changeWall).toHaveBeenLastCalledWith(7, { name: "Night", layout: "4", tiles: ["a", "b"] });
    expect(desk.done).toBeNull();
  });

  it("keeps the order of all units, and which wall was used last, in this browser, for each person", async () => {
    await desk.open("ann");
    await desk.arrange("all", { layout: "9", tiles: ["b", "a"] }, "moved");
    desk.use(7);
    expect(api.changeWall).not.toHaveBeenCalled();
    const again = fresh();
    await again.open("ann");
    expect([again.last, again.arranged("all")]).toEqual([7, { layout: "9", tiles: ["b", "a"] }]);
    await again.open("bob");
    expect([again.last, again.arranged("all")]).toEqual(["all", { layout: "auto", tiles: [] }]);
  });

  it("says when a change was not saved, and shows it all the same", async () => {
    await desk.open("ann");
    vi.mocked(api.changeWall).mockRejectedValue(new Error("The gateway is away."));
    await desk.arrange(7, { layout: "1", tiles: ["b"] }, "Layout");
    expect(desk.error).toContain("The gateway is away.");
    expect(desk.arranged(7)).toMatchObject({ layout: "1", tiles: ["b"] });
  });

  it("deletes a wall, and makes it again", async () => {
    vi.spyOn(api, "deleteWall").mockResolvedValue();
    vi.spyOn(api, "saveWall").mockResolvedValue({ ...NIGHT, id: 8 });
    await desk.open("ann");
    desk.use(7);
    const back = vi.fn();
    await desk.remove(NIGHT, back);
    expect([desk.saved, desk.last]).toEqual([[], "all"]);
    await desk.undo();
    expect(back).toHaveBeenCalledWith({ ...NIGHT, id: 8 });
    expect(desk.find(8)?.tiles).toEqual(["a", "b"]);
  });

  it("can use what somebody else wrote into the browser's storage as far as it goes", async () => {
    for (const text of ["{", "null", '{"last":"x","layout":"2x2","tiles":[1,"a"]}']) {
      stored.set("sightline.wall.ann", text);
      const one = fresh();
      await one.open("ann");
      expect(one.last).toBe("all");
      expect(one.arranged("all").layout).toBe("auto");
    }
  });
});
