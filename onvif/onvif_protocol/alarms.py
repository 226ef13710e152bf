"""Which events of a camera mean that something happens: a digital input, an alarm, motion (ONVIF Core 9, Device IO,
Analytics), a call for help. What follows from one belongs elsewhere. Sans-IO.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

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
    emergency: bool = False
    """Somebody calls for help by it."""
    news: bool = True
    """False: it tells how things stand, as a camera does whenever somebody connects (`Initialized`)."""

    @property
    def topic(self) -> str:
        """Of the event that told it."""
        return self.key.partition("|")[0]


def alarm(event: Event, emergencies: tuple[str, ...] = ()) -> Alarm | None:
    """What `event` says of an alarm; None: it is about something else, or says nothing that can be understood.

    `emergencies` are the topics by which somebody calls for help: see `emergency`.
    """
    known, call = _STATES.get(event.topic), emergency(event.topic, emergencies)
    if known is None and not call and not event.topic.startswith(_ALARMS):
        return None
    key = "|".join([event.topic, *(f"{name}={value}" for name, value in event.source)])
    item, what = known or (None, "a call for help" if call else "an alarm")
    news = event.operation != "Initialized"
    if event.operation == "Deleted":
        return Alarm(key, what, False, call)
    for name, value in event.data:
        if (item is None or name == item) and (active := _VALUES.get(value.strip().lower())) is not None:
            return Alarm(key, what, active, call, news)
    return Alarm(key, what, None, call, news) if item is None else None


@lru_cache(maxsize=1024)
def emergency(topic: str, patterns: tuple[str, ...]) -> bool:
    """Whether a topic is one of those that `patterns` name: in any case, `*` standing for any part of it."""
    wanted = ("".join(".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", p)) for p in patterns)
    return any(re.fullmatch(pattern, topic, re.IGNORECASE | re.DOTALL) for pattern in wanted)
