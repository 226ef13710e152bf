"""What there is on disk of an interval: the Segments and their chunks, the open one up to its last fragment.

Everything that shows or copies the past begins here: playback, downloads, pictures, exports. What lies inside a chunk
is read by `gateway.media.fmp4_samples`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gateway.media.fmp4_samples import Mp4Error
from gateway.media.model import NS, TrackKind, UtcNs
from gateway.recording.chunks import Chunk, ChunksError, Cuts, Found, find_chunks
from gateway.recording.entries import TrackContent
from gateway.recording.files import Files
from gateway.recording.segment import SUFFIX

if TYPE_CHECKING:  # worker processes take footage apart, and are spared the database
    from gateway.base.workers import Threads
    from gateway.recording.catalog import Catalog
    from gateway.recording.rows import StoredSegment

log = logging.getLogger(__name__)

_NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z(-\d{1,6})?", re.ASCII)
MEETING_NS = 500_000_000
"""A Segment of the same Recording that begins this soon after another ends goes on where that one ended."""
_FOLDERS = 3
"""Days in whose folders the open Segment of another process is looked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one Segment holds of an interval."""

    segment: int | None
    """Its number in the catalog; None: it is open."""
    recording: int
    """The number of its Recording: pieces of one follow each other without a hole."""
    path: str
    """Relative to the folder of recordings."""
    start_ns: UtcNs
    """Of the whole Segment."""
    end_ns: UtcNs
    """Of the whole Segment, as far as it is on disk."""
    size: int
    """Bytes of the whole file."""
    header_bytes: int
    """Bytes of its init segment."""
    fingerprint: bytes
    """Of its video and sound: equal where one decoder's set-up serves for both."""
    chunks: tuple[Chunk, ...]
    """Those that touch the interval, one at least, in the file's order."""
    tracks: tuple[TrackContent, ...]
    open: bool
    """It still grows: its last chunk may have more to come, and sound of the same time, too."""

    @property
    def name(self) -> str:
        """What its file is called, without its suffix: unique among those of the camera."""
        return _name(self.path)

    def has(self, kind: TrackKind) -> bool:
        """Whether it holds anything of this kind."""
        return any(track.kind is kind and (track.units or self.open) for track in self.tracks)


@dataclass(frozen=True, slots=True)
class Footage:
    """What there is of one camera's interval [start_ns, end_ns)."""

    camera: str
    start_ns: UtcNs
    end_ns: UtcNs
    pieces: tuple[Piece, ...]
    """Recording by Recording, by their starts; each one's pieces by theirs. Only where a clock was set back does one
    begin before another has ended."""
    growing: int | None = None
    """The number of the Recording that still grows, also between two of its Segments."""


def meets(piece: Piece, chunk: Chunk, next_piece: Piece, next_chunk: Chunk) -> bool:
    """Whether the second chunk goes on where the first ends."""
    return piece.recording == next_piece.recording and abs(next_chunk.start_ns - chunk.end_ns) <= MEETING_NS


