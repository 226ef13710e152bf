"""gateway.ingest.position_sources, .udp_ports, .nmea_inlet: receivers that tell their place by UDP or TCP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from functools import reduce
from operator import xor

import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import CameraError, Fault
from gateway.base.metrics import REGISTRY
from gateway.base.settings import CameraSettings
from gateway.ingest import nmea_inlet, udp_ports
from gateway.ingest.camera import CameraSource, IngestParts
from gateway.ingest.fleet import NO_FIX, Camera, Fleet
from gateway.ingest.nmea_inlet import FLOOD, NO_PLACE, NOT_NMEA, QUIET_SECONDS, SILENT_SECONDS
from gateway.ingest.position_sources import STALLED_AFTER, PositionSources
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import NS, AccessUnit, Codec, Fix, MetadataParameters, TimeSource, Track, TrackKind
from gateway.positions.tracker import Rule
from onvif_protocol.metadata import Carrier, MetadataDocument, Position

NOW = 1_767_268_800 * NS  # 2026-01-01 12:00:00
ANY_PORT = "udp://127.0.0.1:0"


def nmea(body: str) -> bytes:
    """A sentence with its checksum."""
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n".encode()


def gga(second: int = 0, *, lat: str = "5130.0000", quality: int = 1) -> bytes:
    """A moment, as one sentence: `second` after noon."""
    body = f"GPGGA,12{second // 60:02}{second % 60:02}.00,{lat},N,00007.5,W,{quality},08,1.0,35.5,M,47.0,M,,"
    return nmea(body)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class _Idle:
    """A Source of a stream that never gets anywhere: positions come all the same."""

    async def run_once(self) -> None:
        await asyncio.get_running_loop().create_future()

    def fail(self, error: CameraError) -> None:
        """There is nothing to end."""

    def count(self) -> None:
        """There is nothing to count."""

    def request_keyframe(self) -> bool:
        return False


class Stage:
    """A fleet with position sources, and a clock that moves when a test says so."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.fleet = Fleet(lambda _: _Idle(), self.clock)
        self.asked: list[str] = []
        self._datagrams = 0
        self.sources = PositionSources(self.fleet, self.clock, {"onvif": self._asks})
        self.fixes: list[tuple[str, Fix]] = []
        self.fleet.on_fix.append(lambda camera, fix: self.fixes.append((camera.id, fix)))

    def _asks(self, camera: Camera) -> _Asks:
        return _Asks(camera, self.asked)

    def set(self, **ways: str | tuple[str, str]) -> None:
        """Have these cameras: how each tells its position, and from where it may."""
        configured = []
        for camera_id, way in ways.items():
            position, senders = way if isinstance(way, tuple) else (way, "")
            reached = {"onvif": "http://h/"} if position == "onvif" else {"url": "rtsp://h/"}
            settings = CameraSettings.model_validate(
                {"id": camera_id, "position": position, "position_from": [senders] if senders else [], **reached}
            )
            configured.append(Configured(settings, Origin.FILE))
        self.fleet.apply(configured)

    def problem(self, camera_id: str = "unit") -> str:
        return self.fleet.camera(camera_id).position_problem or ""

    def refused(self, camera_id: str = "unit") -> dict[Rule, int]:
        return dict(self.fleet.camera(camera_id).tracker.refused)

    @property
    def ports(self) -> list[int]:
        """The UDP ports that are listened on."""
        return [port.number for port in self.sources.udp.open.values()]

    async def port(self) -> int:
        """The UDP port that is listened on, once it is."""
        await until(lambda: bool(self.ports))
        return self.ports[0]

    @property
    def members(self) -> list[str]:
        """The cameras of the only port."""
        (port,) = self.sources.udp.open.values()
        return port.members

    async def read(self, count: int = 1) -> None:
        """Wait until so many datagrams more have been read, and end the moment that they told of."""
        self._datagrams += count
        await until(lambda: sum(port.datagrams for port in self.sources.udp.open.values()) >= self._datagrams)
        await self.pass_(QUIET_SECONDS + 0.1)

    async def pass_(self, seconds: float) -> None:
        """Let so much time pass, tick by tick, with what arrives read in between."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.sources.tick()
            await asyncio.sleep(0)


class _Asks:
    def __init__(self, camera: Camera, asked: list[str]) -> None:
        self._camera, self._asked = camera, asked

    async def run(self) -> None:
        self._asked.append(self._camera.id)
        await asyncio.get_running_loop().create_future()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.sources.close()
    await stage.fleet.stop_sources()
    assert stage.ports == []


@pytest.fixture
def sender() -> socket.socket:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


# ---- UDP


async def test_a_datagram_is_a_position(stage: Stage, sender: socket.socket) -> None:
    stage.set(unit=ANY_PORT)
    port = await stage.port()
    sender.sendto(gga(), ("127.0.0.1", port))
    await stage.read()
    ((camera, fix),) = stage.fixes
    assert (camera, fix.utc_ns, fix.lat, fix.carrier, fix.received_ns) == ("unit", NOW, 51.5, "nmea", NOW)
    assert stage.fleet.camera("unit").fix == fix
    assert metric("sightline_fixes_total", camera="unit", carrier="nmea") >= 1


async def test_the_next_moment_ends_the_one_before_at_once(stage: Stage, sender: socket.socket) -> None:
    stage.set(unit=ANY_PORT)
    port = await stage.port()
    for second in range(3):
        sender.sendto(gga(second), ("127.0.0.1", port))
    await until(lambda: len(stage.fixes) == 2)
    assert [fix.utc_ns for _, fix in stage.fixes] == [NOW, NOW + NS]


async def test_a_log_that_is_cut_anywhere(stage: Stage, sender: socket.socket) -> None:
    """As `nc -u` sends a file: in blocks that end in the middle of sentences."""
    stage.set(unit=ANY_PORT)
    port = await stage.port()
    stream = b"".join(gga(second) for second in range(40))
    for at in range(0, len(stream), 100):
        sender.sendto(stream[at : at + 100], ("127.0.0.1", port))
    await stage.read(-(-len(stream) // 100))
    assert len(stage.fixes) == 40


async def test_only_who_is_named_is_heard(stage: Stage, sender: socket.socket) -> None:
    stage.set(unit=(ANY_PORT, "127.0.0.2/32"))
    port = await stage.port()
    sender.sendto(gga(), ("127.0.0.1", port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as named:
        named.bind(("127.0.0.2", 0))
        named.sendto(gga(1, lat="5131.0000"), ("127.0.0.1", port))
    await stage.read(2)
    assert [fix.lat for _, fix in stage.fixes] == [51 + 31 / 60]
    await stage.pass_(1.0)
    refused = metric("sightline_position_datagrams_refused_total", listen=f"udp://127.0.0.1:{port}", why="sender")
    assert refused == 1
    await stage.pass_(SILENT_SECONDS)
    assert "127.0.0.1" in stage.problem()
    assert "position_from" in stage.problem()


async def test_cameras_share_a_port_by_their_senders(stage: Stage) -> None:
    stage.set(one=(ANY_PORT, "127.0.0.2/32"), two=(ANY_PORT, "127.0.0.3/32"))
    port = await stage.port()
    await until(lambda: len(stage.members) == 2)
    for at, host in enumerate(("127.0.0.3", "127.0.0.2", "127.0.0.4")):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))
            for second in range(2):
                sock.sendto(gga(second, lat=f"513{at}.0000"), ("127.0.0.1", port))
    await stage.read(6)
    assert {camera: fix.lat for camera, fix in stage.fixes} == {"two": 51.5, "one": 51 + 31 / 60}
    assert len(stage.fixes) == 4


@pytest.mark.parametrize("senders", ["", "127.0.0.0/8", "127.0.0.2/32"])
async def test_cameras_that_cannot_be_told_apart(stage: Stage, senders: str) -> None:
    """The one that was there goes on; the other says what to do, and comes in once it can."""
    first = (ANY_PORT, "127.0.0.2/32") if senders else ANY_PORT
    stage.set(first=first)
    await stage.port()
    stage.set(first=first, second=(ANY_PORT, senders))
    await until(lambda: stage.problem("second") != "")
    assert "position_from" in stage.problem("second")
    assert stage.problem("first") == ""
    assert stage.members == ["first"]
    stage.set(second=(ANY_PORT, senders))
    for _ in range(3):
        await stage.pass_(5.0)
    await until(lambda: stage.ports != [])


async def test_a_port_that_is_taken(stage: Stage, sender: socket.socket) -> None:
    number = sender.getsockname()[1]
    stage.set(unit=f"udp://127.0.0.1:{number}")
    await until(lambda: stage.problem() != "")
    assert stage.problem().startswith(f"UDP port {number} is taken by another program")
    errors = {"camera": "unit", "fault": Fault.SETTINGS.value}
    assert metric("sightline_position_errors_total", **errors) >= 1
    await until(lambda: stage.clock.sleepers > 0)
    sender.close()
    await stage.pass_(5.0)
    assert await stage.port() == number


@pytest.mark.parametrize(
    ("address", "reason"),
    [("203.0.113.7:0", "no address 203.0.113.7 to listen on"), ("no.such.host.invalid:1", "no address to listen on")],
)
async def test_what_cannot_be_listened_on(stage: Stage, address: str, reason: str) -> None:
    stage.set(unit=f"udp://{address}")
    await until(lambda: stage.problem() != "")
    assert reason in stage.problem()


async def test_ipv6(stage: Stage) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    stage.set(unit=("udp://[::]:0", "127.0.0.1/32"))
    port = await stage.port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(gga(0) + gga(1), ("127.0.0.1", port))
    await until(lambda: len(stage.fixes) == 1)


# ---- what people are told


async def test_when_nothing_comes(stage: Stage) -> None:
    stage.set(unit=ANY_PORT)
    await stage.port()
    await stage.pass_(SILENT_SECONDS - 1)
    assert stage.problem() == ""
    await stage.pass_(2.0)
    assert stage.problem().startswith("Nothing comes to UDP port")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"hello\r\n", NOT_NMEA),
        (b"$GPGGA,120000.00,5130.0,N,00007.5,W,1,08,1.0,35.5,M,47.0,M,,\r\n", NOT_NMEA),
        (nmea("GPTXT,hello"), NO_PLACE),
        (gga(quality=0) + gga(1, quality=0), NO_FIX),
    ],
)
async def test_when_it_is_not_what_it_should_be(stage: Stage, sender: socket.socket, data: bytes, problem: str) -> None:
    stage.set(unit=ANY_PORT)
    port = await stage.port()
    for _ in range(round(SILENT_SECONDS) + 2):
        sender.sendto(data, ("127.0.0.1", port))
        await stage.read()
        await stage.pass_(0.7)
    assert stage.problem() == problem
    assert stage.fixes == []
    # And all is well once it is.
    for second in range(20, 27):
        sender.sendto(gga(second), ("127.0.0.1", port))
    await until(lambda: bool(stage.fixes))
    assert stage.problem() == ""


# ---- forged, and too much


@pytest.mark.parametrize(
    ("forged", "rule"),
    [
        (gga(lat="9130.0000"), Rule.OUT_OF_RANGE),
        (gga(5, lat="5930.0000"), Rule.JUMP),
        (gga(quality=0), Rule.NO_FIX),
    ],
)
async def test_forged_positions(stage: Stage, sender: socket.socket, forged: bytes, rule: Rule) -> None:
    stage.set(unit=ANY_PORT, other=("udp://127.0.0.2:0", "127.0.0.1/32"))
    await until(lambda: len(stage.ports) == 2)
    bound = {address.host: port.number for address, port in stage.sources.udp.open.items()}
    other = bound.pop("127.0.0.2")
    (unit,) = bound.values()
    for where in (("127.0.0.1", unit), ("127.0.0.2", other)):
        sender.sendto(gga(0) + gga(1), where)
    await stage.read(2)
    before = stage.fleet.camera("other").fix
    sender.sendto(forged, ("127.0.0.1", unit))
    await stage.read()
    assert stage.refused() == {rule: 1}
    assert stage.refused("other") == {}
    assert before is not None
    assert stage.fleet.camera("other").fix == before
    assert len(stage.fixes) == 4


async def test_the_past_and_impossible_speeds(stage: Stage, sender: socket.socket) -> None:
    stage.set(unit=ANY_PORT)
    port = await stage.port()

    def rmc(knots: str, date: str) -> bytes:
        return nmea(f"GPRMC,120000.00,A,5130.0,N,00007.5,W,{knots},,{date},,,A")

    sender.sendto(rmc("486.0", "010126") + rmc("0.0", "110720") + rmc("nan", "010126"), ("127.0.0.1", port))
    await stage.read()
    # 900 km/h; years ago; a speed that is no number says nothing of the place.
    assert stage.refused() == {Rule.SPEED: 1, Rule.CLOCK: 1}
    assert [fix.speed_mps for _, fix in stage.fixes] == [None]
    assert "more than a day" in stage.problem() or stage.problem() == ""


async def test_a_flood_is_read_so_far_and_no_further(
    stage: Stage, sender: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nmea_inlet, "BURST", 50.0)
    stage.set(unit=ANY_PORT)
    port = await stage.port()
    read_before = metric("sightline_position_sentences_total", camera="unit")
    for second in range(100):
        sender.sendto(gga(second), ("127.0.0.1", port))
    await stage.read(100)
    await stage.pass_(0.7)
    read = metric("sightline_position_sentences_total", camera="unit") - read_before
    assert 20 <= read <= 40  # each counts for its bytes, too
    assert metric("sightline_bad_input_total", camera="unit", what="nmea_flood") >= 60
    # A second later so much more is read.
    for second in range(100, 110):
        sender.sendto(gga(second), ("127.0.0.1", port))
    await stage.read(10)
    await stage.pass_(0.7)
    assert metric("sightline_position_sentences_total", camera="unit") - read_before == read + 10


async def test_a_flood_is_told(stage: Stage, sender: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nmea_inlet, "BURST", 1.0)
    monkeypatch.setattr(nmea_inlet, "RATE", 0.0)
    stage.set(unit=ANY_PORT)
    port = await stage.port()
    for _ in range(round(SILENT_SECONDS) + 2):
        for _ in range(3):
            sender.sendto(b"$" * 300, ("127.0.0.1", port))
        await stage.read(3)
        await stage.pass_(0.7)
    assert stage.problem() == FLOOD


async def test_a_port_pauses_and_the_kernel_drops(
    stage: Stage, sender: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp_ports, "BURST", 5.0)
    monkeypatch.setattr(udp_ports, "DATAGRAMS_PER_SECOND", 10.0)
    monkeypatch.setattr(udp_ports, "_RECEIVE_BUFFER", 16 << 10)
    stage.set(unit=ANY_PORT)
    port = await stage.port()
    for second in range(60):
        sender.sendto(gga(second), ("127.0.0.1", port))
    await until(lambda: not next(iter(stage.sources.udp.open.values())).reading)
    assert len(stage.fixes) == 4
    await stage.pass_(0.5)
    await until(lambda: len(stage.fixes) > 4)
    assert len(stage.fixes) <= 10
    await stage.pass_(1.0)
    label = f"udp://127.0.0.1:{port}"
    assert metric("sightline_position_datagrams_refused_total", listen=label, why="flood") > 0


# ---- TCP


class Receiver:
    """Writes to whoever connects, as a receiver with a network does."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self.heard = b""
        self.greeting = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(self.greeting)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1000):
                self.heard += data
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, int]]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver, "127.0.0.1", 0)
    yield receiver, server.sockets[0].getsockname()[1]
    for writer in receiver.writers:
        writer.close()
    server.close()
    await server.wait_closed()


