/**
 * `<archive-picture>`: what was recorded of one unit at the moment that the player is at, or a sentence that says why
 * there is nothing. Fires `frame` when another picture is on the screen, `again` when what failed is to be tried again,
 * `lead` and `leave` when somebody wants this unit to lead, or away.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { playlist, playlistUrl } from "../archive/api";
import { Film, type FilmFailure } from "../archive/film";
import { momentOf, type Lane } from "../archive/lane";
import type { LaneFailure } from "../archive/lanes";
import type { Player } from "../archive/player";
import type { Look } from "../faces";
import type { Sighting } from "../fixes";
import { coordinates, course, speed, utcDateTime, utcTime } from "../format";
import { icons } from "../icons";
import { store } from "../store";
import { archiveStrings } from "../strings-archive";
import { strings } from "../strings";
import { controls } from "./controls";
import "./picture-message";
import "./water-mark";

const words = archiveStrings.picture;
/** In a gap a picture stays for so long. */
const OLD_MS = 1_000;

interface Note {
  look: Look;
  message: string;
  detail: string;
  /** What can be done about it. */
  act: { label: string; do: () => void; id: string } | null;
  /** The picture stays behind it. */
  over?: boolean;
}

@customElement("archive-picture")
export class ArchivePicture extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        position: relative;
        min-width: 0;
        min-height: 0;
        overflow: hidden;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--picture);
      }
      :host([lead][many]) {
        border-color: var(--accent);
      }
      video {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        object-fit: contain;
      }
      video[hidden] {
        display: block !important; /* it goes on being played for its place in time */
        visibility: hidden;
      }
      .foot {
        position: absolute;
        inset: auto 0 0;
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--s3);
        padding: var(--s4) var(--s3) 5px;
        background: linear-gradient(transparent, rgb(5 7 10 / 78%));
        color: #eef2f6;
        text-shadow: 0 1px 2px rgb(0 0 0 / 80%);
        pointer-events: none;
      }
      .foot strong {
        font-weight: 600;
      }
      .foot .time {
        margin-left: auto;
      }
      .top {
        position: absolute;
        inset: var(--s2) var(--s2) auto auto;
        display: flex;
        gap: var(--s1);
      }
      .top button {
        min-height: 28px;
        width: 28px;
        padding: 0;
        border-color: transparent;
        background: rgb(5 7 10 / 62%);
        color: #eef2f6;
      }
      @media (pointer: coarse) {
        .top button {
          min-height: 40px;
          width: 40px;
        }
      }
    `,
  ];

  @property() camera = "";
  @property() name = "";
  @property({ attribute: false }) player!: Player;
  @property({ attribute: false }) lane: Lane | null = null;
  @property({ attribute: false }) laneFailure: LaneFailure | null = null;
  /** Where the unit was when the picture was taken. */
  @property({ attribute: false }) sighting: Sighting | undefined = undefined;
  /** The common clock, so that what stands here is drawn again when it moves. */
  @property({ type: Number }) at = 0;
  @property({ type: Boolean }) muted = true;
  @property({ type: Boolean, reflect: true }) lead = false;
  /** There are others beside it. */
  @property({ type: Boolean, reflect: true }) many = false;
  @property({ type: Boolean }) watermark = false;
  @property({ type: Number }) reasons = 0;

  @state() private failure: FilmFailure | null = null;
  @query("video") private video!: HTMLVideoElement;
  private film: Film | null = null;
  private leave: (() => void) | null = null;
  private unwatch: (() => void) | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.end();
  }

  override firstUpdated(): void {
    this.begin();
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.get("camera") !== undefined || changed.get("player") !== undefined) {
      this.end();
      this.begin();
    } else if (changed.get("reasons") !== undefined && (this.failure ?? this.laneFailure)?.reasonNeeded) this.again();
  }

  private begin(): void {
    const asked = (from: number, to: number) => ({ id: this.camera, from, to, reason: store.reasonFor(this.camera) });
    const film = new Film(
      this.video,
      {
        fetchPlaylist: (from, to, signal) => {
          this.unwatch ??= store.watching(this.camera);
          return playlist({ ...asked(from, to), signal });
        },
        playlistUrl: (from, to) => playlistUrl(asked(from, to)),
        now: () => store.now(),
      },
      () => this.filmChanged(film),
    );
    this.film = film;
    this.leave = this.player.add(film);
  }

  private end(): void {
    this.leave?.();
    this.film?.close();
    this.unwatch?.();
    this.unwatch = null;
    this.film = null;
    this.failure = null;
  }

  private filmChanged(film: Film): void {
    if (film !== this.film) return;
    this.failure = film.failure;
    this.video.dataset.frameUtc = film.frameUtc === null ? "" : String(Math.round(film.frameUtc));
    this.requestUpdate(); // its time stands over it, and whether it waits
    this.dispatchEvent(new CustomEvent("frame"));
  }

  /** The UTC of the picture on the screen; null: there is none. */
  get frameUtc(): number | null {
    return this.film?.frameUtc ?? null;
  }

  /** Show the next or the previous picture; its UTC, or null when there is none. */
  async step(direction: 1 | -1): Promise<number | null> {
    return (await this.film?.step(direction)) ?? null;
  }

  private readonly again = (): void => {
    if (this.film?.failure) this.film.again();
    this.dispatchEvent(new CustomEvent("again"));
  };

  override render() {
    const note = this.note();
    const hidden = note !== null && !note.over;
    return html`<video
        data-testid="archive-video"
        data-camera=${this.camera}
        playsinline
        disableremoteplayback
        tabindex="-1"
        aria-label=${this.name}
        .muted=${this.muted}
        ?hidden=${hidden}
      ></video>
      ${this.watermark && !hidden ? html`<water-mark></water-mark>` : nothing}
      ${note
        ? html`<picture-message look=${note.look} .message=${note.message} .detail=${note.detail}
            >${note.act
              ? html`<button data-testid=${note.act.id} @click=${note.act.do}>${note.act.label}</button>`
              : nothing}</picture-message
          >`
        : nothing}
      <div class="foot figures" data-testid="archive-foot">
        <strong>${this.name}</strong>${hidden ? nothing : this.renderPlace()}${this.renderTime(hidden)}
      </div>
      ${this.many
        ? html`<div class="top">
            ${this.lead
              ? nothing
              : html`<button
                  title=${archiveStrings.lead(this.name)}
                  aria-label=${archiveStrings.lead(this.name)}
                  @click=${() => this.dispatchEvent(new CustomEvent("lead"))}
                >
                  ${icons.sound}
                </button>`}
            <button
              data-testid="leave"
              title=${archiveStrings.leave(this.name)}
              aria-label=${archiveStrings.leave(this.name)}
              @click=${() => this.dispatchEvent(new CustomEvent("leave"))}
            >
              ${icons.close}
            </button>
          </div>`
        : nothing}`;
  }

  private renderPlace() {
    const { sighting } = this;
    if (!sighting) return nothing;
    return html`<span data-testid="archive-place" data-lat=${sighting.lat} data-lon=${sighting.lon}
        >${coordinates(sighting.lat, sighting.lon)}</span
      ><span>${speed(sighting.speed, sighting.speedDerived)}</span
      ><span>${course(sighting.course, sighting.courseDerived)}</span>`;
  }

  private renderTime(hidden: boolean) {
    const utc = hidden ? this.at : (this.frameUtc ?? this.at);
    return html`<span class="time" title=${words.frame} data-testid="archive-time"
      >${utcDateTime(utc)} ${archiveStrings.utc}</span
    >`;
  }

  /** What stands in the place of the picture; null: the picture speaks for itself. */
  private note(): Note | null {
    const failure = this.failure ?? this.laneFailure;
    if (failure?.reasonNeeded)
      return this.say("reason", words.reason(this.name), "", {
        label: strings.face.giveReason,
        do: () => store.askReason(this.camera),
        id: "archive-reason",
      });
    if (failure?.refused) return this.say("refused", words.noRight(this.name), failure.message);
    if (failure) {
      const again = { label: words.again, do: this.again, id: "archive-again" };
      return { ...this.say("stale", failure.message, "", again), over: failure.retrying };
    }
    const presence = this.film?.at(this.at);
    if (presence?.kind === "media") return this.film?.waiting && this.frameUtc === null ? this.coming() : this.frozen();
    if (presence === undefined || presence.kind === "loading" || presence.kind === "edge")
      return this.frameUtc === null ? this.coming() : null;
    return this.missing(presence.kind === "gap" ? presence.next : null);
  }

  /** Inside a recording pictures are missing: the last one says nothing of this moment any more. */
  private frozen(): Note | null {
    const moment = this.lane && momentOf(this.lane, this.at);
    const old = this.frameUtc !== null && this.at - this.frameUtc > OLD_MS;
    return moment?.kind === "gap" && old ? this.missing(moment.to) : null;
  }

  private coming(): Note {
    return { ...this.say("connecting", words.loading, ""), over: true };
  }

  private missing(next: number | null): Note {
    const moment = this.lane ? momentOf(this.lane, this.at) : null;
    const skip = next === null ? null : { label: words.skip, do: () => this.player.seek(next), id: "archive-skip" };
    const goesOn = next === null ? "" : words.goesOn(utcTime(next));
    switch (moment?.kind) {
      case "private":
        return this.say("private", words.private(this.name), goesOn, skip);
      case "deleted":
        return this.say("offline", words.deleted(this.name), words.deletedWhy(moment.rule, utcDateTime(moment.deleted)), skip);
      case "gap":
        return this.say("offline", words.gap(this.name, moment.reason), goesOn || moment.detail, skip);
      default:
        return this.say("offline", this.nothing(next), goesOn, skip);
    }
  }

  private nothing(next: number | null): string {
    if (this.lane?.first === null) return archiveStrings.empty.never(this.name);
    return next === null ? words.ends(this.name) : words.nothing(this.name);
  }

  private say(look: Look, message: string, detail: string, act: Note["act"] = null): Note {
    return { look, message, detail, act };
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "archive-picture": ArchivePicture;
  }
}
