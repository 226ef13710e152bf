/** `<unit-details>`: all that is known of one unit, in rows. */

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { positionsFile } from "../api";
import { EverySecond, Watch } from "../controllers";
import { noPosition, stateOf } from "../faces";
import { OLD_MS, type Sighting } from "../fixes";
import { age, coordinates, course, localTime, percent, speed, utcDateTime } from "../format";
import type { Camera, UnitHealth } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { controls } from "./controls";
import "./state-mark";

const words = strings.unit;
type Cell = string | TemplateResult;

@customElement("unit-details")
export class UnitDetails extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        overflow: auto;
        padding: var(--s3) var(--s4);
        border-bottom: 1px solid var(--line);
        background: var(--panel);
      }
      h2 {
        margin: 0 0 var(--s2);
        font-size: var(--small);
        font-weight: 600;
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: 5px var(--s4);
        margin: 0;
      }
      dt {
        color: var(--quiet);
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
      .old {
        color: var(--stale);
      }
      a {
        color: var(--accent);
      }
    `,
  ];

  @property() unit = "";

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.cameras, s.trail(this.unit).version, s.link.downSince]);
  }

  override render() {
    const camera = store.camera(this.unit);
    if (!camera || store.gone(camera.id)) return nothing;
    const seen = store.trail(camera.id).latest();
    return html`<h2>${words.details}</h2>
      <dl data-testid="unit-details" class="figures">
        ${this.renderState(camera)} ${seen ? this.renderPosition(seen) : this.row(words.position, noPosition(camera))}
        ${camera.health ? this.renderHealth(camera.health) : nothing} ${this.renderMedia(camera)}
        ${this.renderOrigin(camera, seen)}
      </dl>`;
  }

  private row(term: string, value: Cell) {
    return html`<dt>${term}</dt>
      <dd>${value}</dd>`;
  }

  private moment(at: number, kind = ""): TemplateResult {
    const since = store.now() - at;
    return html`${utcDateTime(at)} ${strings.bar.utc}, ${localTime(at)} ${strings.bar.local}<br /><span
        class=${kind === "fix" && since > OLD_MS ? "old" : "quiet"}
        >${words.ago(age(since))}</span
      >`;
  }

  private renderState(camera: Camera) {
    const look = stateOf(camera, store.link.downSince !== null);
    return this.row(
      words.state,
      html`<state-mark look=${look}></state-mark>${camera.reason ? html`<br />${camera.reason}` : nothing}`,
    );
  }

  private renderPosition(seen: Sighting) {
    const fix = seen.measured;
    const metres = (value: number | null, sign = "") => (value === null ? words.none : `${sign}${value.toFixed(0)} m`);
    const satellites = [fix.satellites ?? words.none, ...(fix.constellations ?? [])].join(" · ");
    return html`${this.row(words.position, coordinates(seen.lat, seen.lon))}
    ${this.row(words.fixTime, this.moment(seen.measuredAt, "fix"))}
    ${this.row(words.speed, speed(seen.speed, seen.speedDerived))}
    ${this.row(words.course, course(seen.course, seen.courseDerived))}
    ${this.row(words.altitude, metres(fix.altitude_m))} ${this.row(words.accuracy, metres(fix.accuracy_m, "± "))}
    ${this.row(words.satellites, satellites)} ${fix.carrier ? this.row(words.carrier, fix.carrier) : nothing}`;
  }

  private renderHealth(health: UnitHealth) {
    const { battery_percent: battery, charging, signal_percent: signal, storage_free_percent: free } = health;
    const charge = [battery === null ? words.none : percent(battery), ...(charging ? [words.charging] : [])].join(" · ");
    return html`${battery === null && charging === null ? nothing : this.row(words.battery, charge)}
    ${signal === null ? nothing : this.row(words.signal, percent(signal))}
    ${free === null ? nothing : this.row(words.storageFree, percent(free))}`;
  }

  private renderMedia(camera: Camera) {
    const tracks = camera.tracks.map((track) => `${words.trackNames[track.kind]} ${track.codec}`).join(" · ");
    const picture = camera.video_utc === null ? words.none : this.moment(Date.parse(camera.video_utc));
    return html`${camera.status === "live" ? nothing : this.row(words.picture, picture)}
    ${this.row(words.tracks, tracks || words.none)} ${this.row(words.recording, camera.recording ? words.yes : words.no)}
    ${this.row(words.viewers, words.viewerCount(camera.viewers))}`;
  }

  private renderOrigin(camera: Camera, seen: Sighting | undefined) {
    const file = (format: "gpx" | "geojson" | "kml", name: string) =>
      html`<a href=${positionsFile(camera.id, format)} download="${camera.id}.${format}">${name}</a>`;
    return html`${this.row(words.origin, camera.source === "file" ? words.fromFile : words.fromPage)}
    ${
      seen
        ? this.row(words.trail, html`${file("gpx", "GPX")} · ${file("geojson", "GeoJSON")} · ${file("kml", "KML")}`)
        : nothing
    }`;
  }
}
