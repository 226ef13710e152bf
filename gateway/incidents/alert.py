"""What an alert is: values alone. Who keeps them is `alerts`, when one is raised stand in `watch` and `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.base.alert_settings import Grade, Kind
from gateway.media.model import UtcNs

__all__ = ["LASTING", "OF_GEOFENCES", "Alert", "Grade", "Kind", "subject_of"]

LASTING = frozenset(
    {Kind.UNIT_LOST, Kind.NO_MOVEMENT, Kind.CAMERA_OFFLINE, Kind.BATTERY_LOW, Kind.STORAGE_LOW, Kind.NOT_RECORDING}
)
"""Kinds whose cause is a state that the gateway watches, and whose end it tells. While it goes on, none is raised anew:
not even when somebody has resolved the one there is. The other kinds tell what happened in a moment."""
OF_GEOFENCES = frozenset({Kind.GEOFENCE_ENTER, Kind.GEOFENCE_LEAVE})
"""Kinds whose text says where the unit was."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A row of `alerts`."""

    id: int
    kind: Kind
    subject: str
    """Of several with the same one only one is open."""
    grade: Grade
    camera: str | None
    """None: it is about the gateway as a whole."""
    text: str
    """A sentence. Says nothing of where the wearer is: that stands in `detail` alone."""
    detail: Mapping[str, Any]
    """JSON. `fix`: where the wearer was (as `positions.formats.fix_json` writes it) and `fix_age_s`, how old that was;
    `by`: who raised it; `count` and `last`: how often it was raised and when it was last, if more than once; `said`:
    what people said who raised it again (`by`, `utc`, `text`); and what the kind adds.
    """
    utc_ns: UtcNs
    """When it happened."""
    created_ns: UtcNs
    """When the gateway knew."""
    ended_ns: UtcNs | None = None
    """When its cause ended; None: it goes on, or nobody can tell."""
    resolved_by: str | None = None
    resolved_ns: UtcNs | None = None
    """None: it is open."""
    resolution: str | None = None
    """The word that it was resolved with."""


def subject_of(kind: Kind, camera: str | None, *more: object) -> str:
    """The subject of an alert of this kind, about this camera, and whatever else tells it apart."""
    return ":".join(str(part) for part in (kind.value, camera or "", *more))
