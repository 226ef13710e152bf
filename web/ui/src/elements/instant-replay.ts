/**
 * `<instant-replay>`: what a unit has shown in the last half minute, from its recordings, over the picture of now, which goes
 * on. It is marked as a replay, with its time and how long ago that was. Fires `close` when somebody wants the present alone.
 *
 * It asks for intervals that have just ended: the answer has what is being written, too, up to its last fragment. What is
 * recorded is only read.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { addBookmark, playlist, playlistUrl } from "../archive/api";
import { Film, type FilmFailure } from "../archive/film";
import { Player } from "../archive/player";
import { EverySecond, Watch } from "../controllers";
import { age, utcTime } from "../format";
import { icons } from "../icons";
import type { Camera } from "../model";
import { REPLAY_MS, replayCommand, settled, STEP_MS, stepped, type ReplayCommand } from "../replay";
import { hashOf } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { replayStrings as words } from "../strings-replay";
import { controls } from "./controls";
import "./picture-message";
import "./water-mark";

const TICK_MS = 50;
const SAID_MS = 4_000;

@customElement("instant-replay")
export class InstantReplay extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        position: absolute;
        inset: 0;
        z-index: 2;
        display: block;
        container-type: inline-size;
        overflow: hidden;
        background: var(--picture);
      }
      video {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        object-fit: contain;
      }
      .frame {
        position: absolute;
        inset: 0;
        border: 3px dashed var(--accent);
        border-radius: var(--radius);
        pointer-events: none;
      }
      .mark {
        position: absolute;
        inset: var(--s2) auto auto var(--s2);
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 var(--s2);
        max-width: calc(100% - var(--s4));
        padding: 3px var(--s2);
        border-radius: var(--radius);
        background: rgb(5 7 10 / 82%);
        color: #eef2f6;
      }
      .mark strong {
        display: flex;
        align-items: center;
        gap: 5px;
        color: #79b4ff;
        font-weight: 700;
        text-transform: uppercase;
      }
      .mark svg {
        width: 16px;
        height: 16px;
      }
      .foot {
        position: absolute;
        inset: auto 0 0;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1);
        padding: var(--s6) var(--s2) var(--s2);
        background: linear-gradient(transparent, rgb(5 7 10 / 85%));
      }
      .foot :is(button, a) {
        border-color: transparent;
        background: rgb(5 7 10 / 62%);
        color: #eef2f6;
      }
      .foot :is(button, a):hover {
        background: rgb(40 48 60 / 90%);
      }
      .space {
        flex: 1;
      }
      .said {
        color: #eef2f6;
      }
      @container (max-width: 620px) {
        .word {
          display: none;
        }
        .foot {
          justify-content: space-between;
          gap: 2px;
          padding-inline: var(--s1);
        }
        .said,
        .space {
          flex-basis: 100%;
          order: -1;
          height: 0;
        }
        .said {
          height: auto;
          text-align: center;
        }
      }
      /* All in one row, each as large as a thumb: 30 s further back does much the same as once again. */
      @container (max-width: 420px) {
        .again {
          display: none;
        }
      }
    `,
  ];

  @property({ attribute: false }) camera!: Camera;
  @state() private failure: FilmFailure | null = null;
  @state() private said = "";
  @query("video") private video!: HTMLVideoElement;
  private readonly player = new Player(store.now(), () => null, () => this.requestUpdate());
  private film: Film | null = null;
  private leave: (() => void) | null = null;
  private unwatch: (() => void) | null = null;
  private reasons = store.reasonVersion;
  private timer = 0;
  private saidTimer = 0;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.reasonVersion]);
  }

  override firstUpdated(): void {
    this.begin();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = window.setInterval(() => this.player.tick(performance.now()), TICK_MS);
    if (this.hasUpdated) this.begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.timer);
    window.clearTimeout(this.saidTimer);
    this.end();
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.get("camera") && changed.get("camera")?.id !== this.camera.id) {
      this.end();
      this.begin();
    }
    if (this.reasons === store.reasonVersion) return;
    this.reasons = store.reasonVersion;
    if (this.failure?.reasonNeeded) this.film?.again();
  }

  private begin(): void {
    const { id } = this.camera;
    const asked = (from: number, to: number) => ({ id, from, to: settled(to, store.now()), reason: store.reasonFor(id), silent: true });
    const film = new Film(
      this.video,
      {
        fetchPlaylist: (from, to, signal) => {
          this.unwatch ??= store.watching(id);
          return playlist({ ...asked(from, to), signal });
        },
        playlistUrl: (from, to) => playlistUrl(asked(from, to)),
        now: () => store.now(),
      },
      () => {
        this.failure = film.failure;
        this.video.dataset.frameUtc = film.frameUtc === null ? "" : String(Math.round(film.frameUtc));
        this.requestUpdate();
      },
    );
    this.film = film;
    this.player.at = store.now() - REPLAY_MS;
    this.leave = this.player.add(film);
    this.player.play();
  }

  private end(): void {
    this.player.playing = false;
    this.leave?.();
    this.film?.close();
    this.unwatch?.();
    this.film = this.unwatch = this.leave = this.failure = null;
  }

  /** Do what a key says; whether there was anything to do. */
  key(event: KeyboardEvent): boolean {
    const command = replayCommand(event);
    if (command === null) return false;
    if (event.key === " " && event.composedPath()[0] instanceof HTMLButtonElement && this.matches(":focus-within")) return false;
    this.acts[command]();
    return true;
  }

  private readonly acts: Record<ReplayCommand, () => void> = {
    toggle: () => (this.player.playing ? this.player.pause() : this.go(0)),
    back: () => this.go(-STEP_MS),
    ahead: () => this.go(STEP_MS),
    further: () => this.go(-REPLAY_MS),
    bookmark: () => void this.bookmark(),
    end: () => void this.dispatchEvent(new CustomEvent("close")),
  };

  private go(by: number): void {
    this.player.seek(stepped(this.player.at, by, store.now()));
    this.player.play();
  }

  private again(): void {
    this.player.seek(store.now() - REPLAY_MS);
    this.player.play();
  }

  /** The moment that is on the screen, or is to be. */
  private get moment(): number {
    return Math.ceil(this.film?.frameUtc ?? this.player.at);
  }

  private async bookmark(): Promise<void> {
    try {
      await addBookmark(this.camera.id, this.moment, words.bookmarkText);
      this.say(words.bookmarked);
    } catch (error) {
      this.say((error as Error).message);
    }
  }

  private say(sentence: string): void {
    this.said = sentence;
    window.clearTimeout(this.saidTimer);
    this.saidTimer = window.setTimeout(() => (this.said = ""), SAID_MS);
  }

  override render() {
    const { camera, film, player } = this;
    const utc = film?.frameUtc ?? player.at;
    return html`<video
        data-testid="replay-video"
        data-camera=${camera.id}
        playsinline
        disableremoteplayback
        tabindex="-1"
        aria-label=${words.label(camera.name)}
        .muted=${true}
      ></video>
      ${camera.watermark ? html`<water-mark></water-mark>` : nothing} ${this.renderMessage()}
      <div class="frame"></div>
      <div class="mark figures" data-testid="replay-mark" role="status" aria-live="off">
        <strong>${icons.archive} ${words.mark}</strong><span>${utcTime(utc)} ${strings.bar.utc}</span
        ><span data-testid="replay-ago">${words.ago(age(store.now() - utc))}</span>
      </div>
      <div class="foot" role="group" aria-label=${words.label(camera.name)}>${this.renderControls()}</div>`;
  }

  private renderMessage() {
    const { failure, camera, film, player } = this;
    if (failure?.reasonNeeded)
      return html`<picture-message look="reason" .message=${words.reason(camera.name)}
        ><button data-testid="replay-reason" @click=${() => store.askReason(camera.id)}>${strings.face.giveReason}</button></picture-message
      >`;
    if (failure?.refused) return html`<picture-message look="refused" .message=${words.noRight} .detail=${failure.message}></picture-message>`;
    if (failure)
      return html`<picture-message look="stale" .message=${failure.message}
        ><button @click=${() => film?.again()}>${words.tryAgain}</button></picture-message
      >`;
    const presence = film?.at(player.at).kind;
    if (presence === "gap") return html`<picture-message look="offline" .message=${words.nothing}></picture-message>`;
    if (film && film.frameUtc !== null) return nothing;
    if (presence === "end") return html`<picture-message look="offline" .message=${words.nothing}></picture-message>`;
    return html`<picture-message look="connecting" .message=${words.coming}></picture-message>`;
  }

  private renderControls() {
    const { player, camera } = this;
    const over = !player.playing && this.film?.at(player.at).kind === "end";
    return html`${this.tool("further", words.further, html`${icons.rewind}<span class="word">30 s</span>`)}
      ${this.tool("back", words.back, html`${icons.back}<span class="word">5 s</span>`)}
      ${this.tool("toggle", player.playing ? words.pause : words.play, player.playing ? icons.pause : icons.play)}
      ${this.tool("ahead", words.ahead, html`${icons.next}<span class="word">5 s</span>`)}
      <button class="again" data-testid="replay-again" title=${words.again} aria-label=${words.again} @click=${() => this.again()}>
        ${icons.undo}<span class="word">${words.button}</span>
      </button>
      <span class="space"></span>
      <span class="said" role="status">${this.said || (over ? words.over : "")}</span>
      ${this.tool("bookmark", words.bookmark, icons.bookmark)}
      <a
        class="button"
        data-testid="replay-archive"
        title=${words.archive}
        aria-label=${words.archive}
        href=${hashOf({ name: "archive", cameras: [camera.id], at: this.moment })}
        >${icons.toEnd}<span class="word">${strings.nav.archive}</span></a
      >
      ${this.tool("end", words.end, html`${icons.close}<span class="word">${words.live}</span>`)}`;
  }

  private tool(command: ReplayCommand, label: string, content: unknown) {
    return html`<button data-testid="replay-${command}" title=${label} aria-label=${label} @click=${this.acts[command]}>${content}</button>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "instant-replay": InstantReplay;
  }
}
