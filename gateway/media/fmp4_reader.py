"""Reads back what `gateway.media.fmp4` wrote: enough to know what a file holds, and where its last whole fragment ends.

A crash or a power cut may have torn the file anywhere, and what lies there may be anything. So nothing is believed: a
fragment counts when every size in it adds up and all of its bytes are there. Sample data is never read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from gateway.base.errors import SightlineError
from gateway.media.fmp4 import utc_ns_from_ntp
from gateway.media.model import NS, UtcNs

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""`read_at(offset, size)` returns the bytes there, fewer at the end of the file. What it raises passes through."""

MAX_HEADER_BYTES = 8 << 20
"""No `moov` or `moof` of ours comes near this; a larger one is garbage."""

_NON_SYNC = 0x0001_0000


class Mp4Error(SightlineError):
    """There is no whole init segment: nothing of this file can be played."""


@dataclass(slots=True)
class ScannedTrack:
    """What the whole fragments hold of one track. Times in ticks of `timescale` from the file's origin."""

    number: int
    """`track_ID`: the Track's id plus one."""
    handler: str
    """`vide`, `soun` or `meta`."""
    entry: str
    """The sample entry: `avc1`, `hvc1`, `mp4a`, `ulaw`, `alaw`, `mett`."""
    timescale: int
    samples: int = 0
    keyframes: int = 0
    end: int = 0
    """Decode time at which the last sample ends."""
    start_utc_ns: UtcNs | None = None
    """When the first sample was captured."""
    end_utc_ns: UtcNs | None = None
    """When the last sample ends: the last fragment's UTC and its duration."""


@dataclass(slots=True)
class Scan:
    """What a file holds up to its last whole fragment."""

    tracks: dict[int, ScannedTrack]
    header_bytes: int
    """Where the init segment ends."""
    whole_bytes: int
    """Where the last whole fragment ends: cut here, the file plays. Equal to `header_bytes` when there is none."""
    fragments: int = 0

    @property
    def video(self) -> ScannedTrack | None:
        """The first video track, if there is one."""
        return next((track for track in self.tracks.values() if track.handler == "vide"), None)


@dataclass(slots=True)
class _Fragment:
    track: ScannedTrack
    decode_time: int
    duration: int
    samples: int
    keyframes: int
    payload: int


def scan(read_at: ReadAt, size: int) -> Scan:
    """Walk the file of `size` bytes from its start until something is not as it should be.

    Raises:
        Mp4Error: it does not begin with a whole `ftyp` and `moov` that name at least one track.
    """
    kind, start, end = _header(read_at, 0)
    if kind != b"ftyp":
        raise Mp4Error("the file does not begin as an MP4 file")
    kind, start, end = _header(read_at, end)
    if kind != b"moov" or end > size or end - start > MAX_HEADER_BYTES:
        raise Mp4Error("the file's init segment is not whole")
    try:
        tracks = dict(_tracks(read_at(start, end - start)))
    except (struct.error, IndexError, ValueError) as error:
        raise Mp4Error("the file's init segment cannot be read") from error
    if not tracks:
        raise Mp4Error("the file's init segment names no track")
    result = Scan(tracks, end, end)
    while (found := _fragment(read_at, result.whole_bytes, size, tracks)) is not None:
        utc_ns, fragment, result.whole_bytes = found
        result.fragments += 1
        _count(utc_ns, fragment)
    return result


def _count(utc_ns: UtcNs, fragment: _Fragment) -> None:
    track = fragment.track
    if track.start_utc_ns is None:
        track.start_utc_ns = utc_ns
    track.end_utc_ns = utc_ns + fragment.duration * NS // track.timescale
    track.samples += fragment.samples
    track.keyframes += fragment.keyframes
    track.end = fragment.decode_time + fragment.duration


