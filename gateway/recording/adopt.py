"""The start after a crash: makes whole what was being written, and lets disk, ledger and catalog agree.

Nothing changes unseen: what is cut, removed, changed, missing or left alone is in the report and in the log; what a
file is proven to hold is in its row of the ledger. Files that the catalog knows are not read here; `check` does that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.base.names import is_camera_id
from gateway.base.workers import Threads
from gateway.ledger.journal import Journals
from gateway.recording.catalog import Catalog
from gateway.recording.entries import Entry, RecordingClosed, RecordingOpened, Recovery, SegmentFinished
from gateway.recording.file_proof import Point
from gateway.recording.files import Files
from gateway.recording.imports import finish_imports
from gateway.recording.ledger_rows import body
from gateway.recording.ledger_tail import Tail, read_tail
from gateway.recording.salvage import NotOursError, salvage, sha256_of
from gateway.recording.segment import SUFFIX

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Adoption:
    """What was found, by path."""

    adopted: list[str] = field(default_factory=list)
    """Put into the catalog, and made whole where they were not."""
    cut: dict[str, int] = field(default_factory=dict)
    """Bytes of an unfinished fragment that were taken off an adopted file."""
    unproven: dict[str, int] = field(default_factory=dict)
    """Bytes at the end of an adopted file that were written after the ledger's last row."""
    changed: dict[str, str] = field(default_factory=dict)
    """Adopted, but not as the ledger knows it: somebody edited it while the gateway was down, or the disk failed."""
    removed: list[str] = field(default_factory=list)
    """Begun, but without any media yet."""
    missing: list[str] = field(default_factory=list)
    """In the catalog or the ledger, but not on the disk."""
    strange: dict[str, str] = field(default_factory=dict)
    """Neither known nor ours, and why: left as it is."""


async def adopt(catalog: Catalog, files: Files, journals: Journals, threads: Threads) -> Adoption:
    """Adopt every file that the catalog does not know. To be called before any recorder runs.

    Raises:
        StorageError: the database refused.
        OSError: the folder cannot be read, or a ledger cannot be written.
    """
    await finish_imports(catalog, files, journals, threads)
    known, open_cameras = await catalog.paths(), await catalog.open_cameras()
    found, unknown = await threads.run(_look, files, known)
    for camera in sorted({*unknown, *open_cameras, *await threads.run(journals.cameras)}):
        paths = unknown.get(camera, [])
        entries = await threads.run(_adopt, files, journals, camera, paths, known, camera in open_cameras, found)
        if entries or camera in open_cameras:
            await catalog.adopt(camera, entries)
    _report(found)
    return found


def _look(files: Files, known: set[str]) -> tuple[Adoption, dict[str, list[str]]]:
    """What lies on the disk that the catalog does not know, by camera."""
    found = Adoption()
    unknown: dict[str, list[str]] = {}
    missing = set(known)
    for path in files.walk():
        missing.discard(path)
        if path in known:
            continue
        camera, inside, _ = path.partition("/")
        if not path.endswith(SUFFIX) or not inside or not is_camera_id(camera):
            found.strange[path] = "recordings are named differently"
        else:
            unknown.setdefault(camera, []).append(path)
    found.missing = sorted(missing)
    return found, unknown


def _adopt(
    files: Files,
    journals: Journals,
    camera: str,
    paths: Iterable[str],
    known: set[str],
    catalog_is_open: bool,
    found: Adoption,
) -> list[Entry]:
    """Hold one camera's unknown files against its ledger; what the ledger knows now, and the catalog may not."""
    tail = read_tail(journals, camera, known)
    finished = tail.finished
    there: set[str] = set()
    salvaged: list[SegmentFinished] = []
    for path in paths:
        try:
            if files.is_open(path):
                raise NotOursError("another process has it open")
            there.add(path)
            if path in finished and is_as_finished(files, finished[path]):
                found.adopted.append(path)
            elif (segment := _salvage(files, path, _points(tail, path), found)) is not None:
                salvaged.append(segment)
        except (OSError, NotOursError) as error:
            found.strange[path] = str(error)
    found.missing += sorted(path for path in finished.keys() | tail.points.keys() if path not in there | known)
    salvaged.sort(key=lambda segment: segment.start_ns)
    replaced = {segment.path for segment in salvaged}
    entries = [
        entry
        for entry in tail.entries
        if not isinstance(entry, SegmentFinished) or (entry.path in there and entry.path not in replaced)
    ]
    new: list[Entry] = list(salvaged)
    # Of Segments alone, as the catalog does it: rows of an open file name its end to the nanosecond in another way.
    ends = [segment.end_ns for segment in salvaged] + ([] if tail.reach_ns is None else [tail.reach_ns])
    ends += [entry.start_ns for entry in tail.entries if isinstance(entry, RecordingOpened)]
    if ends and (catalog_is_open if tail.recording is None else tail.recording):
        new.append(RecordingClosed(max(ends), None, "the gateway did not stop by itself"))
    if new:
        journals.append(camera, [body(entry) for entry in new])
    return entries + new


def _points(tail: Tail, path: str) -> list[Point]:
    if (row := tail.finished.get(path)) is not None:
        return [Point(row.size, row.sha256.hex(), "the ledger")]
    return tail.points.get(path, [])


def is_as_finished(files: Files, segment: SegmentFinished) -> bool:
    """Whether a file is what the ledger's row of it says: the crash came between that and the catalog."""
    return files.size(segment.path) == segment.size and sha256_of(files, segment.path) == segment.sha256


def _salvage(files: Files, path: str, points: list[Point], found: Adoption) -> SegmentFinished | None:
    saved = salvage(files, path, points)
    if saved is None:
        found.removed.append(path)
        return None
    found.adopted.append(path)
    if saved.cut:
        found.cut[path] = saved.cut
    recovered = saved.segment.recovered
    assert recovered is not None
    if recovered.why is Recovery.CHANGED:
        found.changed[path] = recovered.detail
    elif saved.segment.size > recovered.proven_bytes:
        found.unproven[path] = saved.segment.size - recovered.proven_bytes
    return saved.segment


def _report(found: Adoption) -> None:
    for path in found.adopted:
        log.warning(
            "adopted %s, which was not finished; %d bytes were cut off its end, %d are newer than the ledger",
            path, found.cut.get(path, 0), found.unproven.get(path, 0),
        )  # fmt: skip
    for path, what in found.changed.items():
        log.error("%s was changed while the gateway was down: %s", path, what)
    for path in found.removed:
        log.warning("removed %s, which was begun but held no media", path)
    for path in found.missing:
        log.error("%s is in the catalog or the ledger but not on the disk", path)
    for path, reason in found.strange.items():
        log.error("%s lies among the recordings but is none: %s", path, reason)
