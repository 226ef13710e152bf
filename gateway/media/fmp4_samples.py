"""Reads what `gateway.media.fmp4` wrote, sample by sample: a file's tracks, its fragments, and where each payload lies.

Here belongs how such a file is laid out. What is made of it is decided elsewhere: `gateway.media.fmp4_reader` judges
how much of a file is whole, playback and clips take samples out of it. Nothing is believed: a fragment counts when
every size in it adds up and all of its bytes are there. Sample data is never read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from gateway.base.errors import SightlineError
from gateway.media.fmp4 import utc_ns_from_ntp
from gateway.media.model import NS, UtcNs

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""`read_at(offset, size)` returns the bytes there, fewer at the end of the file. What it raises passes through."""

MAX_HEADER_BYTES = 8 << 20
"""No `moov` or `moof` of ours comes near this; a larger one is garbage."""

_NON_SYNC = 0x0001_0000
_WITHOUT_FLAGS, _WITH_FLAGS = 0x301, 0xF01
"""What `trun` says of each sample: duration and size; or these, its flags and its composition offset."""
_TFHD_FLAGS = 0x02_0020
"""Offsets are counted from `moof`, and there are flags for samples without any of their own."""
_HEAD = struct.Struct(">I4sIIQ8x I4s I4s8x I4s I4sII4x I4sIQ I4sIII")
"""All that precedes a fragment's numbers: `prft`, `moof`, `mfhd`, `traf`, `tfhd`, `tfdt`, and the head of `trun`."""


class Mp4Error(SightlineError):
    """There is no whole init segment: nothing of this file can be played."""


@dataclass(frozen=True, slots=True)
class TrackHeader:
    """What the init segment says of one track."""

    number: int
    """`track_ID`: the Track's id plus one."""
    handler: str
    """`vide`, `soun` or `meta`."""
    entry: str
    """The sample entry's type: `avc1`, `hvc1`, `mp4a`, `ulaw`, `alaw`, `mett`."""
    timescale: int
    """Ticks a second."""
    sample_entry: bytes
    """The whole box: what a decoder is set up with."""
    width: int
    """Of the picture, in pixels; 0 for what is no video."""
    height: int


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What the init segment says."""

    tracks: Mapping[int, TrackHeader]
    """By number, in the file's order."""
    size: int
    """Bytes of the init segment: where the first fragment begins."""

    @property
    def video(self) -> TrackHeader | None:
        """The first video track, if there is one."""
        return self._first("vide")

    @property
    def sound(self) -> TrackHeader | None:
        """The first audio track, if there is one."""
        return self._first("soun")

    def _first(self, handler: str) -> TrackHeader | None:
        return next((track for track in self.tracks.values() if track.handler == handler), None)


class Sample(NamedTuple):
    """One sample of a fragment. Its bytes follow those of the sample before it. Times in ticks."""

    duration: int
    size: int
    is_sync: bool
    composition_offset: int
    """From its decode time to when it is presented; may be negative."""


class Columns(NamedTuple):
    """Samples of a fragment that follow each other, as a column of each of their values; see `Sample`."""

    durations: Sequence[int]
    sizes: Sequence[int]
    syncs: Sequence[bool]
    composition_offsets: Sequence[int]

    def cut(self, start: int, end: int) -> Columns:
        """Those from number `start` to before `end`."""
        return Columns(
            self.durations[start:end], self.sizes[start:end], self.syncs[start:end], self.composition_offsets[start:end]
        )


@dataclass(frozen=True, slots=True)
class Fragment:
    """One `prft`, `moof` and `mdat`: samples of one track, one at least, in order of decoding."""

    track: TrackHeader
    offset: int
    """Where its `prft` begins in the file."""
    payload: int
    """Where its first sample's bytes lie in the file."""
    payload_size: int
    decode_time: int
    """Of the first sample, in ticks from the file's origin."""
    utc_ns: UtcNs
    """When the first sample, of those in this fragment the first decoded, was captured: its presentation."""
    numbers: tuple[int, ...]
    """What `trun` holds for the samples: of video four numbers each, of others two."""

    @property
    def end(self) -> int:
        """Where the next fragment begins in the file."""
        return self.payload + self.payload_size

    @property
    def count(self) -> int:
        """How many samples it has."""
        return len(self.numbers) // self._fields

    @property
    def duration(self) -> int:
        """Ticks from the first sample's decode time to the last one's end."""
        return sum(self.numbers[0 :: self._fields])

    @property
    def keyframes(self) -> int:
        """How many of its samples decoding can start at."""
        return sum(flags & _NON_SYNC == 0 for flags in self.numbers[2::4]) if self._fields == 4 else self.count

    @property
    def begins_with_keyframe(self) -> bool:
        """Whether decoding can start at its first sample."""
        return self._fields == 2 or self.numbers[2] & _NON_SYNC == 0

    @property
    def columns(self) -> Columns:
        """All samples, for who goes through many: a third of the time of `samples`."""
        numbers = self.numbers
        if self._fields == 2:
            return Columns(numbers[0::2], numbers[1::2], (True,) * self.count, (0,) * self.count)
        syncs = [flags & _NON_SYNC == 0 for flags in numbers[2::4]]
        offsets: Sequence[int] = numbers[3::4]
        if max(offsets) >> 31:
            offsets = [_signed(offset) for offset in offsets]
        return Columns(numbers[0::4], numbers[1::4], syncs, offsets)

    @property
    def samples(self) -> list[Sample]:
        """Each sample."""
        return list(map(Sample, *self.columns))

    @property
    def origin_ns(self) -> UtcNs:
        """UTC of the file's origin, by this fragment."""
        presented = self.decode_time + (_signed(self.numbers[3]) if self._fields == 4 else 0)
        return self.utc_ns - presented * NS // self.track.timescale

    @property
    def _fields(self) -> int:
        return 4 if self.track.handler == "vide" else 2


