/** `<unit-tile>`: one unit on the wall: name, state, picture, overlay. Hovering it lights the unit on the map. */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { EverySecond, Watch } from "../controllers";
import { faceOf, NO_PICTURE, showsPicture, type PictureState } from "../faces";
import { icons } from "../icons";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { wallStrings } from "../strings-wall";
import { controls } from "./controls";
import "./fix-line";
import type { InstantReplay } from "./instant-replay";
import "./live-picture";
import "./quality-mark";
import { replayStyles } from "./replay-styles";
import "./state-mark";
import { unitMessage } from "./unit-message";
import "./water-mark";

/** Controls leave after the pointer has rested for this long. */
const REST_MS = 2_000;

/** Fires `grip` (the PointerEvent), `pickup` and `leave`, when it is to be moved or taken off the wall. */
@customElement("unit-tile")
export class UnitTile extends LitElement {
  static override styles = [
    controls,
    replayStyles,
    css`
      :host {
        --state: var(--line);
        display: block;
        min-width: 0;
      }
      :host([look="live"]) {
        --state: color-mix(in srgb, var(--live), var(--panel) 45%);
      }
      :host([look="stale"]) {
        --state: var(--stale);
      }
      :host([look="offline"]) {
        --state: var(--offline);
      }
      article {
        position: relative;
        display: flex;
        flex-direction: column;
        height: 100%;
        border: 1px solid var(--state);
        border-radius: var(--radius);
        background: var(--panel);
        overflow: hidden;
      }
      :host([look="refused"]),
      :host([look="reason"]),
      :host([look="private"]) {
        --state: var(--edge);
      }
      :host([look="offline"]) article,
      :host([look="disabled"]) article {
        border-style: dashed;
      }
      :host([lit]) article {
        box-shadow: 0 0 0 2px var(--accent);
      }
      article:has(.open:focus-visible) {
        outline: 2px solid var(--accent);
        outline-offset: 2px;
      }
      header {
        display: flex;
        align-items: center;
        gap: var(--s2);
        height: 34px;
        padding: 0 var(--s1) 0 var(--s3);
        flex: none;
      }
      .number {
        color: var(--quiet);
        font-size: 12px;
      }
      h2 {
        flex: 0 1 auto;
        min-width: 0;
        margin: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        font-size: var(--small);
        font-weight: 600;
      }
      .space {
        flex: 1;
      }
      .rec {
        display: flex;
        align-items: center;
        gap: 5px;
        padding-right: var(--s2);
        color: var(--quiet);
        font-size: 12px;
      }
      .rec::before {
        content: "";
        width: 7px;
        height: 7px;
        border-radius: 50%;
        background: currentColor;
      }
      .tools {
        display: none;
      }
      .tools button {
        min-height: 26px;
        width: 28px;
      }
      :host([awake]) .tools,
      :host([arranging]) .tools,
      article:has(:focus-visible) .tools {
        display: flex;
        position: relative;
        z-index: 2;
      }
      :host([awake]) .rec,
      :host([arranging]) .rec,
      article:has(:focus-visible) .rec {
        display: none;
      }
      .picture {
        position: relative;
        flex: 1;
        min-height: 0;
      }
      live-picture {
        position: absolute;
        inset: 0;
      }
      picture-message {
        z-index: 2; /* above what opens the unit, for the button in it */
      }
      :host([awake]) quality-mark,
      article:has(:focus-visible) quality-mark {
        --when-asked: visible;
      }
      .watched {
        color: var(--quiet);
        font-size: 12px;
        white-space: nowrap;
      }
      .open {
        position: absolute;
        inset: 0;
        z-index: 1;
        width: 100%;
        height: 100%;
        min-height: 0;
        border: 0;
        border-radius: 0;
        background: none !important;
        outline: none;
      }
      .grip {
        cursor: grab;
        touch-action: none; /* a finger on it moves the tile, not the page */
      }
      .grip[aria-pressed="true"] {
        color: var(--accent);
      }
      :host([dragged]) {
        position: relative;
        z-index: 3;
        opacity: 0.85;
        pointer-events: none; /* what is under it is where it goes */
      }
      :host([aimed]) article,
      :host([held]) article {
        outline: 2px solid var(--accent);
        outline-offset: 2px;
      }
      @media (hover: none) {
        :host(:not([arranging])) .tools,
        .number {
          display: none !important;
        }
        :host([awake]:not([arranging])) .rec {
          display: flex;
        }
        .tools button {
          min-height: var(--control);
          width: var(--control);
        }
      }
    `,
  ];

