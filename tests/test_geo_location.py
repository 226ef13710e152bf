"""Asking cameras where they are: which of their places is the wearer's, and what cameras without one cost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from lxml import etree

from gateway.base.clock import ManualClock
from gateway.base.settings import CameraSettings
from gateway.base.supervise import TaskOwner
from gateway.ingest.fleet import Camera
from gateway.ingest.geo_location import (
    CARRIER,
    NOWHERE,
    POLL_SECONDS,
    PULL_PAUSE_SECONDS,
    UNSUPPORTED,
    UNSUPPORTED_SECONDS,
    GeoLocationPoller,
)
from gateway.ingest.registry import Configured, Origin
from onvif_protocol.camera import Wsdls
from onvif_protocol.device import Device
from onvif_protocol.device_management import DeviceManagement
from onvif_protocol.event_service import EventService
from onvif_protocol.geo_location import GeoLocation, own, parse_locations
from onvif_protocol.media1 import Media1
from onvif_protocol.media2 import Media2
from onvif_protocol.media_profiles import Profiles
from onvif_protocol.soap import NS, Fault, parse_envelope, qname
from onvif_protocol.subscriptions import Fate
from tests.onvif_device_model import MAIN, PASSWORDS, REAR, SMALL, ExampleModel, make_device, passwords
from tests.onvif_http import ScriptedCamera, device_handler, serving
from tests.test_onvif_events import ExampleEvents, Webhook, place

WSDLS = Wsdls()
PATH = "/onvif/device_service"


def parsed(inner: str) -> list[GeoLocation]:
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
    return parse_locations(
        etree.fromstring(f"<tds:GetGeoLocationResponse {declared}>{inner}</tds:GetGeoLocationResponse>")
    )


def test_a_place_with_all_that_may_be_said_of_it():
    assert parsed(
        '<tds:Location Entity="VideoSource" Token="s" Fixed="false" AutoGeo="true">'
        '<tt:GeoLocation lon="-13.4" lat="52.5" elevation="34"/><tt:GeoOrientation yaw="90"/></tds:Location>'
        '<tds:Location GeoSource="http://other/"><tt:GeoLocation lon="1" lat="2"/></tds:Location>'
    ) == [
        GeoLocation(52.5, -13.4, 34.0, "VideoSource", "s", automatic=True),
        GeoLocation(2.0, 1.0, foreign=True),
    ]


@pytest.mark.parametrize(
    "place",
    ["", '<tt:GeoLocation lat="1"/>', '<tt:GeoLocation lat="NaN" lon="1"/>', '<tt:GeoLocation lat="1_0" lon="1"/>'],
)
def test_a_place_without_coordinates_is_none(place):
    assert parsed(f"<tds:Location>{place}</tds:Location>") == []


DEVICE = GeoLocation(1.0, 1.0, entity="Device")
MEASURED = GeoLocation(2.0, 2.0, automatic=True)
ONE = GeoLocation(3.0, 3.0, entity="VideoSource", token="one")
TWO = GeoLocation(4.0, 4.0, entity="VideoSource", token="two")
AUDIO = GeoLocation(5.0, 5.0, entity="AudioSource", token="one")
OTHERS = GeoLocation(6.0, 6.0, automatic=True, foreign=True)


@pytest.mark.parametrize(
    ("told", "source", "chosen"),
    [
        ([], "one", None),
        ([DEVICE], "one", DEVICE),
        ([DEVICE, MEASURED], "one", MEASURED),
        ([DEVICE, ONE, TWO], "two", TWO),
        ([ONE, TWO], "three", None),
        ([ONE, TWO], "", None),
        ([ONE], "", ONE),
        ([AUDIO, OTHERS], "one", None),
    ],
)
def test_which_place_is_the_cameras(told, source, chosen):
    assert own(told, source) is chosen


@examples(max_examples=50, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_whatever_is_written_there_is_a_place_or_none(lat, lon, entity):
    entry = etree.Element(qname("tds:Location"))
    place = etree.SubElement(entry, qname("tt:GeoLocation"))
    answer = etree.Element("answer")
    answer.append(entry)
    try:
        for element, values in ((place, {"lat": lat, "lon": lon}), (entry, {"Entity": entity})):
            for name, value in values.items():
                element.set(name, value)
    except ValueError:
        return  # no text that XML can hold
    for found in parse_locations(answer):
        assert abs(found.lat) < float("inf")


class Walking(ExampleModel):
    """A device that measures where it is."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self._start_ns = clock.utc_ns()

    def locations(self, user):
        (here, *_) = super().locations(user)
        steps = (self._clock.utc_ns() - self._start_ns) / 1e9
        return [replace(here, lat=here.lat + steps * 1e-5)]


@asynccontextmanager
async def polled(handler, clock):
    """A camera that is asked by a poller, and how to let time pass."""
    async with serving(handler) as url:
        settings = CameraSettings(
            id="a", onvif=url + PATH, username="op", password=PASSWORDS["op"], position="onvif", record=False
        )
        camera = Camera(Configured(settings, Origin.FILE), clock)
        task = asyncio.create_task(GeoLocationPoller(camera, clock, WSDLS).run())

        async def until(condition, seconds: float) -> None:
            """Wait for what the network does; then let `seconds` pass."""
            async with asyncio.timeout(20):
                while not condition():
                    await asyncio.sleep(0.005)
            clock.advance(seconds)

        yield camera, until
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_camera_that_walks_is_followed():
    clock, fixes = ManualClock(), []
    async with polled(device_handler(make_device(Walking(clock), clock=clock)), clock) as (camera, until):
        camera._fixed = lambda _, fix: fixes.append(fix)
        for n in range(1, 4):
            await until(lambda n=n: len(fixes) == n and clock.sleepers, POLL_SECONDS)
    assert [fix.carrier for fix in fixes] == [CARRIER] * 3
    assert [fix.utc_ns - fixes[0].utc_ns for fix in fixes] == [round(n * POLL_SECONDS * 1e9) for n in range(3)]
    assert fixes[0].lat < fixes[1].lat < fixes[2].lat
    assert camera.position_problem is None


