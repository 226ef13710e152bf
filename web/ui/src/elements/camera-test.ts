/**
 * `<camera-test>`: tries a camera out step by step, with a picture at the end. `camera` is the one that is there, null: one
 * that is not added. `entered` says what is tried: all of it, or what is to change; asked when the test begins. Leaving
 * the element ends the test.
 */

import { css, html, LitElement, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { testCamera } from "../api-admin";
import { icons } from "../icons";
import type { CameraChange } from "../model";
import type { TestStep } from "../model-admin";
import { adminStrings } from "../strings-admin";
import { strings } from "../strings";
import { controls } from "./controls";

const words = adminStrings.test;

@customElement("camera-test")
export class CameraTest extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      ol {
        display: grid;
        gap: var(--s2);
        margin: var(--s3) 0 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: 20px 96px minmax(0, 1fr) auto;
        align-items: start;
        gap: 0 var(--s2);
      }
      li svg {
        margin-top: 1px;
      }
      .done svg {
        color: var(--live);
      }
      .remark svg,
      .failed svg {
        color: var(--stale);
      }
      .running svg {
        color: var(--accent);
        animation: turn 1.2s linear infinite;
      }
      @keyframes turn {
        to {
          transform: rotate(360deg);
        }
      }
      .says {
        overflow-wrap: anywhere;
      }
      .advice {
        grid-column: 3 / 5;
        margin: var(--s1) 0 0;
        padding: var(--s1) var(--s3);
        border-left: 3px solid var(--stale);
        color: var(--text);
      }
      img {
        grid-column: 3 / 5;
        display: block;
        width: 100%;
        max-width: 480px;
        margin-top: var(--s2);
        border-radius: var(--radius);
        background: var(--picture);
      }
      .foot {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s2) var(--s3);
      }
      .foot strong {
        font-weight: 600;
      }
      @media (max-width: 480px) {
        li {
          grid-template-columns: 20px minmax(0, 1fr) auto;
        }
        .says,
        .advice,
        img {
          grid-column: 2 / 4;
        }
        .time {
          grid-row: 1;
          grid-column: 3;
        }
      }
    `,
  ];

  @property() camera: string | null = null;
  @property({ attribute: false }) entered: () => CameraChange | null = () => ({});
  @state() private steps: readonly TestStep[] = [];
  @state() private verdict = "";
  @state() private error = "";
  @state() private busy = false;
  private attempt: AbortController | null = null;
  /** The picture, as an address of this page. */
  private picture = "";

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.attempt?.abort();
    this.forget();
  }

  /** Begin, or begin again. Nothing happens where what was entered cannot be tried. */
  async start(): Promise<void> {
    const entered = this.entered();
    if (entered === null) return;
    const attempt = (this.attempt = new AbortController());
    this.forget();
    this.steps = [];
    this.verdict = this.error = "";
    this.busy = true;
    try {
      const works = await testCamera(this.camera, entered, (step) => this.take(step), attempt.signal);
      this.verdict = works ? this.judged() : this.failed();
      if (works) this.dispatchEvent(new CustomEvent("works"));
    } catch (error) {
      if (attempt.signal.aborted) this.verdict = words.cancelled;
      else this.error = (error as Error).message;
    }
    this.steps = this.steps.filter(({ state }) => state !== "running");
    this.busy = false;
  }

  private take(step: TestStep): void {
    if (step.picture !== null) this.picture = pictureOf(step.picture);
    this.steps = [...this.steps.filter((other) => other.step !== step.step), step];
  }

  private judged(): string {
    return this.steps.some(({ state }) => state === "remark") ? words.remarks : words.works;
  }

  private failed(): string {
    const step = this.steps.find(({ state }) => state === "failed");
    return step ? words.fails(words.failed[step.step]) : "";
  }

  private forget(): void {
    if (this.picture) URL.revokeObjectURL(this.picture);
    this.picture = "";
  }

  override render() {
    return html`<div class="foot">
        ${this.busy
          ? html`<button type="button" data-testid="test-cancel" @click=${() => this.attempt?.abort()}>
              ${words.cancel}
            </button>`
          : html`<button type="button" data-testid="test-start" @click=${() => void this.start()}>
              ${icons.play} ${this.steps.length > 0 ? words.again : words.start}
            </button>`}
        <strong role="status" data-testid="test-verdict">${this.verdict}</strong>
      </div>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${this.steps.length > 0
        ? html`<ol aria-label=${words.title} data-testid="test-steps">
            ${this.steps.map((step) => this.renderStep(step))}
          </ol>`
        : nothing}`;
  }

  private renderStep({ step, state, seconds, says, advice, picture }: TestStep) {
    const mark = { running: icons.undo, done: icons.check, remark: icons.alarm, failed: icons.close }[state];
    return html`<li class=${state} data-testid="test-step" data-step=${step} data-state=${state}>
      ${mark}<span class="name">${words.steps[step]}<span class="unseen">: ${words.states[state]}</span></span>
      <span class="says">${says || (state === "running" ? strings.page.loading : "")}</span>
      <span class="time quiet figures">${seconds === null ? "" : words.seconds(seconds)}</span>
      ${advice ? html`<p class="advice">${advice}</p>` : nothing}
      ${picture ? html`<img src=${this.picture} alt=${words.picture} data-testid="test-picture" />` : nothing}
    </li>`;
  }
}

function pictureOf(base64: string): string {
  const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([data], { type: "image/jpeg" }));
}

declare global {
  interface HTMLElementTagNameMap {
    "camera-test": CameraTest;
  }
}
