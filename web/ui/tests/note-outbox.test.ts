import { expect, test } from "vitest";
import { ApiError } from "../src/api";
import { NoteOutbox, type Unsent } from "../src/note-outbox";

const UTC = "2026-11-23T14:02:11.250Z";

/** An outbox, what it has sent, and how the gateway answers: with an error, or not at all. */
function outbox(kept = new Map<string, string>()) {
  const sent: string[] = [];
  const answers: { error: Error | null } = { error: null };
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  const send = ({ text }: Unsent) => {
    if (answers.error) return Promise.reject(answers.error);
    sent.push(text);
    return Promise.resolve();
  };
  return { sent, answers, kept, box: new NoteOutbox(storage, send, () => undefined) };
}

test("a note is on its way until it is there", async () => {
  const { box, sent, kept } = outbox();
  const done = box.write(7, "Door open", UTC);
  expect(box.of(7)).toMatchObject([{ text: "Door open", utc: UTC, trouble: "" }]);
  expect(box.of(8)).toEqual([]);
  await done;
  expect(box.of(7)).toEqual([]);
  expect([sent, kept.size]).toEqual([["Door open"], 0]);
});

test("what did not arrive for want of a link is sent when there is one, with its moment, also after a reload", async () => {
  const { box, answers, kept } = outbox();
  answers.error = new ApiError(0, "no answer");
  await box.write(7, "Door open", UTC);
  expect(box.of(7)).toMatchObject([{ trouble: "no answer", waits: true }]);
  const next = outbox(kept);
  expect(next.box.of(7)).toMatchObject([{ utc: UTC, waits: true }]);
  next.box.linkUp();
  await Promise.resolve();
  await Promise.resolve();
  expect([next.sent, next.box.unsent]).toEqual([["Door open"], []]);
});

test("what the gateway refused waits for somebody to send it again, or to let it go", async () => {
  const { box, answers, sent } = outbox();
  answers.error = new ApiError(403, "no right");
  await box.write(7, "one", UTC);
  await box.write(7, "two", UTC);
  box.linkUp();
  expect(box.of(7)).toMatchObject([{ trouble: "no right" }, { trouble: "no right" }]);
  answers.error = null;
  const [first, second] = box.of(7);
  await box.again(first?.key ?? 0);
  box.drop(second?.key ?? 0);
  expect([sent, box.unsent]).toEqual([["one"], []]);
});

test("nothing of it is left after the log-out", async () => {
  const { box, answers, kept } = outbox();
  answers.error = new ApiError(0, "no answer");
  await box.write(7, "one", UTC);
  box.forget();
  expect([box.unsent, kept.size]).toEqual([[], 0]);
});
