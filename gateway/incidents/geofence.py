"""What a geofence is: values alone. Who keeps them is `geofences`, who crossed one says `geofence_judge`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.base.alert_settings import Grade
from gateway.incidents.geofence_shapes import Shape
from gateway.media.model import UtcNs


class Tells(StrEnum):
    """Which crossings a geofence raises an alert of."""

    ENTER = "enter"
    LEAVE = "leave"
    BOTH = "both"

    def of(self, entered: bool) -> bool:
        """Whether it tells of a crossing of this direction."""
        return self is Tells.BOTH or self is (Tells.ENTER if entered else Tells.LEAVE)


@dataclass(frozen=True, slots=True)
class Geofence:
    """A row of `geofences`."""

    id: int
    name: str
    shape: Shape
    cameras: tuple[str, ...]
    """Ids that it is for, and"""
    groups: tuple[str, ...]
    """groups that it is for; neither: all cameras."""
    tells: Tells
    grade: Grade
    """Of its alerts."""
    created_by: str
    created_ns: UtcNs

    def concerns(self, camera: str, groups: Iterable[str]) -> bool:
        """Whether it is for a camera that is in `groups`."""
        if not self.cameras and not self.groups:
            return True
        return camera in self.cameras or not set(self.groups).isdisjoint(groups)
