"""A process that is the cameras: one short clip, coded once, sent in a loop by RTSP under as many paths as asked for.

`python -m benchmarks.camera COUNT [--mbit 1] [--gop 2] [--size 640x360]` prints the URL of each and serves until its
standard input ends. The clip is that of the simulator, 30 frames a second. Each path is a camera of its own, with its
own place in the clip and its own moment within the frame's interval, as cameras in the field have.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import uvloop

from gateway.base.clock import SystemClock
from gateway.hub import Hub, Start
from gateway.media.h264 import NalType, nal_type, split_annex_b, video_parameters
from gateway.media.model import NS, AccessUnit, Codec, TimeSource, Track, TrackKind, VideoParameters
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Client, Presentation
from gateway.rtsp.server import Server
from gateway.simulator.scene import Scene

FPS = 30
CLIP_SECONDS = 4
"""At least: the clip is whole groups of pictures."""
GRAIN = 12
"""Of the picture, in steps of luma: night in a street, and what brings the coder to its bit rate."""
CLOCK_RATE = 90_000

Nals = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """What the cameras send."""

    width: int
    height: int
    bits_per_second: int
    keyframe_seconds: int

    @property
    def pictures(self) -> int:
        """How many, until it begins again."""
        return FPS * self.keyframe_seconds * -(-CLIP_SECONDS // self.keyframe_seconds)

    def encoder(self) -> av.VideoCodecContext:
        """Which takes `scene` pictures, or others of that size."""
        codec = av.VideoCodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = self.width, self.height, "yuv420p"
        codec.time_base, codec.framerate = Fraction(1, FPS), Fraction(FPS)
        codec.bit_rate = self.bits_per_second
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "maxrate": str(self.bits_per_second),
            "bufsize": str(self.bits_per_second // 2),
            "g": str(FPS * self.keyframe_seconds),
            "sc_threshold": "0",
            "x264-params": "slices=1:sliced-threads=0",
        }
        return codec

    def encode(self) -> list[Nals]:
        """The pictures, each as NAL units; keyframes carry their parameter sets."""
        codec = self.encoder()
        scene, chance = Scene("Unit 12", 1, width=self.width, height=self.height), np.random.default_rng(1)
        noise = [chance.integers(-GRAIN, GRAIN + 1, (self.height, self.width), dtype=np.int16) for _ in range(8)]
        coded: list[bytes] = []
        for number in range(self.pictures):
            picture = scene.picture(number * NS // FPS).astype(np.int16)
            picture[: self.height] += noise[number % len(noise)]
            frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), format="yuv420p")
            frame.pts = number
            coded += map(bytes, codec.encode(frame))
        coded += map(bytes, codec.encode(None))
        return [tuple(split_annex_b(unit)) for unit in coded]


class Camera:
    """Publishes `picture(number)`, counted from 0, for ever. `phase`, from 0 to 1, is its place among the others."""

    def __init__(self, name: str, picture: Callable[[int], Nals], *, ring_bytes: int, phase: float = 0.0) -> None:
        self._picture = picture
        self._phase = phase
        self._clock = SystemClock()
        self.hub = Hub(name, cap_bytes=ring_bytes, min_seconds=1)
        subscribe = lambda: self.hub.subscribe("rtsp", start=Start.KEYFRAME)  # noqa: E731
        self.mount = Mount(name, lambda: self.hub.tracks, subscribe, self._clock)

    async def film(self) -> None:
        """One picture after the other, each when it is due."""
        started, started_ns = self._clock.monotonic() + self._phase / FPS, self._clock.utc_ns()
        track: Track | None = None
        number = 0
        while True:
            await self._clock.sleep(max(0.0, started + number / FPS - self._clock.monotonic()))
            nals = self._picture(number)
            is_keyframe = any(nal_type(nal) == NalType.IDR for nal in nals)
            if track is None and is_keyframe:
                parameters = video_parameters(nals, VideoParameters())
                track = Track(0, TrackKind.VIDEO, Codec.H264, CLOCK_RATE, parameters)
                self.hub.open((track,))
            number += 1
            if track is None:
                continue
            pts = number * CLOCK_RATE // FPS
            self.hub.publish(
                AccessUnit(
                    track=track,
                    pts=pts,
                    dts=pts,
                    utc_ns=started_ns + number * NS // FPS,
                    time_source=TimeSource.RTCP,
                    received_ns=self._clock.utc_ns(),
                    nals=nals,
                    is_keyframe=is_keyframe,
                    size=sum(map(len, nals)),
                )
            )


def clip_camera(name: str, pictures: list[Nals], phase: float) -> Camera:
    """A camera that sends `pictures` again and again, from its own place among them on."""
    first = round(phase * len(pictures))
    octets = sum(len(nal) for nals in pictures for nal in nals)
    return Camera(name, lambda number: pictures[(first + number) % len(pictures)], ring_bytes=2 * octets, phase=phase)


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.camera")
    parser.add_argument("count", type=int)
    parser.add_argument("--mbit", type=float, default=1)
    parser.add_argument("--gop", type=int, default=2, metavar="SECONDS", help="between two keyframes")
    parser.add_argument("--size", default="640x360")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    clip = Clip(width, height, round(given.mbit * 1e6), given.gop)
    pictures = clip.encode()
    octets = sum(len(nal) for nals in pictures for nal in nals)
    names = [f"cam-{i:02d}" for i in range(given.count)]
    cameras = {name: clip_camera(name, pictures, i / given.count) for i, name in enumerate(names)}

    async def find(path: str, client: Client) -> Presentation | None:
        camera = cameras.get(path)
        return None if camera is None else camera.mount

    server = Server(find, SystemClock())
    port = await server.listen("127.0.0.1")
    urls = {name: f"rtsp://127.0.0.1:{port}/{name}" for name in cameras}
    print(json.dumps({"urls": urls, "bits_per_second": octets * 8 * FPS / len(pictures)}), flush=True)
    async with asyncio.TaskGroup() as tasks:
        filming = [tasks.create_task(camera.film()) for camera in cameras.values()]
        await asyncio.to_thread(sys.stdin.read)
        for task in filming:
            task.cancel()
    await server.close()


if __name__ == "__main__":
    uvloop.run(main())
