/**
 * All that the page knows: who is logged in, the cameras, their trails, what is chosen. Fed by one WebSocket; the
 * only global state. Elements read it through `Watch` (controllers.ts) and change it through its methods.
 */

import * as api from "./api";
import { alerts, openIncident } from "./api-incidents";
import { Away } from "./away";
import { backoff } from "./backoff";
import { DiskWatch } from "./disk-news";
import { Duty } from "./duty";
import type { Circumstances, RightEnded } from "./faces";
import { EventStream } from "./events";
import type { Trail } from "./fixes";
import { FrameClock } from "./frame-clock";
import { GatewayClock } from "./gateway-clock";
import { LinkHealth } from "./link-health";
import { MapDesk } from "./map-desk";
import { App } from "./pwa";
import { Reasons } from "./reasons";
import type { NewIncident, Origin } from "./model-incidents";
import type { Camera, ExportJob, Fix, Right, ServerEvent, Session, StreamState } from "./model";
import { talkEnded } from "./talk";
import { hashOf, SECTIONS, viewOf, type Section, type View } from "./route";
import { Trails } from "./trails";

export type Theme = "dark" | "light" | "system";
export type DialogName = "find" | "add" | "help" | "reason";

/** How the gateway is reached. `downSince` is null while it answers. */
export interface Link {
  downSince: number | null;
  /** When the next attempt starts, by this computer's clock; null while one is under way. */
  retryAt: number | null;
  /** How long the last outage was, and when it ended. */
  back: { after: number; at: number } | null;
}

const THEME_KEY = "sightline.theme";
const RETURN_KEY = "sightline.return";
/** The socket may be gone this long before the page says so: a reconnect usually takes less. */
const GRACE_MS = 1_500;
const PHONE = "(max-width: 720px)";
/** Between two questions who is logged in, while the gateway is out of reach from the start. */
const FIRST_ATTEMPT_MS = 1_000;
const LAST_ATTEMPT_MS = 5_000;
/** More alerts than this are not looked through for what was missed. */
const MOST_MISSED = 100;
/** Sessions that are known here: more than a wall can open. */
const MOST_SESSIONS = 64;

/** The right that a page of the settings needs, without a limit; the gateway has the last word. */
const NEEDED: Record<Section, Right | null> = {
  account: null,
  policy: null,
  groups: null,
  users: "configure",
  nvr: "configure",
  audit: "audit",
  storage: "metrics",
  fleet: "configure",
  cameras: "configure",
  phones: "configure",
  notifications: "metrics",
};
/** Pages for who may configure some cameras, too. */
const OF_SOME: ReadonlySet<Section> = new Set(["fleet", "cameras", "phones"]);

/** What is left of a unit that one may not know of any more. */
const NOTHING_TO_SEE: Partial<Camera> = {
  rights: [],
  position: null,
  health: null,
  recording: false,
  talk: false,
  talking: null,
  watched: null,
  reason: null,
  reason_needed: false,
  private: false,
  privacy: null,
  has_privacy: false,
};

const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function forgetOldest(sessions: Map<string, unknown>): void {
  const oldest = sessions.keys().next();
  if (sessions.size > MOST_SESSIONS && !oldest.done) sessions.delete(oldest.value);
}

