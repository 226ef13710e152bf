/**
 * `<incident-page>`: one incident: what it is, its units, what was written, who is near, and what becomes of it: closed,
 * exported, shared, deleted.
 */

import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { alert, closeIncident, exportIncident, incident, removeIncident, reopenIncident, takeFromIncident } from "../api-incidents";
import { EverySecond, Fetched, Watch } from "../controllers";
import { age, utcDateTime, utcMinute } from "../format";
import { icons } from "../icons";
import type { Alert, Incident, IncidentCamera, Note } from "../model-incidents";
import type { RoomCommand } from "../room-commands";
import { hashOf } from "../route";
import { store } from "../store";
import { incidentStrings } from "../strings-incidents";
import "./alert-row";
import "./confirm-dialog";
import { controls } from "./controls";
import "./export-list";
import "./incident-edit";
import "./incident-holds";
import "./incident-notes";
import type { IncidentNotes } from "./incident-notes";
import "./incident-room";
import type { IncidentRoom } from "./incident-room";
import "./incident-shares";
import type { IncidentShares } from "./incident-shares";
import "./incident-state";
import "./incident-units";
import { fetched } from "./page-state";
import { pageStyles } from "./page-styles";
import "./reason-form";
import "./resolve-dialog";

const words = incidentStrings.incident;

@customElement("incident-page")
export class IncidentPage extends LitElement {
  static override styles = [
    controls,
    pageStyles,
    css`
      :host {
        --page: 1500px;
        box-sizing: border-box;
        width: 100%;
        margin: 0 auto;
      }
      .head h1 {
        flex: none;
        max-width: 100%;
        overflow-wrap: anywhere;
      }
      .head .actions {
        flex: 1;
        justify-content: end;
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--s1) var(--s3);
        margin-bottom: var(--s2);
      }
      .held {
        display: flex;
        align-items: center;
        gap: var(--s2);
        margin-bottom: var(--s4);
        color: var(--quiet);
      }
      incident-room {
        margin-bottom: var(--s6);
      }
      .columns {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(300px, 400px);
        align-items: start;
        gap: var(--s6);
      }
      .side {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--s4);
      }
      section {
        margin: 0;
      }
      .rows > li {
        display: block;
        padding: 0;
      }
      @media (max-width: 900px) {
        .columns {
          grid-template-columns: minmax(0, 1fr);
          gap: var(--s4);
        }
      }
      @media (max-width: 720px) {
        .card {
          padding: var(--s3);
        }
        .held {
          align-items: start;
        }
        .head .actions {
          flex: 1 1 100%;
          flex-wrap: nowrap;
        }
      }
    `,
  ];

  @property({ type: Number }) number = 0;
  /** The moment that the address names; null: what happens now. */
  @property({ attribute: false }) moment: number | null = null;
  @state() private dialog: "edit" | "close" | "export" | "remove" | "hold" | null = null;
  /** The moment that is replayed; null: it is live. */
  @state() private clock: number | null = null;
  @state() private written: readonly Note[] = [];
  @state() private takingOut: IncidentCamera | null = null;
  @state() private resolving: Alert | null = null;
  @state() private error = "";
  @query("incident-room") private room!: IncidentRoom | null;
  @query("incident-notes") private notes!: IncidentNotes | null;
  @query("incident-shares") private shares!: IncidentShares | null;
  /** The alerts of it that are known; another array when there are others. */
  private linked: readonly Alert[] = [];
  private readonly found = new Fetched(this, async (signal) => {
    const before = store.duty.incidents.told;
    const one = await incident(this.number, signal);
    store.duty.takeIncidentAsked(one, before);
    return one;
  });
  /** Those of its alerts that are no longer open are asked for. */
  private readonly old = new Map<number, Alert>();
  private readonly asked = new Set<number>();

