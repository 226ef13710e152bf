import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/api";
import { LiveFeed } from "../src/live-feed";
import { strings } from "../src/strings";
import { WhepSession, type Obstacle, type WhepOptions } from "../src/whep";

const fetch = () => Promise.reject(new Error("nothing is fetched here"));

describe("LiveFeed", () => {
  let opened: WhepOptions[];
  let answers: (Obstacle | ApiError)[];
  let feed: LiveFeed;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("window", globalThis);
    opened = [];
    vi.spyOn(WhepSession, "open").mockImplementation((_endpoint, options) => {
      opened.push(options);
      const answer = answers.shift() ?? "silent";
      if (answer instanceof ApiError) return Promise.reject(answer);
      return Promise.resolve({ obstacle: () => Promise.resolve(answer), close: () => undefined } as unknown as WhepSession);
    });
    feed = new LiveFeed("/api/cameras/unit-12/whep", fetch, () => undefined);
  });

  afterEach(() => {
    feed.stop();
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  const start = async (...given: (Obstacle | ApiError)[]) => {
    answers = given;
    feed.start();
    await vi.advanceTimersByTimeAsync(0);
  };

  it.each<Obstacle>(["unreachable", "silent", "undecodable"])(
    "says why nothing is shown (%s), through the next attempts, until there is a picture",
    async (obstacle) => {
      await start(obstacle, obstacle);
      expect(feed.failure).toBeNull();
      await feed.fruitless();
      expect(feed.failure?.message).toBe(strings.obstacles[obstacle]);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(opened).toHaveLength(2);
      expect(feed.failure?.message).toBe(strings.obstacles[obstacle]);
      feed.healthy();
      expect(feed.failure).toBeNull();
    },
  );

  it("offers only what every browser decodes once pictures came that this one did not", async () => {
    await start("undecodable");
    await feed.fruitless();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(opened.map((options) => options.plain)).toEqual([false, true]);
  });

  it("waits as long as the gateway asks it to, and repeats its sentence", async () => {
    await start(new ApiError(503, "unit-12 has to be transcoded", 10));
    expect(feed.failure?.message).toBe("unit-12 has to be transcoded");
    await vi.advanceTimersByTimeAsync(9_900);
    expect(opened).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(opened).toHaveLength(2);
    expect(feed.failure).toBeNull();
  });

  it("says what to do where the browser plays nothing of it", async () => {
    await start(new ApiError(422, "no codec fits"));
    expect(feed.failure?.message).toBe(strings.errors.noCodec("no codec fits"));
  });
});