export class Store {
  /** Undefined until the gateway has said. */
  session: Session | null | undefined = undefined;
  sessionEnded = false;
  link: Link = { downSince: null, retryAt: null, back: null };
  /** In the order of their names; null until the first state has come. */
  cameras: readonly Camera[] | null = null;
  view: View = viewOf(window.location.hash);
  theme: Theme = readTheme();
  query = "";
  /** The unit under the pointer, on the wall or on the map. */
  lit: string | null = null;
  dialog: DialogName | null = null;
  /** The units that the dialog "reason" asks about. */
  asked: readonly string[] = [];
  /** Exports, the newest first: what was asked for, and what has been told of since. */
  exports: readonly ExportJob[] = [];
  readonly disk = new DiskWatch(sessionStorage);
  readonly duty = new Duty(() => this.changed());
  readonly map = new MapDesk(() => this.changed());
  readonly health = new LinkHealth();
  readonly app = new App(localStorage, () => this.changed());
  readonly away = new Away(
    () => ({ cameras: this.cameras ?? [], alerts: this.duty.alerts.open, incidents: this.duty.incidents.told }),
    (since) => alerts({ from: new Date(since).toISOString(), limit: MOST_MISSED }),
    () => this.changed(),
  );
  /** Grows with every fix of any unit. */
  fixVersion = 0;
  /** Grows with every reason that is given. */
  reasonVersion = 0;

  private readonly reasons = new Reasons();
  /** The rights to watch that ended while this page was open, by unit. */
  private readonly endedRights = new Map<string, RightEnded>();

  readonly trails = new Trails(
    () => this.now(),
    (id) => this.reasonFor(id),
    () => {
      this.fixVersion++;
      this.changed();
    },
  );
  private readonly byId = new Map<string, Camera>();
  private readonly frameClocks = new Map<string, FrameClock>();
  private readonly streams = new Map<string, StreamState>();
  private readonly listeners = new Set<() => void>();
  private readonly events = new EventStream({
    received: (event) => {
      this.away.hearing(event, Date.now(), this.clock.offset);
      this.receive(event);
      this.away.heard();
    },
    echoed: (utc, sent) => {
      this.clock.echoed(utc, sent, Date.now());
      this.health.echo(Date.now() - sent);
    },
    awaiting: (since) => this.health.awaiting(since),
    connecting: () => {
      this.health.begin();
      this.begun = false;
      this.set({ link: { ...this.link, retryAt: null } });
    },
    lost: (retryAt) => this.linkLost(retryAt),
    loggedOut: () => this.leave(true),
  });
  private readonly clock = new GatewayClock();
  private attempts = 0;
  /** The socket that is open now has sent the full state. */
  private begun = false;
  private notifying = 0;
  private graceTimer = 0;

  // ---- reading

  /** The gateway's time, milliseconds since the Unix epoch. */
  now(): number {
    return Date.now() + this.clock.offset;
  }

  camera(id: string): Camera | undefined {
    return this.byId.get(id);
  }

  /** The cameras that match a search, without one those that the wall is narrowed to. */
  matching(query = this.query): readonly Camera[] {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const all = this.cameras ?? [];
    if (words.length === 0) return all;
    return all.filter((camera) => words.every((word) => `${camera.name} ${camera.id}`.toLowerCase().includes(word)));
  }

  trail(id: string): Trail {
    return this.trails.of(id);
  }

  /** The anchors of one WHEP session. They may come before the answer that names the session. */
  frameClock(session: string): FrameClock {
    let clock = this.frameClocks.get(session);
    if (!clock) {
      this.frameClocks.set(session, (clock = new FrameClock()));
      forgetOldest(this.frameClocks);
    }
    return clock;
  }

  /** What the gateway said last of a WHEP session's stream; undefined: all is well. */
  stream(session: string): StreamState | undefined {
    return this.streams.get(session);
  }

  /** What a unit's face depends on beside the camera and its picture. */
  circumstances(id: string): Circumstances {
    const rightEnded = this.endedRights.get(id) ?? null;
    return { now: this.now(), here: Date.now(), gatewayAway: this.link.downSince !== null, rightEnded };
  }

  /** Whether the unit stays only to say that the right to it has ended: one may not even know of it any more. */
  gone(id: string): boolean {
    return this.endedRights.has(id) && this.camera(id)?.rights.length === 0;
  }

  /** Why this person watches the unit, if they have said so for this incident of watching. */
  reasonFor(id: string): string | null {
    return this.reasons.of(id, Date.now());
  }

