"""What somebody sees of an incident, and what they may do with it: one rule for routes, events and packages.

Who may see one of its cameras live or recorded sees it, with those of its cameras; to others it is not there. Who may
respond for one of these may write on it; what is about all of its cameras takes the right for all of them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from gateway.access.authority import Asker
from gateway.access.rights import Right
from gateway.incidents.incident import Incident, IncidentCamera, Note
from web.services import Services
from web.views import utc

LOOKING = frozenset({Right.LIVE, Right.RECORDED})
"""With one of them for one of its cameras somebody sees an incident."""


def seen(parts: Services, who: Asker, incident: Incident) -> list[IncidentCamera]:
    """Those of its cameras that `who` sees; none: they do not see the incident."""
    return [one for one in incident.cameras if not LOOKING.isdisjoint(parts.authority.lasting_rights(who, one.camera))]


def lacking(parts: Services, who: Asker, right: Right, incident: Incident) -> list[str]:
    """The cameras of an incident for which `who` does not have `right`."""
    return [one.camera for one in incident.cameras if not parts.authority.may(who, right, one.camera)]


def may(parts: Services, who: Asker, incident: Incident) -> list[str]:
    """What `who` may do with an incident that they see: "change", "close", "export"."""
    without = lacking(parts, who, Right.RESPOND, incident)
    allowed = {
        "change": len(without) < len(incident.cameras),  # its words, and what is about cameras of theirs
        "close": not without,
        "export": not lacking(parts, who, Right.EXPORT, incident),
    }
    return [what for what, is_so in allowed.items() if is_so]


def incident_json(parts: Services, incident: Incident, who: Asker) -> dict[str, Any]:
    """An Incident of the public surface, as `who` sees it."""
    return document(parts, incident, who, seen(parts, who, incident)) | {"may": may(parts, who, incident)}


def document(parts: Services, incident: Incident, who: Asker, cameras: Collection[IncidentCamera]) -> dict[str, Any]:
    """What is to be told of it to somebody who gets these cameras of it."""
    told = {one.camera for one in cameras}
    return {
        "id": incident.id,
        "title": incident.title,
        "category": incident.category,
        "tags": list(incident.tags),
        "origin": _origin(parts, incident, who, told),
        "from": utc(incident.start_ns),
        "to": utc(incident.end_ns),
        "live": incident.end_ns is None,
        "opened_by": incident.opened_by,
        "opened": utc(incident.opened_ns),
        "closed_by": incident.closed_by,
        "closed": utc(incident.closed_ns),
        "cameras": [
            {
                "camera": one.camera,
                "name": parts.fleet.label(one.camera),
                "from": utc(one.start_ns),
                "to": utc(one.end_ns),
                "follows": one.follows,
                "hold": one.hold,
                "added_by": one.added_by,
                "added": utc(one.added_ns),
            }
            for one in cameras
        ],
        "alerts": [
            alert.id for alert in incident.alerts if alert.camera is None or parts.authority.sees(who, alert.camera)
        ],
        "notes": incident.notes,
    }


def note_json(note: Note) -> dict[str, Any]:
    """A note of the public surface: text, whatever it looks like."""
    return {
        "id": note.id,
        "utc": utc(note.utc_ns),
        "text": note.text,
        "created_by": note.created_by,
        "created": utc(note.created_ns),
    }


def _origin(parts: Services, incident: Incident, who: Asker, told: Collection[str]) -> dict[str, Any]:
    """What it was opened from, without what `who` may not know of: another camera, or a place without the right."""
    origin = dict(incident.origin)
    if "lat" in origin and not any(parts.authority.may(who, Right.POSITION, camera) for camera in told):
        return {}
    if origin.get("camera", next(iter(told), None)) not in told:
        return {}
    cause = next((alert.camera for alert in incident.alerts if alert.id == origin.get("alert")), None)
    return {} if cause is not None and not parts.authority.sees(who, cause) else origin
