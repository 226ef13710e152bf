"""A month of fifty cameras, as recorders and trackers would have written it: rows of all of it, media of a few minutes.

What is asked of it, and how fast the answers come, is `archive`'s.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from gateway.media.h264 import split_annex_b, video_parameters
from gateway.media.model import NS, AccessUnit, Codec, Fix, TimeSource, Track, TrackKind, UtcNs
from gateway.positions.blocks import encode
from gateway.recording.archive import RECORDINGS
from gateway.recording.chunks import CHUNK_NS, Cuts
from gateway.recording.segment import SUFFIX, segment_name
from gateway.store.engine import open_catalog, open_positions
from tests.filmed import CAMERA, Film

CAMERAS, DAYS = 50, 30
FILMED = CAMERA
"""The one camera of which there is media."""
DUE_HOURS = 12
"""What is older than the month, and being deleted."""
MINUTES = (DAYS * 24 + DUE_HOURS) * 60
MINUTE_NS, HOUR_NS, DAY_NS = 60 * NS, 3600 * NS, 86_400 * NS
NAMES = [f"unit-{number:02d}" for number in range(CAMERAS)]
PAUSE_NS = 10 * NS
"""Each hour ends with a gap."""
SIZE, RATE = (1280, 720), 30
REAL_MINUTES = {2: 8, 10: 3}
"""Seconds from keyframe to keyframe: so many minutes of such pictures are on disk."""
TRACKS = json.dumps([{"id": 0, "kind": "video", "codec": "H264", "units": 60 * RATE}])


@dataclass(frozen=True, slots=True)
class Month:
    """What was made."""

    start_ns: UtcNs
    filmed: dict[int, list[UtcNs]]
    """Of the camera `FILMED`: when the minutes begin whose media is on disk, by the seconds between their keyframes."""

    @property
    def segments(self) -> int:
        """How many there are."""
        return CAMERAS * MINUTES


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    end_ns: UtcNs
    size: int
    chunks: bytes


def make(path: Path) -> Month:
    """An archive in `path` that reaches to now."""
    start_ns = time.time_ns() // HOUR_NS * HOUR_NS - MINUTES * MINUTE_NS
    open_catalog(path).close()
    open_positions(path).close()
    filmed: dict[int, list[UtcNs]] = {}
    files: dict[UtcNs, _File] = {}
    chosen = iter(random.Random(6).sample(range(2 * DUE_HOURS * 60, MINUTES - 60), sum(REAL_MINUTES.values())))
    film = Film(path / RECORDINGS)
    for seconds, count in REAL_MINUTES.items():
        group = _group(seconds)
        filmed[seconds] = [start_ns + next(chosen) // 60 * HOUR_NS + 7 * MINUTE_NS for _ in range(count)]
        for minute_ns in filmed[seconds]:
            film.record(_minute(group, minute_ns))
    for piece in film.footage(end=1e10).pieces:
        cuts = Cuts(piece.header_bytes, piece.fingerprint, tuple((c.offset, c.start_ns) for c in piece.chunks))
        files[piece.start_ns] = _File(piece.path, piece.end_ns, piece.size, cuts.pack())
    _fill_folders(path / RECORDINGS, start_ns, files)
    _fill_catalog(path, start_ns, files)
    _fill_positions(path, start_ns)
    return Month(start_ns, filmed)


def _below(start_ns: UtcNs) -> str:
    """Where a Segment's file lies below its camera's folder."""
    folder, stem = segment_name("", start_ns)
    return f"{folder}/{stem}{SUFFIX}"


def _fill_folders(root: Path, month_ns: UtcNs, files: dict[UtcNs, _File]) -> None:
    """Files without a byte: the gateway's start looks whether they are there."""
    there = {file.path for file in files.values()}
    below = [_below(month_ns + minute * MINUTE_NS) for minute in range(MINUTES)]
    folders = {path.rpartition("/")[0] for path in below}
    for name in NAMES:
        empty = root / name / "empty"  # all are links to it, as far as the file system lets them
        empty.parent.mkdir(exist_ok=True)
        empty.touch()
        for folder in folders:
            Path(f"{root}/{name}{folder}").mkdir(parents=True, exist_ok=True)
        for path in below:
            if name + path not in there:
                os.link(empty, f"{root}/{name}{path}")
        empty.unlink()


