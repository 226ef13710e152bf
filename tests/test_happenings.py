"""What the ONVIF devices tell of the cameras, and to whom; and where events may be posted to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from gateway.access.audit import Audit
from gateway.access.authority import Authority, Privacy
from gateway.access.rights import Role
from gateway.access.users import Principal
from gateway.access.views import Views
from gateway.base.clock import ManualClock
from gateway.base.errors import CameraError
from gateway.base.policy import Policy
from gateway.base.settings import CameraSettings
from gateway.ingest.fleet import Camera, CameraStatus, Fleet
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import Codec, Fix, Track, TrackKind, VideoParameters
from gateway.nvr.consumers import HttpConsumers, NotAllowedError
from gateway.nvr.happenings import GEO_LOCATION, SIGNAL_LOSS, TOPICS, Happenings, OpenAlerts
from gateway.store.engine import open_catalog
from onvif_protocol.notification import Notification, message_of
from onvif_protocol.soap import qname
from tests.onvif_schema import violations

VIDEO = Track(0, TrackKind.VIDEO, Codec.H264, 90_000, VideoParameters())
FIX = Fix(1_700_000_000_000_000_000, 48.137, 11.575, altitude_m=519.0)


class Idle:
    """A Source that waits: the test says how the camera is."""

    async def run_once(self) -> None:
        await asyncio.Event().wait()

    def fail(self, error: CameraError) -> None:
        pass

    def count(self) -> None:
        pass

    def request_keyframe(self) -> bool:
        return False


class Stage:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.fleet = Fleet(lambda _: Idle(), self.clock)
        self.recorded: set[str] = set()
        self.alerts: dict[str, OpenAlerts] = {}
        self.accounts = {
            "nvr": Principal("nvr", Role.NVR, b"1", by_token=False),
            "one": Principal("one", Role.NVR, b"2", by_token=False, cameras=("unit-1",)),
        }
        self.authority = Authority(Policy())
        self.database = open_catalog(folder)
        self.audit = Audit(self.database, self.clock)
        self.views = Views(self.database, self.audit, self.clock)
        self.happenings = Happenings(
            self.fleet,
            self.recorded.__contains__,
            self.accounts.get,
            self.authority,
            self.views,
            self.clock,
            lambda camera: self.alerts.get(camera, OpenAlerts(sos=False, high=False)),
        )

    def apply(self, *cameras: str) -> None:
        self.fleet.apply(Configured(CameraSettings(id=c, url="rtsp://h/"), Origin.DATABASE) for c in cameras)
        self.authority.update(cameras=dict.fromkeys(cameras, ()))

    def hear(self, camera: str | None = None) -> list[Notification]:
        """What is told from now on."""
        heard: list[Notification] = []
        self.happenings.of(camera).subscribe(heard.append)
        return heard


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    made.apply("unit-1", "unit-2")
    yield made
    await made.fleet.stop_sources()
    made.database.close()


def said(told: list[Notification]) -> list[str]:
    return [
        " ".join(
            [str(one.operation), one.topic.split("/", 1)[1], *(v for _, v in one.source), *(v for _, v in one.data)]
        )
        for one in told
    ]


def lose(camera: Camera) -> None:
    camera.set_status(CameraStatus.OFFLINE, "gone")


async def test_a_camera_that_is_lost_is_told_once(stage: Stage) -> None:
    camera, heard = stage.fleet.cameras["unit-1"], stage.hear()
    lose(camera)
    camera.set_status(CameraStatus.OFFLINE, "still gone")
    camera.set_status(CameraStatus.CONNECTING, None)
    assert said(heard) == ["Changed SignalLoss unit-1 true", "Changed SignalLoss unit-1 false"]


async def test_a_recording_is_told_with_its_tracks(stage: Stage) -> None:
    camera, heard = stage.fleet.cameras["unit-1"], stage.hear()
    camera.hub.open((VIDEO,))
    stage.recorded.add("unit-1")
    stage.happenings.look("unit-1")
    assert said(heard) == [
        "Changed JobState unit-1 Active",
        "Changed Recording/State unit-1 true",
        "Initialized Track/State unit-1 VIDEO001 true",
    ]
    information = message_of(heard[0]).find(f".//{qname('tt:RecordingJobStateInformation')}")
    assert information is not None
    assert information.findtext(qname("tt:State")) == "Active"


async def test_all_that_is_told_is_valid(stage: Stage) -> None:
    camera, heard = stage.fleet.cameras["unit-1"], stage.hear()
    camera.hub.open((VIDEO,))
    stage.recorded.add("unit-1")
    lose(camera)
    assert {one.topic for one in heard} < {topic.path for topic in TOPICS}
    for one in heard:
        # ONVIF's schemas have a type for a job's state, and no element, although Recording Control 5.24 wants one.
        wrong = [why for why in violations(message_of(one)) if "strict wildcard" not in why]
        assert wrong == []


async def test_a_call_for_help_is_told_as_a_digital_input_and_as_an_alert(stage: Stage) -> None:
    heard = stage.hear()
    for sos, high in ((False, True), (True, True), (False, False)):
        stage.alerts["unit-1"] = OpenAlerts(sos, high)
        stage.happenings.look("unit-1")
    assert said(heard) == [
        "Changed Alert unit-1 true",
        "Changed Trigger/DigitalInput unit-1 true",
        "Changed Trigger/DigitalInput unit-1 false",
        "Changed Alert unit-1 false",
    ]
    told = message_of(heard[1])
    items = [(item.get("Name"), item.get("Value")) for item in told.iter(qname("tt:SimpleItem"))]
    assert items == [("InputToken", "unit-1"), ("LogicalState", "true")]
    assert [violations(message_of(one)) for one in heard] == [[]] * 4


async def test_a_position_is_told_to_who_may_know_it(stage: Stage) -> None:
    camera, heard = stage.fleet.cameras["unit-1"], stage.hear()
    camera.tracker.last = FIX
    camera.fix_arrived(FIX)
    (told,) = heard
    place = message_of(told).find(f".//{qname('tt:GeoLocation')}")
    assert place is not None
    assert dict(place.items()) == {"lon": "11.575", "lat": "48.137", "elevation": "519.0"}
    assert told.utc_ns == FIX.utc_ns
    assert stage.happenings.may_see("nvr", told)
    stage.authority.update(private={"unit-1": Privacy(0, hides_position=True, hides_stream=False, recording=True)})
    assert not stage.happenings.may_see("nvr", told)
    assert not any(one.topic == GEO_LOCATION.path for one in stage.happenings.of().current("nvr"))


async def test_each_account_is_told_of_its_cameras(stage: Stage) -> None:
    source = stage.happenings.of()
    assert {one.subject for one in source.current("nvr")} == {"unit-1", "unit-2"}
    assert {one.subject for one in source.current("one")} == {"unit-1"}
    assert list(source.current("nobody")) == []
    del stage.accounts["nvr"]  # revoked
    assert list(source.current("nvr")) == []


async def test_a_device_of_one_camera_tells_of_that_one(stage: Stage) -> None:
    heard = stage.hear("unit-2")
    assert {one.subject for one in stage.happenings.of("unit-2").current("nvr")} == {"unit-2"}
    lose(stage.fleet.cameras["unit-1"])
    assert heard == []
    lose(stage.fleet.cameras["unit-2"])
    assert said(heard) == ["Changed SignalLoss unit-2 true"]


async def test_the_same_is_told_to_all_who_ask_for_everything(stage: Stage) -> None:
    stage.fleet.cameras["unit-1"].tracker.last = FIX
    first, second = (list(stage.happenings.of().current("nvr")) for _ in range(2))
    assert all(a is b for a, b in zip(first, second, strict=True))


async def test_a_camera_that_is_removed_takes_its_properties_along(stage: Stage) -> None:
    heard = stage.hear()
    stage.apply("unit-2")
    assert {str(one.operation) for one in heard} == {"Deleted"}
    assert SIGNAL_LOSS.path in {one.topic for one in heard}
    stage.apply("unit-2", "unit-3")
    assert {str(one.operation) for one in heard if one.subject == "unit-3"} == {"Initialized"}


async def test_who_follows_stands_in_the_audit(stage: Stage) -> None:
    ended = await stage.happenings.of("unit-1").begin("nvr", "10.0.0.7")
    ended("the subscription was ended")
    await stage.views.flush()
    after, before = await stage.audit.entries()
    assert (before.action, before.actor, before.address, before.camera) == ("follow", "nvr", "10.0.0.7", "unit-1")
    assert (after.outcome, after.detail["why"]) == ("ended", "the subscription was ended")


# ---- where events are posted to


@pytest.mark.parametrize(
    ("url", "peer", "fine"),
    [
        ("http://10.0.0.7:8123/api/webhook/x", "10.0.0.7", True),
        ("https://192.168.7.1/", "10.0.0.7", True),  # a network of the settings
        ("http://homeassistant.local/", "10.0.0.7", True),  # what it resolves to is looked at when something is posted
        ("http://[::ffff:10.0.0.7]/", "10.0.0.7", True),
        ("http://169.254.169.254/latest", "10.0.0.7", False),
        ("http://127.0.0.1/", "10.0.0.7", False),
        ("http://[::1]/", "10.0.0.7", False),
        ("ftp://10.0.0.7/", "10.0.0.7", False),
        ("http://user@10.0.0.7/", "10.0.0.7", False),
        ("http:///x", "10.0.0.7", False),
        ("nonsense", "10.0.0.7", False),
        ("http://10.0.0.7/" + "x" * 1000, "10.0.0.7", False),
        ("http://10.0.0.7/", "nobody", False),
    ],
)
def test_events_go_to_the_subscriber_and_to_networks_of_the_settings(url: str, peer: str, fine: bool) -> None:
    assert (HttpConsumers(lambda: ["192.168.7.0/24"]).refusal(url, peer) is None) is fine


async def test_a_name_is_held_against_what_it_resolves_to() -> None:
    arrived: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        arrived.append(await request.read())
        if request.path == "/elsewhere":
            raise web.HTTPFound("/")
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/{any:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://localhost:{runner.addresses[0][1]}"
        consumers = HttpConsumers(list)
        await consumers.post(base + "/", "127.0.0.1", b"<event/>")
        assert arrived == [b"<event/>"]
        with pytest.raises(NotAllowedError):
            await consumers.post(base + "/", "10.0.0.7", b"<event/>")
        with pytest.raises(OSError, match="status 302"):
            await consumers.post(base + "/elsewhere", "127.0.0.1", b"<event/>")
        assert len(arrived) == 2
    finally:
        await runner.cleanup()
    with pytest.raises(OSError, match="Connect"):
        await consumers.post(base + "/", "127.0.0.1", b"<event/>")
