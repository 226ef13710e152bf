"""Pictures become H.264 in a worker process, which may die without taking anything along.

Here belong both ends of that process: `Encoder`, which the gateway's process owns, and `main`, which the worker runs.
The worker has no clock and no opinion: it draws and encodes a Scene when asked for the picture of some UTC, so whoever
asks decides on the frame rate, on faults and on time. One worker serves all simulated cameras.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import struct
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import BinaryIO

from gateway.base.clock import Clock
from gateway.media.model import UtcNs

log = logging.getLogger(__name__)

REQUEST = struct.Struct("<HxxIq")
"""Camera, whether a keyframe is wanted (0 or 1), UTC in ns. From the gateway to the worker."""
REPLY = struct.Struct("<HxxIq")
"""Camera, bytes of the Annex B access unit that follows, the request's UTC. From the worker to the gateway."""

RESTART_SECONDS = 0.5
MAX_WAITING = 4
"""Pictures of one camera asked for and not delivered: beyond it a picture is skipped, as a busy camera does."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """How one camera's picture is made. `name` and `seed` as in `scene.Scene`; size in pixels, `kbps` the ceiling."""

    name: str
    seed: int
    width: int = 640
    height: int = 360
    fps: int = 20
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
        self._process: asyncio.subprocess.Process | None = None
        self._waiting = [0] * len(settings)
        self.skipped = 0
        """Pictures not made because the worker was behind or away."""
        self.deaths = 0
        """How often the worker ended without being asked to."""

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return None if self._process is None else self._process.pid

    async def run(self) -> None:
        """Keep a worker running until cancelled."""
        while True:
            try:
                await self._run_once()
            except OSError as error:
                log.warning("the simulator's encoder cannot be started: %s", error)
            await self._clock.sleep(RESTART_SECONDS)

    def request(self, camera: int, utc_ns: UtcNs, *, keyframe: bool = False) -> bool:
        """Ask for the picture at `utc_ns`. False: skipped, as the worker is behind or away."""
        process = self._process
        if process is None or self._waiting[camera] >= MAX_WAITING:
            self.skipped += 1
            return False
        assert process.stdin is not None
        self._waiting[camera] += 1
        process.stdin.write(REQUEST.pack(camera, keyframe, utc_ns))
        return True

    async def _run_once(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.simulator.encoder",
            json.dumps([asdict(settings) for settings in self._settings]),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        self._waiting = [0] * len(self._settings)
        self._process = process
        try:
            while True:
                camera, size, utc_ns = REPLY.unpack(await process.stdout.readexactly(REPLY.size))
                unit = await process.stdout.readexactly(size)
                self._waiting[camera] -= 1
                self._on_unit(camera, utc_ns, unit)
        except asyncio.IncompleteReadError:
            self.deaths += 1
            log.warning("the simulator's encoder ended with %s; it is started again", await process.wait())
        finally:
            self._process = None
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the worker, which ends by itself when its standard input does."""
    assert process.stdin is not None
    process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())


def main(arguments: list[str], requests: BinaryIO, replies: BinaryIO) -> None:
    """The worker: answers each request with the picture encoded, until `requests` ends."""
    import av  # not before it is needed: the gateway's own process imports this module too

    from gateway.simulator.scene import Scene

    settings = [EncoderSettings(**entry) for entry in json.loads(arguments[0])]
    scenes = [Scene(s.name, s.seed, width=s.width, height=s.height) for s in settings]
    codecs = []
    for s in settings:
        codec = av.VideoCodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = s.width, s.height, "yuv420p"
        codec.time_base, codec.framerate = Fraction(1, 90_000), Fraction(s.fps)
        codec.thread_count = 1
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "crf": "29",
            "maxrate": f"{s.kbps}k",
            "bufsize": f"{s.kbps}k",
            "g": str(round(s.fps * s.keyframe_seconds)),
            "sc_threshold": "0",
            "forced-idr": "1",
        }
        codecs.append(codec)
    pictures = [0] * len(settings)
    while len(request := requests.read(REQUEST.size)) == REQUEST.size:
        camera, keyframe, utc_ns = REQUEST.unpack(request)
        frame = av.VideoFrame.from_ndarray(scenes[camera].picture(utc_ns), format="yuv420p")
        # The encoder only wants to see time go on, for its rate control; UTC, which may jump, travels beside it.
        frame.pts = pictures[camera] * 90_000 // settings[camera].fps
        pictures[camera] += 1
        if keyframe:
            frame.pict_type = av.video.frame.PictureType.I
        unit = b"".join(bytes(packet) for packet in codecs[camera].encode(frame))
        replies.write(REPLY.pack(camera, len(unit), utc_ns))
        replies.write(unit)
        replies.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer)