def _fill_catalog(path: Path, start_ns: UtcNs, files: dict[UtcNs, _File]) -> None:
    hours = [start_ns + hour * HOUR_NS for hour in range(MINUTES // 60)]
    with _filling(path / "sightline.db") as catalog:
        catalog.executemany(
            "INSERT INTO recordings (id, camera, start_ns, end_ns) VALUES (?, ?, ?, ?)",
            (
                (number * CAMERAS + n + 1, name, hour_ns, hour_ns + HOUR_NS - PAUSE_NS)
                for number, hour_ns in enumerate(hours)
                for n, name in enumerate(NAMES)
            ),
        )
        catalog.executemany(
            "INSERT INTO gaps (camera, start_ns, end_ns, reason, track, packets, detail) "
            "VALUES (?, ?, ?, 'camera disconnected', NULL, 0, '')",
            ((name, hour_ns + HOUR_NS - PAUSE_NS, hour_ns + HOUR_NS) for hour_ns in hours for name in NAMES),
        )
        catalog.executemany(
            "INSERT INTO segments "
            "(recording_id, camera, path, start_ns, end_ns, bytes, sha256, tracks, adopted, chunks) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
            _segments(start_ns, files),
        )


def _segments(month_ns: UtcNs, files: dict[UtcNs, _File]) -> Iterator[tuple[object, ...]]:
    for minute in range(MINUTES):
        start_ns = month_ns + minute * MINUTE_NS
        below = _below(start_ns)
        chunks = Cuts(1200, bytes(8), tuple((1200 + n * 500_000, start_ns + n * CHUNK_NS) for n in range(15))).pack()
        end_ns = start_ns + MINUTE_NS - (PAUSE_NS if minute % 60 == 59 else 0)
        for n, name in enumerate(NAMES):
            file = files.get(start_ns) if name == FILMED else None
            file = file or _File(name + below, end_ns, 7_500_000, chunks)
            recording = minute // 60 * CAMERAS + n + 1
            yield recording, name, file.path, start_ns, file.end_ns, file.size, bytes(32), TRACKS, file.chunks


def _fill_positions(path: Path, start_ns: UtcNs) -> None:
    fixes = [
        Fix(start_ns + second * NS, 52.5 + second / 1e5, 13.4, speed_mps=1.4, course_deg=90) for second in range(60)
    ]
    block = encode(fixes)
    with _filling(path / "positions.db") as positions:
        positions.executemany(
            "INSERT INTO fix_blocks (camera, minute, fixes) VALUES (?, ?, ?)",
            ((name, start_ns // MINUTE_NS + minute, block) for minute in range(MINUTES) for name in NAMES),
        )


@contextlib.contextmanager
def _filling(path: Path) -> Iterator[sqlite3.Connection]:
    """A database that need not survive a crash for now."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF")
        with database:
            yield database
        database.execute("PRAGMA journal_mode=WAL")


# ---- media


def _group(seconds: int) -> list[AccessUnit]:
    """A keyframe and the pictures up to the next one, from the epoch on: a pattern that pans, at some 4 Mbit/s."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    width, height = SIZE
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = width, height, "yuv420p", RATE
    encoder.bit_rate = 4_000_000
    encoder.options = {"preset": "ultrafast", "g": str(seconds * RATE), "bf": "0", "sc_threshold": "0"}
    noise = np.random.default_rng(6).integers(40, 200, (height * 3 // 2 // 8, width // 8), np.uint8)
    pattern = noise.repeat(8, axis=0).repeat(8, axis=1)
    packets = []
    for n in range(seconds * RATE):
        plane = np.ascontiguousarray(np.roll(pattern, 2 * n, axis=1))
        packets += encoder.encode(av.VideoFrame.from_ndarray(plane, format="yuv420p"))
    coded = [tuple(split_annex_b(bytes(packet))) for packet in [*packets, *encoder.encode(None)]]
    track = Track(0, TrackKind.VIDEO, Codec.H264, 90_000, video_parameters(coded[0]))
    return [
        AccessUnit(
            track, n * 90_000 // RATE, n * 90_000 // RATE, n * NS // RATE, TimeSource.RTCP, n * NS // RATE, nals,
            n == 0, sum(map(len, nals)),
        )
        for n, nals in enumerate(coded)
    ]  # fmt: skip


def _minute(group: list[AccessUnit], start_ns: UtcNs) -> list[AccessUnit]:
    seconds = len(group) // RATE
    return [
        replace(
            unit, pts=unit.pts + at * 90_000, dts=unit.dts + at * 90_000,
            utc_ns=start_ns + at * NS + unit.utc_ns, received_ns=start_ns + at * NS + unit.received_ns,
        )
        for at in range(0, 60, seconds)
        for unit in group
    ]  # fmt: skip
