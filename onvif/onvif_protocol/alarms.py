"""Which events of a camera mean that something happens: a digital input, an alarm, motion (ONVIF Core 9, Device IO,
Analytics). What follows from one belongs elsewhere. Sans-IO.
"""

from __future__ import annotations

from dataclasses import dataclass

from onvif_protocol.metadata import Event

_STATES = {
    "tns1:Device/Trigger/DigitalInput": ("LogicalState", "a digital input"),
    "tns1:VideoSource/MotionAlarm": ("State", "motion"),
    "tns1:RuleEngine/CellMotionDetector/Motion": ("IsMotion", "motion"),
    "tns1:RuleEngine/MotionRegionDetector/Motion": ("State", "motion"),
}
"""By topic: the item that says whether it goes on, and what people call it."""
_ALARMS = "tns1:UserAlarm/"
"""Whatever a manufacturer puts under it."""
_VALUES = {"true": True, "1": True, "active": True, "false": False, "0": False, "inactive": False}
"""An xs:boolean, or a LogicalState of Device IO."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something began, ended, or happened in a moment."""

    key: str
    """The same for its beginning and its end."""
    what: str
    """For people, with its article."""
    active: bool | None
    """None: it has no duration."""


def alarm(event: Event) -> Alarm | None:
    """What `event` says of an alarm; None: it is about something else, or says nothing that can be understood."""
    known = _STATES.get(event.topic)
    if known is None and not event.topic.startswith(_ALARMS):
        return None
    key = "|".join([event.topic, *(f"{name}={value}" for name, value in event.source)])
    item, what = known or (None, "an alarm")
    if event.operation == "Deleted":
        return Alarm(key, what, False)
    for name, value in event.data:
        if (item is None or name == item) and (active := _VALUES.get(value.strip().lower())) is not None:
            return Alarm(key, what, active)
    return Alarm(key, what, None) if item is None else None