  @property({ attribute: false }) camera!: Camera;
  /** Its key on the keyboard, 1 to 9, or 0 for none. */
  @property({ type: Number }) number = 0;
  /** Its picture is small: the camera's second stream will do. */
  @property({ type: Boolean }) small = false;
  /** It can be moved: says how without being pointed at. */
  @property({ type: Boolean, reflect: true }) arranging = false;
  /** It is being moved with the keys. */
  @property({ type: Boolean, reflect: true }) held = false;
  /** It can be moved to another place, or taken off the wall as well. */
  @property({ attribute: false }) may: "stay" | "move" | "leave" = "stay";
  @state() private picture: PictureState = NO_PICTURE;
  @state() private frameUtc: number | null = null;
  @state() private filling = false;
  @state() private replaying = false;
  @query("instant-replay") private replayed!: InstantReplay | null;
  @query(".open") private open!: HTMLButtonElement;
  private restTimer = 0;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, () => [store.lit === this.camera.id, store.link.downSince, store.reasonVersion]);
    this.addEventListener("pointerenter", () => store.light(this.camera.id));
    this.addEventListener("pointermove", this.wake);
    this.addEventListener("pointerleave", () => {
      store.light(null);
      this.rest();
    });
    this.addEventListener("focusin", () => store.light(this.camera.id));
    this.addEventListener("focusout", () => store.light(null));
    this.addEventListener("keydown", this.key);
    this.addEventListener("fullscreenchange", () => (this.filling = document.fullscreenElement !== null));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.rest();
  }

  override focus(): void {
    this.open.focus();
    this.scrollIntoView({ block: "nearest" });
  }

  /** Whether its open button has the focus. */
  get chosen(): boolean {
    return this.shadowRoot?.activeElement === this.open;
  }

  /** The last half minute again, over the picture; then the replay's own keys. */
  private readonly key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (this.replayed ? !this.replayed.key(event) : !this.replay(event)) return;
    event.preventDefault();
    event.stopPropagation(); // the room has other uses for these keys
  };

  private replay({ key }: KeyboardEvent): boolean {
    if (key.toLowerCase() !== "r" || !this.camera.rights.includes("recorded")) return false;
    void import("./instant-replay");
    this.replaying = true;
    return true;
  }

  private endReplay(): void {
    this.replaying = false;
    this.focus();
  }

  private readonly wake = (): void => {
    this.toggleAttribute("awake", true);
    window.clearTimeout(this.restTimer);
    this.restTimer = window.setTimeout(() => this.rest(), REST_MS);
  };

  private rest(): void {
    window.clearTimeout(this.restTimer);
    this.toggleAttribute("awake", false);
  }

  private fullScreen(): void {
    void this.shadowRoot?.querySelector(".picture")?.requestFullscreen();
  }

  override render() {
    const camera = this.camera;
    const face = faceOf(camera, this.picture, store.circumstances(camera.id));
    const frameUtc = this.picture.playing ? this.frameUtc : null;
    this.setAttribute("look", face.look);
    this.toggleAttribute("lit", store.lit === camera.id);
    return html`<article aria-label=${strings.tile.label(camera.name, face.word)}>
      <header>
        ${this.number ? html`<span class="number figures" aria-hidden="true">${this.number}</span>` : nothing}
        <h2 title=${camera.name} data-testid="tile-name">${camera.name}</h2>
        <state-mark look=${face.look} data-testid="tile-state"></state-mark>
        <span class="space"></span>
        ${camera.watched
          ? html`<span class="watched figures" title=${strings.tile.watchedLong} data-testid="watched"
              >${strings.tile.watched(camera.watched)}</span
            >`
          : nothing}
        ${camera.recording && face.look !== "unknown"
          ? html`<span class="rec" title=${strings.tile.recordingLong}>${strings.tile.recording}</span>`
          : nothing}
        <span class="tools">
          <button
            class="plain icon"
            title=${strings.unit.fullScreen}
            aria-label=${strings.tile.fullScreen(camera.name)}
            @click=${() => this.fullScreen()}
          >
            ${icons.fullScreen}
          </button>
          ${this.may === "stay" ? nothing : this.renderMoving(camera)}
        </span>
      </header>
      <div class="picture ${this.replaying ? "replaying" : ""}">
        <live-picture
          .camera=${camera}
          look=${face.look}
          .size=${this.small && !this.filling ? "small" : "full"}
          @picture=${(event: CustomEvent<PictureState>) => (this.picture = event.detail)}
          @frame=${(event: CustomEvent<number | null>) => (this.frameUtc = event.detail)}
        ></live-picture>
        ${camera.watermark && showsPicture(face, this.picture) ? html`<water-mark></water-mark>` : nothing}
        ${this.replaying
          ? html`<span class="live-now">${strings.status[face.look]}</span
              ><instant-replay .camera=${camera} @close=${() => this.endReplay()}></instant-replay>`
          : unitMessage(camera, face)}
        <quality-mark .session=${this.picture.session}></quality-mark>
        <fix-line .camera=${camera} .frameUtc=${frameUtc}></fix-line>
      </div>
      <button
        class="open"
        data-testid="tile-open"
        aria-label=${strings.tile.open(camera.name)}
        @pointerdown=${(event: PointerEvent) => event.pointerType === "mouse" && this.grip(event)}
        @click=${() => store.go({ name: "unit", id: camera.id })}
      ></button>
    </article>`;
  }

  private renderMoving({ name }: Camera) {
    const words = wallStrings.tile;
    return html`<button
        class="plain icon grip"
        data-testid="tile-move"
        title=${words.moveHint}
        aria-label=${words.move(name)}
        aria-pressed=${this.held}
        @pointerdown=${this.grip}
        @click=${() => this.dispatchEvent(new CustomEvent("pickup"))}
      >
        ${icons.move}
      </button>
      ${this.may === "leave"
        ? html`<button
            class="plain icon"
            data-testid="tile-remove"
            title=${words.remove(name)}
            aria-label=${words.remove(name)}
            @click=${() => this.dispatchEvent(new CustomEvent("leave"))}
          >
            ${icons.close}
          </button>`
        : nothing}`;
  }

  /** Where it is taken hold of: the wall does the rest. */
  private readonly grip = (event: PointerEvent): void => {
    if (event.button === 0 && this.may !== "stay") this.dispatchEvent(new CustomEvent("grip", { detail: event }));
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "unit-tile": UnitTile;
  }
}
