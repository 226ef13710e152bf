"""Writes a clip as one progressive MP4: `moov` first, no transcoding, whatever lies in the files as it lies there.

Two passes, so that memory does not grow with the length: the first reads only what precedes each fragment's media, and
keeps tables in temporary files beside the result; the second copies the media and hashes what is written. The boxes are
made by `gateway.media.faststart`. Everything here blocks: call it in a worker process, a command or a thread.

Where nothing was recorded, the last picture lasts until there is one again. A camera that changed its codec or a
timescale gets a track for each; changed parameters are another sample description of the same track.
"""

from __future__ import annotations

import hashlib
import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate, islice
from operator import add
from pathlib import Path
from queue import Queue
from tempfile import SpooledTemporaryFile
from threading import Thread
from typing import IO

from gateway.base.errors import NotFoundError, StorageError
from gateway.media.faststart import MAX_SAMPLE_TICKS, Spool, TrackTables, head
from gateway.media.fmp4_samples import Columns, Fragment, ReadAt, TrackHeader, fragments
from gateway.media.model import NS, UtcNs
from gateway.recording.clip import EVERYTHING, Clip, Selection, Stretch, buffered, cut, unreadable
from gateway.recording.files import Files
from gateway.recording.footage import Footage

SPOOL_BYTES = 64 << 10
"""Of each table, what stays in memory."""
BLOCK = 1 << 20
"""Read and written at once."""
FIRST_PASS = 0.1
"""What share of the work the first pass is, for who looks at the progress."""

_range = struct.Struct("<QI")
"""Of the media to copy: where it lies in its file, and how many bytes."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is complete and on the disk."""

    size: int
    """In bytes."""
    sha256: bytes
    start_ns: UtcNs
    """UTC of its beginning: that of its first picture."""
    end_ns: UtcNs
    """UTC of its end."""
    pictures: int
    """How many it shows, and those that precede the first of them so that decoding can start."""


def write_faststart(
    footage: Footage,
    files: Files,
    out: Path,
    *,
    selection: Selection = EVERYTHING,
    progress: Callable[[float], None] = lambda _: None,
) -> Written:
    """Make the file `out` of `footage`; there must be none yet.

    `progress` is called with the share that is done, up to 1.0, several times a second. Whatever it raises ends the
    work, and passes through. Whenever this does not return, there is no file.

    Raises:
        NotFoundError: nothing is recorded in this interval.
        StorageError: what is recorded cannot be read, or the file cannot be written.
    """
    clip = cut(footage, files)
    with ExitStack() as stack:

        def spool() -> IO[bytes]:
            return stack.enter_context(SpooledTemporaryFile(SPOOL_BYTES, dir=str(out.parent)))

        first = _FirstPass(clip, files, selection, spool)
        first.run(lambda share: progress(share * FIRST_PASS))
        if not any(tables.header.handler == "vide" for tables in first.tracks):
            raise NotFoundError("this interval is too short to have a picture in it: ask for a longer one")
        try:
            with _created(out) as file, _Writer(file) as writer:
                for block in head(first.tracks, clip.start_ns, first.end_ns - clip.start_ns, first.payload):
                    writer.write(block)
                _copy(first, files, writer, lambda share: progress(FIRST_PASS + share * (1 - FIRST_PASS)))
        except OSError as error:
            raise StorageError(f"{out} cannot be written: {error.strerror or error}") from error
    progress(1.0)
    pictures = sum(tables.count for tables in first.tracks if tables.header.handler == "vide")
    return Written(writer.size, writer.digest.digest(), clip.start_ns, first.end_ns, pictures)


