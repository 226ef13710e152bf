/** `<control-room>`: the whole page: log-in or the views, their frame, dialogs and keys. */

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { Watch } from "../controllers";
import { Parts, type Part } from "../parts";
import type { View } from "../route";
import { store } from "../store";
import { strings } from "../strings";
import { incidentStrings } from "../strings-incidents";
import { linkStrings } from "../strings-link";
import "./alert-banner";
import type { ArchivePage } from "./archive-page";
import type { IncidentPage } from "./incident-page";
import "./away-note";
import "./camera-form";
import { controls } from "./controls";
import "./disk-banner";
import "./find-cameras";
import "./keyboard-help";
import "./link-banner";
import "./log-in";
import "./nav-rail";
import "./reason-dialog";
import "./settings-view";
import "./top-bar";
import type { TopBar } from "./top-bar";
import "./unit-details";
import "./unit-list";
import "./unit-map";
import "./unit-view";
import type { UnitView } from "./unit-view";
import "./unit-wall";
import type { UnitWall } from "./unit-wall";

/** Where a key is a letter. */
const TYPED = [HTMLInputElement, HTMLSelectElement, HTMLTextAreaElement];

/** The views that stand beside the map; the others take the whole room. */
const WITH_MAP: ReadonlySet<View["name"]> = new Set(["wall", "map", "unit"]);

/** Those of them that are as long as they are: the room scrolls them. */
const SCROLL: ReadonlySet<View["name"]> = new Set(["alerts", "incidents", "incident"]);

