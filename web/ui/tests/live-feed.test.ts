import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/api";
import { LiveFeed } from "../src/live-feed";
import { park, unpark } from "../src/parked-feeds";
import { strings } from "../src/strings";
import { WhepSession, type Obstacle, type WhepOptions } from "../src/whep";

const fetch = () => Promise.reject(new Error("nothing is fetched here"));

describe("LiveFeed", () => {
  let opened: WhepOptions[];
  let asked: string[];
  let sizes: string[];
  let answers: (Obstacle | ApiError)[];
  let feed: LiveFeed;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("window", globalThis);
    opened = [];
    asked = [];
    sizes = [];
    vi.spyOn(WhepSession, "open").mockImplementation((endpoint, options) => {
      opened.push(options);
      asked.push(endpoint);
      const answer = answers.shift() ?? "silent";
      if (answer instanceof ApiError) return Promise.reject(answer);
      const session = {
        obstacle: () => Promise.resolve(answer),
        close: () => undefined,
        resize: (size: string) => Promise.resolve(void sizes.push(size)),
      };
      return Promise.resolve(session as unknown as WhepSession);
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

  it("begins with the size that is shown, goes over to another within the session, and begins anew with that", async () => {
    feed.resize("small");
    await start("silent", "silent");
    feed.resize("full");
    feed.resize("full");
    feed.restart();
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toEqual(["/api/cameras/unit-12/whep?size=small", "/api/cameras/unit-12/whep"]);
    expect(sizes).toEqual(["full"]);
  });

  it("tells a session whose size changed while it was opened", async () => {
    answers = ["silent"];
    feed.start();
    feed.resize("small");
    await vi.advanceTimersByTimeAsync(0);
    expect([asked, sizes]).toEqual([["/api/cameras/unit-12/whep"], ["small"]]);
  });

  it("can be parked and taken over once, and ends when nobody takes it", async () => {
    await start("silent");
    const { session } = feed;
    park("unit-12", feed);
    expect(unpark("unit-12")).toBe(feed);
    expect([unpark("unit-12"), feed.session]).toEqual([null, session]);
    park("unit-12", feed);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([unpark("unit-12"), feed.session, feed.running]).toEqual([null, null, false]);
  });

  it("says what to do where the browser plays nothing of it", async () => {
    await start(new ApiError(422, "no codec fits"));
    expect(feed.failure?.message).toBe(strings.errors.noCodec("no codec fits"));
  });
});
