"""A camera whose picture carries the time it was made at: `python -m benchmarks.clock_camera` prints its URL.

The clock is described in `browser`, which reads it back. It serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys

import av
import numpy as np
import uvloop

from benchmarks.browser import CLOCK_BITS, CLOCK_ROWS
from benchmarks.camera import FPS, GRAIN, Camera, Clip
from gateway.base.clock import SystemClock
from gateway.media.h264 import split_annex_b
from gateway.media.model import NS
from gateway.rtsp.presentation import Client, Presentation
from gateway.rtsp.server import Server
from gateway.simulator.scene import Scene

CLIP = Clip(1280, 720, 4_000_000, 10)
BACKGROUNDS = 8
BLACK, WHITE = 16, 235


def backgrounds() -> list[np.ndarray]:
    """Pictures that take the coder to its bit rate when they follow each other."""
    chance, scene = np.random.default_rng(1), Scene("clock", 1, width=CLIP.width, height=CLIP.height)
    made = []
    for number in range(BACKGROUNDS):
        picture = scene.picture(number * NS // FPS).astype(np.int16)
        picture[: CLIP.height] += chance.integers(-GRAIN, GRAIN + 1, (CLIP.height, CLIP.width), dtype=np.int16)
        made.append(np.clip(picture, 0, 255).astype(np.uint8))
    return made


async def main() -> None:
    clock, pictures, codec = SystemClock(), backgrounds(), CLIP.encoder()
    codec.thread_count = 1  # several would each hold a picture back

    def picture(number: int) -> tuple[bytes, ...]:
        burnt = pictures[number % BACKGROUNDS]
        now_ms = clock.utc_ns() // 1_000_000
        bits = [now_ms >> bit & 1 for bit in reversed(range(CLOCK_BITS))]
        burnt[:CLOCK_ROWS] = np.repeat(np.where(bits, WHITE, BLACK), CLIP.width // CLOCK_BITS)
        frame = av.VideoFrame.from_ndarray(burnt, format="yuv420p")
        frame.pts = number
        (coded,) = codec.encode(frame)
        return tuple(split_annex_b(bytes(coded)))

    camera = Camera("clock", picture, ring_bytes=16 << 20)

    async def find(path: str, client: Client) -> Presentation | None:
        return camera.mount if path == "clock" else None

    server = Server(find, clock)
    port = await server.listen("127.0.0.1")
    filming = asyncio.create_task(camera.film())
    print(f"rtsp://127.0.0.1:{port}/clock", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    filming.cancel()
    await asyncio.gather(filming, return_exceptions=True)
    await server.close()


if __name__ == "__main__":
    uvloop.run(main())