  /** The units that wait for a reason. */
  waiting(): readonly Camera[] {
    return (this.cameras ?? []).filter((camera) => camera.reason_needed && this.reasonFor(camera.id) === null);
  }

  /** Whether this person has the right, be it for some cameras only. */
  may(right: Right): boolean {
    return this.session?.user.rights.includes(right) ?? false;
  }

  /** Whether this person may act on what happens to a unit; null: to the gateway. */
  mayRespond(camera: string | null): boolean {
    if (camera === null) return this.session?.user.everywhere.includes("respond") ?? false;
    return this.camera(camera)?.rights.includes("respond") ?? false;
  }

  get mayManageUsers(): boolean {
    return this.sections.includes("users");
  }

  get mayChangeCameras(): boolean {
    return this.may("configure");
  }

  /** The pages of the settings that this person may use. */
  get sections(): readonly Section[] {
    return SECTIONS.filter((section) => {
      const right = NEEDED[section];
      if (right !== null && OF_SOME.has(section)) return this.may(right);
      return right === null || (this.session?.user.everywhere.includes(right) ?? false);
    });
  }

  // ---- watching

  /** Call `listener` at most once a frame after something has changed. Returns how to stop. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private changed(): void {
    this.notifying ||= requestAnimationFrame(() => {
      this.notifying = 0;
      for (const listener of [...this.listeners]) listener();
    });
  }

  private set(part: Partial<Pick<Store, "session" | "link" | "cameras" | "view" | "theme" | "query" | "lit" | "dialog" | "asked" | "exports">>) {
    Object.assign(this, part);
    if (part.cameras !== undefined) this.index();
    this.changed();
  }

  private index(): void {
    this.byId.clear();
    for (const camera of this.cameras ?? []) this.byId.set(camera.id, camera);
  }

  // ---- the person

  /** The browser goes to log in elsewhere and comes back to the front door: remember where one wanted to. */
  willReturn(): void {
    sessionStorage.setItem(RETURN_KEY, window.location.hash);
  }

  /** Find out who is logged in; then follow the gateway. */
  async begin(): Promise<void> {
    this.app.begin();
    window.addEventListener("hashchange", () => {
      this.turnTo(viewOf(window.location.hash));
      if (this.session === undefined && this.view.name !== "share") void this.askWho();
    });
    this.applyTheme();
    // Whoever opens the page on a phone wants to know what is going on, before any picture.
    if (!window.location.hash && window.matchMedia(PHONE).matches) this.turnTo({ name: "duty" });
    if (this.view.name === "share") return; // whoever was sent one has no account
    await this.askWho();
    if (!this.session) return;
    const wanted = sessionStorage.getItem(RETURN_KEY);
    sessionStorage.removeItem(RETURN_KEY);
    if (wanted && !window.location.hash) this.go(viewOf(wanted));
  }

  /** Rejects with an ApiError the log-in page can show. */
  async logIn(username: string, password: string): Promise<void> {
    this.enter(await api.logIn(username, password));
  }

  async logOut(): Promise<void> {
    await api.logOut();
    this.leave(false);
  }

  private async askWho(): Promise<void> {
    try {
      const session = await api.currentSession();
      if (session) this.enter(session);
      else this.leave(this.session !== undefined && this.session !== null);
      this.attempts = 0;
    } catch {
      const wait = backoff(this.attempts++, FIRST_ATTEMPT_MS, LAST_ATTEMPT_MS);
      this.linkLost(Date.now() + wait);
      window.setTimeout(() => void this.askWho(), wait);
    }
  }

  private enter(session: Session): void {
    this.sessionEnded = false;
    this.app.keep();
    this.set({ session, link: { downSince: null, retryAt: null, back: null } });
    this.events.start();
  }

