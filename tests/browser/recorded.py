"""An archive to look at: cameras whose every picture says in black and white when it was taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from sqlalchemy import Executable

from gateway.base.clock import SystemClock
from gateway.media.h264 import split_annex_b, video_parameters
from gateway.media.model import (
    NS,
    AccessUnit,
    Codec,
    Fix,
    GapReason,
    TimeSource,
    Track,
    TrackKind,
)
from gateway.positions.store import PositionStore
from gateway.store.engine import open_catalog, open_positions
from tests.media_samples import T0
from tests.recording_rig import gap, rig

RATE, GOP = 10, 20
LOST_TRACK = {GapReason.LOSS: 0}
"""Lost packets are those of one track, here of the pictures; the Recording goes on."""
BITS, BLOCK = 12, 16
WIDTH, HEIGHT = BITS * BLOCK, 96
"""A picture: its number as a row of blocks, white is 1, the most significant first."""
READ_NUMBER = f"""video => {{
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [{WIDTH}, {HEIGHT}];
  const draw = canvas.getContext('2d');
  draw.drawImage(video, 0, 0, canvas.width, canvas.height);
  let number = 0;
  for (let bit = 0; bit < {BITS}; bit++)
    number = number * 2 + (draw.getImageData(bit * {BLOCK} + {BLOCK // 2}, 48, 1, 1).data[0] >> 7);
  return number;
}}"""
"""Which picture a <video> shows: its number is its time after `T0` in tenths of a second."""


def filmed(seconds: float) -> tuple[Track, list[AccessUnit]]:
    """`RATE` pictures a second from `T0` on, numbered, a keyframe every `GOP`."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, RATE), Fraction(RATE), GOP
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": f"keyint={GOP}:scenecut=0"}
    units: list[AccessUnit] = []
    track: Track | None = None
    for number in range(round(seconds * RATE)):
        row = [255 if number >> (BITS - 1 - bit) & 1 else 0 for bit in range(BITS)]
        plane = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        plane[:HEIGHT] = np.repeat(np.array(row, np.uint8), BLOCK)
        frame = av.VideoFrame.from_ndarray(plane, format="yuv420p")
        frame.pts = number
        for packet in encoder.encode(frame):
            nals = tuple(split_annex_b(bytes(packet)))
            if track is None:
                track = Track(0, TrackKind.VIDEO, Codec.H264, 90_000, video_parameters(nals))
            pictures = tuple(nal for nal in nals if nal[0] & 31 in (1, 5))
            pts, utc_ns = number * 90_000 // RATE, T0 + number * NS // RATE
            key = pictures[0][0] & 31 == 5
            units.append(
                AccessUnit(track, pts, pts, utc_ns, TimeSource.RTCP, utc_ns, pictures, key, sum(map(len, pictures)))
            )
    assert track is not None
    return track, units


async def record(
    folder: Path,
    camera: str,
    track: Track,
    units: Sequence[AccessUnit],
    *spans: tuple[int, int],
    between: GapReason = GapReason.DISCONNECTED,
) -> None:
    """Record what `camera` filmed in `spans`, seconds after `T0` from keyframe to keyframe, with gaps `between`."""
    async with rig(folder, camera=camera, tracks=(track,)) as recording:
        for n, (start, end) in enumerate(spans):
            if n:
                await recording.play([gap(spans[n - 1][1], between, end=start, track_id=LOST_TRACK.get(between))])
            await recording.play(unit for unit in units if T0 + start * NS <= unit.utc_ns < T0 + end * NS)
        await recording.close()


async def note(folder: Path, *statements: Executable) -> None:
    """Change the catalog as cannot be done from outside."""
    database = open_catalog(folder)
    for statement in statements:
        await database.write(lambda connection, statement=statement: connection.execute(statement) and None)
    database.close()


async def walk(folder: Path, camera: str, places: Iterable[tuple[float, float]]) -> None:
    """The wearer was at the n-th of `places` (latitude, longitude) n seconds after `T0`."""
    database = open_positions(folder)
    store = PositionStore(database, SystemClock())
    for n, (lat, lon) in enumerate(places):
        store.add(camera, Fix(T0 + n * NS, lat, lon, received_ns=T0 + n * NS))
    await store.flush()
    database.close()
