"""A process that is the cameras: one short clip, coded once, sent in a loop by RTSP under as many paths as asked for.

`python -m benchmarks.camera COUNT` prints the URL of each and serves until its standard input ends. The clip is that of
the simulator, 30 frames a second at 1 Mbit/s, with a keyframe every two seconds. Each path is a camera of its own, with
its own place in the clip and its own moment within the frame's interval, as cameras in the field have.
"""

from __future__ import annotations

import asyncio
import json
import sys
from fractions import Fraction

import av
import numpy as np
import uvloop

from gateway.base.clock import SystemClock
from gateway.hub import Hub, Start
from gateway.media.h264 import NalType, nal_type, split_annex_b, video_parameters
from gateway.media.model import NS, AccessUnit, Codec, TimeSource, Track, TrackKind, VideoParameters
from gateway.rtsp.mount import Mount, Presentation
from gateway.rtsp.server import Server
from gateway.simulator.scene import Scene

FPS = 30
BITS_PER_SECOND = 1_000_000
CLIP_SECONDS = 4
KEYFRAME_SECONDS = 2
WIDTH, HEIGHT = 640, 360
GRAIN = 12
"""Of the picture, in steps of luma: night in a street, and what brings the coder to its bit rate."""
CLOCK_RATE = 90_000

Nals = tuple[bytes, ...]


def clip() -> list[Nals]:
    """The pictures, each as NAL units; keyframes carry their parameter sets."""
    codec = av.VideoCodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, FPS), Fraction(FPS)
    codec.bit_rate = BITS_PER_SECOND
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "maxrate": str(BITS_PER_SECOND),
        "bufsize": str(BITS_PER_SECOND // 2),
        "g": str(FPS * KEYFRAME_SECONDS),
        "sc_threshold": "0",
        "x264-params": "slices=1:sliced-threads=0",
    }
    scene, noise = Scene("Unit 12", 1, width=WIDTH, height=HEIGHT), np.random.default_rng(1)
    coded: list[bytes] = []
    for number in range(FPS * CLIP_SECONDS):
        picture = scene.picture(number * NS // FPS).astype(np.int16)
        picture[:HEIGHT] += noise.integers(-GRAIN, GRAIN + 1, picture[:HEIGHT].shape, dtype=np.int16)
        frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), format="yuv420p")
        frame.pts = number
        coded += map(bytes, codec.encode(frame))
    coded += map(bytes, codec.encode(None))
    return [tuple(split_annex_b(unit)) for unit in coded]


class Camera:
    """Publishes the clip into a Hub, for ever. `phase`, from 0 to 1, is its place among the others."""

    def __init__(self, name: str, pictures: list[Nals], phase: float) -> None:
        self._pictures = pictures
        self._phase = phase
        self._clock = SystemClock()
        self.hub = Hub(name, cap_bytes=4 << 20, min_seconds=KEYFRAME_SECONDS)
        parameters = video_parameters(pictures[0], VideoParameters())
        self._track = Track(0, TrackKind.VIDEO, Codec.H264, CLOCK_RATE, parameters)
        self.hub.open((self._track,))
        subscribe = lambda: self.hub.subscribe("rtsp", start=Start.KEYFRAME)  # noqa: E731
        self.mount = Mount(name, lambda: self.hub.tracks, subscribe, self._clock)

    async def film(self) -> None:
        """One picture after the other, each when it is due."""
        started, started_ns = self._clock.monotonic() + self._phase / FPS, self._clock.utc_ns()
        first = round(self._phase * len(self._pictures))
        number = 0
        while True:
            await self._clock.sleep(max(0.0, started + number / FPS - self._clock.monotonic()))
            nals = self._pictures[(first + number) % len(self._pictures)]
            pts = number * CLOCK_RATE // FPS
            self.hub.publish(
                AccessUnit(
                    track=self._track,
                    pts=pts,
                    dts=pts,
                    utc_ns=started_ns + number * NS // FPS,
                    time_source=TimeSource.RTCP,
                    received_ns=self._clock.utc_ns(),
                    nals=nals,
                    is_keyframe=any(nal_type(nal) == NalType.IDR for nal in nals),
                    size=sum(map(len, nals)),
                )
            )
            number += 1


async def main(count: int) -> None:
    pictures = clip()
    cameras = {f"cam-{i:02d}": Camera(f"cam-{i:02d}", pictures, i / count) for i in range(count)}

    async def find(path: str, user: str) -> Presentation | None:
        camera = cameras.get(path)
        return None if camera is None else camera.mount

    server = Server(find, SystemClock())
    port = await server.listen("127.0.0.1")
    rate = sum(len(nal) for nals in pictures for nal in nals) * 8 / CLIP_SECONDS
    urls = {name: f"rtsp://127.0.0.1:{port}/{name}" for name in cameras}
    print(json.dumps({"urls": urls, "bits_per_second": rate}), flush=True)
    async with asyncio.TaskGroup() as tasks:
        filming = [tasks.create_task(camera.film()) for camera in cameras.values()]
        await asyncio.to_thread(sys.stdin.read)
        for task in filming:
            task.cancel()
    await server.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