def _header(read_at: ReadAt, offset: int) -> tuple[bytes, int, int]:
    """Type, start of the payload and end of the box at `offset`, be it whole or not; an empty type for none."""
    head = read_at(offset, 16)
    if len(head) < 8:
        return b"", offset, offset
    length, kind = struct.unpack_from(">I4s", head)
    start = offset + 8
    if length == 1 and len(head) == 16:
        (length,) = struct.unpack_from(">Q", head, 8)
        start = offset + 16
    if length < start - offset:
        return b"", offset, offset
    return kind, start, offset + length


def _fragment(
    read_at: ReadAt, offset: int, size: int, tracks: dict[int, ScannedTrack]
) -> tuple[UtcNs, _Fragment, int] | None:
    """The `prft`, `moof`, `mdat` at `offset` and where they end, or None when they are not all there and sound."""
    kind, start, end = _header(read_at, offset)
    if kind != b"prft" or end - start != 24 or end > size:
        return None
    version, number, ntp = struct.unpack_from(">B3xIQ", read_at(start, 24))
    if version != 1 or number not in tracks:
        return None
    kind, start, end = _header(read_at, end)
    if kind != b"moof" or end > size or end - start > MAX_HEADER_BYTES:
        return None
    try:
        fragment = _moof(read_at(start, end - start), tracks)
    except (struct.error, IndexError, ValueError):
        return None
    if fragment is None or fragment.track.number != number:
        return None
    kind, start, end = _header(read_at, end)
    if kind != b"mdat" or end > size or end - start != fragment.payload:
        return None
    return utc_ns_from_ntp(ntp), fragment, end


def _boxes(data: bytes, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """The boxes inside a box's payload.

    Raises:
        ValueError: a size that does not fit.
    """
    while start < len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        if length < 8 or start + length > len(data):
            raise ValueError("a box reaches beyond the one that holds it")
        yield kind, data[start + 8 : start + length]
        start += length


def _child(data: bytes, *path: bytes) -> bytes:
    for name in path:
        data = next((payload for kind, payload in _boxes(data) if kind == name), b"")
    return data


def _tracks(moov: bytes) -> Iterator[tuple[int, ScannedTrack]]:
    for kind, trak in _boxes(moov):
        if kind != b"trak":
            continue
        tkhd, mdhd = _child(trak, b"tkhd"), _child(trak, b"mdia", b"mdhd")
        (number,) = struct.unpack_from(">I", tkhd, 20 if tkhd[0] == 1 else 12)
        (timescale,) = struct.unpack_from(">I", mdhd, 20 if mdhd[0] == 1 else 12)
        if timescale == 0:
            raise ValueError("a track without a timescale")
        handler = _child(trak, b"mdia", b"hdlr")[8:12].decode("latin-1")
        entry = _child(trak, b"mdia", b"minf", b"stbl", b"stsd")[12:16].decode("latin-1")
        yield number, ScannedTrack(number, handler, entry, timescale)


def _moof(moof: bytes, tracks: dict[int, ScannedTrack]) -> _Fragment | None:
    """What a `moof` with one `traf` of one `trun` tells, as ours are; None for a track that the file does not name."""
    traf = _child(moof, b"traf")
    tfhd, tfdt, trun = _child(traf, b"tfhd"), _child(traf, b"tfdt"), _child(traf, b"trun")
    (number,) = struct.unpack_from(">4xI", tfhd)
    (decode_time,) = struct.unpack_from(">4xQ", tfdt)
    flags, count, data_offset = struct.unpack_from(">III", trun)
    flags &= 0xFFFFFF
    if number not in tracks or flags not in {0x301, 0xF01} or data_offset != len(moof) + 16 or count == 0:
        return None
    fields = 4 if flags == 0xF01 else 2
    numbers = struct.unpack_from(f">{fields * count}I", trun, 12)
    if len(trun) != 12 + 4 * len(numbers):
        return None
    keyframes = sum(value & _NON_SYNC == 0 for value in numbers[2::4]) if fields == 4 else count
    return _Fragment(tracks[number], decode_time, sum(numbers[0::fields]), count, keyframes, sum(numbers[1::fields]))
