"""Pictures become H.264 in a worker process, which may die without taking anything along.

Here belong both ends of that process: `Encoder`, which the gateway's process owns, and `main`, which the worker runs.
The worker has no clock and no opinion: it draws and encodes a Scene when asked for the picture of some UTC, so whoever
asks decides on the frame rate, on faults and on time. One worker serves all simulated cameras.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.base.piped import PipedWorker, keep_working
from gateway.base.records import records, reply
from gateway.media.model import UtcNs

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame

REQUEST = struct.Struct("<HHq")
"""Camera, what is wanted (a Wanted), UTC in ns. The answer is the same with the coded picture behind it."""
MAX_WAITING = 4
"""Pictures of one camera asked for and not delivered: beyond it a picture is skipped, as a busy camera does."""


class Wanted(IntEnum):
    """How a picture is to be coded."""

    VIDEO = 0
    """The next one of the camera's H.264."""
    KEYFRAME = 1
    """The next one of the camera's H.264, as an IDR."""
    JPEG = 2
    """By itself."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """How one camera's picture is made. `name` and `seed` as in `scene.Scene`; size in pixels, `kbps` the ceiling."""

    name: str
    seed: int
    width: int = 640
    height: int = 360
    fps: int = 15
    keyframe_seconds: float = 2.0
    kbps: int = 1000


class Encoder:
    """Owns the worker process: `run` starts it, and again whenever it dies.

    `on_unit(camera, utc_ns, unit)` is called with each coded picture, an H.264 access unit in Annex B; keyframes carry
    their parameter sets. `camera` counts from 0 in the order of `settings`.
    """

    def __init__(
        self, settings: tuple[EncoderSettings, ...], on_unit: Callable[[int, UtcNs, bytes], None], clock: Clock
    ) -> None:
        self._settings = settings
        self._on_unit = on_unit
        self._clock = clock
        self._worker: PipedWorker | None = None
        self._waiting = [0] * len(settings)
        self._stills: dict[int, asyncio.Future[bytes]] = {}
        self.skipped = 0
        """Pictures not made because the worker was behind or away."""
        self.deaths = 0
        """How often the worker ended without being asked to."""

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return None if self._worker is None else self._worker.pid

    async def run(self) -> None:
        """Keep a worker running until cancelled."""
        try:
            await keep_working(self._start, self._clock, feed=_until_cancelled, take=self._take, died=self._died)
        finally:
            self._let_go()

    def request(self, camera: int, utc_ns: UtcNs, *, keyframe: bool = False) -> bool:
        """Ask for the picture at `utc_ns`. False: skipped, as the worker is behind or away."""
        if self._worker is None or self._worker.pid is None or self._waiting[camera] >= MAX_WAITING:
            self.skipped += 1
            return False
        self._waiting[camera] += 1
        self._worker.send(REQUEST.pack(camera, Wanted.KEYFRAME if keyframe else Wanted.VIDEO, utc_ns))
        return True

    async def still(self, camera: int, utc_ns: UtcNs) -> bytes:
        """The picture at `utc_ns` as JPEG. Whoever asks while one is being made gets that one.

        Raises:
            CameraError: the worker is away.
        """
        if (future := self._stills.get(camera)) is None:
            if self._worker is None or self._worker.pid is None:
                raise CameraError(Fault.UNREACHABLE, "the simulator's encoder is not running")
            future = self._stills[camera] = asyncio.get_running_loop().create_future()
            self._worker.send(REQUEST.pack(camera, Wanted.JPEG, utc_ns))
        return await asyncio.shield(future)

    def _start(self) -> PipedWorker:
        self._waiting = [0] * len(self._settings)
        settings = json.dumps([asdict(settings) for settings in self._settings])
        self._worker = PipedWorker("gateway.simulator.encoder", settings, self._clock)
        return self._worker

    def _take(self, record: bytes) -> None:
        camera, wanted, utc_ns = REQUEST.unpack_from(record)
        coded = record[REQUEST.size :]
        if wanted == Wanted.JPEG:
            self._stills.pop(camera).set_result(coded)
        else:
            self._waiting[camera] -= 1
            self._on_unit(camera, utc_ns, coded)

    def _died(self) -> None:
        self.deaths += 1
        self._let_go()

    def _let_go(self) -> None:
        self._worker = None
        for future in self._stills.values():
            future.cancel()
        self._stills.clear()


async def _until_cancelled(_: PipedWorker) -> None:
    """Requests are sent as they come: there is nothing to feed."""
    await asyncio.get_running_loop().create_future()


def main(arguments: list[str], requests: BinaryIO, replies: BinaryIO) -> None:
    """The worker: answers each request with the picture encoded, until `requests` ends."""
    import av  # not before it is needed: the gateway's own process imports this module too

    from gateway.simulator.scene import Scene

    settings = [EncoderSettings(**entry) for entry in json.loads(arguments[0])]
    scenes = [Scene(s.name, s.seed, width=s.width, height=s.height) for s in settings]
    encoders = [_h264(s) for s in settings]
    pictures = [0] * len(settings)
    for request in records(requests):
        camera, wanted, utc_ns = REQUEST.unpack(request)
        frame = av.VideoFrame.from_ndarray(scenes[camera].picture(utc_ns), format="yuv420p")
        if wanted == Wanted.JPEG:
            coded = _jpeg(frame)
        else:
            # The encoder only wants to see time go on, for its rate control; UTC, which may jump, travels beside it.
            frame.pts = pictures[camera] * 90_000 // settings[camera].fps
            pictures[camera] += 1
            if wanted == Wanted.KEYFRAME:
                frame.pict_type = av.video.frame.PictureType.I
            coded = b"".join(bytes(packet) for packet in encoders[camera].encode(frame))
        reply(replies, request, coded)
        replies.flush()


def _h264(settings: EncoderSettings) -> VideoCodecContext:
    import av

    codec = av.VideoCodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = settings.width, settings.height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, 90_000), Fraction(settings.fps)
    codec.thread_count = 1
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "crf": "29",
        "maxrate": f"{settings.kbps}k",
        "bufsize": f"{settings.kbps}k",
        "g": str(round(settings.fps * settings.keyframe_seconds)),
        "sc_threshold": "0",
        "forced-idr": "1",
    }
    return codec


def _jpeg(frame: VideoFrame) -> bytes:
    import av

    codec = av.VideoCodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuvj420p"
    codec.time_base = Fraction(1, 25)
    still = frame.reformat(format="yuvj420p")
    still.pts = 0
    return b"".join(bytes(packet) for packet in (*codec.encode(still), *codec.encode(None)))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer)
