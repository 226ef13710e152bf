"""The section `[alerts]`: how much each kind of alert matters, and when those are raised that the gateway finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from gateway.base.alert_words import Grade, Kind
from gateway.base.channel_settings import Mail, Webhook, check_distinct
from gateway.base.policy import Span
from gateway.base.section import CameraId, Groups, Section

__all__ = ["AlertRule", "Alerts", "Grade", "Kind"]


def _topic(text: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise ValueError('write a topic as in "tns1:Device/Trigger/DigitalInput", or a part of one as in "*panic*"')
    return text


Topic: TypeAlias = Annotated[str, AfterValidator(_topic)]
Percent: TypeAlias = Annotated[float, Field(ge=0, le=100)]


class AlertRule(Section):
    """`[[alerts.rule]]`: other grades for some cameras. None: as the section says."""

    cameras: tuple[CameraId, ...] = ()
    groups: Groups = ()
    sos: Grade | None = None
    geofence_enter: Grade | None = None
    geofence_leave: Grade | None = None
    unit_lost: Grade | None = None
    no_movement: Grade | None = None
    camera_offline: Grade | None = None
    battery_low: Grade | None = None
    storage_low: Grade | None = None
    not_recording: Grade | None = None

    @model_validator(mode="after")
    def _says_something(self) -> AlertRule:
        if not self.cameras and not self.groups:
            raise ValueError('name "cameras" or "groups" that it is for')
        if all(getattr(self, kind.value) is None for kind in Kind):
            raise ValueError('it says nothing: write a grade, as in no_movement = "high"')
        return self


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

    keep: Span = "365d"
    """How long after it was resolved an alert is kept; those of incidents stay."""
    rule: tuple[AlertRule, ...] = ()
    webhook: tuple[Webhook, ...] = ()
    mail: tuple[Mail, ...] = ()

    @model_validator(mode="after")
    def _distinct_channels(self) -> Alerts:
        check_distinct(self.channels)
        return self

    @property
    def channels(self) -> tuple[Webhook | Mail, ...]:
        """Who outside is told of alerts."""
        return (*self.webhook, *self.mail)

    def grade(self, kind: Kind, camera: str | None = None, groups: Iterable[str] = ()) -> Grade:
        """That of alerts of this kind, about a camera in these groups.

        A rule that names the camera goes before those that name its groups; of several the highest grade holds.
        """
        of_all: Grade = getattr(self, kind)
        if not self.rule:
            return of_all
        said: list[tuple[AlertRule, Grade]] = [
            (rule, grade) for rule in self.rule if (grade := getattr(rule, kind)) is not None
        ]
        named = [grade for rule, grade in said if camera in rule.cameras]
        grades = named or [grade for rule, grade in said if not set(rule.groups).isdisjoint(groups)]
        return min(grades, key=list(Grade).index, default=of_all)
