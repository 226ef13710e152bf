/** The parts of the page that are fetched when somebody goes there: each is much, and the wall is not to wait for it. */

export type Part = "duty" | "archive" | "devices" | "incidents" | "share";

const FETCH: Record<Part, () => Promise<unknown>> = {
  duty: () => import("./elements/duty-page"),
  archive: () => import("./elements/archive-page"),
  devices: () => import("./elements/device-pages"),
  incidents: () => import("./elements/incident-pages"),
  share: () => import("./elements/share-page"),
};

export class Parts {
  private readonly state = new Map<Part, "coming" | "here" | "failed">();

  /** @param changed a part has come, or has not */
  constructor(private readonly changed: () => void) {}

  /** Whether a part is here; fetches it if it is not. */
  want(part: Part): "coming" | "here" | "failed" {
    const state = this.state.get(part);
    if (state !== undefined) return state;
    this.settle(part, "coming");
    FETCH[part]().then(
      () => this.settle(part, "here"),
      () => this.settle(part, "failed"),
    );
    return "coming";
  }

  private settle(part: Part, state: "coming" | "here" | "failed"): void {
    this.state.set(part, state);
    if (state !== "coming") this.changed();
  }
}
