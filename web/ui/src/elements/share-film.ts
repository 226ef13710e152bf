/** `<share-film>`: what was recorded of one unit that was shared, at the moment the player is at. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { sharedPlaylist, sharedPlaylistUrl, type SharedCamera } from "../api-share";
import { Film, type FilmFailure } from "../archive/film";
import type { Player } from "../archive/player";
import { utcDateTime } from "../format";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import "./picture-message";

const words = incidentStrings.shared;

@customElement("share-film")
export class ShareFilm extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        position: relative;
        aspect-ratio: 16 / 9;
        overflow: hidden;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--picture);
      }
      video {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        object-fit: contain;
      }
      .foot {
        position: absolute;
        inset: auto 0 0;
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0 var(--s3);
        padding: var(--s4) var(--s3) 5px;
        background: linear-gradient(transparent, rgb(5 7 10 / 78%));
        color: #eef2f6;
        pointer-events: none;
      }
      .mark {
        position: absolute;
        inset: 0;
        display: grid;
        place-items: center;
        color: rgb(255 255 255 / 22%);
        font-size: var(--large);
        transform: rotate(-20deg);
        pointer-events: none;
      }
    `,
  ];

  @property({ attribute: false }) one!: SharedCamera;
  @property({ attribute: false }) player!: Player;
  /** The common clock. */
  @property({ type: Number }) at = 0;
  @property({ type: Boolean }) muted = true;
  @state() private failure: FilmFailure | null = null;
  @query("video") private video!: HTMLVideoElement;
  private film: Film | null = null;
  private leave: (() => void) | null = null;

  override firstUpdated(): void {
    const film = new Film(
      this.video,
      {
        fetchPlaylist: (from, to, signal) => sharedPlaylist(this.one, from, to, signal),
        playlistUrl: (from, to) => sharedPlaylistUrl(this.one, from, to),
        now: () => Date.now(),
      },
      () => {
        this.failure = film.failure;
        this.video.dataset.frameUtc = film.frameUtc === null ? "" : String(Math.round(film.frameUtc));
        this.requestUpdate();
      },
    );
    this.film = film;
    this.leave = this.player.add(film);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.leave?.();
    this.film?.close();
  }

  override render() {
    const { one, film } = this;
    const utc = film?.frameUtc ?? null;
    return html`<video data-testid="share-video" data-camera=${one.camera} playsinline tabindex="-1" aria-label=${one.name} .muted=${this.muted}></video>
      ${one.watermark === null ? nothing : html`<span class="mark" aria-hidden="true">${one.watermark}</span>`} ${this.renderNote(utc)}
      <div class="foot figures">
        <strong>${one.name}</strong><span>${utcDateTime(utc ?? this.at)} ${strings.bar.utc}</span>
      </div>`;
  }

  private renderNote(utc: number | null) {
    if (this.failure) return html`<picture-message look="refused" .message=${this.failure.message}></picture-message>`;
    const presence = this.film?.at(this.at).kind;
    if (presence === "gap" || presence === "end") return html`<picture-message look="offline" .message=${words.nothing}></picture-message>`;
    return utc === null ? html`<picture-message look="connecting" .message=${words.coming}></picture-message>` : nothing;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "share-film": ShareFilm;
  }
}
