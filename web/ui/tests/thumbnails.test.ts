import { beforeEach, expect, test, vi } from "vitest";
import { Thumbnails } from "../src/archive/thumbnails";

const revoked: string[] = [];
let made = 0;

beforeEach(() => {
  made = 0;
  revoked.length = 0;
  vi.stubGlobal("URL", { createObjectURL: () => `blob:${++made}`, revokeObjectURL: (url: string) => void revoked.push(url) });
});

/** Pictures that come when they are let. */
class Gateway {
  readonly asked: { at: number; signal: AbortSignal; answer: () => void; fail: () => void }[] = [];
  readonly thumbnails = new Thumbnails(
    (_camera, at, signal) =>
      new Promise((resolve, reject) => {
        const answer = () => resolve({ blob: new Blob(), utc: at - 1 });
        this.asked.push({ at, signal, answer, fail: () => reject(new Error("404")) });
      }),
  );
}

test("a picture is fetched once, and says when it was taken", async () => {
  const { asked, thumbnails } = new Gateway();
  expect(thumbnails.known("a", 1_000)).toBeUndefined();
  const coming = thumbnails.fetch("a", 1_000);
  asked[0]?.answer();
  expect(await coming).toEqual({ url: "blob:1", utc: 999 });
  expect(thumbnails.known("a", 1_000)).toEqual({ url: "blob:1", utc: 999 });
  expect(thumbnails.known("b", 1_000)).toBeUndefined();
});

test("one at a time: who points elsewhere gives the one before up", async () => {
  const { asked, thumbnails } = new Gateway();
  const [first, second] = [thumbnails.fetch("a", 1_000), thumbnails.fetch("a", 2_000)];
  expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  asked.forEach(({ answer }) => answer());
  expect(await first).toBeNull();
  expect(await second).toMatchObject({ utc: 1_999 });
  expect(thumbnails.known("a", 1_000)).toBeUndefined();
});

test("where there is none, nobody asks again; what is not kept any more is let go", async () => {
  const { asked, thumbnails } = new Gateway();
  const none = thumbnails.fetch("a", 0);
  asked[0]?.fail();
  expect(await none).toBeNull();
  expect(thumbnails.known("a", 0)).toBeNull();
  for (let n = 1; n <= 100; n++) {
    const coming = thumbnails.fetch("a", n);
    asked[n]?.answer();
    await coming;
  }
  expect(thumbnails.known("a", 0)).toBeUndefined();
  expect(revoked).toEqual([]);
  const last = thumbnails.fetch("a", 101);
  asked[101]?.answer();
  await last;
  expect(revoked).toEqual(["blob:1"]);
  thumbnails.close();
  expect(revoked).toHaveLength(101);
});