@customElement("control-room")
export class ControlRoom extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        height: 100dvh;
      }
      .room {
        display: grid;
        grid-template: auto auto auto auto minmax(0, 1fr) / 56px minmax(0, 1fr);
        height: 100%;
      }
      alert-banner {
        grid-column: 1 / -1;
      }
      nav-rail {
        grid-row: 2 / 6;
        min-height: 0;
      }
      top-bar,
      .news,
      disk-banner {
        grid-column: 2;
      }
      main {
        grid-column: 2;
        display: grid;
        grid-template: minmax(0, 1fr) / minmax(0, 2fr) minmax(320px, 1fr);
        min-height: 0;
      }
      main.map {
        grid-template-columns: 264px minmax(0, 1fr);
      }
      main:focus-visible {
        outline-offset: -2px;
      }
      main.bare {
        grid-template-columns: minmax(0, 1fr);
      }
      main.bare aside {
        display: none;
      }
      main.scrolls {
        overflow: auto;
      }
      .start {
        max-width: 46ch;
        margin: 20dvh auto;
        padding: 0 var(--s4);
        text-align: center;
      }
      .stage {
        min-width: 0;
        min-height: 0;
      }
      aside {
        display: flex;
        flex-direction: column;
        min-width: 0;
        min-height: 0;
        border-left: 1px solid var(--line);
      }
      unit-details {
        flex: 0 1 auto;
        max-height: 60%;
      }
      unit-map {
        flex: 1;
        min-height: 200px;
      }
      .alone :is(nav-rail, top-bar, aside) {
        display: none;
      }
      .alone main {
        grid-template-columns: minmax(0, 1fr);
      }
      .room.alone {
        grid-template-columns: 0 minmax(0, 1fr);
      }
      @media (max-width: 720px) {
        .room {
          grid-template: auto auto auto auto minmax(0, 1fr) auto / minmax(0, 1fr);
        }
        top-bar,
        .news,
        disk-banner,
        main {
          grid-column: 1;
        }
        nav-rail {
          grid-row: 6;
        }
        main,
        main.map {
          display: block;
          overflow-y: auto;
        }
        aside {
          border-left: 0;
          border-top: 1px solid var(--line);
        }
        main.map {
          display: flex;
          flex-direction: column-reverse;
        }
        main.map .stage {
          flex: none;
          max-height: 34%;
        }
        main.map aside {
          flex: 1;
          border-top: 0;
        }
        main.bare aside {
          display: none;
        }
        main:not(.map) unit-map {
          flex: none;
          height: 46dvh;
        }
        unit-details {
          max-height: none;
        }
      }
    `,
  ];

  @query("main") private main!: HTMLElement;
  @query("unit-wall") private wall!: UnitWall | null;
  @query("unit-view") private unitView!: UnitView | null;
  @query("top-bar") private bar!: TopBar | null;
  @query("archive-page") private archive!: ArchivePage | null;
  @query("incident-page") private incident!: IncidentPage | null;
  /** The wall has the whole screen; what else there is comes back with Escape. */
  @state() private alone = false;
  private readonly parts = new Parts(() => this.requestUpdate());

  constructor() {
    super();
    new Watch(this, (s) => [s.session, s.view, s.dialog, s.cameras?.length, s.link.downSince, s.duty.incidents.told]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.replaceChildren(); // what stood here while the scripts were loaded
    window.addEventListener("keydown", this.key);
    document.addEventListener("fullscreenchange", this.screenChanged);
    void store.begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("keydown", this.key);
    document.removeEventListener("fullscreenchange", this.screenChanged);
  }

  override render() {
    if (store.view.name === "share") return this.renderPart("share", html`<share-page .key=${store.view.key}></share-page>`);
    if (store.session === undefined) return this.renderStart();
    if (store.session === null) return html`<log-in></log-in>`;
    const { view } = store;
    const own = !WITH_MAP.has(view.name);
    const bare = own || (view.name !== "unit" && store.cameras?.length === 0);
    return html`<div class="room ${this.alone && view.name === "wall" ? "alone" : ""}">
        <alert-banner></alert-banner>
        <nav-rail @skip=${() => this.main.focus()}></nav-rail>
        <top-bar></top-bar>
        <div class="news" role="region" aria-label=${linkStrings.news}>
          <link-banner></link-banner>
          <away-note></away-note>
        </div>
        <disk-banner></disk-banner>
        <main tabindex="-1" class="${view.name} ${bare ? "bare" : ""} ${SCROLL.has(view.name) ? "scrolls" : ""}">
          ${view.name === "unit" || own ? nothing : html`<h1 class="unseen">${this.heading}</h1>`} ${this.renderStage(bare)}
          ${own ? nothing : this.renderAside()}
        </main>
      </div>
      ${this.renderDialog()}`;
  }

  /** Who is logged in is not known yet, or the gateway is away. */
  private renderStart() {
    if (store.link.downSince === null) return nothing;
    return html`<link-banner></link-banner>
      <p class="start quiet" data-testid="offline-start">${linkStrings.app.starting}</p>`;
  }

  private renderAside() {
    const { view } = store;
    return html`<aside>
            ${view.name === "unit" ? html`<unit-details .unit=${view.id}></unit-details>` : nothing}
            <unit-map
              role="region"
              aria-label=${strings.map.label}
              .focused=${view.name === "unit" ? view.id : null}
            ></unit-map>
          </aside>`;
  }

  /** What is in front of one, for the window's title and for screen readers. */
  private get heading(): string {
    const { view } = store;
    if (view.name === "share") return incidentStrings.shared.title;
    if (!store.session) return strings.logIn.title;
    switch (view.name) {
      case "unit":
        return store.camera(view.id)?.name ?? view.id;
      case "settings":
        return strings.settings.sections[view.section ?? "account"];
      case "archive":
        return strings.nav.archive;
      case "map":
        return strings.nav.map;
      case "duty":
        return linkStrings.duty.title;
      case "wall":
        return strings.wall.label;
      case "alerts":
        return incidentStrings.inbox.title;
      case "incidents":
        return incidentStrings.incidents.title;
      case "incident":
        return store.duty.incidents.find(view.id)?.title ?? incidentStrings.incidents.title;
      case "geofences":
        return incidentStrings.geofences.title;
    }
  }

  override updated(): void {
    document.title = `${this.heading} – ${strings.product}`;
  }

  private renderStage(bare: boolean) {
    const { view } = store;
    switch (view.name) {
      case "settings":
        return html`<settings-view class="stage" .section=${view.section} .query=${view.query} .only=${view.id ?? null}></settings-view>`;
      case "archive":
        return this.renderPart("archive", html`<archive-page class="stage" .cameras=${view.cameras} .moment=${view.at}></archive-page>`);
      case "duty":
        return this.renderPart("duty", html`<duty-page class="stage"></duty-page>`);
      case "alerts":
        return this.renderPart("incidents", html`<alerts-page class="stage" .only=${view.id} .query=${view.query}></alerts-page>`);
      case "geofences":
        return this.renderPart("incidents", html`<geofences-page class="stage"></geofences-page>`);
      case "incidents":
        return this.renderPart("incidents", html`<incidents-page class="stage" .query=${view.query}></incidents-page>`);
      case "incident":
        return this.renderPart("incidents", html`<incident-page class="stage" .number=${view.id} .moment=${view.at ?? null}></incident-page>`);
      case "unit":
        return html`<unit-view class="stage" .unit=${view.id}></unit-view>`;
      case "map":
        return bare ? html`<unit-wall class="stage"></unit-wall>` : html`<unit-list class="stage"></unit-list>`;
      default:
        return html`<unit-wall class="stage" .wall=${view.name === "wall" ? (view.id ?? null) : null} .alone=${this.alone}></unit-wall>`;
    }
  }

  /** What is fetched when somebody goes there; until it has come, that it does. */
  private renderPart(part: Part, page: TemplateResult) {
    const state = this.parts.want(part);
    if (state === "failed") return html`<p class="stage error" role="alert">${strings.page.partFailed}</p>`;
    return state === "here" ? page : html`<div class="stage"><h1 class="unseen">${this.heading}</h1><p class="quiet" role="status">${strings.page.loading}</p></div>`;
  }

  private renderDialog() {
    const close = () => store.show(null);
    switch (store.dialog) {
      case "find":
        return html`<find-cameras @close=${close}></find-cameras>`;
      case "add":
        return html`<camera-form @close=${close}></camera-form>`;
      case "reason":
        return html`<reason-dialog .units=${store.asked} @close=${close}></reason-dialog>`;
      case "help":
        return html`<keyboard-help @close=${close}></keyboard-help>`;
      case null:
        return nothing;
    }
  }

  private readonly screenChanged = () => (this.alone = document.fullscreenElement === document.documentElement);

  // ---- keys

  private readonly key = (event: KeyboardEvent): void => {
    if (!store.session || event.altKey) return;
    const path = event.composedPath();
    if (path.some((target) => target instanceof HTMLDialogElement)) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.bar?.search();
      return;
    }
    const typing = TYPED.some((kind) => path[0] instanceof kind);
    if (typing || event.ctrlKey || event.metaKey) return;
    if (this.wall?.key(event) || this.archive?.key(event) || this.unitView?.key(event) || this.incident?.key(event)) {
      event.preventDefault();
      return;
    }
    if (/^[1-9]$/.test(event.key)) this.choose(Number(event.key));
    else if (event.key === "/") this.bar?.search();
    else if (event.key === "?") store.show("help");
    else if (event.key.toLowerCase() === "t") this.timeline();
    else if (event.key.toLowerCase() === "m") store.go({ name: store.view.name === "map" ? "wall" : "map" });
    else if (event.key === ",") store.go({ name: "settings", section: null, query: "" });
    else if (event.key.toLowerCase() === "f") this.fullScreen();
    else if (event.key === "Escape" && !document.fullscreenElement) this.back();
    else return;
    event.preventDefault();
  };

  /** The n-th unit: its tile on the wall; chosen already or in another view: its large view. */
  private choose(n: number): void {
    const tile = this.wall?.tile(n);
    const unit = this.wall ? tile?.camera : store.matching()[n - 1];
    if (tile && !tile.chosen) tile.focus();
    else if (unit) store.go({ name: "unit", id: unit.id });
  }

  private fullScreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (this.unitView) this.unitView.fullScreen();
    else void document.documentElement.requestFullscreen();
  }

  /** From the archive to the wall, from anywhere else to the archive, of the unit that is open. */
  private timeline(): void {
    const { view } = store;
    if (view.name === "archive") store.go({ name: "wall" });
    else if (store.may("recorded")) store.go({ name: "archive", cameras: view.name === "unit" ? [view.id] : [], at: null });
  }

  private back(): void {
    if (store.query) store.search("");
    else if (store.map.back()) return;
    else if (store.view.name !== "wall") store.go({ name: "wall" });
  }
}