async def test_a_connection(stage: Stage, receiver: tuple[Receiver, int]) -> None:
    it, port = receiver
    stage.set(unit=f"tcp://127.0.0.1:{port}")
    await until(lambda: len(it.writers) == 1)
    for byte in gga(0) + gga(1):
        it.writers[0].write(bytes([byte]))
    await until(lambda: len(stage.fixes) == 1)
    it.writers[0].close()
    # It ends, which ends the moment, too; and it is connected to again at once.
    await until(lambda: len(it.writers) == 2)
    assert [fix.utc_ns for _, fix in stage.fixes] == [NOW, NOW + NS]
    it.writers[1].write(gga(2) + gga(3))
    await until(lambda: len(stage.fixes) == 3)
    assert stage.problem() == ""


async def test_a_gpsd_is_asked_for_sentences(stage: Stage, receiver: tuple[Receiver, int]) -> None:
    it, port = receiver
    it.greeting = b'{"class":"VERSION","release":"3.25","rev":"3.25","proto_major":3,"proto_minor":15}\r\n'
    stage.set(unit=f"tcp://127.0.0.1:{port}")
    await until(lambda: it.heard.endswith(b"\n"))
    assert it.heard == b'?WATCH={"enable":true,"nmea":true};\n'
    it.writers[0].write(b'{"class":"DEVICES","devices":[]}\r\n' + gga(0) + gga(1))
    await until(lambda: len(stage.fixes) == 1)