async def test_a_camera_that_does_not_know_the_question_is_asked_again_in_ten_minutes():
    clock = ManualClock()
    camera_side = ScriptedCamera({})
    script = device_handler(make_device(ExampleModel(), clock=clock))

    async def without(request):
        if b"GetGeoLocation" in await request.read():
            return await camera_side.handle(request)
        return await script(request)

    async with polled(without, clock) as (camera, until):
        await until(lambda: camera.position_problem == UNSUPPORTED and clock.sleepers, UNSUPPORTED_SECONDS - 1)
        assert camera_side.calls == ["tds:GetGeoLocation"]
        camera_side.script["tds:GetGeoLocation"] = (
            '<tds:GetGeoLocationResponse><tds:Location><tt:GeoLocation lat="1" lon="2"/></tds:Location>'
            "</tds:GetGeoLocationResponse>"
        )
        await until(lambda: clock.sleepers, 1)
        await until(lambda: camera.fix is not None, 0)
        assert (camera.fix.lat, camera.position_problem) == (1.0, None)


async def test_a_camera_without_a_place_says_so():
    clock = ManualClock()
    model = ExampleModel()
    model.locations = lambda user: []
    async with polled(device_handler(make_device(model, clock=clock)), clock) as (camera, until):
        await until(lambda: camera.position_problem == NOWHERE, 0)


async def test_a_wrong_password_and_a_lost_camera_are_told_and_tried_again():
    clock = ManualClock()
    refuse = ScriptedCamera({})  # refuses to say what it offers, but for the password
    refuse.script["tds:GetCapabilities"] = Fault("Sender", "Sender not Authorized", ("ter:NotAuthorized",))
    async with polled(refuse.handle, clock) as (camera, until):
        await until(lambda: camera.position_problem is not None and clock.sleepers, POLL_SECONDS)
        assert "user name or password" in camera.position_problem
        asked = len(refuse.calls)
        await until(lambda: len(refuse.calls) > asked, 0)


# ---- by events, where the question is not known


class EventsOnly:
    """Two video sources whose places are in events alone."""

    def __init__(self, clock: ManualClock) -> None:
        model = ExampleModel((SMALL, MAIN, REAR))
        profiles = Profiles(model)
        self.told = ExampleEvents(("source_0", "source_1"))
        self.fates: list[Fate] = []
        self._tasks = TaskOwner("test")
        events = EventService(self.told, Webhook(), clock, self._tasks, self.fates.append)
        services = [Media1(model, profiles), Media2(model, profiles), events]
        self.device = Device([DeviceManagement(model, services, clock), *services], passwords(), clock)
        self.calls: list[str] = []

    async def handle(self, request):
        body = await request.read()
        self.calls.append(parse_envelope(body).name.rpartition("}")[2])
        if self.calls[-1] == "GetGeoLocation":
            return await ScriptedCamera({}).handle(request)
        return await device_handler(self.device)(request)


async def test_a_camera_that_tells_by_events_alone_is_followed_and_says_goodbye():
    clock, fixes = ManualClock(), []
    device = EventsOnly(clock)
    async with polled(device.handle, clock) as (camera, until):
        camera._fixed = lambda _, fix: fixes.append(fix)
        await until(lambda: len(fixes) == 1 and clock.sleepers, PULL_PAUSE_SECONDS)
        await until(lambda: device.calls.count("PullMessages") == 2, 0)
        device.told.tell(place("source_1", 48.3))
        device.told.tell(place("source_0", 48.10001))
        await until(lambda: len(fixes) == 2, 0)
        assert [(fix.lat, fix.carrier) for fix in fixes] == [(48.1, "onvif-event"), (48.10001, "onvif-event")]
        assert camera.position_problem is None
    assert device.calls[-1] == "Unsubscribe"
    assert "GetGeoLocation" in device.calls


async def test_a_subscription_is_renewed_in_time():
    clock, fixes = ManualClock(), []
    device = EventsOnly(clock)
    async with polled(device.handle, clock) as (camera, until):
        camera._fixed = lambda _, fix: fixes.append(fix)
        for n in range(1, 6):
            await until(lambda n=n: len(fixes) == n and clock.sleepers, 13)
            device.told.tell(place("source_0", 48.1 + n * 1e-5))
        await until(lambda: len(fixes) == 6, 0)
        assert device.calls.count("Renew") == 2, "in 65 seconds"
        assert device.calls.count("CreatePullPointSubscription") == 1


async def test_a_camera_that_takes_no_filter_is_asked_for_everything():
    clock = ManualClock()
    model = EventsOnly(clock)
    asked: list[bool] = []

    async def picky(request):
        body = await request.read()
        if b"CreatePullPointSubscription" in body:
            asked.append(b"TopicExpression" in body)
            if asked[-1]:
                return await ScriptedCamera({}).handle(request)
        return await model.handle(request)

    async with polled(picky, clock) as (camera, until):
        await until(lambda: camera.fix is not None, 0)
        assert asked == [True, False]
