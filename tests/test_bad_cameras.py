"""Bad cameras beside a good one: each says what is wrong with it and is counted, and the good one loses nothing.

One gateway for all tests, so that all of it happens at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import Counter

from gateway.base import metrics
from gateway.base.errors import Fault
from gateway.base.settings import CameraSettings
from gateway.ingest import fleet
from gateway.ingest.fleet import Camera, CameraStatus
from gateway.media.payloads import payloads
from gateway.media.rtp import build_header
from gateway.rtsp.protocol import Request
from gateway.simulator import Simulation
from onvif_protocol.metadata import Carrier, Position, navigational_document
from tests.running import Running, running
from tests.scripted_camera import ScriptedCamera, describe, frame
from tests.scripted_camera import running as listening
from tests.webrtc_samples import encoded

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = 40.0
"""How long a camera may take to say what is wrong."""
PATIENCE = 4.0
"""With one that sends nothing, instead of ten seconds; it is stale before."""
FPS = 10
VIDEO_CHANNEL, METADATA_CHANNEL = 0, 2
HUGE = b"<?xml version='1.0'?><tt:MetadataStream>" + b"<x>" + b"y" * (20 << 20) + b"</x></tt:MetadataStream>"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%b">' % (c, b"&%c;" % (c - 1) * 10) for c in b"bcdefghi")
    + b']><tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema">&i;</tt:MetadataStream>'
)
NOWHERE = navigational_document(Position(lat=123.0, lon=-0.1, carrier=Carrier.MILESTONE))


@dataclass
class FilmingCamera(ScriptedCamera):
    """Sends video that is good, again and again, and `extra(n)` (framed packets) after its picture n."""

    extra: Callable[[int], bytes] = lambda n: b""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def reply(self, writer: asyncio.StreamWriter, request: Request) -> bool:
        goes_on = super().reply(writer, request)
        if request.method == "PLAY":
            task = asyncio.create_task(self.film(writer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return goes_on

    async def film(self, writer: asyncio.StreamWriter) -> None:
        sequence = itertools.count()
        for n, unit in enumerate(itertools.cycle(encoded(60, 30))):
            if writer.is_closing():
                return
            writer.write(packets(VIDEO_CHANNEL, 96, sequence, n * 90_000 // FPS, payloads(unit)) + self.extra(n))
            await asyncio.sleep(1 / FPS)


def packets(channel: int, payload_type: int, sequence: Iterator[int], timestamp: int, parts: list[bytes]) -> bytes:
    """One unit as interleaved RTP packets."""
    return b"".join(
        frame(channel, build_header(payload_type, next(sequence), timestamp, 7, marker=place == len(parts)) + part)
        for place, part in enumerate(parts, 1)
    )


def saying(document: bytes, *, every: int) -> Callable[[int], bytes]:
    """A metadata track that says `document` after every so many pictures."""
    sequence = itertools.count()
    parts = [document[at : at + 1400] for at in range(0, len(document), 1400)]

    def extra(n: int) -> bytes:
        if n % every:
            return b""
        return packets(METADATA_CHANNEL, 107, sequence, n * 90_000 // FPS, parts)

    return extra


def noise(size: int) -> Callable[[int], bytes]:
    """Packets of random bytes on both tracks."""
    chance = random.Random(1)
    return lambda _: b"".join(frame(channel, chance.randbytes(size)) for channel in (VIDEO_CHANNEL, METADATA_CHANNEL))


@dataclass
class NoisyCamera(FilmingCamera):
    """Sends nothing but `extra`."""

    async def film(self, writer: asyncio.StreamWriter) -> None:
        for n in itertools.count():
            if writer.is_closing():
                return
            writer.write(self.extra(n))
            await asyncio.sleep(1 / FPS)


@contextlib.asynccontextmanager
async def answering(answer: Callable[[bytes], bytes]) -> AsyncIterator[int]:
    """A server that is no camera: it answers what it reads; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(answer(data))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def cut_short() -> bytes:
    """A few pictures, and then the beginning of a frame that announces more than comes."""
    sequence = itertools.count()
    film = b"".join(
        packets(VIDEO_CHANNEL, 96, sequence, n * 90_000 // FPS, payloads(unit))
        for n, unit in enumerate(encoded(60, 30)[:20])
    )
    return film + b"$\x00\x05\xdc" + bytes(100)


MJPEG = describe(
    b"v=0\r\ns=x\r\na=control:*\r\nm=video 0 RTP/AVP 26\r\na=control:trackID=0\r\n"
    b"m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n"
)

SCRIPTED: dict[str, Callable[[], ScriptedCamera]] = {
    "mjpeg": lambda: ScriptedCamera(replies={"DESCRIBE": [MJPEG]}),
    "no-sdp": lambda: ScriptedCamera(replies={"DESCRIBE": [describe(b"\xff\xfe<html>hello</html>")]}),
    "truncated": lambda: ScriptedCamera(media=cut_short(), close_after="PLAY"),
    "bomb": lambda: FilmingCamera(extra=saying(BOMB, every=2)),
    "huge": lambda: FilmingCamera(extra=saying(HUGE, every=50)),
    "nowhere": lambda: FilmingCamera(extra=saying(NOWHERE, every=2)),
    "no-xml": lambda: FilmingCamera(extra=saying(b"\x00\x01 not a document", every=2)),
    "garbage": lambda: NoisyCamera(extra=noise(200)),
    "garbage-beside": lambda: FilmingCamera(extra=noise(200)),
    "silent": ScriptedCamera,
}


class Told:
    """Everything that people were told of every camera, in order."""

    def __init__(self) -> None:
        self.history: dict[str, list[tuple[CameraStatus, str | None]]] = {}
        self._changed = asyncio.Event()

    def note(self, camera: Camera) -> None:
        self.history.setdefault(camera.id, []).append((camera.status, camera.reason))
        self._changed.set()

    async def wait(self, camera_id: str, status: CameraStatus, reason: str) -> None:
        """Until `camera_id` had that status with a reason in which the pattern is found."""
        try:
            async with asyncio.timeout(SECONDS):
                while not any(
                    told is status and re.search(reason, why or "") for told, why in self.history.get(camera_id, [])
                ):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pytest.fail(f"{camera_id} was never {status} with {reason!r}, but {self.history.get(camera_id)}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[tuple[Running, Told]]:
    """A gateway with one good camera and all the bad ones."""
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(fleet, "STALLED_AFTER", PATIENCE)
        simulation = await stack.enter_async_context(Simulation(count=1, password="secret", width=320, height=180))
        (good,) = simulation.cameras
        login = {"username": good.username, "password": "secret"}
        urls = {
            "http": await stack.enter_async_context(answering(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n")),
            "echo": await stack.enter_async_context(answering(lambda data: data)),
            "noise": await stack.enter_async_context(answering(lambda _: random.Random(2).randbytes(5000))),
        }
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))
        cameras = {
            "good": {"onvif": good.onvif_url, **login},
            "wrong-password": {"url": good.rtsp_url, **login, "password": "wrong"},
            "no-password": {"url": good.rtsp_url},
            "wrong-onvif-password": {"onvif": good.onvif_url, **login, "password": "wrong"},
            "wrong-path": {"url": good.rtsp_url + "/nothing", **login},
            "no-onvif": {"onvif": f"http://127.0.0.1:{urls['echo']}/onvif/device_service"},
            "closed": {"url": f"rtsp://127.0.0.1:{closed.getsockname()[1]}/s"},
            **{name: {"url": f"rtsp://127.0.0.1:{port}/s"} for name, port in urls.items()},
        }
        for name, make in SCRIPTED.items():
            camera = await stack.enter_async_context(listening(make()))
            cameras[name] = {"url": camera.url()}
        settings = [CameraSettings.model_validate({"id": name, **values}) for name, values in cameras.items()]
        gateway = await stack.enter_async_context(running(tmp_path_factory.mktemp("gateway"), *settings))
        told = Told()
        for camera in gateway.fleet.cameras.values():
            told.note(camera)
        gateway.fleet.on_changed.append(told.note)
        yield gateway, told


def counted(metric: Counter, camera_id: str, label: str) -> float:
    """What `/metrics` shows."""
    value: float = metric.labels(camera_id, label)._value.get()
    return value


@pytest.mark.parametrize(
    ("camera_id", "reason", "fault"),
    [
        ("wrong-password", "password", Fault.AUTHENTICATION),
        ("no-password", "password", Fault.AUTHENTICATION),
        ("wrong-onvif-password", "password", Fault.AUTHENTICATION),
        ("wrong-path", "404", Fault.REFUSED),
        ("closed", r"[Nn]othing (answers|listens)|refused", Fault.UNREACHABLE),
        ("http", "RTSP", Fault.NOT_RTSP),
        ("echo", "RTSP", Fault.BAD_STREAM),
        ("noise", "RTSP", Fault.NOT_RTSP),
        ("no-onvif", "does not speak HTTP", Fault.ONVIF),
        ("mjpeg", "no H.264.*JPEG", Fault.NO_VIDEO),
        ("no-sdp", "description|SDP", Fault.BAD_SDP),
        ("truncated", "closed the connection", Fault.ENDED),
        ("garbage", "no picture", Fault.STALLED),
        ("silent", "no picture", Fault.STALLED),
    ],
)
async def test_is_offline_for_a_reason(gateway, camera_id: str, reason: str, fault: Fault) -> None:
    _, told = gateway
    await told.wait(camera_id, CameraStatus.OFFLINE, reason)
    assert counted(metrics.CAMERA_ERRORS, camera_id, fault.value) >= 1


@pytest.mark.parametrize(
    ("camera_id", "reason", "metric", "label"),
    [
        ("bomb", "metadata.*not XML that may be read", metrics.BAD_INPUT, "metadata"),
        ("huge", "metadata.*too large", metrics.BAD_INPUT, "payload"),
        ("nowhere", "out of range", metrics.FIXES_REFUSED, "out_of_range"),
        ("no-xml", "metadata", metrics.BAD_INPUT, "metadata"),
    ],
)
async def test_is_live_but_says_what_is_wrong(
    gateway, camera_id: str, reason: str, metric: Counter, label: str
) -> None:
    running_gateway, told = gateway
    await told.wait(camera_id, CameraStatus.LIVE, reason)
    assert counted(metric, camera_id, label) >= 1
    positions = await running_gateway.client().get(f"/api/cameras/{camera_id}/positions")
    assert positions == {"fixes": []}


async def test_says_so_while_it_is_connected_and_silent(gateway) -> None:
    _, told = gateway
    await told.wait("silent", CameraStatus.STALE, "sends no picture")


@pytest.mark.parametrize("camera_id", ["garbage", "garbage-beside"])
async def test_garbage_is_counted(gateway, camera_id: str) -> None:
    _, told = gateway
    if camera_id == "garbage-beside":
        await told.wait(camera_id, CameraStatus.LIVE, "")
    bad: Any = metrics.BAD_INPUT
    kinds = ("rtp", "payload_type", "stray_packet")
    async with asyncio.timeout(SECONDS):
        while not sum(bad.labels(camera_id, kind)._value.get() for kind in kinds) >= 20:
            await asyncio.sleep(0.1)


async def test_the_good_one_lost_nothing_by_it(gateway) -> None:
    """Runs last: after all the others showed what they do."""
    running_gateway, told = gateway
    await told.wait("good", CameraStatus.LIVE, "")
    states = [status for status, _ in told.history["good"]]
    live_at = states.index(CameraStatus.LIVE)
    assert set(states[live_at:]) == {CameraStatus.LIVE}
    for kind in ("video", "audio", "metadata"):
        assert counted(metrics.CAMERA_LOST, "good", kind) == 0
        assert counted(metrics.CAMERA_UNITS, "good", kind) > 0
    for fault in Fault:
        assert counted(metrics.CAMERA_ERRORS, "good", fault.value) == 0
    recordings = await running_gateway.client().get("/api/cameras/good/recordings")
    assert (len(recordings["recordings"]), recordings["gaps"]) == (1, [])
