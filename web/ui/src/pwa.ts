/**
 * The page as an app: its service worker, whether the gateway has a newer page, and whether the browser would install it.
 * Knows nothing of elements.
 */

/** The first picture and the first state are not to share a slow link with what is fetched for later. */
const LATER_MS = 8_000;
const HINT_KEY = "sightline.install-hint";
const ENTRY = /\/assets\/index-[\w-]+\.js/;

/** Chromium's event (not yet a standard): the page can be installed, if somebody asks for it. */
interface InstallEvent extends Event {
  prompt(): Promise<unknown>;
}

export class App {
  /** The gateway has a newer page than this one. */
  newer = false;
  private installing: InstallEvent | null = null;
  private kept = false;

  /** @param changed what is to be offered is another */
  constructor(
    private readonly memory: Pick<Storage, "getItem" | "setItem">,
    private readonly changed: () => void,
  ) {}

  /** Hear what the browser offers: it does so once, perhaps before anybody is logged in. */
  begin(): void {
    window.addEventListener("beforeinstallprompt", (event) => {
      event.preventDefault(); // it is offered where it is in nobody's way
      this.installing = event as InstallEvent;
      this.changed();
    });
    window.addEventListener("appinstalled", () => {
      this.installing = null;
      this.changed();
    });
  }

  /** Somebody is logged in: what an app needs can be fetched. */
  keep(): void {
    if (this.kept) return;
    this.kept = true;
    // Browsers have none on an address that is neither secure nor this computer's own.
    if ("serviceWorker" in navigator) window.setTimeout(() => void this.register(), LATER_MS);
  }

  get installable(): boolean {
    return this.installing !== null;
  }

  /** Whether to say so where one did not look for it. */
  get hinted(): boolean {
    return this.installable && this.memory.getItem(HINT_KEY) === null;
  }

  /** The hint is not wanted, for good. */
  dismissHint(): void {
    this.memory.setItem(HINT_KEY, "dismissed");
    this.changed();
  }

  async install(): Promise<void> {
    const event = this.installing;
    this.installing = null;
    this.changed();
    await event?.prompt();
  }

  /** The gateway answers again: is its page still this one? */
  async compare(): Promise<void> {
    const own = document.querySelector<HTMLScriptElement>("script[type=module][src]")?.src ?? "";
    try {
      const page = await (await fetch("/", { cache: "no-store" })).text();
      const theirs = ENTRY.exec(page)?.[0];
      if (theirs === undefined || !ENTRY.test(own) || own.endsWith(theirs)) return;
      this.newer = true;
      this.changed();
    } catch {
      // out of reach again: the next time
    }
  }

  /** Begin with the newer page; the worker that belongs to it takes over. */
  async reload(): Promise<void> {
    if ("serviceWorker" in navigator) {
      const registration = await navigator.serviceWorker.getRegistration();
      registration?.waiting?.postMessage("take over");
    }
    window.location.reload();
  }

  private async register(): Promise<void> {
    try {
      await navigator.serviceWorker.register("/sw.js");
    } catch {
      // A browser that forbids it, or a full disk: the page works, and needs the link to begin.
    }
  }
}
