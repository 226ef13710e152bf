"""Repairs what `check` finds, as far as nothing is lost by it: `sightline check --repair`. Not beside a gateway.

No media is deleted. Files that the catalog does not know are adopted, as at every start; of files that are gone it is
kept what they were, and that nobody deleted them; a file that is shorter than it was is shown as far as it reaches.
What was changed stays as it is found and is told again each time: only a backup brings the original back. Each repair
is in the audit, and in the camera's ledger where media is concerned.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.access.audit import Action, Audit
from gateway.base.errors import ConflictError, StorageError
from gateway.base.workers import Threads
from gateway.ledger.journal import Journals, LedgerError
from gateway.media.fmp4_samples import Mp4Error
from gateway.recording.adopt import adopt, is_as_finished
from gateway.recording.catalog import Catalog
from gateway.recording.check import Disagreement, Finding
from gateway.recording.chunks import find_chunks
from gateway.recording.deletion import Deleter
from gateway.recording.entries import Recovered, Recovery, SegmentFinished
from gateway.recording.file_proof import Point, prove_file
from gateway.recording.files import Files
from gateway.recording.ledger_rows import IMPORTED, body, entry
from gateway.recording.rows import SegmentRow
from gateway.recording.salvage import sha256_of

log = logging.getLogger(__name__)

FEW = 10
"""So many files may be missing without a question, however few there are."""


class Remedy(StrEnum):
    """What becomes of a disagreement, as a clause for people."""

    ADOPTED = "taken into the catalog, if it is a recording"
    NOTED = "noted as missing: it is out of the catalog, and what it was stays among the deletions"
    SHORTENED = "shown as far as it reaches; what it was stays in the ledger"
    CUT_POINTS = "looked through for where it can be cut"
    EXTENT = "made to begin and end with its Segments"
    NONE = "left as it is: bring the original back from a backup"


@dataclass(frozen=True, slots=True)
class Repair:
    """A disagreement, and what is done about it."""

    found: Disagreement
    remedy: Remedy


async def plan(catalog: Catalog, files: Files, threads: Threads, found: Iterable[Disagreement]) -> list[Repair]:
    """What would be done about what a check found.

    Raises:
        StorageError: the database refused.
    """
    rows = {row.path: row for row in await catalog.all_segments()}
    return await threads.run(lambda: [Repair(one, _remedy(files, rows.get(one.path), one)) for one in found])


async def repair(
    repairs: Sequence[Repair],
    catalog: Catalog,
    files: Files,
    journals: Journals,
    threads: Threads,
    deleter: Deleter,
    audit: Audit,
    *,
    missing_for_good: bool,
    by: str,
    address: str,
) -> None:
    """Carry out what was planned. Can be repeated, whatever it was that stopped it.

    Raises:
        ConflictError: most files are missing, and nobody said that this is for good; nothing was done.
        StorageError: the database refused.
        OSError: the disk refused.
    """
    rows = {row.path: row for row in await catalog.all_segments()}
    missing = [rows[one.found.path] for one in repairs if one.remedy is Remedy.NOTED and one.found.path in rows]
    if len(missing) > max(FEW, len(rows) // 2) and not missing_for_good:
        raise ConflictError(
            f"{len(missing)} of {len(rows)} recordings are missing: is their disk mounted? If they are gone for good, "
            "say so with --missing-for-good"
        )
    for one in repairs:
        if one.remedy not in {Remedy.NONE, Remedy.NOTED}:  # what is missing has rows of its own
            camera = one.found.path.partition("/")[0]
            await audit.record(
                Action.REPAIR, actor=by, address=address, camera=camera,
                path=one.found.path, finding=one.found.finding.value, detail=one.found.detail, remedy=one.remedy.value,
            )  # fmt: skip
    await deleter.found_missing(missing, actor=by, address=address)
    unknown = [one.found.path for one in repairs if one.remedy is Remedy.ADOPTED]
    for camera, segments in (await threads.run(_known_to_ledgers, files, journals, unknown)).items():
        await catalog.adopt(camera, segments)
    await adopt(catalog, files, journals, threads)
    for one in repairs:
        if one.remedy is Remedy.SHORTENED:
            segment = await threads.run(_as_found, files, rows[one.found.path])
            await threads.run(journals.append, rows[segment.path].camera, [body(segment)])
            await catalog.replace(segment)
        elif one.remedy is Remedy.CUT_POINTS:
            await catalog.recut(one.found.path, (await threads.run(_look_through, files, one.found.path)))
    await catalog.mend_extents()


def _remedy(files: Files, row: SegmentRow | None, found: Disagreement) -> Remedy:
    match found.finding:
        case Finding.UNKNOWN:
            return Remedy.ADOPTED
        case Finding.MISSING:
            return Remedy.NOTED
        case Finding.CHUNKS:
            return Remedy.CUT_POINTS
        case Finding.EXTENT:
            return Remedy.EXTENT
        case Finding.SIZE if row is not None and _can_be_shortened(files, row):
            return Remedy.SHORTENED
        case _:
            return Remedy.NONE


def _known_to_ledgers(files: Files, journals: Journals, paths: Iterable[str]) -> dict[str, list[SegmentFinished]]:
    """Of files that the catalog has lost, those that are as their ledger says, by camera: nothing new is to be told."""
    by_camera: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        by_camera[path.partition("/")[0]].add(path)
    found = {}
    for camera in sorted(by_camera.keys() & set(journals.cameras())):
        told: dict[str, SegmentFinished] = {}
        try:
            for row in journals.read(camera):
                if row.kind in {"segment", IMPORTED} and row.body.get("file") in by_camera[camera]:
                    said = entry(row.body)
                    assert isinstance(said, SegmentFinished)
                    told[said.path] = said
        except (LedgerError, ValueError) as error:
            log.error("the ledger of %s cannot be read as far as it goes: %s", camera, error)
        found[camera] = [said for said in told.values() if is_as_finished(files, said)]
    return found


def _can_be_shortened(files: Files, row: SegmentRow) -> bool:
    """Whether something is left to show of a file that is shorter than it was."""
    try:
        if files.size(row.path) > row.size:
            return False
        _as_found(files, row)
    except (OSError, Mp4Error, StorageError):
        return False
    return True


def _as_found(files: Files, row: SegmentRow) -> SegmentFinished:
    """A Segment as its file is now.

    Raises:
        Mp4Error, StorageError: there is no media in it any more.
        OSError: the disk refused.
    """
    size = files.size(row.path)
    with files.reader(row.path) as read_at:
        found = find_chunks(read_at, size)
        fault = prove_file(read_at, [Point(row.size, row.sha256.hex(), "the catalog")])
    if not found.cuts.starts:
        raise StorageError(f"{row.path} has no picture any more")
    assert fault is not None, "it is shorter than it was"
    return SegmentFinished(
        row.path, row.start_ns, found.end_ns, size, sha256_of(files, row.path), found.tracks,
        adopted=True, recovered=Recovered(0, Recovery.CHANGED, str(fault)), chunks=found.cuts.pack(),
    )  # fmt: skip


def _look_through(files: Files, path: str) -> bytes:
    with files.reader(path) as read_at:
        return find_chunks(read_at, files.size(path)).cuts.pack()
