/**
 * What somebody on duty acts on: the alerts, the incidents they belong to, the geofences that raise some of them. Told of by
 * the same socket as everything else; what that does not repeat is asked for when it begins. Knows nothing of elements.
 */

import { AlertSound } from "./alert-sound";
import { AlertBook } from "./alerts";
import { addNote, geofences, incidents } from "./api-incidents";
import { GeofenceBook } from "./geofences";
import { IncidentBook } from "./incidents";
import type { Right, ServerEvent } from "./model";
import type { Alert, Geofence, Incident } from "./model-incidents";
import { NoteOutbox } from "./note-outbox";

/** More that are open at a time nobody has. */
const MOST_OPEN = 200;

export class Duty {
  readonly sound: AlertSound;
  readonly alerts: AlertBook;
  readonly geofences = new GeofenceBook(localStorage);
  readonly incidents = new IncidentBook();
  readonly notes: NoteOutbox;

  /** @param changed something to be seen is another than before */
  constructor(private readonly changed: () => void) {
    this.sound = new AlertSound(changed);
    this.alerts = new AlertBook(sessionStorage, () => this.sound.play());
    this.notes = new NoteOutbox(sessionStorage, ({ incident, text, utc }) => addNote(incident, text, utc), changed);
  }

  receive(event: ServerEvent): void {
    switch (event.type) {
      case "state":
        this.alerts.takeAll(event.alerts);
        this.notes.linkUp();
        break;
      case "alert":
        this.alerts.take(event.alert);
        break;
      case "incident":
        this.incidents.take(event.incident);
        break;
      case "incident_removed":
        this.incidents.remove(event.id);
        break;
      case "geofence":
        this.geofences.take(event.geofence);
        break;
      case "geofence_removed":
        this.geofences.remove(event.id);
        break;
      default:
        return;
    }
    this.changed();
  }

  /** Ask for what the socket tells only when it changes. */
  async learn(may: (right: Right) => boolean): Promise<void> {
    const drawn = may("position") ? geofences().then((all) => this.geofences.takeAll(all)) : null;
    const before = this.incidents.told;
    const open = incidents({ open: "true", limit: MOST_OPEN }).then((all) => this.incidents.takeOpen(all, before));
    await Promise.allSettled([drawn, open]); // a lost link is told of by the socket; their pages ask themselves
    this.changed();
  }

  takeAlert(alert: Alert): void {
    this.alerts.take(alert);
    this.changed();
  }

  takeIncident(incident: Incident): void {
    this.incidents.take(incident);
    this.changed();
  }

  /** See `IncidentBook.takeAnswer`. */
  takeIncidentAsked(incident: Incident, before: readonly Incident[]): void {
    this.incidents.takeAnswer(incident, before);
    this.changed();
  }

  takeGeofences(all: readonly Geofence[]): void {
    this.geofences.takeAll(all);
    this.changed();
  }

  takeGeofence(geofence: Geofence): void {
    this.geofences.take(geofence);
    this.changed();
  }

  removeGeofence(id: number): void {
    this.geofences.remove(id);
    this.changed();
  }

  showGeofences(shown: boolean): void {
    this.geofences.show(shown);
    this.changed();
  }

  /** At the log-out. */
  forget(): void {
    this.alerts.forget();
    this.geofences.forget();
    this.incidents.forget();
    this.notes.forget();
  }
}
