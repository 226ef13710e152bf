/**
 * `<share-page>`: what somebody without an account was sent: one incident's recordings, on one clock, and where its units
 * were if that was shared, too. The key leaves the address as soon as it is read.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ApiError } from "../api";
import { openShare, shared, sharedFixes, type Shared, type SharedCamera } from "../api-share";
import { Player } from "../archive/player";
import { Trail, type Dated } from "../fixes";
import { utcDateTime, utcMinute } from "../format";
import { icons, mark } from "../icons";
import type { MapUnit } from "../map/engine";
import { hashOf, MOST_TOGETHER } from "../route";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import "./share-film";
import "./trail-map";

const words = incidentStrings.shared;
const TICK_MS = 50;
/** Whether it still holds, and what has come to it, is asked so often. */
const AGAIN_MS = 10_000;
const DAY_MS = 86_400_000;
/** Of one unit no more fixes than these are drawn. */
const MOST_FIXES = 20_000;
/** A position that is older than this is not that of the moment. */
const OLD_MS = 60_000;

@customElement("share-page")
export class SharePage extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        min-height: 100dvh;
        max-width: 1240px;
        margin: 0 auto;
        padding: var(--s4);
        box-sizing: border-box;
      }
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s3);
        margin-bottom: var(--s4);
      }
      header svg {
        color: var(--accent);
      }
      h1 {
        margin: 0;
        font-size: var(--large);
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      header p {
        flex: 1 1 100%;
        margin: 0;
      }
      .films {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
        gap: var(--s2);
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s2) var(--s3);
        margin: var(--s3) 0;
      }
      .bar input {
        flex: 1 1 240px;
        padding: 0;
        accent-color: var(--accent);
      }
      .units {
        display: flex;
        flex-wrap: wrap;
        gap: 0 var(--s4);
        margin: 0;
        padding: 0;
        border: 0;
      }
      trail-map {
        height: 340px;
        border: 1px solid var(--line);
        border-radius: var(--radius);
      }
      .ended {
        display: grid;
        place-content: center;
        justify-items: center;
        gap: var(--s3);
        min-height: 70dvh;
        text-align: center;
      }
      .ended p {
        max-width: 46ch;
        margin: 0;
        color: var(--quiet);
      }
    `,
  ];

  /** Null: the cookie stands for it. */
  @property({ attribute: false }) key: string | null = null;
  @state() private shared: Shared | null = null;
  @state() private failure: ApiError | null = null;
  @state() private muted = true;
  @state() private chosen: ReadonlySet<string> = new Set();
  private readonly trails = new Map<string, Trail>();
  @state() private paths: readonly (readonly Dated[])[] = [];
  private readonly player = new Player(0, () => null, () => this.requestUpdate());
  private readonly timers: number[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    this.timers.push(
      window.setInterval(() => this.player.tick(performance.now()), TICK_MS),
      window.setInterval(() => void this.look(), AGAIN_MS),
    );
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.timers.splice(0).forEach((timer) => window.clearInterval(timer));
  }

  override firstUpdated(): void {
    history.replaceState(null, "", hashOf({ name: "share", key: null })); // nobody who looks over a shoulder has it then
    void this.look();
  }

  /** What was shared, as it is now; whether it still is. */
  private readonly look = async (): Promise<void> => {
    if (this.failure && this.failure.status !== 0) return; // what has ended does not come back
    try {
      const found = await (this.key === null || this.shared ? shared() : openShare(this.key));
      const first = this.shared === null;
      this.shared = found;
      this.failure = null;
      if (first) this.begin(found);
    } catch (error) {
      this.failure = error instanceof ApiError ? error : new ApiError(0, (error as Error).message);
      if (this.failure.status !== 0) this.player.playing = false;
    }
  };

  private begin({ incident, share }: Shared): void {
    this.chosen = new Set(incident.cameras.slice(0, MOST_TOGETHER).map(({ camera }) => camera));
    this.player.at = Date.parse(incident.from);
    if (share.positions) for (const one of incident.cameras) void this.follow(one);
  }

  private async follow({ camera, rights }: SharedCamera): Promise<void> {
    if (!rights.includes("position")) return;
    const trail = new Trail(100 * DAY_MS, MOST_FIXES);
    try {
      for (const fix of await sharedFixes(camera)) trail.add(fix);
    } catch {
      return; // the map shows the others
    }
    this.trails.set(camera, trail);
    this.paths = [...this.trails.values()].map(({ fixes }) => fixes);
  }

  private readonly choose = (event: Event): void => {
    const { value, checked } = event.target as HTMLInputElement;
    const others = [...this.chosen].filter((camera) => camera !== value);
    this.chosen = new Set(checked ? [...others, value].slice(-MOST_TOGETHER) : others);
  };

  override render() {
    const { failure } = this;
    if (failure && (this.shared === null || failure.status !== 0)) return this.renderEnded(failure);
    return this.shared ? this.renderShared(this.shared) : html`<main class="ended"><h1>${words.title}</h1><p role="status">${strings.page.loading}</p></main>`;
  }

  private renderEnded(failure: ApiError) {
    const away = failure.status === 0;
    return html`<main class="ended" data-testid="share-ended">
      ${mark}
      <h1>${away ? words.away : words.endedTitle}</h1>
      <p role="alert">${strings.sentence(failure.message.replace(/\.$/, ""))} ${away ? "" : words.ended}</p>
      ${away ? html`<button @click=${() => void this.look()}>${strings.page.again}</button>` : nothing}
    </main>`;
  }

  private renderShared({ share, incident }: Shared) {
    const { player, chosen } = this;
    const [from, to] = [Date.parse(incident.from), incident.to === null ? Date.now() : Date.parse(incident.to)];
    const shown = incident.cameras.filter(({ camera }) => chosen.has(camera));
    return html`<header>
        ${mark}
        <h1 data-testid="share-title">${incident.title}</h1>
        <p class="figures" data-testid="share-until">${words.until(share.recipient, utcMinute(Date.parse(share.expires)))}</p>
        ${this.failure ? html`<p class="error" role="status">${this.failure.message}</p>` : nothing}
      </header>
      <main>
        ${incident.cameras.length > 1 ? this.renderChoice(incident.cameras) : nothing}
        <div class="films">
          ${shown.map(
            (one, n) =>
              html`<share-film .one=${one} .player=${player} .at=${player.at} .muted=${this.muted || n > 0}></share-film>`,
          )}
        </div>
        ${incident.cameras.length === 0 ? html`<p class="quiet">${words.nobody}</p>` : this.renderBar(from, to, share.sound)}
        ${share.positions ? this.renderMap() : nothing}
      </main>`;
  }

  private renderChoice(cameras: readonly SharedCamera[]) {
    return html`<fieldset class="units">
      <legend class="unseen">${words.units}</legend>
      ${cameras.map(
        ({ camera, name }) =>
          html`<label class="check"
            ><input type="checkbox" value=${camera} .checked=${this.chosen.has(camera)} @change=${this.choose} /> ${name}</label
          >`,
      )}
    </fieldset>`;
  }

  private renderBar(from: number, to: number, sound: boolean) {
    const { player, muted } = this;
    const label = player.playing ? words.pause : words.play;
    return html`<div class="bar">
      <button
        class="primary icon"
        data-testid="share-play"
        title=${label}
        aria-label=${label}
        @click=${() => (player.playing ? player.pause() : player.play())}
      >
        ${player.playing ? icons.pause : icons.play}
      </button>
      <input
        type="range"
        data-testid="share-seek"
        aria-label=${words.seek}
        aria-valuetext="${utcDateTime(player.at)} ${strings.bar.utc}"
        min=${from}
        max=${to}
        step="1000"
        .value=${String(player.at)}
        @input=${(event: Event) => player.seek(Number((event.target as HTMLInputElement).value))}
      />
      <span class="figures">${utcDateTime(player.at)} ${strings.bar.utc}</span>
      ${sound
        ? html`<button
            class="icon"
            title=${muted ? strings.unit.unmute : strings.unit.mute}
            aria-label=${muted ? strings.unit.unmute : strings.unit.mute}
            @click=${() => (this.muted = !muted)}
          >
            ${muted ? icons.muted : icons.sound}
          </button>`
        : nothing}
    </div>`;
  }

  private renderMap() {
    return html`<trail-map role="region" aria-label=${words.map} .units=${this.units()} .paths=${this.paths} .at=${this.player.at}></trail-map>`;
  }

  /** Where each was at the moment that is shown. */
  private units(): MapUnit[] {
    const { at } = this.player;
    return (this.shared?.incident.cameras ?? []).flatMap(({ camera, name }) => {
      const seen = this.trails.get(camera)?.sighting(at);
      if (!seen) return [];
      const { lat, lon, course, measured, measuredAt } = seen;
      return [
        { id: camera, name, look: "recorded" as const, lat, lon, course, accuracy: measured.accuracy_m, old: at - measuredAt > OLD_MS, trail: [] },
      ];
    });
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "share-page": SharePage;
  }
}
