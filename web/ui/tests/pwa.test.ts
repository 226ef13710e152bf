/** The page as an app: when installing is offered, and that a hint that was put aside stays so. */

import { afterEach, expect, test, vi } from "vitest";
import { App } from "../src/pwa";

afterEach(() => vi.unstubAllGlobals());

function offering(memory = new Map<string, string>()) {
  const target = new EventTarget();
  vi.stubGlobal("window", target);
  const changed = vi.fn();
  const storage = {
    getItem: (key: string) => memory.get(key) ?? null,
    setItem: (key: string, value: string) => void memory.set(key, value),
  };
  const app = new App(storage, changed);
  app.begin();
  const prompt = vi.fn(() => Promise.resolve());
  const offer = () => {
    const event = Object.assign(new Event("beforeinstallprompt", { cancelable: true }), { prompt });
    target.dispatchEvent(event);
    return event;
  };
  return { app, changed, memory, offer, prompt, target };
}

test("installing is offered once the browser does, and asked of it once", async () => {
  const { app, changed, offer, prompt } = offering();
  expect(app.installable).toBe(false);
  expect(offer().defaultPrevented).toBe(true);
  expect([app.installable, app.hinted]).toEqual([true, true]);
  expect(changed).toHaveBeenCalled();
  await app.install();
  expect(prompt).toHaveBeenCalledTimes(1);
  expect(app.installable).toBe(false);
});

test("nothing is offered any more once it is installed", () => {
  const { app, offer, target } = offering();
  offer();
  target.dispatchEvent(new Event("appinstalled"));
  expect(app.installable).toBe(false);
});

test("a hint that was put aside does not come again, but installing stays possible", () => {
  const first = offering();
  first.offer();
  first.app.dismissHint();
  const later = offering(first.memory);
  later.offer();
  expect([later.app.installable, later.app.hinted]).toEqual([true, false]);
});
