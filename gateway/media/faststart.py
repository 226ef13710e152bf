"""The `moov` of a progressive MP4 (ISO/IEC 14496-12 8): sample tables that grow as samples come, and are written first.

Here belong tables and boxes; which samples come, from where they are copied, and the file itself are for
`gateway.recording.faststart`. A day has millions of samples: tables are kept in spools that the caller provides, and
nothing here grows with the number of samples.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from operator import add
from sys import byteorder
from typing import IO, TypeAlias

from gateway.media.fmp4_samples import Columns, TrackHeader
from gateway.media.model import NS, UtcNs
from gateway.media.mp4_boxes import Part, box, edit_list, full_nested, movie_header, mp4_time, nested, track

MOVIE_TIMESCALE = 90_000
"""Ticks a second of the movie's own clock."""
MAX_SAMPLE_TICKS = 2**31 - 1
"""How long a sample may last: `stts` has 32 bits, of which readers take the first for a sign."""
_BLOCK = 64 << 10

Spool: TypeAlias = Callable[[], IO[bytes]]
"""Makes an empty file for a table. Whoever made the files closes them."""


class Table:
    """Packed numbers that only grow, kept in a spool."""

    def __init__(self, spool: Spool) -> None:
        self._file = spool()
        self._held = bytearray()
        """What is not in the file yet: numbers come a few at a time, and a call for each would take longer."""
        self._written = 0

    def __len__(self) -> int:
        """In bytes."""
        return self._written + len(self._held)

    def append(self, packed: bytes) -> None:
        """Add numbers; none can be added once they are read."""
        self._held += packed
        if len(self._held) >= _BLOCK:
            self._write()

    def _write(self) -> None:
        self._file.write(self._held)
        self._written += len(self._held)
        self._held.clear()

    def blocks(self) -> Iterator[bytes]:
        """All of it."""
        self._write()
        self._file.seek(0)
        while block := self._file.read(_BLOCK):
            yield block


class _Runs:
    """A table of (how many, value): what `stts` and `ctts` hold."""

    def __init__(self, spool: Spool, form: str) -> None:
        self.table = Table(spool)
        self._pack = struct.Struct(form).pack
        self._value: int | None = None
        self._count = 0

    def add(self, values: Sequence[int]) -> None:
        if values and values.count(self._value) == len(values):
            self._count += len(values)
            return
        for value in values:
            if value != self._value:
                self.end()
                self._value = value
            self._count += 1

    def end(self) -> None:
        """Write the run under way."""
        if self._count:
            assert self._value is not None
            self.table.append(self._pack(self._count, self._value))
        self._count = 0

    @property
    def plain(self) -> bool:
        """Whether there is nothing but zeros."""
        return len(self.table) == 0 and not self._value


class _Offsets:
    """Where chunks lie in the file: what is known of them only once the size of `moov` is."""

    def __init__(self, table: Table, base: int) -> None:
        self._table = table
        self._base = base

    def __len__(self) -> int:
        return len(self._table)

    def blocks(self) -> Iterator[bytes]:
        for block in self._table.blocks():
            offsets = array("Q", block)
            if byteorder == "little":
                offsets.byteswap()
            moved = array("Q", [offset + self._base for offset in offsets])
            if byteorder == "little":
                moved.byteswap()
            yield moved.tobytes()


