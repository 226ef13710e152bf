"""A minute of one camera's Fixes as bytes, and back, without loss.

A block is one or more pieces, one after the other: while its minute lasts, a piece is appended each second, and when it
is over they are written anew as one. A piece of version 1 is, little-endian:

    u8      1, the version
    u32     length of what follows, a zlib stream (RFC 1950) of:

    u32     n, how many fixes
    u32     length of the labels
    bytes   labels: JSON in UTF-8, a list of [carrier, [constellation, …]], each once
    column  u16 × n     label: an index into the labels
    column  u8 × n      present: bit 0 altitude, 1 speed, 2 course, 3 accuracy, 4 satellites
    column  u64 × n     utc_ns: the difference from the one before (the first: from 0), modulo 2^64
    column  u64 × n     received_ns, likewise
    column  f64 × n     lat;  f64 × n  lon
    column  f64 × k     altitude_m, speed_mps, course_deg, accuracy_m: one column each, only the k that are present
    column  u64 × k     satellites, likewise

Each column is written byte-shuffled: first the lowest byte of all its values, then the next, so that the bytes that
hardly change lie together and compress: a fix of a whole minute costs some 25 bytes. A new version gets a new number;
old ones stay readable for ever, because blocks are evidence.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.base.errors import StorageError
from gateway.media.model import Constellation, Fix

VERSION = 1
MAX_PIECE_BYTES = 8 << 20
"""The largest piece, unpacked, that is read."""

_LEVEL = 1  # higher ones save next to nothing
_MASK = (1 << 64) - 1
ALTITUDE, SPEED = 1, 2
"""Bits of `present`."""
HEAD = struct.Struct("<II")
"""How many fixes, and the length of the labels."""

_OPTIONAL = ("altitude_m", "speed_mps", "course_deg", "accuracy_m")
_SATELLITES = 1 << len(_OPTIONAL)
_PIECE = struct.Struct("<BI")


class BlockError(StorageError):
    """The bytes are no block, or one of a version that this release does not know."""


def encode(fixes: Sequence[Fix]) -> bytes:
    """A piece with `fixes`, in their order: a block by itself, and what may be appended to one.

    At most 65536 distinct pairs of carrier and constellations.

    Raises:
        ValueError: a value does not fit: a time beyond 64 bits.
    """
    labels: dict[tuple[str, tuple[str, ...]], int] = {}
    indexes = [labels.setdefault((fix.carrier, fix.constellations), len(labels)) for fix in fixes]
    names = json.dumps([[carrier, list(systems)] for carrier, systems in labels]).encode()
    columns: dict[str, list[float]] = {name: [] for name in _OPTIONAL}
    satellites: list[int] = []
    present = bytearray()
    for fix in fixes:
        bits = 0
        for bit, (value, column) in enumerate(
            zip((fix.altitude_m, fix.speed_mps, fix.course_deg, fix.accuracy_m), columns.values(), strict=True)
        ):
            if value is not None:
                bits |= 1 << bit
                column.append(value)
        if fix.satellites is not None:
            bits |= _SATELLITES
            satellites.append(fix.satellites)
        present.append(bits)
    try:
        parts = [
            HEAD.pack(len(fixes), len(names)),
            names,
            _pack("H", indexes),
            bytes(present),
            _pack("Q", _differences([fix.utc_ns for fix in fixes])),
            _pack("Q", _differences([fix.received_ns for fix in fixes])),
            _pack("d", [fix.lat for fix in fixes]),
            _pack("d", [fix.lon for fix in fixes]),
            *(_pack("d", column) for column in columns.values()),
            _pack("Q", satellites),
        ]
    except struct.error as error:
        raise ValueError(f"a fix does not fit into a block: {error}") from error
    packed = zlib.compress(b"".join(parts), _LEVEL)
    return _PIECE.pack(VERSION, len(packed)) + packed


def decode(block: bytes) -> list[Fix]:
    """The fixes of a block, in the order they were given.

    Raises:
        BlockError: it is damaged or of an unknown version.
    """
    try:
        return [fix for data in pieces(block) for fix in _Reader(data).fixes()]
    except (zlib.error, struct.error, ValueError, IndexError, TypeError) as error:
        raise BlockError(f"a block of fixes is damaged: {error}") from error


def pieces(block: bytes) -> Iterator[bytes]:
    """What the pieces of a block hold, unpacked.

    Raises:
        BlockError: one is cut off, too large, or of an unknown version.
        zlib.error, struct.error: it is damaged.
    """
    at = 0
    while at < len(block):
        version, length = _PIECE.unpack_from(block, at)
        if version != VERSION:
            raise BlockError(f"a block of fixes of unknown version {version}")
        at += _PIECE.size
        inflater = zlib.decompressobj()
        data = inflater.decompress(block[at : at + length], MAX_PIECE_BYTES)
        if not inflater.eof or inflater.unused_data:
            raise BlockError("a block of fixes is cut off or too large")
        yield data
        at += length


class _Reader:
    """Takes columns off the front of an unpacked piece."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def fixes(self) -> list[Fix]:
        count, length = HEAD.unpack(self._take(HEAD.size))
        labels = [
            (str(carrier), tuple(Constellation(name) for name in systems))
            for carrier, systems in json.loads(self._take(length))
        ]
        indexes = self._column("H", count)
        present = self._take(count)
        utc = _sums(self._column("Q", count))
        received = _sums(self._column("Q", count))
        lat, lon = self._column("d", count), self._column("d", count)
        altitude, speed, course, accuracy = (
            iter(self._column("d", sum(bits >> bit & 1 for bits in present))) for bit in range(len(_OPTIONAL))
        )
        satellites = iter(self._column("Q", sum(bits & _SATELLITES != 0 for bits in present)))
        if self._at != len(self._data):
            raise BlockError("a block of fixes has bytes left over")
        result = []
        for i, bits in enumerate(present):
            carrier, constellations = labels[indexes[i]]
            result.append(
                Fix(
                    utc_ns=utc[i],
                    lat=lat[i],
                    lon=lon[i],
                    altitude_m=next(altitude) if bits & 1 else None,
                    speed_mps=next(speed) if bits & 2 else None,
                    course_deg=next(course) if bits & 4 else None,
                    accuracy_m=next(accuracy) if bits & 8 else None,
                    constellations=constellations,
                    satellites=next(satellites) if bits & _SATELLITES else None,
                    carrier=carrier,
                    received_ns=received[i],
                )
            )
        return result

    def _take(self, length: int) -> bytes:
        if self._at + length > len(self._data):
            raise BlockError("a block of fixes ends early")
        taken = self._data[self._at : self._at + length]
        self._at += length
        return taken

    def _column(self, code: str, count: int) -> tuple[Any, ...]:
        size = struct.calcsize(f"<{code}")
        shuffled = self._take(size * count)
        raw = bytearray(len(shuffled))
        for i in range(size):
            raw[i::size] = shuffled[i * count : (i + 1) * count]
        return struct.unpack(f"<{count}{code}", raw)


def _pack(code: str, values: Sequence[float]) -> bytes:
    raw = struct.pack(f"<{len(values)}{code}", *values)
    size = struct.calcsize(f"<{code}")
    return b"".join(raw[i::size] for i in range(size))


def _differences(times: Sequence[int]) -> list[int]:
    for time in times:
        if not -(1 << 63) <= time < 1 << 63:
            raise ValueError(f"{time} ns does not fit into 64 bits")
    return [(time - before) & _MASK for before, time in zip((0, *times), times, strict=False)]


def _sums(differences: Sequence[int]) -> list[int]:
    total = 0
    result = []
    for difference in differences:
        total = (total + difference) & _MASK
        result.append(total - (1 << 64) if total >> 63 else total)
    return result
