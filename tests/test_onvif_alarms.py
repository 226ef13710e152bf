"""Which events of a camera mean that something happens."""

from __future__ import annotations

import pytest

from onvif_protocol.alarms import Alarm, alarm
from onvif_protocol.metadata import Event, parse

DOCUMENT = b"""<?xml version="1.0" encoding="UTF-8"?>
<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"
  xmlns:tns1="http://www.onvif.org/ver10/topics"><tt:Event><wsnt:NotificationMessage>
  <wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">tns1:Device/Trigger/DigitalInput</wsnt:Topic>
  <wsnt:Message><tt:Message UtcTime="2026-01-31T12:00:00Z" PropertyOperation="Changed">
  <tt:Source><tt:SimpleItem Name="InputToken" Value="1"/></tt:Source>
  <tt:Data><tt:SimpleItem Name="LogicalState" Value="true"/></tt:Data>
  </tt:Message></wsnt:Message></wsnt:NotificationMessage></tt:Event></tt:MetadataStream>"""


def event(topic: str, operation: str = "Changed", **data: str) -> Event:
    return Event(topic, None, operation, (("Source", "1"),), tuple(data.items()))


def test_a_document_of_a_camera():
    (found,) = parse(DOCUMENT).events
    assert alarm(found) == Alarm("tns1:Device/Trigger/DigitalInput|InputToken=1", "a digital input", True)


@pytest.mark.parametrize(
    ("said", "active"),
    [
        (event("tns1:Device/Trigger/DigitalInput", LogicalState="inactive"), False),
        (event("tns1:VideoSource/MotionAlarm", State="1"), True),
        (event("tns1:RuleEngine/CellMotionDetector/Motion", IsMotion=" True "), True),
        (event("tns1:RuleEngine/MotionRegionDetector/Motion", State="false"), False),
        (event("tns1:VideoSource/MotionAlarm", "Deleted", State="true"), False),
        (event("tns1:UserAlarm/Man/Down", Fallen="true"), True),
        (event("tns1:UserAlarm/Button", Presses="many"), None),
    ],
)
def test_what_begins_ends_or_has_no_duration(said, active):
    found = alarm(said)
    assert found is not None
    assert found.active is active
    assert found.key == f"{said.topic}|Source=1"


@pytest.mark.parametrize(
    "said",
    [
        event("tns1:Monitoring/GeoLocation", State="true"),
        event("tns1:VideoSource/MotionAlarm", State="perhaps"),
        event("tns1:VideoSource/MotionAlarm", Level="true"),
        event("tns1:UserAlarms", State="true"),
    ],
)
def test_anything_else_is_none(said):
    assert alarm(said) is None
