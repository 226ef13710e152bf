/** `<unit-view>`: one unit, large: its picture, the overlay, and what can be done with it. */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { removeCamera } from "../api";
import { raiseSos } from "../api-incidents";
import { setPrivacy } from "../api-oversight";
import { EverySecond, Watch } from "../controllers";
import { faceOf, NO_PICTURE, showsPicture, type PictureState } from "../faces";
import { icons } from "../icons";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { replayStrings } from "../strings-replay";
import "./camera-form";
import "./confirm-dialog";
import { controls } from "./controls";
import "./fix-line";
import "./incident-dialog";
import type { InstantReplay } from "./instant-replay";
import "./live-picture";
import "./quality-mark";
import "./reason-form";
import { replayStyles } from "./replay-styles";
import "./state-mark";
import "./talk-button";
import { unitMessage } from "./unit-message";
import "./water-mark";

@customElement("unit-view")
export class UnitView extends LitElement {
  static override styles = [
    controls,
    replayStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
        padding: var(--s2);
      }
      header {
        display: flex;
        align-items: center;
        flex-wrap: wrap;
        gap: var(--s2);
        padding-bottom: var(--s2);
      }
      h1 {
        min-width: 0;
        margin: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        font-size: var(--large);
        font-weight: 600;
      }
      .space {
        flex: 1;
      }
      .sos svg {
        color: var(--alarm);
      }
      .picture {
        position: relative;
        flex: 1;
        min-height: 0;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        overflow: hidden;
      }
      live-picture {
        position: absolute;
        inset: 0;
      }
      .gone {
        display: grid;
        place-content: center;
        justify-items: center;
        gap: var(--s3);
        flex: 1;
        color: var(--quiet);
        text-align: center;
      }
      .gone h1 {
        color: var(--text);
      }
      @media (max-width: 720px) {
        .picture {
          flex: none;
          aspect-ratio: 16 / 10;
        }
        .space {
          flex-basis: 100%; /* the tools begin a line of their own */
        }
        header button:not(.icon) {
          flex: 1 1 64px; /* five to a line, and nobody alone on the next */
        }
        .word {
          display: none;
        }
      }
    `,
  ];

  @property() unit = "";
  @state() private picture: PictureState = NO_PICTURE;
  @state() private frameUtc: number | null = null;
  @state() private muted = true;
  /** What the camera hears must not come out here, or it howls. */
  @state() private talking = false;
  @state() private dialog: "edit" | "remove" | "privacy" | "sos" | "incident" | null = null;
  @state() private replaying = false;
  @query("instant-replay") private replayed!: InstantReplay | null;
  private asked = false;

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.link.downSince, s.session, s.reasonVersion]);
  }

  /** Whoever opens a unit that wants a reason is asked at once; who declines finds the button in the picture. */
  override updated(changed: PropertyValues<this>): void {
    if (changed.has("unit")) this.asked = this.replaying = false;
    const camera = store.camera(this.unit);
    if (!camera || this.asked) return;
    if (faceOf(camera, this.picture, store.circumstances(camera.id)).look !== "reason") return;
    this.asked = true;
    store.askReason(camera.id);
  }

  /** Do what a key says; whether there was anything to do. */
  key(event: KeyboardEvent): boolean {
    if (this.replayed) return this.replayed.key(event);
    if (event.key.toLowerCase() !== "r" || !store.camera(this.unit)?.rights.includes("recorded")) return false;
    this.replay();
    return true;
  }

  private replay(): void {
    void import("./instant-replay"); // with what plays recordings, which the wall does not wait for
    this.replaying = true;
  }

  fullScreen(): void {
    void this.renderRoot.querySelector(".picture")?.requestFullscreen();
  }

  override render() {
    const camera = store.camera(this.unit);
    if (camera) return this.renderUnit(camera);
    if (store.cameras === null) return html`<div class="gone" role="status">${strings.wall.loading}</div>`;
    return html`<div class="gone">
      <h1>${strings.unit.gone}</h1>
      <span>${strings.unit.goneText}</span>
      <button @click=${() => store.go({ name: "wall" })}>${icons.back} ${strings.unit.back}</button>
    </div>`;
  }

  private renderUnit(camera: Camera) {
    const face = faceOf(camera, this.picture, store.circumstances(camera.id));
    return html`
      <header>
        <button
          data-testid="back"
          title=${strings.unit.backHint}
          aria-label=${strings.unit.backHint}
          class="icon"
          @click=${() => store.go({ name: "wall" })}
        >
          ${icons.back}
        </button>
        <h1 title=${camera.name} data-testid="unit-name">${camera.name}</h1>
        <state-mark look=${face.look} data-testid="unit-state"></state-mark>
        <span class="space"></span>
        ${this.renderTools(camera)}
      </header>
      <div class="picture ${this.replaying ? "replaying" : ""}" data-testid="unit-picture">
        <live-picture
          eager
          .camera=${camera}
          .muted=${this.muted || this.talking}
          look=${face.look}
          @picture=${(event: CustomEvent<PictureState>) => (this.picture = event.detail)}
          @frame=${(event: CustomEvent<number | null>) => (this.frameUtc = event.detail)}
        ></live-picture>
        ${camera.watermark && showsPicture(face, this.picture) ? html`<water-mark></water-mark>` : nothing}
        ${this.replaying
          ? html`<span class="live-now">${strings.status[face.look]}</span
              ><instant-replay .camera=${camera} @close=${() => (this.replaying = false)}></instant-replay>`
          : unitMessage(camera, face)}
        <quality-mark .session=${this.picture.session}></quality-mark>
        <fix-line .camera=${camera} .frameUtc=${this.picture.playing ? this.frameUtc : null}></fix-line>
      </div>
      ${this.dialog === "sos" ? this.renderSos(camera) : nothing}
      ${this.dialog === "incident"
        ? html`<incident-dialog .units=${[camera.id]} @close=${() => (this.dialog = null)}></incident-dialog>`
        : nothing}
      ${this.dialog === "privacy" ? this.renderPrivacy(camera) : nothing}
      ${this.dialog === "edit"
        ? html`<camera-form .camera=${camera} @close=${() => (this.dialog = null)}></camera-form>`
        : nothing}
      ${this.dialog === "remove"
        ? html`<confirm-dialog
            .heading=${strings.unit.removeTitle(camera.name)}
            .text=${strings.unit.removeText}
            .confirm=${strings.unit.removeConfirm}
            .act=${() => this.removeUnit(camera.id)}
            @close=${() => (this.dialog = null)}
          ></confirm-dialog>`
        : nothing}
    `;
  }

  private async removeUnit(id: string): Promise<void> {
    await removeCamera(id);
    store.forget(id);
    store.go({ name: "wall" });
  }

  private renderSos(camera: Camera) {
    const words = incidentStrings.sos;
    return html`<reason-form
      optional
      alarming
      least="0"
      .heading=${words.title(camera.name)}
      .text=${words.text}
      .label=${words.what}
      .placeholder=${words.placeholder}
      .confirm=${words.submit}
      .act=${async (text: string) => store.duty.takeAlert(await raiseSos(camera.id, text))}
      @close=${() => (this.dialog = null)}
    ></reason-form>`;
  }

  private renderPrivacy(camera: Camera) {
    const { name, privacy } = camera;
    const words = strings.privacy;
    const on = privacy === null;
    return html`<reason-form
      optional
      .heading=${on ? words.on(name) : words.off(name)}
      .text=${on ? words.onText : words.offText}
      .label=${words.why}
      .confirm=${on ? words.switchOn : words.switchOff}
      .act=${async (why: string) => store.take(await setPrivacy(camera.id, on, why))}
      @close=${() => (this.dialog = null)}
    ></reason-form>`;
  }

  private renderTools(camera: Camera) {
    const hasAudio = camera.tracks.some((track) => track.kind === "audio");
    const sound = this.muted ? strings.unit.unmute : strings.unit.mute;
    const owned = camera.source === "file";
    return html`
      <talk-button .camera=${camera} @talk=${(event: CustomEvent<boolean>) => (this.talking = event.detail)}></talk-button>
      ${store.mayRespond(camera.id)
        ? html`<button
            class="sos"
            data-testid="sos"
            aria-label=${incidentStrings.sos.hint(camera.name)}
            title=${incidentStrings.sos.hint(camera.name)}
            @click=${() => (this.dialog = "sos")}
          >
            ${icons.alarm} ${incidentStrings.sos.button}
          </button>
          <button
            data-testid="open-incident"
            aria-label=${incidentStrings.opening.hint(camera.name)}
            title=${incidentStrings.opening.hint(camera.name)}
            @click=${() => (this.dialog = "incident")}
          >
            ${icons.incidents} <span class="word">${incidentStrings.opening.word}</span>
          </button>`
        : nothing}
      ${camera.rights.includes("recorded")
        ? html`<button
              data-testid="replay"
              aria-label=${replayStrings.hint}
              aria-pressed=${this.replaying}
              title=${replayStrings.hint}
              @click=${() => (this.replaying ? (this.replaying = false) : this.replay())}
            >
              ${icons.undo} <span class="word">${replayStrings.button}</span>
            </button>
            <button
              data-testid="to-archive"
              aria-label=${strings.unit.archive}
              title="${strings.unit.archive} (T)"
              @click=${() => store.go({ name: "archive", cameras: [camera.id], at: null })}
            >
              ${icons.archive} <span class="word">${strings.unit.archive}</span>
            </button>`
        : nothing}
      ${hasAudio
        ? html`<button
            data-testid="mute"
            aria-label=${sound}
            title=${sound}
            @click=${() => (this.muted = !this.muted)}
          >
            ${this.muted ? icons.muted : icons.sound} <span class="word">${sound}</span>
          </button>`
        : nothing}
      <button
        data-testid="full-screen"
        aria-label=${strings.unit.fullScreen}
        title="${strings.unit.fullScreen} (F)"
        @click=${() => this.fullScreen()}
      >
        ${icons.fullScreen} <span class="word">${strings.unit.fullScreen}</span>
      </button>
      ${camera.rights.includes("configure") && (camera.has_privacy || camera.privacy)
        ? html`<button
            data-testid="privacy"
            aria-label=${strings.privacy.button}
            aria-pressed=${camera.privacy !== null}
            title=${strings.privacy.button}
            @click=${() => (this.dialog = "privacy")}
          >
            ${icons.privacy} <span class="word">${strings.privacy.button}</span>
          </button>`
        : nothing}
      ${camera.rights.includes("configure")
        ? html`<button
              data-testid="edit-camera"
              aria-label=${strings.unit.edit}
              title=${owned ? strings.unit.fileOwned : strings.unit.edit}
              ?disabled=${owned}
              @click=${() => (this.dialog = "edit")}
            >
              ${icons.edit} <span class="word">${strings.unit.edit}</span>
            </button>
            <button
              data-testid="remove-camera"
              aria-label=${strings.unit.remove}
              title=${owned ? strings.unit.fileOwned : strings.unit.remove}
              ?disabled=${owned}
              @click=${() => (this.dialog = "remove")}
            >
              ${icons.remove} <span class="word">${strings.unit.remove}</span>
            </button>`
        : nothing}
    `;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "unit-view": UnitView;
  }
}
