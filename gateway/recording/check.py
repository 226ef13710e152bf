"""Compares the disk with the catalog: `sightline check`. Changes nothing, and works beside a running gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.base.rfc3339 import format_utc
from gateway.base.workers import Threads
from gateway.media.fmp4_samples import Mp4Error
from gateway.recording.catalog import Catalog
from gateway.recording.chunks import find_chunks
from gateway.recording.extents import WrongExtent
from gateway.recording.files import Files
from gateway.recording.rows import SegmentRow
from gateway.recording.salvage import sha256_of


class Finding(StrEnum):
    """What does not agree."""

    MISSING = "missing"
    """In the catalog, not on the disk."""
    UNKNOWN = "unknown"
    """On the disk, not in the catalog, and no running gateway is writing it."""
    SIZE = "size"
    """Longer or shorter than it was when it was finished."""
    CHANGED = "changed"
    """As long as it was, but its bytes hash differently."""
    UNPLAYABLE = "unplayable"
    """As it was finished, but not whole: its tail cannot be played."""
    CHUNKS = "chunks"
    """As it was finished, but it cannot be cut where the catalog says so: it would not play from everywhere."""
    EXTENT = "extent"
    """Of a camera: a Recording that does not begin and end with its Segments."""
    UNREADABLE = "unreadable"
    """The disk refuses to read it."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One file that is not as it should be."""

    path: str
    finding: Finding
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check is."""

    files: int
    of_files: int
    bytes: int
    of_bytes: int


async def check(
    catalog: Catalog,
    files: Files,
    threads: Threads,
    *,
    hashes: bool = True,
    progress: Callable[[Progress], None] = lambda _: None,
) -> list[Disagreement]:
    """Everything that does not agree, by path. `hashes` False: sizes and names only.

    `progress` is called in a worker thread, at least once a file.

    Raises:
        StorageError: the database refused.
        OSError: the folder cannot be read.
    """
    rows = {row.path: row for row in await catalog.all_segments()}
    found, unknown = await threads.run(_compare, files, rows, hashes, progress)
    found += [_extent(wrong) for wrong in await catalog.wrong_extents()]
    # A file that was open a moment ago is in the catalog before it is let go: so look at its lock first, then ask.
    for path in unknown:
        still_there = await threads.run(_is_idle, files, path)
        if still_there and not await catalog.knows(path):
            found.append(Disagreement(path, Finding.UNKNOWN, "the catalog does not know it"))
    return sorted(found, key=lambda disagreement: disagreement.path)


def _is_idle(files: Files, path: str) -> bool:
    try:
        return not files.is_open(path)
    except FileNotFoundError:
        return False


def _compare(
    files: Files, rows: dict[str, SegmentRow], hashes: bool, progress: Callable[[Progress], None]
) -> tuple[list[Disagreement], list[str]]:
    """The disagreements among known files, and the paths that the catalog does not know."""
    present = set(files.walk())
    found = [
        Disagreement(path, Finding.MISSING, f"the catalog has {row.size} bytes of it")
        for path, row in rows.items()
        if path not in present
    ]
    known = [row for path, row in rows.items() if path in present]
    total, done = sum(row.size for row in known), 0
    for number, row in enumerate(known, 1):
        try:
            disagreement = _examine(files, row, hashes)
        except OSError as error:
            disagreement = Disagreement(row.path, Finding.UNREADABLE, error.strerror or str(error))
        if disagreement is not None:
            found.append(disagreement)
        done += row.size
        progress(Progress(number, len(known), done, total))
    return found, sorted(present - rows.keys())


def _examine(files: Files, row: SegmentRow, hashes: bool) -> Disagreement | None:
    size = files.size(row.path)
    if size != row.size:
        return Disagreement(row.path, Finding.SIZE, f"{size} bytes instead of {row.size}")
    if not hashes:
        return None
    if sha256_of(files, row.path) != row.sha256:
        return Disagreement(row.path, Finding.CHANGED, "its SHA-256 is not the one that the catalog has")
    with files.reader(row.path) as read_at:
        try:
            whole = find_chunks(read_at, size)
        except Mp4Error as error:
            return Disagreement(row.path, Finding.UNPLAYABLE, str(error))
    if whole.size != size:
        return Disagreement(row.path, Finding.UNPLAYABLE, f"whole up to byte {whole.size} of {size}")
    if row.chunks is not None and row.chunks != whole.cuts.pack():
        return Disagreement(row.path, Finding.CHUNKS, "it cannot be cut where the catalog says so")
    return None


def _extent(wrong: WrongExtent) -> Disagreement:
    told = f"the Recording from {format_utc(wrong.start_ns)} to {format_utc(wrong.end_ns)}"
    if wrong.found is None:
        return Disagreement(wrong.camera, Finding.EXTENT, f"{told} has no Segment")
    found = " to ".join(map(format_utc, wrong.found))
    return Disagreement(wrong.camera, Finding.EXTENT, f"the Segments of {told} reach from {found}")