async def test_a_silent_connection_is_given_up(stage: Stage, receiver: tuple[Receiver, int]) -> None:
    it, port = receiver
    stage.set(unit=f"tcp://127.0.0.1:{port}")
    await until(lambda: len(it.writers) == 1)
    await asyncio.sleep(0.01)
    await stage.pass_(SILENT_SECONDS + 2)
    assert stage.problem() == f"Connected to 127.0.0.1:{port}, but nothing comes from there."
    await stage.pass_(STALLED_AFTER - SILENT_SECONDS - 1)
    await until(lambda: "sends nothing" in stage.problem())
    await until(lambda: len(it.writers) >= 2)


async def test_nobody_answers(stage: Stage, receiver: tuple[Receiver, int]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stage.set(unit=f"tcp://127.0.0.1:{port}")
    await until(lambda: "can be reached" in stage.problem())
    assert metric("sightline_position_errors_total", camera="unit", fault=Fault.UNREACHABLE.value) >= 1


async def test_a_flood_by_tcp_is_held_back(
    stage: Stage, receiver: tuple[Receiver, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nmea_inlet, "BURST", 1000.0)
    it, port = receiver
    stage.set(unit=f"tcp://127.0.0.1:{port}")
    await until(lambda: len(it.writers) == 1)
    junk = metric("sightline_bad_input_total", camera="unit", what="nmea_junk_byte")
    flood = asyncio.create_task(_flood(it.writers[0]))
    await asyncio.sleep(0.05)
    await stage.pass_(1.0)
    first = metric("sightline_bad_input_total", camera="unit", what="nmea_junk_byte") - junk
    await asyncio.sleep(0.05)
    await stage.pass_(0.1)
    assert 100_000 < first < 1_000_000
    assert metric("sightline_bad_input_total", camera="unit", what="nmea_junk_byte") - junk == first
    flood.cancel()
    await asyncio.gather(flood, return_exceptions=True)


async def _flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"$" + b"x" * 1_000_000)
        await writer.drain()


# ---- settings


async def test_sources_follow_the_settings(stage: Stage, receiver: tuple[Receiver, int]) -> None:
    it, port = receiver
    stage.set(unit="metadata", asked="onvif", phone="http")
    await until(lambda: stage.asked == ["asked"])
    assert stage.ports == []
    stage.set(unit=ANY_PORT, asked="onvif", phone="http")
    await stage.port()
    stage.set(unit=f"tcp://127.0.0.1:{port}", asked="onvif", phone="http")
    await until(lambda: len(it.writers) == 1)
    assert stage.ports == []
    stage.fleet.camera("unit")._changed(stage.fleet.camera("unit"))
    stage.set()
    await until(it.writers[0].is_closing)
    assert len(it.writers) == 1
    assert stage.asked == ["asked"]


async def test_a_change_of_the_stream_leaves_the_position_alone(stage: Stage, sender: socket.socket) -> None:
    stage.set(unit=ANY_PORT)
    port = await stage.port()
    changed = CameraSettings.model_validate({"id": "unit", "url": "rtsp://elsewhere/", "position": ANY_PORT})
    stage.fleet.apply([Configured(changed, Origin.FILE)])
    await asyncio.sleep(0)
    assert stage.ports == [port]


async def test_a_fault_of_the_gateway_is_told_and_tried_again(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    tries = 0

    class Broken:
        async def run(self) -> None:
            nonlocal tries
            tries += 1
            raise ZeroDivisionError

    stage.sources._inside["onvif"] = lambda _: Broken()
    stage.set(unit="onvif")
    await until(lambda: tries >= 1)
    assert "its log says where" in stage.problem()
    assert "ZeroDivisionError" in caplog.text
    await until(lambda: stage.clock.sleepers > 0)
    assert tries == 2
    await stage.pass_(1.0)
    await until(lambda: tries == 3)


@pytest.mark.parametrize(("position", "taken"), [("metadata", 1), ("udp://127.0.0.1:0", 0), ("http", 0)])
async def test_the_streams_metadata_counts_only_where_it_is_the_way(stage: Stage, position: str, taken: int) -> None:
    stage.set(unit=position)
    camera = stage.fleet.camera("unit")
    source = CameraSource(camera, IngestParts(stage.clock, None, None))  # type: ignore[arg-type]  # nothing is asked
    track = Track(0, TrackKind.METADATA, Codec.ONVIF_METADATA, 90_000, MetadataParameters())
    unit = AccessUnit(track, 0, 0, NOW, TimeSource.ARRIVAL, NOW, (b"",))
    source._take(MetadataDocument((Position(51.5, -0.1, Carrier.MILESTONE),)), unit)
    assert len(stage.fixes) == taken
