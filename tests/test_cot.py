"""Cursor on Target: what an event says, and how the places that take some are told: newest first, hidden never."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pydantic import ValidationError

from gateway.base.clock import ManualClock, SystemClock
from gateway.base.position_settings import CotTarget, Positions
from gateway.base.settings import CameraSettings, load
from gateway.cot_feeds import CotFeed
from gateway.ingest.fleet import Camera
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import NS, Fix
from gateway.positions.cot import event
from tests.certificates import certificate
from tests.running import running

START = 1_767_268_800 * NS  # 2026-01-01T12:00:00Z
FULL = Fix(START, 51.5007, -0.1246, 35.5, 1.4, 270.0, 4.0, carrier="nmea", received_ns=START)


def settings_of(name: str, *groups: str) -> CameraSettings:
    values = {"id": name, "name": f"Unit {name}", "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand"}
    return CameraSettings.model_validate(values | {"record": False, "groups": list(groups)})


def camera(name: str, *groups: str) -> Camera:
    return Camera(Configured(settings_of(name, *groups), Origin.FILE), SystemClock())


def fix(seconds: float, lat: float = 51.5) -> Fix:
    return Fix(START + round(seconds * NS), lat, -0.12)


# ---- what an event says


def test_an_event_says_who_where_when_and_how_fast() -> None:
    root = etree.fromstring(event("unit-12", "Unit 12", "a-f-G-U-C", FULL))
    assert dict(root.attrib) == {
        "version": "2.0",
        "uid": "sightline.unit-12",
        "type": "a-f-G-U-C",
        "time": "2026-01-01T12:00:00.000000Z",
        "start": "2026-01-01T12:00:00.000000Z",
        "stale": "2026-01-01T12:00:30.000000Z",
        "how": "m-g",
    }
    point, detail = root
    assert (point.tag, detail.tag) == ("point", "detail")
    assert dict(point.attrib) == {"lat": "51.5007", "lon": "-0.1246", "hae": "35.5", "ce": "4", "le": "9999999.0"}
    assert [child.tag for child in detail] == ["contact", "track", "remarks"]
    assert detail[0].get("callsign") == "Unit 12"
    assert dict(detail[1].attrib) == {"course": "270", "speed": "1.4"}
    assert detail[2].text == "Body-worn camera unit-12, by nmea"


def test_what_is_unknown_is_said_to_be() -> None:
    root = etree.fromstring(event("a", "A", "a-f-G", fix(0)))
    point = root[0]
    assert {point.get(key) for key in ("hae", "ce", "le")} == {"9999999.0"}
    assert [child.tag for child in root[1]] == ["contact", "remarks"]


@settings(max_examples=60)
@given(
    st.text(max_size=12),
    st.builds(
        Fix,
        utc_ns=st.integers(START, START + 10**18),
        lat=st.floats(-90, 90),
        lon=st.floats(-180, 180),
        altitude_m=st.none() | st.floats(),
        speed_mps=st.none() | st.floats(0, 150),
        course_deg=st.none() | st.floats(0, 359.9),
        accuracy_m=st.none() | st.floats(0),
        carrier=st.sampled_from(["", "osmand", "<&>"]),
    ),
)
def test_whatever_comes_it_is_an_event(name: str, one: Fix) -> None:
    root = etree.fromstring(event("a", name, "a-f-G-U-C", one))
    for key in ("lat", "lon", "hae", "ce", "le"):
        assert math.isfinite(float(root[0].get(key) or "x"))
    moment, stale = (dt.datetime.fromisoformat(root.get(key) or "") for key in ("time", "stale"))
    assert stale - moment == dt.timedelta(seconds=30)


# ---- the settings


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"url": "http://tak:8087"}, "tls://tak.example:8089"),
        ({"url": "tcp://tak"}, "udp://239.2.3.1:6969"),
        ({"url": "tcp://tak:8087/x"}, "tcp://10.1.2.3:8087"),
        ({"url": "tcp://239.2.3.1:6969"}, "takes .udp://"),
        ({"url": "tcp://tak:8087", "type": "f"}, "a-f-G-U-C"),
        ({"url": "tcp://tak:8087", "ca": "ca.pem"}, "tls:// only|for .tls"),
        ({"url": "tls://tak:8089", "certificate": "a.pem"}, "both"),
    ],
)
def test_settings_that_do_not_hold_say_what_to_write(values: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        CotTarget.model_validate(values)
    with pytest.raises(ValidationError, match="same url"):
        Positions.model_validate({"cot": [{"url": "tcp://tak:8087"}] * 2})


def test_files_start_from_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "sightline.toml"
    file.write_text('[[positions.cot]]\nurl = "tls://tak:8089"\nca = "ca.pem"\ncertificate = "c.pem"\nkey = "k.pem"\n')
    (target,) = load(file, {}).positions.cot
    assert (target.ca, target.certificate, target.key) == tuple(
        tmp_path / name for name in ("ca.pem", "c.pem", "k.pem")
    )


# ---- how it is sent


class Server:
    """Takes a stream of events, and counts its connections."""

    def __init__(self) -> None:
        self.events: list[etree._Element] = []
        self.came = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while line := await reader.readline():
            self.events.append(etree.fromstring(line))
            self.came.set()

    async def until(self, count: int) -> list[tuple[str, str]]:
        """Who was where, of the first `count` events."""
        async with asyncio.timeout(20):
            while len(self.events) < count:
                self.came.clear()
                await self.came.wait()
        return [(each.get("uid", "").removeprefix("sightline."), each[0].get("lat", "")) for each in self.events]


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Server, int]]:
    server = Server()
    listening = await asyncio.start_server(server.take, "127.0.0.1", 0, ssl=tls)
    try:
        yield server, listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in server.writers:
            writer.close()


@asynccontextmanager
async def feeding(
    url: str, clock: ManualClock, hides: Callable[[str], bool] = lambda _: False, **more: object
) -> AsyncIterator[CotFeed]:
    feed = CotFeed(CotTarget.model_validate({"url": url, **more}), None, hides, clock)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        await asyncio.wait({task})


async def pass_time(clock: ManualClock, seconds: float) -> None:
    """In steps, so that whoever sleeps is woken in between."""
    for _ in range(round(seconds / 0.1)):
        clock.advance(0.1)
        for _ in range(5):
            await asyncio.sleep(0)


async def test_of_what_comes_within_a_second_the_newest_is_sent() -> None:
    clock = ManualClock(START)
    async with serving() as (server, port), feeding(f"tcp://127.0.0.1:{port}", clock) as feed:
        a, b = camera("a"), camera("b")
        feed.take(a, fix(0, 1))
        assert await server.until(1) == [("a", "1")]
        for lat in (2, 3, 4):
            feed.take(a, fix(lat, lat))
        feed.take(b, fix(1, 9))
        await pass_time(clock, 0.5)
        assert await server.until(2) == [("a", "1"), ("b", "9")]
        await pass_time(clock, 0.7)
        assert (await server.until(3))[2:] == [("a", "4")]


async def test_a_server_that_was_away_is_told_the_present() -> None:
    clock = ManualClock(START)
    async with serving() as (server, port):
        pass  # it is not there yet
    async with feeding(f"tcp://127.0.0.1:{port}", clock) as feed:
        a = camera("a")
        for lat in range(50):
            feed.take(a, fix(lat, lat))
            await pass_time(clock, 0.1)
        server = Server()
        listening = await asyncio.start_server(server.take, "127.0.0.1", port)
        while not server.events:
            await pass_time(clock, 1)
            await asyncio.sleep(0.01)
        assert await server.until(1) == [("a", "49")]
        server.writers[0].close()  # and away again
        while len(server.writers) < 2:
            await pass_time(clock, 1)
            await asyncio.sleep(0.01)
        feed.take(a, fix(60, 60))
        while len(server.events) < 2:
            await pass_time(clock, 1)
            await asyncio.sleep(0.01)
        assert (await server.until(2))[1] == ("a", "60")
        listening.close()
        server.writers[1].close()


async def test_what_is_hidden_or_of_another_group_is_not_sent() -> None:
    clock, hidden = ManualClock(START), {"a"}
    async with (
        serving() as (server, port),
        feeding(f"tcp://127.0.0.1:{port}", clock, hidden.__contains__, groups=["north"]) as feed,
    ):
        feed.take(camera("a", "north"), fix(0, 1))
        feed.take(camera("b", "south"), fix(0, 2))
        feed.take(camera("c", "north", "south"), fix(0, 3))
        assert await server.until(1) == [("c", "3")]
        hidden.clear()
        await pass_time(clock, 1.2)
        assert len(server.events) == 1  # what came while it was hidden is never sent
        feed.take(camera("a", "north"), fix(3, 4))
        await pass_time(clock, 0.2)
        assert (await server.until(2))[1] == ("a", "4")


async def test_datagrams() -> None:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setblocking(False)
    receiver.bind(("127.0.0.1", 0))
    clock = ManualClock(START)
    url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
    assert CotTarget(url="udp://239.2.3.1:6969").is_multicast
    assert not CotTarget(url=url).is_multicast
    with receiver:
        async with feeding(url, clock) as feed, asyncio.timeout(10):
            for name in ("a", "b"):
                feed.take(camera(name), FULL)
            datagrams = [await asyncio.get_running_loop().sock_recv(receiver, 65_535) for _ in range(2)]
    assert [etree.fromstring(each).get("uid") for each in datagrams] == ["sightline.a", "sightline.b"]


async def test_the_gateway_sends_as_its_settings_say_and_change(tmp_path: Path) -> None:
    unit = settings_of("a", "north")

    def moved() -> None:
        now = SystemClock().utc_ns()
        assert gateway.fleet.camera("a").take_fix(Fix(now, 51.5, -0.12, received_ns=now)) is None

    chain, key = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=chain)
    tls.load_cert_chain(chain, key)
    tls.verify_mode = ssl.CERT_REQUIRED
    async with serving() as (first, one), serving(tls) as (second, other):
        files = {"ca": str(chain), "certificate": str(chain), "key": str(key)}
        targets = [{"url": f"tcp://127.0.0.1:{one}"}, {"url": f"tls://127.0.0.1:{other}", **files}]
        async with running(tmp_path, unit, positions={"cot": targets[:1]}) as gateway:
            moved()
            assert await first.until(1) == [("a", "51.5")]
            reading = await gateway.read_again(unit, positions={"cot": targets[1:]})
            assert reading["pending"] == []
            moved()
            assert await second.until(1) == [("a", "51.5")]
            assert len(first.events) == 1
            bad = {"url": "tls://127.0.0.1:1", "ca": str(tmp_path / "missing.pem")}
            with pytest.raises(AssertionError, match="certificates cannot be used"):
                await gateway.read_again(unit, positions={"cot": [bad]})
            moved()
            assert len(await second.until(2)) == 2
