"""Which events of a camera mean that something happens."""

from __future__ import annotations

import pytest

from gateway.base.alert_settings import Alerts
from onvif_protocol.alarms import Alarm, alarm, emergency
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


USUAL = Alerts().sos_events


@pytest.mark.parametrize(
    "topic",
    [
        "tns1:Device/Trigger/DigitalInput",
        "tnsvendor:Body/SOS",
        "tnsvendor:BodyWorn/PanicButton/Pressed",
        "{http://vendor.example/topics}Unit/emergency",
        "tns1:UserAlarm/Duress",
    ],
)
def test_what_is_a_call_for_help_unless_the_settings_say_otherwise(topic):
    found = alarm(event(topic, State="true", LogicalState="true"), USUAL)
    assert found is not None
    assert (found.emergency, found.active, found.topic) == (True, True, topic)
    assert not alarm(event("tns1:UserAlarm/x", State="true"), USUAL).emergency
    assert alarm(event("tnsvendor:Body/SOS", State="true")) is None  # nobody named it


def test_settings_name_topics_in_whole_or_in_part():
    assert emergency("tnsx:Button/2", ("tnsx:Button/2",))
    assert emergency("tnsx:button/2/Long", ("TNSX:Button/*",))
    assert not emergency("tnsx:Button/2", ("tnsx:Button",))
    assert not emergency("tnsx:ButtonX2", ("tnsx:Button.2",))  # no regular expressions
    assert not emergency("tnsx:Button/2", ())


def test_how_things_stand_is_told_apart_from_news():
    assert alarm(event("tns1:Device/Trigger/DigitalInput", LogicalState="true")).news
    assert not alarm(event("tns1:Device/Trigger/DigitalInput", "Initialized", LogicalState="true")).news
    assert alarm(event("tnsvendor:Body/SOS", "Deleted"), USUAL).active is False
