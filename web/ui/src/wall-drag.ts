/**
 * Dragging a tile to another place with a mouse, a pen or a finger. What follows the pointer is the tile itself; where
 * it is let go is said by who begins. Knows nothing of units, walls or the network.
 */

/** Less than this is a click with an unsteady hand. */
const THRESHOLD_PX = 6;

export interface DragTarget<T> {
  /** The place under a point of the window; null: none. */
  under: (x: number, y: number) => T | null;
  /** The tile is above this place now; null: above none. */
  aim: (place: T | null) => void;
  drop: (place: T) => void;
}

/**
 * Follow the pointer that went down on `tile` until it is let go; Escape gives up. The click that would follow a drag
 * is swallowed.
 */
export function drag<T>(down: PointerEvent, tile: HTMLElement, target: DragTarget<T>): void {
  const { pointerId, clientX, clientY } = down;
  let dragging = false;
  let place: T | null = null;
  const listening = new AbortController();
  const { signal } = listening;

  const moved = (event: PointerEvent) => {
    if (event.pointerId !== pointerId) return;
    const x = event.clientX - clientX;
    const y = event.clientY - clientY;
    if (!dragging && Math.hypot(x, y) < THRESHOLD_PX) return;
    if (!dragging) {
      dragging = true;
      tile.toggleAttribute("dragged", true);
    }
    event.preventDefault();
    tile.style.setProperty("translate", `${x}px ${y}px`);
    const above = target.under(event.clientX, event.clientY);
    if (above === place) return;
    place = above;
    target.aim(place);
  };
  const end = () => {
    listening.abort();
    tile.style.removeProperty("translate");
    tile.toggleAttribute("dragged", false);
    if (dragging) target.aim(null);
  };
  const up = (event: PointerEvent) => {
    if (event.pointerId !== pointerId) return;
    end();
    if (!dragging) return;
    window.addEventListener("click", swallow, { capture: true, once: true });
    window.setTimeout(() => window.removeEventListener("click", swallow, { capture: true }));
    if (place !== null) target.drop(place);
  };
  const key = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    end();
  };
  window.addEventListener("pointermove", moved, { signal });
  window.addEventListener("pointerup", up, { signal });
  window.addEventListener("pointercancel", end, { signal });
  window.addEventListener("keydown", key, { signal, capture: true });
}

function swallow(event: Event): void {
  event.stopPropagation();
  event.preventDefault();
}
