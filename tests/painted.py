"""Pictures that can be decoded, of one shade each, as a camera would send them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from gateway.media import h264, h265
from gateway.media.h264 import split_annex_b
from gateway.media.model import NS, AccessUnit, Codec, Fix, TimeSource, Track, TrackKind
from gateway.positions.geodesy import offset_by
from tests.media_samples import PCMU, T0, document, unit


def shade(n: int) -> int:
    """The luma of picture `n`."""
    return 60 + n * 7 % 120


def painted(
    seconds: float,
    *,
    start: float = 0.0,
    rate: int = 10,
    gop: int = 10,
    size: tuple[int, int] = (320, 240),
    b: int = 0,
    codec: Codec = Codec.H264,
) -> list[AccessUnit]:
    """Pictures numbered from 0, `start` seconds after T0, in order of decoding. `b`: B-pictures in a row at most."""
    is_h265 = codec is Codec.H265
    encoder = av.CodecContext.create("libx265" if is_h265 else "libx264", "w")
    width, height = size
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = width, height, "yuv420p", rate
    encoder.options = {"preset": "ultrafast", "g": str(gop), "bf": str(b), "sc_threshold": "0", "crf": "12"}
    if is_h265:
        quiet = "log-level=none:info=0:repeat-headers=1:pools=none:frame-threads=1"
        encoder.options = {
            "preset": "ultrafast", "crf": "12",
            "x265-params": f"{quiet}:keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:bframes={b}",
        }  # fmt: skip
    packets = []
    for n in range(round(seconds * rate)):
        plane = np.full((height * 3 // 2, width), 128, np.uint8)
        plane[:height] = shade(n)
        packets += encoder.encode(av.VideoFrame.from_ndarray(plane, format="yuv420p"))
    packets += encoder.encode(None)
    nals = [tuple(split_annex_b(bytes(packet))) for packet in packets]
    track = Track(0, TrackKind.VIDEO, codec, 90000, (h265 if is_h265 else h264).video_parameters(nals[0]))
    units = []
    for packet, parts in zip(packets, nals, strict=True):
        at = start + packet.pts / rate
        utc_ns = T0 + round(at * NS)
        ticks = (round(at * 90000) + 1_000_000, round((start + packet.dts / rate) * 90000) + 1_000_000)
        received = T0 + round((start + packet.dts / rate) * NS)
        units.append(
            AccessUnit(
                track, *ticks, utc_ns, TimeSource.RTCP, received, parts, packet.is_keyframe, sum(map(len, parts))
            )
        )
    return units


def with_sound(units: list[AccessUnit], seconds: float, *, start: float = 0.0) -> list[AccessUnit]:
    """The same with G.711 of 20 ms a unit, and two metadata documents a second."""
    sound = [unit(PCMU, start + n / 50, payload=bytes([n % 256]) * 160) for n in range(round(seconds * 50))]
    documents = [document(start + n / 2 + 0.01) for n in range(round(seconds * 2))]
    return sorted([*units, *sound, *documents], key=lambda u: u.received_ns)


def walk(seconds: int, *, start: int = 0) -> list[Fix]:
    """A Fix a second, in a circle."""
    return [Fix(T0 + n * NS, *_on_circle(n), accuracy_m=4.0, received_ns=T0 + n * NS) for n in range(start, seconds)]


def _on_circle(n: int) -> tuple[float, float]:
    return offset_by(52.5, 13.4, 40 * math.sin(n / 10), 40 * math.cos(n / 10))


def lumas(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Seconds from the file's beginning, and the luma of each picture, as PyAV shows them."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield float(frame.pts * frame.time_base), frame.reformat(format="yuv420p").to_ndarray()[: frame.height]