class TrackTables:
    """The tables of one track. Samples come in order of decoding, a chunk of adjacent ones at a time.

    Positions are in ticks of the track's timescale from the movie's beginning; what lies before it, so that decoding
    can start, is negative and never shown. `divisor`: by how much the timescale is made coarser, so that its longest
    hole fits into one sample's duration.
    """

    def __init__(self, header: TrackHeader, number: int, divisor: int, spool: Spool) -> None:
        self.header = header
        self.timescale = header.timescale // divisor
        self.count = 0
        """Samples."""
        self._number = number
        self._divisor = divisor
        self._entries: list[bytes] = []
        self._durations = _Runs(spool, ">II")
        self._composition = _Runs(spool, ">Ii")
        self._sizes = Table(spool)
        self._syncs = Table(spool)
        self._chunks = Table(spool)
        self._offsets = Table(spool)
        self._chunk_count = 0
        self._last_chunk: tuple[int, int] | None = None
        """Samples and description of the last chunk's entry in `stsc`."""
        self._first = 0
        """Position of the first sample, in ticks of `timescale` as all that follows."""
        self._last = 0
        """Of the last one, whose duration is told by the next."""
        self._last_duration = 0
        self._shown = 0
        """When the last picture in order of presentation is shown."""

    def add(self, position: int, samples: Columns, sample_entry: bytes, place: int) -> None:
        """Add a chunk of `samples`, one at least: the first is decoded at `position`, or as soon as it can be.

        Their bytes begin `place` bytes after the first one of `mdat`'s payload.
        """
        durations, sizes, syncs, offsets = samples
        count, divisor = len(sizes), self._divisor
        at = position // divisor
        if self.count == 0:
            self._first = at
        else:
            at = max(at, self._last + 1)
            self._durations.add((min(at - self._last, MAX_SAMPLE_TICKS),))
        if divisor > 1:
            ends = [position // divisor for position in accumulate(durations, initial=position)]
            durations = tuple(end - start for start, end in pairwise(ends))
            offsets = tuple(offset // divisor for offset in offsets)
        self._durations.add(durations[:-1])
        self._last = at + sum(durations[:-1])
        self._last_duration = durations[-1]
        self._shown = max(self._shown, *map(add, accumulate(durations[:-1], initial=at), offsets))
        self._composition.add(offsets)
        self._sizes.append(struct.pack(f">{count}I", *sizes))
        if self.header.handler == "vide" and any(syncs):
            numbers = [self.count + number for number, sync in enumerate(syncs, 1) if sync]
            self._syncs.append(struct.pack(f">{len(numbers)}I", *numbers))
        self.count += count
        self._add_chunk(count, sample_entry, place)

    def _add_chunk(self, count: int, sample_entry: bytes, place: int) -> None:
        if sample_entry not in self._entries:
            self._entries.append(sample_entry)
        self._chunk_count += 1
        self._offsets.append(struct.pack(">Q", place))
        entry = count, self._entries.index(sample_entry) + 1
        if entry != self._last_chunk:
            self._chunks.append(struct.pack(">III", self._chunk_count, *entry))
            self._last_chunk = entry

    def finish(self) -> None:
        """No more samples come: the last one lasts as long as it said."""
        self._durations.add((self._last_duration,))
        self._durations.end()
        self._composition.end()

    @property
    def end_ns(self) -> int:
        """When what is shown last ends, in nanoseconds from the movie's beginning."""
        return (self._shown + self._last_duration) * NS // self.timescale

    def boxes(self, base: int, created: int, duration_ns: int) -> list[Part]:
        """`trak`, of a movie that lasts `duration_ns` and whose `mdat` has its payload at `base`."""
        duration = _ticks(min(self.end_ns, duration_ns), MOVIE_TIMESCALE)
        before = _ticks(self._first * NS // self.timescale, MOVIE_TIMESCALE) if self._first > 0 else 0
        shown = max(0, duration - before)
        edits = [(before, -1), (shown, 0)] if before else [(shown, -self._first)]
        tables: list[Part] = _table(b"stts", self._durations.table, 8)
        if not self._composition.plain:
            # Version 1: offsets have a sign.
            tables += nested(
                b"ctts", [struct.pack(">II", 1 << 24, len(self._composition.table) // 8), self._composition.table]
            )
        if self.header.handler == "vide":
            tables += _table(b"stss", self._syncs, 4)
        tables += nested(b"stsz", [struct.pack(">III", 0, 0, self.count), self._sizes])
        tables += _table(b"stsc", self._chunks, 12)
        tables += full_nested(b"co64", self._chunk_count, _Offsets(self._offsets, base))
        return track(
            self._number,
            self.header.handler,
            self.timescale,
            self._entries,
            tables,
            created=created,
            size=(self.header.width, self.header.height),
            movie_duration=before + shown,
            media_duration=self._last + self._last_duration - self._first,
            edits=edit_list(edits),
        )


def head(tracks: Sequence[TrackTables], start_ns: UtcNs, duration_ns: int, payload: int) -> Iterator[bytes]:
    """All that precedes `payload` bytes of samples in the file: `ftyp`, `moov` and the header of `mdat`.

    `start_ns` is the UTC of the movie's beginning, which it names as when it was made.
    """
    ftyp = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isom", b"iso4", b"mp41")
    size = sum(map(len, _moov(tracks, 0, start_ns, duration_ns)))
    base = len(ftyp) + size + 16
    yield ftyp
    for part in _moov(tracks, base, start_ns, duration_ns):
        if isinstance(part, bytes):
            yield part
        else:
            yield from part.blocks()
    yield struct.pack(">I4sQ", 1, b"mdat", 16 + payload)


def _moov(tracks: Sequence[TrackTables], base: int, start_ns: UtcNs, duration_ns: int) -> list[Part]:
    created = mp4_time(start_ns)
    header = movie_header(
        created, len(tracks) + 1, timescale=MOVIE_TIMESCALE, duration=_ticks(duration_ns, MOVIE_TIMESCALE)
    )
    parts: list[Part] = [header]
    for table in tracks:
        parts += table.boxes(base, created, duration_ns)
    return nested(b"moov", parts)


def _table(kind: bytes, table: Table, entry_bytes: int) -> list[Part]:
    return full_nested(kind, len(table) // entry_bytes, table)


def _ticks(ns: int, timescale: int) -> int:
    return (ns * timescale + NS // 2) // NS
