"""Pictures that can be decoded, of one shade each, as a camera would send them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from gateway.media.h264 import split_annex_b, video_parameters
from gateway.media.model import NS, AccessUnit, Codec, Fix, TimeSource, Track, TrackKind
from gateway.positions.geodesy import offset_by
from tests.media_samples import PCMU, T0, document, unit


def shade(n: int) -> int:
    """The luma of picture `n`."""
    return 60 + n * 7 % 120


def painted(
    seconds: float, *, start: float = 0.0, rate: int = 10, gop: int = 10, size: tuple[int, int] = (320, 240), b: int = 0
) -> list[AccessUnit]:
    """Pictures numbered from 0, `start` seconds after T0, in order of decoding. `b`: B-pictures in a row at most."""
    encoder = av.CodecContext.create("libx264", "w")
    width, height = size
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = width, height, "yuv420p", rate
    encoder.options = {"preset": "ultrafast", "g": str(gop), "bf": str(b), "sc_threshold": "0", "crf": "12"}
    packets = []
    for n in range(round(seconds * rate)):
        plane = np.full((height * 3 // 2, width), 128, np.uint8)
        plane[:height] = shade(n)
        packets += encoder.encode(av.VideoFrame.from_ndarray(plane, format="yuv420p"))
    packets += encoder.encode(None)
    nals = [tuple(split_annex_b(bytes(packet))) for packet in packets]
    track = Track(0, TrackKind.VIDEO, Codec.H264, 90000, video_parameters(nals[0]))
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
