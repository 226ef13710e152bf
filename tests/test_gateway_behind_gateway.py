"""A gateway that reads another one's cameras: every position arrives as it is there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, Fix
from onvif_protocol.metadata import Carrier, Position, event_document, navigational_document
from tests.accounts import PASSWORD
from tests.restream_rig import METADATA, Source, live
from tests.running import Running, running

FIXES = 6
DEVICE = "/onvif/device_service"


def heard(gateway: Running) -> list[Fix]:
    """The fixes that a gateway accepts from now on, without when they came."""
    fixes: list[Fix] = []
    gateway.fleet.on_fix.append(lambda _, fix: fixes.append(replace(fix, received_ns=0)))
    return fixes


async def test_positions_are_the_same_in_both(tmp_path) -> None:
    source = Source()
    await source.start()
    async with running(tmp_path / "first", source.settings()) as first:
        await live(first, source)
        url = f"rtsp://127.0.0.1:{first.rtsp_port}/cam"
        behind = CameraSettings(id="again", url=url, username="nvr", password=PASSWORD, record=False)
        async with running(tmp_path / "second", behind) as second:
            await live(second, source, "again")
            here, there = heard(first), heard(second)
            for n in range(FIXES):
                picture = source.publish(key=True)
                place = Position(
                    52.5 + n * 1e-5,
                    13.4,
                    Carrier.EVENT,
                    utc_ns=picture.utc_ns // NS * NS + n * 1_000_000,
                    elevation_m=34.5,
                    speed_mps=1.25,
                    course_deg=90.0,
                    accuracy_m=3.5,
                )
                # With a time of its own, and with speed, course and accuracy, whose time is that of its packet.
                source.publish(METADATA, event_document((place,)) if n % 2 else navigational_document(place))
                async with asyncio.timeout(20):
                    while len(there) <= n:
                        await asyncio.sleep(0.01)
            assert len(here) == FIXES
            # A time that comes from the packet is put together anew from a sender report: rounded once more.
            assert all(abs(a.utc_ns - b.utc_ns) <= 1 for a, b in zip(there, here, strict=True))
            assert [replace(fix, utc_ns=0) for fix in there] == [replace(fix, utc_ns=0) for fix in here]
            assert [fix for fix in there if fix.carrier == Carrier.EVENT] == here[1::2]
    await source.stop()


async def test_a_position_that_is_asked_for_is_that_of_the_camera_and_of_no_other(tmp_path) -> None:
    source = Source()
    await source.start()
    cameras = [source.settings(name) for name in ("cam", "other")]
    async with running(tmp_path / "first", *cameras) as first:
        now = SystemClock().utc_ns()
        for n, camera in enumerate(cameras):
            await live(first, source, camera.id)
            first.fleet.camera(camera.id).take_fix(Fix(now, 50.0 + n, 8.5, altitude_m=120.0, received_ns=now))
        device = {"onvif": first.url.rstrip("/") + DEVICE, "username": "nvr", "password": PASSWORD, "record": False}
        async with running(tmp_path / "second", CameraSettings(id="again", position="onvif", **device)) as second:
            there = heard(second)
            async with asyncio.timeout(20):
                while not there:
                    await asyncio.sleep(0.01)
            chosen = there[0]
            assert (chosen.lat, chosen.lon, chosen.altitude_m, chosen.carrier) == (50.0, 8.5, 120.0, "onvif-polled")
    await source.stop()