class FootageFinder:
    """Finds footage. Files nobody has looked at for chunks are looked at, once: the catalog keeps what was found."""

    def __init__(self, catalog: Catalog, files: Files, threads: Threads) -> None:
        self._catalog = catalog
        self._files = files
        self._threads = threads

    async def find(self, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> Footage:
        """All that touches [from_ns, to_ns), with the open Segment, also of a gateway in another process.

        A file that is not there any more, or that cannot be read, is left out.

        Raises:
            StorageError: the database refused.
        """
        # What is open is looked at first: a Segment that ends meanwhile is among the finished ones then.
        recording = await self._catalog.open_recording(camera)
        still_open = None if recording is None else await self._open_piece(camera, recording, to_ns)
        rows = await self._catalog.stored(camera, from_ns, to_ns)
        cuts = await self._threads.run(_unpacked, rows)
        for number, row in enumerate(rows):
            if cuts[number] is None:
                cuts[number] = await self._looked(row)
        extra = [] if still_open is None or still_open.path in {row.path for row in rows} else [still_open]
        pieces = await self._threads.run(_pieces, rows, cuts, extra, from_ns, to_ns)
        return Footage(camera, from_ns, to_ns, pieces, None if recording is None else recording[0])

    async def segment(self, camera: str, name: str) -> Piece | None:
        """The whole Segment whose file is called `name`; None when there is none, or it cannot be read.

        Raises:
            StorageError: the database refused.
        """
        growing = self._catalog.growing(camera)
        if growing is not None and growing.segment is not None and _name(growing.segment.path) == name:
            recording = await self._catalog.open_recording(camera)
            return None if recording is None else await self._open_piece(camera, recording, growing.end_ns)
        path = segment_path(camera, name)
        row = None if path is None else await self._catalog.stored_as(path)
        if row is None:
            return None
        cuts = _unpacked([row])[0] or await self._looked(row)
        return None if cuts is None else _piece(row, cuts)

    async def _looked(self, row: StoredSegment) -> Cuts | None:
        """What a look at the file finds; the catalog keeps it. None when it cannot be read."""
        found = await self._look(row.path, row.size)
        if found is None:
            return None
        await self._catalog.keep_chunks(row.id, found.cuts.pack())
        return found.cuts

    async def _look(self, path: str, size: int | None = None) -> Found | None:
        """What a scan of the file finds, up to `size` bytes; None when it cannot be read."""

        def look() -> Found:
            with self._files.reader(path) as read_at:
                return find_chunks(read_at, self._files.size(path) if size is None else size)

        try:
            return await self._threads.run(look)
        except (OSError, Mp4Error) as error:
            log.error("%s cannot be shown: %s", path, error)
            return None

    # ---- the open Segment

    async def _open_piece(self, camera: str, recording: tuple[int, UtcNs], to_ns: UtcNs) -> Piece | None:
        growing = self._catalog.growing(camera)
        segment = None if growing is None else growing.segment
        if growing is not None and (segment is None or to_ns <= segment.start_ns):
            return None
        number, reach_ns = recording
        if growing is None or segment is None:
            return await self._foreign_piece(camera, number, reach_ns, to_ns)
        chunks = segment.cuts.chunks(segment.size, growing.end_ns)
        if not chunks:
            return None
        return Piece(
            None, number, segment.path, segment.start_ns, growing.end_ns, segment.size, segment.cuts.header_bytes,
            segment.cuts.fingerprint, chunks, segment.tracks, open=True,
        )  # fmt: skip

    async def _foreign_piece(self, camera: str, recording: int, reach_ns: UtcNs, to_ns: UtcNs) -> Piece | None:
        """What a gateway in another process is writing: the newest file that it has open."""
        if to_ns <= reach_ns:
            return None
        path = await self._threads.run(self._open_path, camera, reach_ns)
        found = None if path is None else await self._look(path)
        if path is None or found is None or not found.cuts.starts:
            return None
        chunks = found.cuts.chunks(found.size, found.end_ns)
        return Piece(
            None, recording, path, chunks[0].start_ns, found.end_ns, found.size, found.cuts.header_bytes,
            found.cuts.fingerprint, chunks, found.tracks, open=True,
        )  # fmt: skip

    def _open_path(self, camera: str, reach_ns: UtcNs) -> str | None:
        day = datetime.fromtimestamp(reach_ns // NS, UTC)
        for after in reversed(range(_FOLDERS)):
            folder = f"{camera}/{day + timedelta(days=after):%Y/%m/%d}"
            for name in reversed(self._files.names(folder)):
                if name.endswith(SUFFIX):
                    path = f"{folder}/{name}"
                    if self._files.is_open(path):
                        return path
                    break
        return None


def segment_path(camera: str, name: str) -> str | None:
    """Where the file called `name` lies, as `gateway.recording.segment` names files; None: none is called so."""
    if _NAME.fullmatch(name) is None:
        return None
    return f"{camera}/{name[:4]}/{name[4:6]}/{name[6:8]}/{name}{SUFFIX}"


def _name(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(SUFFIX)


def _unpacked(rows: Sequence[StoredSegment]) -> list[Cuts | None]:
    """What the catalog keeps of each; None where nobody has looked yet."""
    found: list[Cuts | None] = []
    for row in rows:
        try:
            found.append(None if row.chunks is None else Cuts.unpack(row.chunks))
        except ChunksError as error:
            log.error("%s: %s; it is looked at again", row.path, error)
            found.append(None)
    return found


def _pieces(
    rows: Sequence[StoredSegment],
    cuts: Sequence[Cuts | None],
    extra: Sequence[Piece],
    from_ns: UtcNs,
    to_ns: UtcNs,
) -> tuple[Piece, ...]:
    """The pieces of what could be read, and `extra` ones, cut to the interval and in order."""
    whole = [_piece(row, known) for row, known in zip(rows, cuts, strict=True) if known is not None]
    found = [cut for piece in [*whole, *extra] if (cut := _within(piece, from_ns, to_ns)) is not None]
    return tuple(_in_order(found))


def _piece(row: StoredSegment, cuts: Cuts) -> Piece:
    return Piece(
        row.id, row.recording, row.path, row.start_ns, row.end_ns, row.size, cuts.header_bytes, cuts.fingerprint,
        cuts.chunks(row.size, row.end_ns), row.tracks, open=False,
    )  # fmt: skip


def _within(piece: Piece, from_ns: UtcNs, to_ns: UtcNs) -> Piece | None:
    """The piece with those chunks that touch the interval; None when none does."""
    chunks = tuple(chunk for chunk in piece.chunks if chunk.overlaps(from_ns, to_ns))
    if not chunks:
        return None
    return piece if len(chunks) == len(piece.chunks) else replace(piece, chunks=chunks)


def _in_order(pieces: Sequence[Piece]) -> Iterable[Piece]:
    begins: dict[int, UtcNs] = {}
    for piece in pieces:
        begins[piece.recording] = min(piece.start_ns, begins.get(piece.recording, piece.start_ns))
    return sorted(pieces, key=lambda piece: (begins[piece.recording], piece.recording, piece.start_ns))
