/** `<geofences-page>`: the geofences beside their map: drawn, changed, deleted (and brought back). */

import { css, html, LitElement, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { addGeofence, geofences, removeGeofence } from "../api-incidents";
import { Fetched, Watch } from "../controllers";
import type { Place } from "../fixes";
import { metres } from "../format";
import { NO_POLYGON, pointed, type Draft } from "../geofence-draft";
import { icons } from "../icons";
import type { Geofence } from "../model-incidents";
import { store } from "../store";
import { incidentStrings } from "../strings-incidents";
import { controls } from "./controls";
import "./geofence-form";
import "./geofence-map";
import type { GeofenceMap } from "./geofence-map";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./undo-note";
import type { Change } from "./undo-note";

const words = incidentStrings.geofences;

@customElement("geofences-page")
export class GeofencesPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(320px, 420px) minmax(0, 1fr);
        max-width: none;
        height: 100%;
        padding: 0;
      }
      .side {
        min-height: 0;
        padding: var(--s4);
        overflow: auto;
        border-right: 1px solid var(--line);
      }
      .rows > li {
        gap: var(--s2);
      }
      .name {
        min-height: 0;
        padding: 0;
        border: 0;
        background: none;
        font-weight: 600;
        text-align: left;
        white-space: normal;
        overflow-wrap: anywhere;
      }
      @media (max-width: 720px) {
        :host {
          display: flex;
          flex-direction: column-reverse;
          height: auto;
        }
        .side {
          border-right: 0;
        }
        geofence-map {
          position: sticky;
          top: 0;
          z-index: 1;
          height: 42dvh;
          border-bottom: 1px solid var(--line);
        }
        .rows > li > .what {
          flex: 1 1 100%;
        }
      }
    `,
  ];

  /** What is being drawn; null: nothing is. */
  @state() private draft: Draft | null = null;
  /** The one that is changed. */
  @state() private editing: Geofence | null = null;
  @state() private chosen: number | null = null;
  @state() private change: Change | null = null;
  @state() private error = "";
  @query("geofence-map") private map!: GeofenceMap;
  private readonly found = new Fetched(this, async (signal) => {
    store.duty.takeGeofences(await geofences(signal));
    return true;
  });

  constructor() {
    super();
    new Watch(this, (s) => [s.duty.geofences.all, s.cameras, s.session]);
  }

  private begin(geofence: Geofence | null): void {
    this.editing = geofence;
    this.chosen = geofence?.id ?? null;
    this.change = null;
    this.draft = NO_POLYGON;
  }

  private readonly end = (): void => {
    this.draft = null;
    this.editing = null;
  };

  private readonly point = (event: CustomEvent<Place>): void => {
    if (this.draft) this.draft = pointed(this.draft, event.detail);
  };

  private readonly drawn = (event: CustomEvent<Draft>): void => {
    this.draft = event.detail;
    void this.updateComplete.then(() => this.map.showDraft());
  };

  private async discard(geofence: Geofence): Promise<void> {
    this.error = "";
    try {
      await removeGeofence(geofence.id);
      store.duty.removeGeofence(geofence.id);
      const { name, shape, cameras, groups, tells, grade } = geofence;
      const undo = async () => store.duty.takeGeofence(await addGeofence({ name, shape, cameras, groups, tells, grade }));
      this.change = { sentence: words.removed(name), undo };
    } catch (error) {
      this.error = (error as Error).message;
    }
  }

  override render() {
    const all = store.duty.geofences.all ?? [];
    // What is being changed is drawn as it will be.
    const areas = all
      .filter(({ id }) => id !== this.editing?.id)
      .map(({ id, name, shape }) => ({ id, name, shape, chosen: id === this.chosen }));
    return html`<div class="side">${this.draft ? this.renderForm(this.draft) : this.renderList(all)}</div>
      <geofence-map
        role="region"
        aria-label=${words.shown}
        .areas=${areas}
        .draft=${this.draft}
        .chosen=${this.chosen}
        @point=${this.point}
      ></geofence-map>`;
  }

  private renderForm(draft: Draft) {
    return html`<h1 class="unseen">${words.title}</h1><geofence-form
      .geofence=${this.editing}
      .draft=${draft}
      @draft=${this.drawn}
      @saved=${(event: CustomEvent<Geofence>) => (this.chosen = event.detail.id)}
      @close=${this.end}
    ></geofence-form>`;
  }

  private renderList(all: readonly Geofence[]) {
    const may = store.may("respond") && store.may("position");
    return html`<div class="head">
        <h1>${words.title}</h1>
        ${may
          ? html`<button class="primary" data-testid="geofence-add" @click=${() => this.begin(null)}>${icons.fence} ${words.add}</button>`
          : nothing}
      </div>
      <p class="lead">${words.lead}</p>
      ${this.change ? html`<undo-note .change=${this.change} @close=${() => (this.change = null)}></undo-note>` : nothing}
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      ${store.may("position")
        ? fetched(this.found, () =>
            all.length === 0
              ? html`<div class="note" data-testid="no-geofences">
                  <strong>${words.emptyTitle}</strong><span>${may ? words.empty : words.emptyNoRight}</span>
                </div>`
              : html`<ul class="rows" data-testid="geofences">
                  ${all.map((geofence) => html`<li>${this.renderOne(geofence)}</li>`)}
                </ul>`,
          )
        : html`<div class="note"><span>${words.noRight}</span></div>`}`;
  }

  private renderOne(geofence: Geofence) {
    const { id, name, cameras, groups, shape } = geofence;
    const units = [...groups, ...cameras.map((camera) => store.camera(camera)?.name ?? camera)];
    const size =
      shape.type === "Point" ? words.radius(metres(shape.radius_m)) : words.corners((shape.coordinates[0]?.length ?? 1) - 1);
    const facts = [words.tells[geofence.tells], words.alertOf(geofence.grade), units.join(", ") || words.forAll, size];
    return html`<div class="what" data-testid="geofence" data-geofence=${id}>
        <button class="name" title=${words.locate(name)} @click=${() => (this.chosen = id)}>${name}</button>
        <small>${facts.join(" · ")}</small>
      </div>
      ${geofence.may.includes("change")
        ? html`<button data-testid="geofence-edit" @click=${() => this.begin(geofence)}>${icons.edit} ${words.edit}</button>
            <button
              class="icon"
              data-testid="geofence-remove"
              title=${words.remove}
              aria-label="${words.remove}: ${name}"
              @click=${() => void this.discard(geofence)}
            >
              ${icons.remove}
            </button>`
        : nothing}`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "geofences-page": GeofencesPage;
  }
}