def read_header(read_at: ReadAt, size: int) -> FileHeader:
    """The init segment of a file of `size` bytes.

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
        tracks = {track.number: track for track in _tracks(read_at(start, end - start))}
    except (struct.error, IndexError, ValueError) as error:
        raise Mp4Error("the file's init segment cannot be read") from error
    if not tracks:
        raise Mp4Error("the file's init segment names no track")
    return FileHeader(tracks, end)


def fragments(read_at: ReadAt, header: FileHeader, start: int, end: int) -> Iterator[Fragment]:
    """The fragments from `start`, where one must begin, to `end`, or to where something is not as it should be."""
    while (found := _fragment(read_at, start, end, header.tracks)) is not None:
        yield found
        start = found.end


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


def _fragment(read_at: ReadAt, offset: int, size: int, tracks: Mapping[int, TrackHeader]) -> Fragment | None:
    """What begins at `offset`, or None when it is not all there before `size`, and sound."""
    head = read_at(offset, _HEAD.size)
    if len(head) < _HEAD.size or offset + _HEAD.size > size:
        return None
    (
        prft_size, prft, prft_version, number, ntp, moof_size, moof, mfhd_size, mfhd, traf_size, traf,
        tfhd_size, tfhd, tfhd_flags, traf_number, tfdt_size, tfdt, tfdt_version, decode_time,
        trun_size, trun, trun_flags, count, data_offset,
    ) = _HEAD.unpack(head)  # fmt: skip
    track = tracks.get(number)
    if track is None or count == 0:
        return None
    fields, flags = (4, _WITH_FLAGS) if track.handler == "vide" else (2, _WITHOUT_FLAGS)
    table = 4 * fields * count
    if (
        (prft_size, prft, prft_version >> 24, moof_size, moof) != (32, b"prft", 1, 92 + table, b"moof")
        or (mfhd_size, mfhd, traf_size, traf) != (16, b"mfhd", 68 + table, b"traf")
        or (tfhd_size, tfhd, tfhd_flags, traf_number) != (20, b"tfhd", _TFHD_FLAGS, number)
        or (tfdt_size, tfdt, tfdt_version) != (20, b"tfdt", 1 << 24)
        or (trun_size, trun, trun_flags & 0xFFFFFF, data_offset) != (20 + table, b"trun", flags, 100 + table)
        or moof_size > MAX_HEADER_BYTES
    ):
        return None
    payload = offset + _HEAD.size + table + 8
    if payload > size or len(rest := read_at(offset + _HEAD.size, table + 8)) < table + 8:
        return None
    *numbers, mdat_size, mdat = struct.unpack(f">{fields * count}II4s", rest)
    payload_size = sum(numbers[1::fields])
    if (mdat_size, mdat) != (8 + payload_size, b"mdat") or payload + payload_size > size:
        return None
    return Fragment(track, offset, payload, payload_size, decode_time, utc_ns_from_ntp(ntp), tuple(numbers))


def _tracks(moov: bytes) -> Iterator[TrackHeader]:
    for kind, trak in _boxes(moov):
        if kind != b"trak":
            continue
        tkhd, mdhd = _child(trak, b"tkhd"), _child(trak, b"mdia", b"mdhd")
        (number,) = struct.unpack_from(">I", tkhd, 20 if tkhd[0] == 1 else 12)
        width, height = struct.unpack_from(">II", tkhd, len(tkhd) - 8)
        (timescale,) = struct.unpack_from(">I", mdhd, 20 if mdhd[0] == 1 else 12)
        if timescale == 0:
            raise ValueError("a track without a timescale")
        handler = _child(trak, b"mdia", b"hdlr")[8:12].decode("latin-1")
        stsd = _child(trak, b"mdia", b"minf", b"stbl", b"stsd")
        (length,) = struct.unpack_from(">I", stsd, 8)
        entry = stsd[12:16].decode("latin-1")
        yield TrackHeader(number, handler, entry, timescale, stsd[8 : 8 + length], width >> 16, height >> 16)


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


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