  private leave(ended: boolean): void {
    this.events.stop();
    window.clearTimeout(this.graceTimer);
    this.graceTimer = 0;
    this.sessionEnded = ended;
    this.trails.clear();
    this.frameClocks.clear();
    this.endedRights.clear();
    this.reasons.forget();
    this.disk.forget();
    this.duty.forget();
    this.away.forget();
    this.map.forget();
    this.set({
      session: null,
      cameras: null,
      query: "",
      lit: null,
      dialog: null,
      exports: [],
      link: { downSince: null, retryAt: null, back: null },
    });
  }

  // ---- what is chosen

  go(view: View): void {
    const hash = hashOf(view);
    if (window.location.hash !== hash) window.location.hash = hash;
    this.turnTo(view);
  }

  private turnTo(view: View): void {
    // Who turns to something else says no more why they watch.
    const moved = hashOf(view) !== hashOf(this.view);
    this.set({ view, lit: null, dialog: moved && this.dialog === "reason" ? null : this.dialog });
  }

  search(query: string): void {
    this.set({ query });
  }

  light(id: string | null): void {
    if (this.lit !== id) this.set({ lit: id });
  }

  show(dialog: DialogName | null): void {
    this.set({ dialog });
  }

  /** Ask why one watches these units. */
  askReason(...ids: string[]): void {
    this.set({ asked: ids, dialog: "reason" });
  }

  giveReason(ids: readonly string[], reason: string): void {
    for (const id of ids) this.reasons.give(id, reason, Date.now());
    this.reasonVersion++;
    this.set({ dialog: null });
  }

  /** A picture of the unit is opened. Returns how it is closed again. */
  watching(id: string): () => void {
    return this.reasons.watch(id, Date.now);
  }

  /** The warning about the disk has been read. */
  putDiskAside(): void {
    this.disk.putAside();
    this.changed();
  }

  setTheme(theme: Theme): void {
    localStorage.setItem(THEME_KEY, theme);
    this.set({ theme });
    this.applyTheme();
  }

  private applyTheme(): void {
    document.documentElement.dataset.theme = this.theme;
  }

  retryLink(): void {
    this.events.retryNow();
  }

  /** Open an incident, and go to it. */
  async openIncident(origin: Origin, more: NewIncident = {}): Promise<void> {
    const made = await openIncident({ ...more, origin });
    this.duty.takeIncident(made);
    this.go({ name: "incident", id: made.id });
  }

  // ---- the gateway

  private receive(event: ServerEvent): void {
    this.duty.receive(event);
    switch (event.type) {
      case "state":
        if (!this.begun) this.clock.begin(Date.parse(event.utc), Date.now());
        this.linkUp();
        this.takeState(event.cameras);
        break;
      case "camera":
        this.take(event.camera);
        break;
      case "ended":
        // Without sound or position the picture comes back by itself, in a new session.
        if (event.right === "live") this.endedRights.set(event.camera, { at: this.now(), why: event.reason });
        break;
      case "removed":
        this.forget(event.id);
        break;
      case "fixes":
        for (const { camera, fix } of event.fixes) this.takeFix(camera, fix);
        break;
      case "anchor":
        this.frameClock(event.session).add(event.rtp, Date.parse(event.utc));
        break;
      case "quality":
        this.takeStream(event);
        break;
      case "export":
        this.takeExport(event);
        break;
      case "export_removed":
        this.takeExports(this.exports.filter((job) => job.id !== event.id));
        break;
      case "talk_ended":
        talkEnded(event.session, event.reason);
        break;
      case "storage":
        this.disk.take(event);
        this.changed();
        break;
      case "ping":
        this.clock.heard(Date.parse(event.utc), Date.now());
        break;
    }
  }

  private takeState(cameras: readonly Camera[]): void {
    if (!this.begun) this.trails.renew();
    for (const camera of cameras) this.follow(camera);
    this.set({ cameras: sorted([...cameras, ...this.lost(cameras)]) });
    // On the same socket it comes again when rights have changed: what may this person do now?
    void this.duty.learn((right) => this.may(right));
    if (this.begun) void this.checkSession();
    this.begun = true;
  }

