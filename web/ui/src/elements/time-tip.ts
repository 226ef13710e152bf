/** `<time-tip>`: what lies under the pointer on the timeline: the picture of that moment, its time, and what is there. */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { kindOf } from "../alerts";
import { covering, momentOf, type Lane } from "../archive/lane";
import { SECOND } from "../archive/scale";
import type { Thumbnail, Thumbnails } from "../archive/thumbnails";
import { age, localTime, utcDateTime, utcTime } from "../format";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";

const words = archiveStrings.bar;
/** The pointer rests this long before a picture is asked for: a picture is a look at the recording. */
const REST_MS = 200;
/** So many pixels have the same picture. */
const SAME_PX = 3;
/** A bookmark this near is meant. */
const NEAR_PX = 6;

@customElement("time-tip")
export class TimeTip extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        width: 208px;
        margin-left: -104px;
        padding: var(--s1);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--panel);
        box-shadow: 0 6px 20px rgb(0 0 0 / 35%);
      }
      /* Its room is there before it comes, or the tip would jump. */
      figure {
        position: relative;
        margin: 0;
        aspect-ratio: 16 / 9;
        overflow: hidden;
        border-radius: 4px;
        background: var(--picture);
      }
      img {
        display: block;
        width: 100%;
        height: 100%;
        object-fit: contain;
      }
      figcaption {
        position: absolute;
        inset: auto 0 0;
        padding: var(--s3) 6px 2px;
        background: linear-gradient(transparent, rgb(5 7 10 / 78%));
        color: #eef2f6;
        font-size: 12px;
        text-align: right;
      }
      p {
        margin: 0;
        padding: 2px var(--s1);
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) lane!: Lane;
  @property() name = "";
  @property({ type: Number }) at = 0;
  /** How much time a pixel is, milliseconds. */
  @property({ type: Number }) pixel = 0;
  @property({ attribute: false }) thumbnails!: Thumbnails;
  /** Undefined: it is not known yet whether there is one. */
  @state() private picture: Thumbnail | null | undefined = null;
  private timer = 0;

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("at") && !changed.has("lane")) return;
    window.clearTimeout(this.timer);
    const { lane } = this;
    const recorded = momentOf(lane, this.at).kind === "recorded";
    const at = this.pictured;
    this.picture = recorded ? this.thumbnails.known(lane.camera, at) : null;
    if (this.picture === undefined) this.timer = window.setTimeout(() => void this.fetch(lane.camera, at), REST_MS);
  }

  /** The moment whose picture stands for this one: those a few pixels apart have the same. */
  private get pictured(): number {
    const step = Math.max(SECOND, this.pixel * SAME_PX);
    const at = Math.floor(this.at / step) * step;
    return momentOf(this.lane, at).kind === "recorded" ? at : this.at;
  }

  private async fetch(camera: string, at: number): Promise<void> {
    const found = await this.thumbnails.fetch(camera, at);
    if (this.lane.camera === camera && this.pictured === at) this.picture = found;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearTimeout(this.timer);
  }

  override render() {
    const { lane, at, picture } = this;
    return html`${picture === null ? nothing : html`<figure>${picture ? this.renderPicture(picture) : nothing}</figure>`}
      <p class="figures">
        ${this.name ? html`<strong>${this.name}</strong> ` : nothing}${utcDateTime(at)} ${archiveStrings.utc}
        <span class="quiet">${localTime(at)} ${archiveStrings.local}</span>
      </p>
      ${sentences(lane, at, this.pixel * NEAR_PX).map((sentence) => html`<p data-testid="tip">${sentence}</p>`)}`;
  }

  private renderPicture({ url, utc }: Thumbnail) {
    return html`<img alt="" data-testid="thumbnail" data-utc=${utc} src=${url} />
      <figcaption class="figures">${words.picture(utcTime(utc))}</figcaption>`;
  }
}

/** What is to be said of a moment of a lane. */
function sentences(lane: Lane, at: number, reach: number): string[] {
  const said = [];
  const covers = covering(at);
  const moment = momentOf(lane, at);
  if (moment.kind === "private") said.push(words.private);
  else if (moment.kind === "deleted") said.push(words.deleted(moment.rule, utcDateTime(moment.deleted)));
  else if (moment.kind === "nothing") said.push(words.nothing);
  else if (moment.kind === "recorded") said.push(lane.imported.some(covers) ? words.imported : words.recorded);
  for (const gap of [...lane.gaps, ...lane.partial].filter(covers)) {
    const length = age(gap.to - gap.from);
    const what = words.missing[gap.track ?? "all"];
    said.push(gap.count === 1 ? words.gap(what, gap.reason, length) : words.gaps(gap.count, what, gap.reason, length));
    if (gap.detail) said.push(gap.detail);
  }
  for (const { bookmark, at: where } of lane.bookmarks)
    if (Math.abs(where - at) < reach) said.push(words.bookmark(bookmark.text));
  for (const { alert, at: where } of lane.alerts)
    if (Math.abs(where - at) < reach) said.push(words.alert(kindOf(alert), alert.text));
  for (const { hold } of lane.holds.filter(covers))
    said.push(hold.category === null ? words.held(hold.reason) : words.heldAs(hold.category, hold.reason));
  for (const { assignment } of lane.assignments.filter(covers)) said.push(words.worn(assignment.wearer));
  return said;
}

declare global {
  interface HTMLElementTagNameMap {
    "time-tip": TimeTip;
  }
}
