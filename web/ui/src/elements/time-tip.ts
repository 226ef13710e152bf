/** `<time-tip>`: what lies under the pointer on the timeline: the picture of that moment, its time, and what is there. */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { momentOf, type Lane } from "../archive/lane";
import { age, localTime, utcDateTime } from "../format";
import { archiveStrings } from "../strings-archive";
import { controls } from "./controls";

const words = archiveStrings.bar;
/** The pointer rests this long before a picture is asked for: a picture is a look at the recording. */
const REST_MS = 350;

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
      img {
        display: block;
        width: 100%;
        min-height: 40px;
        border-radius: 4px;
        background: var(--picture);
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
  /** A bookmark this near is meant, milliseconds. */
  @property({ type: Number }) reach = 0;
  @property({ attribute: false }) thumbnail: (camera: string, at: number) => string | null = () => null;
  @state() private picture: string | null = null;
  private timer = 0;

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("at") && !changed.has("lane")) return;
    this.picture = null;
    window.clearTimeout(this.timer);
    const { lane, at } = this;
    if (momentOf(lane, at).kind === "recorded")
      this.timer = window.setTimeout(() => (this.picture = this.thumbnail(lane.camera, at)), REST_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearTimeout(this.timer);
  }

  override render() {
    const { lane, at } = this;
    return html`${this.picture === null
        ? nothing
        : html`<img alt="" data-testid="thumbnail" src=${this.picture} @error=${() => (this.picture = null)} />`}
      <p class="figures">
        ${this.name ? html`<strong>${this.name}</strong> ` : nothing}${utcDateTime(at)} ${archiveStrings.utc}
        <span class="quiet">${localTime(at)} ${archiveStrings.local}</span>
      </p>
      ${sentences(lane, at, this.reach).map((sentence) => html`<p data-testid="tip">${sentence}</p>`)}`;
  }
}

/** What is to be said of a moment of a lane. */
function sentences(lane: Lane, at: number, reach: number): string[] {
  const said = [];
  const moment = momentOf(lane, at);
  if (moment.kind === "gap") {
    said.push(words.gap(moment.reason, age(moment.to - moment.from)));
    if (moment.detail) said.push(moment.detail);
  } else if (moment.kind === "private") said.push(words.private);
  else if (moment.kind === "deleted") said.push(words.deleted(moment.rule, utcDateTime(moment.deleted)));
  else said.push(moment.kind === "recorded" ? words.recorded : words.nothing);
  for (const { bookmark, at: where } of lane.bookmarks)
    if (Math.abs(where - at) < reach) said.push(words.bookmark(bookmark.text));
  const covers = (span: { from: number; to: number }) => span.from <= at && at < span.to;
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