  constructor() {
    super();
    new EverySecond(this);
    new Watch(this, (s) => [s.duty.incidents.told, s.duty.alerts.open, s.cameras, s.session, s.exports]);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("number") && this.hasUpdated) void this.found.anew();
    for (const id of this.incident?.alerts ?? [])
      if (!store.duty.alerts.find(id) && !this.asked.has(id)) void this.learn(id);
    const linked = (this.incident?.alerts ?? []).flatMap((id) => store.duty.alerts.find(id) ?? this.old.get(id) ?? []);
    if (linked.length !== this.linked.length || linked.some((alert, n) => alert !== this.linked[n])) this.linked = linked;
  }

  /** Do what a key says; whether there was anything to do. */
  key(event: KeyboardEvent): boolean {
    return this.room?.key(event) ?? false;
  }

  /** What the room leaves to the page. */
  private readonly act = ({ detail }: CustomEvent<RoomCommand>): void => {
    const may = this.incident?.may ?? [];
    if (detail === "hold") this.dialog = "hold";
    else if (detail === "note" && may.includes("change")) this.notes?.write();
    else if (detail === "export" && may.includes("export")) this.dialog = "export";
    else if (detail === "share") this.shares?.make();
  };

  private async learn(id: number): Promise<void> {
    this.asked.add(id);
    try {
      this.old.set(id, await alert(id));
      this.requestUpdate();
    } catch {
      // It is about a unit that one may not see, or the link is gone: the others stand there.
    }
  }

  private get incident(): Incident | undefined {
    const { incidents } = store.duty;
    return incidents.gone(this.number) ? undefined : (incidents.find(this.number) ?? this.found.value);
  }

  private async take(work: Promise<Incident>): Promise<void> {
    this.error = "";
    try {
      store.duty.takeIncident(await work);
    } catch (error) {
      this.error = (error as Error).message;
    }
  }

  override render() {
    const { incident } = this;
    if (this.found.missing || store.duty.incidents.gone(this.number))
      return html`<div class="note" data-testid="incident-gone">
        <h1>${words.goneTitle}</h1><span>${words.gone}</span>
        <a href=${hashOf({ name: "incidents", query: "" })}>${words.all}</a>
      </div>`;
    if (incident) return this.renderIncident(incident);
    return html`<h1 class="unseen">${words.number(this.number)}</h1>
      ${fetched(this.found, () => html``)}`;
  }

  private renderIncident(one: Incident) {
    return html`<div class="head">
        <h1 data-testid="incident-name">${one.title}</h1>
        <incident-state .incident=${one}></incident-state>
        <div class="actions">${this.renderActs(one)}</div>
      </div>
      <div class="facts figures">
        <span>${this.interval(one)}</span>
        ${one.category ? html`<span class="chip here" title=${words.categoryText(one.category)}>${one.category}</span>` : nothing}
        ${one.tags.map((tag) => html`<span class="chip" data-testid="incident-tag">${tag}</span>`)}
        <span class="quiet"
          >${one.closed && one.closed_by
            ? words.closedBy(one.closed_by, utcMinute(Date.parse(one.closed)))
            : words.openedBy(one.opened_by, utcMinute(Date.parse(one.opened)))}</span
        >
      </div>
      <p class="held" data-testid="incident-held">${icons.hold} ${words.held}</p>
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      <incident-room
        .incident=${one}
        .moment=${this.moment}
        .notes=${this.written}
        .alerts=${this.linked}
        @clock=${(event: CustomEvent<number | null>) => (this.clock = event.detail)}
        @act=${this.act}
      ></incident-room>
      <div class="columns">
        <div class="side">
          <section class="card">
            <incident-notes
              .incident=${one}
              .clock=${this.clock}
              @came=${(event: CustomEvent<readonly Note[]>) => (this.written = event.detail)}
              @go=${(event: CustomEvent<number>) => this.go(event.detail)}
            ></incident-notes>
          </section>
          ${this.renderAlerts()}
        </div>
        <div class="side">
          <section class="card">
            <incident-units .incident=${one} @take-out=${(event: CustomEvent<IncidentCamera>) => (this.takingOut = event.detail)}></incident-units>
          </section>
          ${one.may.includes("export")
            ? html`<section class="card">
                  <h2>${incidentStrings.exporting.title}</h2>
                  <export-list .incident=${one.id} @begin=${() => (this.dialog = "export")}></export-list>
                </section>
                <section class="card"><incident-shares .incident=${one.id}></incident-shares></section>`
            : nothing}
        </div>
      </div>
      ${this.renderDialog(one)}`;
  }

  private interval({ from, to }: Incident): string {
    const begin = Date.parse(from);
    if (to === null) return `${words.growing(utcDateTime(begin))} · ${age(store.now() - begin)}`;
    return `${words.interval(utcDateTime(begin), utcDateTime(Date.parse(to)))} · ${age(Date.parse(to) - begin)}`;
  }

  private renderActs(one: Incident) {
    return html`${one.may.includes("change")
      ? html`<button data-testid="incident-change" @click=${() => (this.dialog = "edit")}>${icons.edit} ${words.edit}</button>`
      : nothing}
    ${one.may.includes("close")
      ? html`${one.closed === null
            ? html`<button data-testid="incident-close" @click=${() => (this.dialog = "close")}>${icons.check} ${words.close}</button>`
            : html`<button data-testid="incident-reopen" @click=${() => void this.take(reopenIncident(one.id))}>
                ${icons.undo} ${words.reopen}
              </button>`}
          <button class="icon" data-testid="incident-remove" title=${words.remove} aria-label=${words.remove} @click=${() => (this.dialog = "remove")}>
            ${icons.remove}
          </button>`
      : nothing}`;
  }

  /** Replay a moment, and have it in sight. */
  private go(at: number): void {
    this.room?.go(at);
    this.room?.scrollIntoView({ block: "nearest" });
  }

  private renderAlerts() {
    if (this.linked.length === 0) return nothing;
    return html`<ul class="rows" data-testid="incident-alerts">
      ${this.linked.map(
        (entry) => html`<li><alert-row inside .alert=${entry} @resolve=${() => (this.resolving = entry)}></alert-row></li>`,
      )}
    </ul>`;
  }

  private renderDialog(one: Incident) {
    const close = () => {
      this.dialog = this.takingOut = this.resolving = null;
    };
    const { takingOut } = this;
    if (takingOut)
      return html`<reason-form
        .heading=${incidentStrings.units.removeTitle(takingOut.name)}
        .text=${incidentStrings.units.removeText}
        .label=${words.reason}
        .confirm=${incidentStrings.units.removeDo}
        .act=${async (why: string) => store.duty.takeIncident(await takeFromIncident(one.id, takingOut.camera, why))}
        @close=${close}
      ></reason-form>`;
    if (this.resolving) return html`<resolve-dialog .alert=${this.resolving} @close=${close}></resolve-dialog>`;
    switch (this.dialog) {
      case "edit":
        return html`<incident-edit .incident=${one} @close=${close}></incident-edit>`;
      case "hold":
        return html`<incident-holds .incident=${one} .at=${this.clock} @close=${close}></incident-holds>`;
      case "close":
        return html`<confirm-dialog
          .heading=${words.closeTitle}
          .text=${words.closeText}
          .confirm=${words.close}
          .act=${async () => store.duty.takeIncident(await closeIncident(one.id))}
          @close=${close}
        ></confirm-dialog>`;
      case "export":
        return html`<reason-form
          optional
          .heading=${incidentStrings.exporting.dialog}
          .text=${incidentStrings.exporting.text}
          .label=${incidentStrings.exporting.reason}
          .placeholder=${incidentStrings.exporting.placeholder}
          .confirm=${incidentStrings.exporting.submit}
          .act=${async (why: string) => store.takeExport(await exportIncident(one.id, why))}
          @close=${close}
        ></reason-form>`;
      case "remove":
        return html`<reason-form
          .heading=${words.removeTitle}
          .text=${words.removeText}
          .label=${words.reason}
          .placeholder=${words.removePlaceholder}
          .confirm=${words.remove}
          .act=${async (why: string) => {
            await removeIncident(one.id, why);
            store.go({ name: "incidents", query: "" });
          }}
          @close=${close}
        ></reason-form>`;
      case null:
        return nothing;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "incident-page": IncidentPage;
  }
}
