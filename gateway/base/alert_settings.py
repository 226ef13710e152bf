"""The section `[alerts]`: how much each kind of alert matters, and when those are raised that the gateway finds."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from gateway.base.policy import Span
from gateway.base.section import Section


class Kind(StrEnum):
    """What an alert tells of. Each is a key of `[alerts]`, too: its grade."""

    SOS = "sos"
    GEOFENCE_ENTER = "geofence_enter"
    GEOFENCE_LEAVE = "geofence_leave"
    UNIT_LOST = "unit_lost"
    NO_MOVEMENT = "no_movement"
    CAMERA_OFFLINE = "camera_offline"
    BATTERY_LOW = "battery_low"
    STORAGE_LOW = "storage_low"
    NOT_RECORDING = "not_recording"


class Grade(StrEnum):
    """How much an alert matters."""

    HIGH = "high"
    """Somebody has to look now."""
    ACTIVITY = "activity"
    OFF = "off"
    """It is not raised."""


def _topic(text: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise ValueError('write a topic as in "tns1:Device/Trigger/DigitalInput", or a part of one as in "*panic*"')
    return text


Topic: TypeAlias = Annotated[str, AfterValidator(_topic)]
Percent: TypeAlias = Annotated[float, Field(ge=0, le=100)]


class Alerts(Section):
    """`[alerts]`."""

    sos: Grade = Grade.HIGH
    geofence_enter: Grade = Grade.ACTIVITY
    """Of geofences, each says its own grade; `off` here is off for all of them."""
    geofence_leave: Grade = Grade.ACTIVITY
    unit_lost: Grade = Grade.ACTIVITY
    no_movement: Grade = Grade.OFF
    """Wearers sit at desks and in cars, too."""
    camera_offline: Grade = Grade.ACTIVITY
    battery_low: Grade = Grade.ACTIVITY
    storage_low: Grade = Grade.ACTIVITY
    not_recording: Grade = Grade.HIGH

    unit_lost_after: Span = "60s"
    camera_offline_after: Span = "60s"
    no_movement_after: Span = "5m"
    battery_below: Percent = 15.0
    storage_below: Percent = 10.0
    """Of a unit's own memory. How full the gateway's disk may be is `storage.warn_free`."""
    sos_events: tuple[Topic, ...] = (
        "tns1:Device/Trigger/DigitalInput", "*sos*", "*panic*", "*emergency*", "*duress*",
    )  # fmt: skip
    """Events of a camera that are a call for help: topics, with `*` for any part of one, in any case."""

    def grade(self, kind: Kind) -> Grade:
        """That of alerts of this kind."""
        grade: Grade = getattr(self, kind.value)
        return grade
