"""What rules judge by, and what they say: values alone. `gateway.incidents.watch` gathers and acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.duration import parse_duration
from gateway.ingest.fleet import CameraStatus
from gateway.media.model import NS, UnitHealth, UtcNs


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the settings say, in numbers."""

    offline_s: float
    lost_s: float
    still_s: float
    battery_percent: float
    storage_percent: float

    @classmethod
    def of(cls, settings: AlertSettings) -> Thresholds:
        """Those of these settings."""
        return cls(
            parse_duration(settings.camera_offline_after),
            parse_duration(settings.unit_lost_after),
            parse_duration(settings.no_movement_after),
            settings.battery_below,
            settings.storage_below,
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one camera and its unit now. Spans are in seconds of monotonic time."""

    now_ns: UtcNs
    status: CameraStatus
    reason: str | None
    """A sentence: why it is not live."""
    was_live: bool
    """Whether it has been live since the gateway has it."""
    absent_s: float
    """For how long it has not been live; since the gateway has it, when it never was."""
    fix_s: float | None
    """How long ago the newest position came; None: none has, since the gateway has the camera."""
    position_in_stream: bool
    """Whether positions come with the camera's stream, so that there is none without it."""
    still_s: float | None
    """How long the unit had not moved when it told its newest position, by its clock; None: nobody knows."""
    moved: bool
    """Whether it has been seen to move since the gateway has it."""
    health: UnitHealth | None
    recording_due: bool
    """Whether settings, privacy and events want it recorded now."""
    recording: bool
    recording_problem: str | None
    unrecorded_s: float
    """For how long it has been due, live, and not recorded."""
    disk_full: bool
    """Nothing at all is recorded."""

    def ago(self, seconds: float) -> UtcNs:
        """The moment so many seconds before now."""
        return self.now_ns - round(seconds * NS)


@dataclass(frozen=True, slots=True)
class Finding:
    """There is cause for an alert."""

    since_ns: UtcNs
    """When it began."""
    text: str
    """A sentence or two."""


class Verdict(Enum):
    """What else a rule may say. One that cannot tell says None: nothing is raised, and nothing ends."""

    FINE = "fine"


FINE: Final = Verdict.FINE
Judgement: TypeAlias = Finding | Literal[Verdict.FINE] | None
Rule: TypeAlias = Callable[[Facts, Thresholds, bool], Judgement]
"""Of the facts, and whether there is such an alert already: it may take more to end one than not to raise it."""


def span(seconds: float) -> str:
    """For people: `90 s`, `5 min`."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
