/**
 * `<unit-wall>`: the tiles, in their places; or why there are none. Which wall is shown and what is saved of it is
 * `wall-desk`, how the tiles share the room `arrange`, what stands where `walls`.
 */

import { html, LitElement, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { alike, areasOf, arrange, arrangeGrid, neighbour, pitch, placesOf, widthOf } from "../arrange";
import type { Area, Arrangement, Direction } from "../arrange";
import { Watch } from "../controllers";
import { icons } from "../icons";
import type { Camera } from "../model";
import { store } from "../store";
import { strings } from "../strings";
import { wallStrings as words } from "../strings-wall";
import { styled } from "../styled";
import { WallDesk, type WallId } from "../wall-desk";
import { drag } from "../wall-drag";
import { ordered, pagesOf, placed, swapped, without, type Arranged, type Layout, type Tiles } from "../walls";
import { Windowed } from "../windowed";
import { controls } from "./controls";
import "./empty-place";
import type { EmptyPlace } from "./empty-place";
import "./unit-tile";
import type { UnitTile } from "./unit-tile";
import "./wall-bar";
import { wallStyles } from "./wall-styles";

/** A picture of this width loses nothing when it is the camera's second stream. */
const SMALL_PX = 520;
/** Tiles with a key of their own. */
const KEYS = 9;
/** As many places as a page of the wall may have, and the first tiles of a long one: they are never left out. */
const MOST_PLACES = 16;
/** Tiles that are drawn before the next frame: hundreds at once would stop the page for seconds. */
const A_FRAME = 4;

const ARROWS: Record<string, Direction> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

/** Outlives the element: who comes back from a unit finds the wall as it was, and can still take a change back. */
const desk = new WallDesk(localStorage);

/** A place of the page that is shown. */
interface Slot {
  /** Its number through all pages. */
  place: number;
  /** The unit in it, if one may be seen. */
  unit: Camera | null;
}

/** A tile that is moved with the keys: where everything stood, and where it stands meanwhile. */
interface Held {
  unit: Camera;
  tiles: Tiles;
}

/** The tile in which something happens. */
function tileOf(event: Event): UnitTile | undefined {
  return event
    .composedPath()
    .find((target): target is UnitTile => target instanceof HTMLElement && target.matches("unit-tile"));
}

@customElement("unit-wall")
export class UnitWall extends LitElement {
  static override styles = [controls, wallStyles];

  /** Which wall; null: the one that was used last. */
  @property({ attribute: false }) wall: WallId | null = null;
  /** The tiles have the whole screen: nothing else is shown. */
  @property({ type: Boolean, reflect: true }) alone = false;
  @state() private size = { width: 0, height: 0 };
  @state() private page = 0;
  @state() private arranging = false;
  @state() private held: Held | null = null;
  /** What a screen reader is told of a tile that is moved. */
  @state() private said = "";
  /** Of the tiles that have a place in the page, so many are drawn by now. */
  @state() private drawn = A_FRAME;
  /** The unit whose tile has the focus, which stays in the page. */
  private focused: string | null = null;
  @query(".room") private room!: HTMLElement;
  /** The page as it was drawn last. */
  private slots: readonly Slot[] = [];
  private areas: readonly Area[] = [];
  private readonly resized = new ResizeObserver(([entry]) => {
    if (entry) this.size = { width: entry.contentRect.width, height: entry.contentRect.height };
  });
  private forget: (() => void) | undefined;
  private rowHeight = Infinity;
  /** Tiles that are to be drawn in frames to come. */
  private waiting = 0;
  private readonly rows: Windowed = new Windowed(this, () => this.rowHeight, () => this.renderRoot.querySelector(".tiles"), 1);

  constructor() {
    super();
    new Watch(this, (s) => [s.cameras, s.query, s.session]);
    this.addEventListener("keydown", this.pressed);
    this.addEventListener("focusin", (event) => (this.focused = tileOf(event)?.camera.id ?? null));
    this.addEventListener("focusout", ({ relatedTarget }) => {
      this.focused = null;
      // A tile that is put elsewhere loses the focus to nothing, and gets it back.
      if (relatedTarget !== null) this.putDown();
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.forget = desk.subscribe(() => this.requestUpdate());
    if (store.session) void desk.open(store.session.user.name);
    if (this.hasUpdated) this.resized.observe(this.room);
    this.held = null;
  }

  override firstUpdated(): void {
    this.resized.observe(this.room);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.forget?.();
    this.resized.disconnect();
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has("wall")) {
      this.page = 0;
      this.held = null;
    }
  }

  override updated(): void {
    if (this.wall !== null && (this.wall === "all" || desk.find(this.wall))) desk.use(this.wall);
    if (this.waiting > 0) requestAnimationFrame(() => (this.drawn += A_FRAME));
  }

  /** What stands at the n-th place of the page, from 1. */
  tile(n: number): UnitTile | EmptyPlace | null {
    return this.renderRoot.querySelectorAll<UnitTile | EmptyPlace>("unit-tile, empty-place")[n - 1] ?? null;
  }

  /** A key that was pressed anywhere on the page; whether it was the wall's. */
  key(event: KeyboardEvent): boolean {
    const turn = { PageUp: -1, PageDown: 1 }[event.key];
    if (turn !== undefined && this.pages > 1) {
      this.turn(this.page + turn);
      return true;
    }
    if (event.key.toLowerCase() !== "g") return false;
    const tile = [...this.renderRoot.querySelectorAll("unit-tile")].find(({ chosen }) => chosen);
    if (!tile || tile.may === "stay") return false;
    this.pickUp(tile.camera);
    return true;
  }

  /** The tiles alone, on the whole screen. */
  fullScreen(): void {
    void document.documentElement.requestFullscreen();
  }

  // ---- which wall

  private get shown(): WallId {
    return this.wall ?? (desk.find(desk.last) ? desk.last : "all");
  }

  /** The wall that is shown, with all that it can show; moved as far as a tile is being moved. */
  private get arranged(): Arranged {
    const { layout, tiles } = desk.arranged(this.shown);
    const known = (store.cameras ?? []).map(({ id }) => id);
    return { layout, tiles: this.held?.tiles ?? (desk.find(this.shown) ? tiles : ordered(tiles, known)) };
  }

  /** Whoever arranges a wall of their own finds a place for one more unit, if only on a new page. */
  private get more(): boolean {
    if (!this.arranging || !desk.find(this.shown)) return false;
    const { tiles } = this.arranged;
    return (store.cameras ?? []).some(({ id }) => !tiles.includes(id));
  }

  private get pages(): number {
    const { layout, tiles } = this.arranged;
    return store.query ? 1 : pagesOf(this.more ? [...tiles, ""] : tiles, placesOf(layout));
  }

  private turn(page: number): void {
    this.page = Math.max(0, Math.min(this.pages - 1, page));
  }

  private change(tiles: Tiles, sentence: string, layout: Layout = this.arranged.layout): void {
    void desk.arrange(this.shown, { layout, tiles }, sentence);
  }

  private put(place: number, unit: string): void {
    this.change(placed(this.arranged.tiles, place, unit), words.placed(store.camera(unit)?.name ?? unit));
  }

  private takeOff(unit: Camera): void {
    this.change(without(this.arranged, unit.id), words.removed(unit.name));
  }

  // ---- moving a tile

  private grip(event: PointerEvent, place: number, unit: Camera): void {
    const tile = tileOf(event);
    if (!tile) return;
    const at = (x: number, y: number) => {
      const under = this.shadowRoot?.elementFromPoint(x, y)?.closest<HTMLElement>("[data-place]");
      const found = under ? Number(under.dataset.place) : place;
      return found === place ? null : found;
    };
    drag(event, tile, {
      under: at,
      aim: (aimed) =>
        this.renderRoot
          .querySelectorAll<HTMLElement>("[data-place]")
          .forEach((one) => one.toggleAttribute("aimed", Number(one.dataset.place) === aimed)),
      drop: (aimed) => this.change(swapped(this.arranged.tiles, place, aimed), words.moved(unit.name)),
    });
  }

  private pickUp(unit: Camera): void {
    if (this.held) {
      this.putDown();
      return;
    }
    this.held = { unit, tiles: this.arranged.tiles };
    const slot = this.slots.findIndex((one) => one.unit?.id === unit.id);
    this.said = words.held(unit.name, slot + 1, this.slots.length);
    void this.follow(unit);
  }

  /** Keys while a tile is held; the room has other uses for some of them. */
  private readonly pressed = (event: KeyboardEvent): void => {
    if (!this.held || event.ctrlKey || event.altKey || event.metaKey) return;
    const direction = ARROWS[event.key];
    if (direction) this.step(direction);
    else if (event.key === "Enter" || event.key === " ") this.putDown();
    else if (event.key === "Escape") this.putBack();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  private step(direction: Direction): void {
    const { held } = this;
    const here = this.slots.findIndex(({ unit }) => unit?.id === held?.unit.id);
    const next = neighbour(this.areas, here, direction);
    const from = this.slots[here]?.place;
    if (!held || next === null || from === undefined) return;
    const places = placesOf(this.arranged.layout);
    const to = this.slots[next]?.place ?? (places === null ? null : this.page * places + next);
    if (to === null || to < 0 || (places !== null && to >= this.pages * places)) return;
    this.held = { unit: held.unit, tiles: swapped(held.tiles, from, to) };
    if (places !== null) this.page = Math.floor(to / places);
    void this.follow(held.unit).then(() => {
      const slot = this.slots.findIndex(({ unit }) => unit?.id === held.unit.id);
      this.said = words.at(held.unit.name, slot + 1, this.slots.length, this.page + 1, this.pages);
    });
  }

  private putDown(): void {
    const { held } = this;
    if (!held) return;
    this.held = null;
    const moved = held.tiles.join() !== this.arranged.tiles.join();
    if (moved) this.change(held.tiles, words.moved(held.unit.name));
    this.said = words.putDown(held.unit.name);
    void this.follow(held.unit);
  }

  private putBack(): void {
    const { held } = this;
    if (!held) return;
    this.held = null;
    this.turn(this.page);
    this.said = words.putBack(held.unit.name);
    void this.follow(held.unit);
  }

  /** The focus goes with a tile that has been put elsewhere. */
  private async follow(unit: Camera): Promise<void> {
    await this.updateComplete;
    const tile = [...this.renderRoot.querySelectorAll("unit-tile")].find(({ camera }) => camera.id === unit.id);
    tile?.focus();
  }

  // ---- drawing

  override render() {
    this.waiting = 0;
    const bar = !this.alone && (store.cameras?.length ?? 0) > 0;
    return html`${bar ? this.renderBar() : nothing}
      <div class="room">${this.renderRoom()}</div>
      <p class="unseen" role="status" data-testid="wall-said">${this.said}</p>`;
  }

  private renderRoom() {
    const all = store.cameras;
    if (all === null) return html`<div class="note" role="status">${strings.wall.loading}</div>`;
    if (all.length === 0) return this.renderEmpty();
    // What was used last may be a saved one: it is not known yet.
    if (desk.saved === null && !desk.error && (this.wall ?? desk.last) !== "all")
      return html`<div class="note" role="status">${words.loading}</div>`;
    const found = store.query ? store.matching() : null;
    if (found?.length === 0)
      return html`<div class="note" role="status">
        <p>${strings.wall.noMatch(store.query)}</p>
        <button @click=${() => store.search("")}>${strings.wall.showAll}</button>
      </div>`;
    const gone = typeof this.wall === "number" && !desk.find(this.wall) && !desk.error;
    return html`${gone ? html`<p class="gone" role="status">${words.notThere}</p>` : nothing}
      ${found ? this.renderFound(found) : this.renderWall(all)}`;
  }

  private renderBar() {
    const { arranged, pages } = this;
    return html`<wall-bar
      role="toolbar"
      aria-label=${words.bar}
      data-testid="wall-bar"
      .desk=${desk}
      .wall=${this.shown}
      .arranged=${arranged}
      .revision=${desk.revision}
      .page=${Math.min(this.page, pages - 1)}
      .pages=${pages}
      .arranging=${this.arranging}
      @choose=${(event: CustomEvent<WallId>) => store.go({ name: "wall", id: event.detail })}
      @layout=${(event: CustomEvent<Layout>) => {
        this.page = 0;
        this.change(arranged.tiles, words.laidOut(event.detail), event.detail);
      }}
      @page=${(event: CustomEvent<number>) => this.turn(event.detail)}
      @arrange=${() => (this.arranging = !this.arranging)}
      @byname=${() => this.change([], words.ordered)}
      @full=${() => this.fullScreen()}
    ></wall-bar>`;
  }

  /** What was searched for: where it stands is of no matter meanwhile. */
  private renderFound(found: readonly Camera[]) {
    const slots = found.map((unit, place) => ({ place, unit }));
    const arrangement = arrange(slots.length, this.size.width, this.height);
    return this.renderTiles(slots, arrangement, null, false);
  }

  private renderWall(all: readonly Camera[]) {
    const { layout, tiles } = this.arranged;
    const units = new Map(all.map((camera) => [camera.id, camera]));
    const of = (place: number): Slot => ({ place, unit: units.get(tiles[place] ?? "") ?? null });
    if (layout === "auto") {
      const slots = tiles.map((_, place) => of(place)).filter(({ unit }) => unit !== null);
      if (this.more || slots.length === 0) slots.push({ place: tiles.length, unit: null });
      const arrangement = arrange(slots.length, this.size.width, this.height);
      return this.renderTiles(slots, arrangement, null, true);
    }
    const areas = areasOf(layout);
    const first = Math.min(this.page, this.pages - 1) * areas.length;
    const slots = areas.map((_, i) => of(first + i));
    return this.renderTiles(slots, arrangeGrid(layout, this.size.width, this.height), areas, true);
  }

  /** What the tiles have to keep to; null: nothing, the page scrolls. */
  private get height(): number | null {
    if (window.matchMedia("(max-width: 720px)").matches) return null;
    return this.size.height;
  }

  /** Which of the tiles are in the page: with hundreds, those in sight; of a page that is being made, the first ones. */
  private inPage(slots: readonly Slot[], areas: readonly Area[], rows: number): [number, Slot][] {
    const { from, to } = this.rows.range(rows);
    const kept = [this.focused, this.held?.unit.id];
    const wanted = [...slots.entries()].filter(([i, { unit }]) => {
      const row = (areas[i]?.row ?? 1) - 1;
      return i < MOST_PLACES || kept.includes(unit?.id) || (from <= row && row < to);
    });
    this.waiting = wanted.length - this.drawn;
    return wanted.slice(0, this.drawn);
  }

  /** `layout`: where each tile stands; null: they are all alike. */
  private renderTiles(slots: readonly Slot[], arrangement: Arrangement, layout: readonly Area[] | null, movable: boolean) {
    const { columns, tile, row } = arrangement;
    const areas = layout ?? alike(slots.length, columns);
    this.slots = slots;
    this.areas = areas;
    this.rowHeight = pitch(row);
    const rows = Math.ceil(slots.length / columns);
    const shown = this.inPage(slots, areas, rows);
    const saved = desk.find(this.shown) !== undefined;
    const may = movable ? (saved ? "leave" : "move") : "stay";
    const here = new Set(slots.map(({ unit }) => unit));
    const others = (store.cameras ?? []).filter((camera) => !here.has(camera));
    return html`<div
      class="tiles ${layout && this.height === null ? "scrolls" : ""}"
      role="region"
      aria-label=${desk.find(this.shown)?.name ?? strings.wall.label}
      data-testid="wall"
      ${styled({
        "--columns": String(columns),
        "--tile": `${tile}px`,
        "--row": `${row}px`,
        "--rows": layout ? "0px" : `${rows * pitch(row)}px`,
      })}
    >
      ${repeat(
        shown,
        ([, { place, unit }]) => unit?.id ?? place,
        ([i, { place, unit }]) => {
          const { column, row: line, span } = areas[i] ?? { column: 1, row: 1, span: 1 };
          const area = styled({ "--area": `${line} / ${column} / span ${span} / span ${span}` });
          if (!unit)
            return html`<empty-place
              data-place=${place}
              .number=${i + 1}
              .units=${others}
              ${area}
              @put=${(event: CustomEvent<string>) => this.put(place, event.detail)}
            ></empty-place>`;
          const wide = this.height === null ? arrangement.tile : widthOf(arrangement, span);
          return html`<unit-tile
            data-testid="tile"
            data-camera=${unit.id}
            data-place=${place}
            .camera=${unit}
            .number=${i < KEYS ? i + 1 : 0}
            .small=${span === 1 && slots.length > 1 && wide <= SMALL_PX}
            .may=${may}
            .arranging=${this.arranging && movable}
            .held=${this.held?.unit.id === unit.id}
            ${area}
            @grip=${(event: CustomEvent<PointerEvent>) => this.grip(event.detail, place, unit)}
            @pickup=${() => this.pickUp(unit)}
            @leave=${() => this.takeOff(unit)}
          ></unit-tile>`;
        },
      )}
    </div>`;
  }

  private renderEmpty() {
    const may = store.mayChangeCameras;
    return html`<div class="note" data-testid="empty">
      <span class="large">${icons.camera}</span>
      <h2>${strings.wall.emptyTitle}</h2>
      <p>${may ? strings.wall.emptyText : strings.wall.emptyNoRight}</p>
      ${may
        ? html`<div class="actions">
              <button class="primary" data-testid="find-cameras" @click=${() => store.show("find")}>
                ${icons.find} ${strings.nav.find}
              </button>
              <button data-testid="add-by-address" @click=${() => store.show("add")}>
                ${icons.add} ${strings.find.byAddress}
              </button>
            </div>
            <p>${strings.wall.demo} <code>${strings.wall.demoCommand}</code></p>`
        : nothing}
    </div>`;
  }
}
