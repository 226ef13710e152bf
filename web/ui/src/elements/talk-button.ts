/**
 * `<talk-button>`: talk to a unit. Held, by pointer, space or return, it talks as long as it is held; clicked, until it is
 * clicked again. Nothing where the camera cannot be talked to or this person may not.
 *
 * Fires `talk` (boolean) when one's talk begins and ends: what the camera hears must not come out of the loudspeakers here.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ApiError, request, talkEndpoint } from "../api";
import { Watch } from "../controllers";
import { icons } from "../icons";
import type { Camera } from "../model";
import { store } from "../store";
import { talkStrings as words } from "../strings-talk";
import { Talk, TalkError } from "../talk";
import { controls } from "./controls";

/** A press that is shorter is a click: the talk goes on until the next one. */
const CLICK_MS = 350;
const LEVEL_MS = 60;
/** Without a sound for this long, the speaker is told. */
const SILENT_MS = 3_000;
const OWN_END_MS = 1_500;

@customElement("talk-button")
export class TalkButton extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: contents;
      }
      .talk {
        position: relative;
        overflow: hidden;
        touch-action: none;
        user-select: none;
        -webkit-user-select: none;
        -webkit-touch-callout: none;
      }
      .talk.on {
        border-color: var(--accent);
        background: color-mix(in srgb, var(--raised), var(--accent) 22%);
      }
      .talk.on:hover:not(:disabled) {
        border-color: var(--accent);
        background: color-mix(in srgb, var(--raised), var(--accent) 28%);
      }
      .meter {
        position: absolute;
        inset: auto 0 0;
        height: 4px;
        transform: scaleX(0);
        transform-origin: left;
        background: var(--accent);
      }
      .says {
        position: relative;
        font-variant-numeric: tabular-nums;
      }
      .other {
        display: inline-flex;
        align-items: center;
        gap: var(--s2);
        min-height: var(--control);
        color: var(--quiet);
      }
      .note {
        display: flex;
        align-items: center;
        gap: var(--s2);
        flex: 1 1 100%;
      }
      .note span {
        flex: 1;
      }
      @media (max-width: 720px) {
        .talk,
        .other {
          flex: 1 1 100%;
        }
        .talk {
          min-height: 56px;
        }
      }
    `,
  ];

  @property({ attribute: false }) camera!: Camera;
  @state() private is: "idle" | "connecting" | "talking" = "idle";
  @state() private latched = false;
  @state() private problem = "";
  @state() private silent = false;
  @state() private seconds = 0;
  private talk: Talk | null = null;
  private attempt: AbortController | null = null;
  private pressedAt: number | null = null;
  private endsByPress = false;
  private timer = 0;
  private since = 0;
  private heardAt = 0;
  private endedAt = -Infinity;
  /** The camera that is talked to: another may be shown by the time this ends. */
  private unit = "";

  constructor() {
    super();
    new Watch(this, (s) => [s.session?.user.name]);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  override updated(changed: PropertyValues<this>): void {
    if (!changed.has("camera") || this.unit === this.camera.id) return;
    this.stop();
    this.unit = this.camera.id;
    this.problem = "";
  }

  override render() {
    const { id, name, talk, talking } = this.camera;
    if ((!talk && this.is === "idle" && !this.problem) || !store.mayRespond(id)) return nothing;
    // One's own talk that has just ended is told of a moment later.
    const ownEnd = talking === store.session?.user.name && performance.now() - this.endedAt < OWN_END_MS;
    const other = this.is === "idle" && talking !== null && !ownEnd;
    return html`${other ? this.renderOther(talking) : this.renderButton(name)}
      <span class="unseen" role="status">${this.is === "talking" ? words.began(name) : ""}</span>
      ${this.problem
        ? html`<p class="error note" role="alert" data-testid="talk-problem">
            <span>${this.problem}</span>
            <button class="icon plain" aria-label=${words.dismiss} @click=${() => (this.problem = "")}>
              ${icons.close}
            </button>
          </p>`
        : nothing}`;
  }

  private renderButton(name: string) {
    const on = this.is === "talking";
    const says = on ? words.talking(name, clock(this.seconds)) : this.is === "connecting" ? words.connecting : words.button;
    const hint = on ? words.stopHint(name) : this.is === "connecting" ? words.connectingHint : words.hint(name);
    return html`<button
      class="talk ${on ? "on" : ""}"
      data-testid="talk"
      aria-label=${hint}
      aria-pressed=${this.is !== "idle"}
      title=${on && !this.latched ? words.release : hint}
      @pointerdown=${this.pointerDown}
      @pointerup=${this.release}
      @pointercancel=${this.cancel}
      @keydown=${this.keyDown}
      @keyup=${this.keyUp}
      @click=${this.clicked}
      @blur=${this.blurred}
      @contextmenu=${(event: Event) => event.preventDefault()}
    >
      ${icons.microphone} <span class="says" data-testid="talk-state">${says}</span>
      ${on && this.silent ? html`<span class="quiet">${words.silent}</span>` : nothing}
      <span class="meter" aria-hidden="true"></span>
    </button>`;
  }

  private renderOther(name: string) {
    return html`<span class="other" role="status" data-testid="other-talks" title=${words.otherHint(name)}
        >${icons.microphone} ${words.other(name)}</span
      >
      ${this.camera.rights.includes("configure")
        ? html`<button
            data-testid="take-over"
            title=${words.takeOverHint(name)}
            aria-label=${words.takeOverHint(name)}
            @click=${() => this.takeOver()}
          >
            ${words.takeOver}
          </button>`
        : nothing}`;
  }

  // ---- pressing

  private readonly pointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    // Captured: a finger that slides off the button while it talks has not let go.
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    this.press();
  };

  private readonly keyDown = (event: KeyboardEvent) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.press();
  };

  private readonly keyUp = (event: KeyboardEvent) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    this.release();
  };

  /** By a tool that neither points nor types, such as a screen reader. */
  private readonly clicked = (event: MouseEvent) => {
    if (event.detail !== 0) return;
    this.press();
    this.release();
  };

  private readonly blurred = () => {
    if (this.pressedAt !== null) this.cancel();
  };

  private press(): void {
    this.pressedAt = performance.now();
    this.endsByPress = this.is !== "idle";
    if (!this.endsByPress) void this.begin(false);
  }

  private readonly release = () => {
    if (this.pressedAt === null) return;
    const short = performance.now() - this.pressedAt < CLICK_MS;
    this.pressedAt = null;
    if (short && !this.endsByPress) this.latched = true;
    else this.stop();
  };

  private readonly cancel = () => {
    this.pressedAt = null;
    if (!this.latched) this.stop();
  };

  private takeOver(): void {
    this.latched = true;
    void this.begin(true);
  }

  // ---- talking

  private async begin(takeOver: boolean): Promise<void> {
    const attempt = (this.attempt = new AbortController());
    this.is = "connecting";
    this.problem = "";
    try {
      const talk = await Talk.begin(talkEndpoint(this.camera.id, takeOver), {
        fetch: request,
        signal: attempt.signal,
        onTalking: () => attempt === this.attempt && this.began(),
        onEnded: (why) => attempt === this.attempt && this.ended(why),
      });
      if (attempt.signal.aborted) talk.close();
      else this.talk = talk;
    } catch (error) {
      if (attempt !== this.attempt) return;
      this.stop();
      this.problem = sentence(error);
    }
  }

  private began(): void {
    if (this.is === "talking") return;
    this.is = "talking";
    this.since = this.heardAt = performance.now();
    this.seconds = 0;
    this.silent = false;
    this.timer = window.setInterval(() => this.measure(), LEVEL_MS);
    this.dispatchEvent(new CustomEvent<boolean>("talk", { detail: true }));
  }

  private ended(why: string | TalkError | null): void {
    this.stop();
    this.problem = typeof why === "string" ? words.over(why) : sentence(why);
  }

  private stop(): void {
    const talked = this.is === "talking";
    this.attempt?.abort();
    this.attempt = null;
    this.talk?.close();
    this.talk = null;
    window.clearInterval(this.timer);
    this.is = "idle";
    this.latched = false;
    this.pressedAt = null;
    if (talked) this.endedAt = performance.now();
    if (talked) this.dispatchEvent(new CustomEvent<boolean>("talk", { detail: false }));
  }

  /** The meter is drawn past Lit: sixteen times a second only its width changes. */
  private measure(): void {
    const level = this.talk?.level() ?? 0;
    const now = performance.now();
    if (level > 0.1) this.heardAt = now;
    this.silent = now - this.heardAt > SILENT_MS;
    this.seconds = Math.floor((now - this.since) / 1000);
    const meter = this.renderRoot.querySelector<HTMLElement>(".meter");
    if (meter) meter.style.transform = `scaleX(${level.toFixed(2)})`;
  }
}

function sentence(error: unknown): string {
  if (error instanceof TalkError) return words.hindrances[error.hindrance];
  if (error instanceof ApiError) return error.message;
  return words.lost;
}

/** Minutes and seconds. */
const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

declare global {
  interface HTMLElementTagNameMap {
    "talk-button": TalkButton;
  }
}
