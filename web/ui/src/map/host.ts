/** How an element has a map: loaded when its turn comes, in the colours of the theme, let go of with the element. */

import type { LitElement, ReactiveController } from "lit";
import { store } from "../store";
import type { MapEngine, MapListener, ViewChange } from "./engine";
import { readPalette } from "./palette";

/** The map is much to load: pictures get under way before it. */
const PICTURES_FIRST_MS = 400;
const light = window.matchMedia("(prefers-color-scheme: light)");

export class MapHost implements ReactiveController {
  /** Null: not loaded yet, or not to be had. */
  engine: MapEngine | null = null;
  /** There is no WebGL here. */
  failed = false;
  view: ViewChange | null = null;
  private drawnTheme = store.theme;
  private begun = false;

  constructor(
    private readonly host: LitElement,
    /** Where it is drawn; asked for once the host is there. */
    private readonly container: () => HTMLElement,
    private readonly listener: Omit<MapListener, "viewed">,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    light.addEventListener("change", this.recolor);
    if (this.host.hasUpdated) this.begin();
  }

  hostUpdated(): void {
    this.begin();
    if (this.engine && this.drawnTheme !== store.theme) this.recolor();
  }

  hostDisconnected(): void {
    light.removeEventListener("change", this.recolor);
    this.drop();
    this.begun = false;
  }

  private begin(): void {
    if (this.begun) return;
    this.begun = true;
    window.setTimeout(() => void this.load(), PICTURES_FIRST_MS);
  }

  private drop(): void {
    this.engine?.destroy();
    this.engine = null;
  }

  private async load(): Promise<void> {
    if (!this.host.isConnected || this.engine) return;
    const container = this.container();
    try {
      const { MapEngine } = await import("./engine");
      this.engine = await MapEngine.create(container, readPalette(this.host.renderRoot), {
        ...this.listener,
        viewed: (view) => {
          this.view = view;
          this.host.requestUpdate();
        },
      });
      if (!container.isConnected) this.drop(); // it took longer than somebody stayed
    } catch {
      this.failed = true;
    }
    this.host.requestUpdate();
  }

  private readonly recolor = (): void => {
    this.drawnTheme = store.theme;
    this.engine?.setPalette(readPalette(this.host.renderRoot));
  };
}
