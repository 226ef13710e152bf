"""The boxes that every MP4 file of ours has, fragmented or not (ISO/IEC 14496-12): movie, tracks, and their headers.

What a file's tables hold, and what a decoder is set up with, is said by who writes the file. A part of a box is bytes,
or something that knows its length: tables that are too large for memory are written from where they are kept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

from gateway.media.model import NS, UtcNs

MP4_EPOCH_S = 2_082_844_800
"""Seconds from 1904-01-01 (`mvhd`) to 1970-01-01."""

_IDENTITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED_LANGUAGE = 0x55C4  # "und", ISO 639-2/T in three times five bits


class Kept(Protocol):
    """A part that is kept elsewhere."""

    def __len__(self) -> int:
        """In bytes."""

    def blocks(self) -> Iterator[bytes]:
        """Its bytes, in order."""


Part: TypeAlias = bytes | Kept


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box of this type (4.2.2)."""
    body = b"".join(payload)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    """A box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)


def whole(parts: Iterable[Part]) -> bytes:
    """The bytes of all parts."""
    return b"".join(block for part in parts for block in ((part,) if isinstance(part, bytes) else part.blocks()))


def nested(kind: bytes, parts: Iterable[Part]) -> list[Part]:
    """A box of `parts`, none of which is copied."""
    inside = list(parts)
    return [struct.pack(">I4s", 8 + sum(map(len, inside)), kind), *inside]


def full_nested(kind: bytes, count: int, part: Part) -> list[Part]:
    """A box of version 0 that holds a table of `count` entries: `stts`, `stsc` and the like."""
    return nested(kind, [struct.pack(">II", 0, count), part])


_DATA_INFORMATION = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
"""All media is in this file (8.7.2)."""

_MEDIA = {
    "vide": (b"video", full_box(b"vmhd", 0, 1, bytes(8)), 0),
    "soun": (b"audio", full_box(b"smhd", 0, 0, bytes(4)), 0x0100),
    "meta": (b"ONVIF metadata", full_box(b"nmhd", 0, 0), 0),
}
"""By handler: its name, the media header (8.4.5) and the track's volume."""


def mp4_time(utc_ns: UtcNs) -> int:
    """Seconds since 1904, as movie and tracks say when they were made; 0 for what lies before."""
    return max(0, utc_ns // NS + MP4_EPOCH_S)


def movie_header(created: int, next_track: int, *, timescale: int = 1000, duration: int = 0) -> bytes:
    """`mvhd` (8.2.2). `duration` in ticks of `timescale`; 0 where fragments tell it."""
    return full_box(
        b"mvhd", 1, 0,
        struct.pack(">QQIQIH10x", created, created, timescale, duration, 0x10000, 0x0100),
        _IDENTITY_MATRIX, bytes(24), struct.pack(">I", next_track),
    )  # fmt: skip


def track(
    number: int,
    handler: str,
    timescale: int,
    sample_entries: Sequence[bytes],
    tables: Iterable[Part],
    *,
    created: int,
    size: tuple[int, int] = (0, 0),
    movie_duration: int = 0,
    media_duration: int = 0,
    edits: bytes = b"",
) -> list[Part]:
    """`trak` (8.3.1). `size`: width and height of a picture. `movie_duration` in the movie's ticks, `media_duration` in
    those of `timescale`; `edits`: the box `edts`, if there is one.
    """
    name, media_header, volume = _MEDIA[handler]
    width, height = size
    tkhd = full_box(
        b"tkhd", 1, 3,  # enabled, in movie
        struct.pack(">QQI4xQ8xHHHH", created, created, number, movie_duration, 0, 0, volume, 0),
        _IDENTITY_MATRIX, struct.pack(">II", width << 16, height << 16),
    )  # fmt: skip
    mdhd = full_box(
        b"mdhd", 1, 0, struct.pack(">QQIQHH", created, created, timescale, media_duration, _UNDETERMINED_LANGUAGE, 0)
    )
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), handler.encode(), bytes(12), name + b"\0")
    stsd = full_box(b"stsd", 0, 0, struct.pack(">I", len(sample_entries)), *sample_entries)
    stbl = nested(b"stbl", [stsd, *tables])
    minf = nested(b"minf", [media_header, _DATA_INFORMATION, *stbl])
    return nested(b"trak", [tkhd, edits, *nested(b"mdia", [mdhd, hdlr, *minf])])


def edit_list(edits: Iterable[tuple[int, int]]) -> bytes:
    """`edts` with an `elst` (8.6.6): of each edit its duration in the movie's ticks, and where it begins in the media's
    own (-1: nothing is shown).
    """
    entries = [struct.pack(">QqI", duration, media_time, 0x10000) for duration, media_time in edits]
    return box(b"edts", full_box(b"elst", 1, 0, struct.pack(">I", len(entries)), *entries))