class _FirstPass:
    """Fills the tables, and notes what is to be copied."""

    def __init__(self, clip: Clip, files: Files, selection: Selection, spool: Spool) -> None:
        self.clip = clip
        self.payload = 0
        """Bytes of media."""
        self.ranges = spool()
        """Of the media, in order; see `_range`."""
        self.counts: list[int] = []
        """How many of them each stretch has."""
        self._files = files
        self._selection = selection
        self._spool = spool
        self._tables: dict[tuple[str, str, int], TrackTables] = {}

    @property
    def tracks(self) -> list[TrackTables]:
        return list(self._tables.values())

    @property
    def end_ns(self) -> UtcNs:
        """UTC of the clip's end: where its pictures end."""
        ends = [tables.end_ns for tables in self.tracks if tables.header.handler == "vide"]
        return min(self.clip.end_ns, self.clip.start_ns + max(ends))

    def run(self, progress: Callable[[float], None]) -> None:
        for number, stretch in enumerate(self.clip.stretches):
            with _reader(self._files, stretch.path) as read_at:
                self.counts.append(self._stretch(stretch, buffered(read_at)))
            progress((number + 1) / len(self.clip.stretches))
        for tables in self.tracks:
            tables.finish()

    def _stretch(self, stretch: Stretch, read_at: ReadAt) -> int:
        count, end = 0, stretch.start
        for fragment in fragments(read_at, stretch.header, stretch.start, stretch.end):
            end = fragment.end
            if not self._selection.has(fragment) or not self.clip.holds(fragment, stretch):
                continue
            samples = fragment.columns
            first, until = self._inside(fragment, samples, stretch)
            if first >= until:
                continue
            position, payload, size = fragment.decode_time, fragment.payload, fragment.payload_size
            if (first, until) != (0, fragment.count):
                position += sum(samples.durations[:first])
                payload += sum(samples.sizes[:first])
                samples = samples.cut(first, until)
                size = sum(samples.sizes)
            position += stretch.offset(fragment.track.timescale)
            self._tables_of(fragment.track).add(position, samples, fragment.track.sample_entry, self.payload)
            self.ranges.write(_range.pack(payload, size))
            self.payload += size
            count += 1
        if end != stretch.end:
            raise StorageError(f"the recording {stretch.path} is damaged at byte {end}")
        return count

    def _inside(self, fragment: Fragment, samples: Columns, stretch: Stretch) -> tuple[int, int]:
        """Which of a fragment's samples are in the clip: from number, to before number.

        Only sound is cut at the beginning. Pictures are in it up to the one, in order of decoding, that is shown last
        before the end.
        """
        timescale, at, handler = fragment.track.timescale, fragment.decode_time, fragment.track.handler
        durations, offsets, count = samples.durations, samples.composition_offsets, len(samples.sizes)
        begin = stretch.ticks(self.clip.start_ns, timescale)
        end = stretch.ticks(self.clip.end_ns, timescale)
        if (begin <= at or handler != "soun") and at + sum(durations) + max(offsets) <= end:
            return 0, count
        starts = list(accumulate(durations, initial=at))
        if handler == "vide":
            shown = map(add, starts, offsets)
            return 0, 1 + max((number for number, time in enumerate(shown) if time < end), default=-1)
        first = 0 if handler != "soun" else bisect_right(starts, begin, lo=1) - 1
        return first, bisect_left(starts, end, hi=count)

    def _tables_of(self, track: TrackHeader) -> TrackTables:
        key = track.handler, track.entry, track.timescale
        tables = self._tables.get(key)
        if tables is None:
            divisor = _divisor(track.timescale, self.clip.longest_step_ns)
            tables = self._tables[key] = TrackTables(track, len(self._tables) + 1, divisor, self._spool)
        return tables


def _divisor(timescale: int, longest_ns: int) -> int:
    """The smallest by which a timescale can be divided so that the longest hole fits into one sample's duration."""
    for divisor in range(1, timescale):
        if timescale % divisor == 0 and longest_ns * (timescale // divisor) <= MAX_SAMPLE_TICKS * NS:
            return divisor
    return timescale


class _Writer:
    """Appends to a file in large blocks, and hashes what it writes. Leave its context to have it all written.

    A thread of its own hashes: that takes as long as all the rest. The disk begins to write what it gets at once, so
    that not all of it is left for the end.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._file = file
        self._pieces: list[bytes | memoryview] = []
        self._held = 0
        self._blocks: Queue[bytes | None] = Queue(2)
        self._hashing = Thread(target=self._hash, name="hashing", daemon=True)

    def __enter__(self) -> _Writer:
        self._hashing.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._blocks.put(None)
            self._hashing.join()

    def write(self, data: bytes | memoryview) -> None:
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        block = b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        self._blocks.put(block)
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        os.posix_fadvise(self._file.fileno(), self.size, len(block), os.POSIX_FADV_DONTNEED)
        self.size += len(block)

    def _hash(self) -> None:
        while (block := self._blocks.get()) is not None:
            self.digest.update(block)


def _copy(first: _FirstPass, files: Files, writer: _Writer, progress: Callable[[float], None]) -> None:
    done = 0
    ranges = _ranges(first.ranges)
    for stretch, count in zip(first.clip.stretches, first.counts, strict=True):
        with _reader(files, stretch.path) as read_at:
            start, held = 0, memoryview(b"")
            for offset, size in islice(ranges, count):
                end = offset + size
                while offset < end:
                    if not start <= offset < start + len(held):
                        start, held = offset, memoryview(read_at(offset, BLOCK))
                        if not held:
                            raise StorageError(f"the recording {stretch.path} has become shorter while it was copied")
                        progress(done / first.payload)
                    piece = held[offset - start : end - start]
                    writer.write(piece)
                    offset += len(piece)
                done += size


def _ranges(file: IO[bytes]) -> Iterator[tuple[int, int]]:
    file.seek(0)
    while block := file.read(4096 * _range.size):
        yield from _range.iter_unpack(block)


@contextmanager
def _reader(files: Files, path: str) -> Iterator[ReadAt]:
    """A file of the archive, whose errors name it."""
    try:
        with files.reader(path) as read_at:
            yield read_at
    except OSError as error:
        raise unreadable(path, error) from error


@contextmanager
def _created(path: Path) -> Iterator[IO[bytes]]:
    """A new file, on the disk itself in the end; removed when anything goes wrong."""
    file = path.open("xb", buffering=0)
    try:
        with file:
            yield file
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
