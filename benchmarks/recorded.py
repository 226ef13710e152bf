"""Hours of recordings within seconds: one minute of media, written again and again with later times.

What is made is an archive like any other: files, catalog, ledger and positions. Only the pictures repeat themselves.
"""

from __future__ import annotations

import asyncio
import hashlib
import struct
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from gateway.base.clock import ManualClock
from gateway.ledger.journal import Journals
from gateway.media.fmp4_samples import fragments, read_header
from gateway.media.model import NS, AccessUnit
from gateway.positions.blocks import encode
from gateway.recording.archive import RECORDINGS
from gateway.recording.catalog import Catalog
from gateway.recording.chunks import find_chunks
from gateway.recording.entries import Entry, RecordingClosed, RecordingOpened, SegmentFinished
from gateway.recording.ledger_rows import body, fragment
from gateway.recording.segment import SUFFIX, segment_name
from gateway.store.engine import open_catalog, open_positions
from gateway.store.tables import fix_blocks
from tests.filmed import CAMERA, Film
from tests.media_samples import T0
from tests.painted import painted, walk, with_sound

MINUTE_NS = 60 * NS
PICTURES_PER_SECOND = 30
GROUP_SECONDS = 2
"""From keyframe to keyframe."""
_SECONDS = 16
"""Where the `prft` of a fragment has the seconds of its UTC."""


def record(data_dir: Path, minutes: int, kbits: int = 0) -> None:
    """An archive in the empty `data_dir` with so many minutes of `CAMERA` from T0 on, a Segment each.

    The video has a rate of `kbits`, or what its pictures take; there is G.711, metadata, and a position a second.
    """
    media, root = _minute(kbits), data_dir / RECORDINGS
    entries: list[Entry] = [RecordingOpened(T0)]
    with closing(Journals.open(data_dir, ManualClock(T0))) as journals:
        for minute in range(minutes):
            segment, rows = _segment(root, media, minute)
            entries.append(segment)
            journals.append(CAMERA, [*rows, body(segment)])
    entries.append(RecordingClosed(T0 + minutes * MINUTE_NS, None))
    with closing(open_catalog(data_dir)) as catalog:
        asyncio.run(Catalog(catalog).store(CAMERA, entries))
    blocks = groupby(walk(minutes * 60), lambda fix: fix.utc_ns // MINUTE_NS)
    fixes = [{"camera": CAMERA, "minute": minute, "fixes": encode(list(those))} for minute, those in blocks]
    with closing(open_positions(data_dir)) as positions:
        asyncio.run(positions.write(lambda connection: connection.execute(fix_blocks.insert(), fixes) and None))


def _minute(kbits: int) -> bytes:
    """A Segment of a minute from T0 on."""
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        Film(Path(folder)).record(_filmed(kbits), rotate=3600)
        (path,) = Path(folder).rglob(f"*{SUFFIX}")
        return path.read_bytes()


def _filmed(kbits: int) -> Sequence[AccessUnit]:
    """Pictures that can be decoded, brought to one rate with filler data (ITU-T H.264 7.4.2.7), and sound, by time."""
    wanted = kbits * 1000 // 8 // PICTURES_PER_SECOND
    units = []
    for one in painted(60, rate=PICTURES_PER_SECOND, gop=GROUP_SECONDS * PICTURES_PER_SECOND):
        filler = () if one.size >= wanted else (b"\x0c" + b"\xff" * (wanted - one.size) + b"\x80",)
        units.append(replace(one, nals=one.nals + filler, size=one.size + sum(map(len, filler))))
    return with_sound(units, 60)


def _segment(root: Path, media: bytes, minute: int) -> tuple[SegmentFinished, list[dict[str, Any]]]:
    """Write `media` so many minutes later; the Segment, and a row of the ledger for each second of it."""
    later, start_ns = bytearray(media), T0 + minute * MINUTE_NS

    def read_at(offset: int, size: int) -> bytes:
        return media[offset : offset + size]

    header = read_header(read_at, len(media))
    folder, stem = segment_name(CAMERA, start_ns)
    path, digest, hashed, rows = f"{folder}/{stem}{SUFFIX}", hashlib.sha256(), 0, []
    for one in fragments(read_at, header, header.size, len(media)):
        (seconds,) = struct.unpack_from(">I", later, one.offset + _SECONDS)
        struct.pack_into(">I", later, one.offset + _SECONDS, seconds + minute * 60)
        if one.track is header.video:
            digest.update(memoryview(later)[hashed : one.end])
            hashed = one.end
            rows.append(fragment(path, hashed, digest.digest(), one.utc_ns + minute * MINUTE_NS))
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(later)
    found = find_chunks(lambda offset, size: bytes(later[offset : offset + size]), len(later))
    sha256 = hashlib.sha256(later).digest()
    return (
        SegmentFinished(
            path, start_ns, start_ns + MINUTE_NS, len(later), sha256, found.tracks, chunks=found.cuts.pack()
        ),
        rows,
    )