  /** Add to a unit's trail, or forget it with the right to it. */
  private follow(camera: Camera): void {
    if (!seesPosition(camera)) this.trails.forget(camera.id);
    else if (camera.position) this.trail(camera.id).add(camera.position);
  }

  /** Units that one was watching and may not even know of now: they stay, without anything to see, to say why. */
  private lost(cameras: readonly Camera[]): readonly Camera[] {
    const listed = new Set(cameras.map((camera) => camera.id));
    for (const camera of cameras) if (camera.rights.includes("live")) this.endedRights.delete(camera.id);
    return (this.cameras ?? [])
      .filter((camera) => this.endedRights.has(camera.id) && !listed.has(camera.id))
      .map((camera) => {
        this.trails.forget(camera.id);
        return { ...camera, ...NOTHING_TO_SEE };
      });
  }

  /** A camera as the gateway has just described it, in an event or in the answer to a change. */
  take(camera: Camera): void {
    this.follow(camera);
    const before = this.camera(camera.id);
    const all = this.cameras ?? [];
    // Among hundreds, one is told of many times a second: its place in the order changes with its name only.
    if (before?.name === camera.name) this.set({ cameras: all.map((other) => (other.id === camera.id ? camera : other)) });
    else this.set({ cameras: sorted([...all.filter((other) => other.id !== camera.id), camera]) });
  }

  forget(id: string): void {
    this.trails.forget(id);
    this.endedRights.delete(id);
    this.set({ cameras: (this.cameras ?? []).filter((camera) => camera.id !== id) });
  }

  /** An export as it is now. */
  takeExport(job: ExportJob): void {
    this.takeExports([job, ...this.exports.filter((other) => other.id !== job.id)]);
  }

  /** All the exports that there are. */
  takeExports(jobs: readonly ExportJob[]): void {
    this.set({ exports: [...jobs].sort((a, b) => Date.parse(b.created) - Date.parse(a.created)) });
  }

  private takeFix(id: string, fix: Fix): void {
    this.trail(id).add(fix);
    this.fixVersion++;
    this.changed();
  }

  private takeStream({ session, quality, trouble }: { session: string } & StreamState): void {
    if (quality === "original" && trouble === null) this.streams.delete(session);
    else this.streams.set(session, { quality, trouble });
    forgetOldest(this.streams);
    this.changed();
  }

  private linkUp(): void {
    window.clearTimeout(this.graceTimer);
    this.graceTimer = 0;
    const since = this.link.downSince;
    const back = since === null ? null : { after: Date.now() - since, at: Date.now() };
    if (back) void this.app.compare();
    this.set({ link: { downSince: null, retryAt: null, back } });
  }

  private linkLost(retryAt: number): void {
    this.set({ link: { ...this.link, retryAt } });
    // A refused socket says nothing of the reason: the session may be over.
    if (this.session) void this.checkSession();
    if (this.link.downSince !== null || this.graceTimer) return;
    const since = Date.now();
    this.graceTimer = window.setTimeout(() => {
      this.graceTimer = 0;
      this.set({ link: { ...this.link, downSince: since, back: null } });
    }, GRACE_MS);
  }

  private async checkSession(): Promise<void> {
    try {
      const session = await api.currentSession();
      if (session === null) this.leave(true);
      else if (this.session) this.set({ session });
    } catch {
      // Unreachable: the socket's own retries go on.
    }
  }
}

const seesPosition = (camera: Camera) => camera.rights.includes("position");

function sorted(cameras: readonly Camera[]): readonly Camera[] {
  return [...cameras].sort((a, b) => byName.compare(a.name, b.name) || byName.compare(a.id, b.id));
}

function readTheme(): Theme {
  const kept = localStorage.getItem(THEME_KEY);
  return kept === "light" || kept === "system" ? kept : "dark";
}

export const store = new Store();
