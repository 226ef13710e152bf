"""The start after a crash: makes whole what was being written, and lets the catalog agree with the disk.

Nothing changes unseen: what is cut, removed, missing or left alone is in the report and in the log. Files that the
catalog knows are not read here; `check` does that.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.base.workers import Threads
from gateway.recording.catalog import Catalog
from gateway.recording.entries import SegmentFinished
from gateway.recording.files import Files
from gateway.recording.salvage import NotOursError, salvage
from gateway.recording.segment import SUFFIX

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Adoption:
    """What was found, by path."""

    adopted: list[str] = field(default_factory=list)
    """Made whole and put into the catalog."""
    cut: dict[str, int] = field(default_factory=dict)
    """Bytes of an unfinished fragment that were taken off an adopted file."""
    removed: list[str] = field(default_factory=list)
    """Begun, but without any media yet."""
    missing: list[str] = field(default_factory=list)
    """In the catalog, but not on the disk."""
    strange: dict[str, str] = field(default_factory=dict)
    """Neither known nor ours, and why: left as it is."""


async def adopt(catalog: Catalog, files: Files, threads: Threads) -> Adoption:
    """Adopt every file that the catalog does not know. To be called before any recorder runs.

    Raises:
        StorageError: the database refused.
        OSError: the folder cannot be read.
    """
    known = await catalog.paths()
    found, segments = await threads.run(_examine, files, known)
    by_camera: dict[str, list[SegmentFinished]] = defaultdict(list)
    for segment in segments:
        by_camera[segment.path.partition("/")[0]].append(segment)
    for camera in sorted(by_camera.keys() | await catalog.open_cameras()):
        await catalog.adopt(camera, sorted(by_camera[camera], key=lambda segment: segment.start_ns))
    _report(found)
    return found


def _examine(files: Files, known: set[str]) -> tuple[Adoption, Sequence[SegmentFinished]]:
    found = Adoption()
    segments = []
    missing = set(known)
    for path in files.walk():
        missing.discard(path)
        if path in known:
            continue
        try:
            if not path.endswith(SUFFIX) or "/" not in path:
                raise NotOursError("recordings are named differently")
            if files.is_open(path):
                raise NotOursError("another process has it open")
            saved = salvage(files, path)
        except (OSError, NotOursError) as error:
            found.strange[path] = str(error)
            continue
        if saved is None:
            found.removed.append(path)
            continue
        found.adopted.append(path)
        segments.append(saved.segment)
        if saved.cut:
            found.cut[path] = saved.cut
    found.missing = sorted(missing)
    return found, segments


def _report(found: Adoption) -> None:
    for path in found.adopted:
        log.warning("adopted %s, which was not finished; %d bytes were cut off its end", path, found.cut.get(path, 0))
    for path in found.removed:
        log.warning("removed %s, which was begun but held no media", path)
    for path in found.missing:
        log.error("%s is in the catalog but not on the disk", path)
    for path, reason in found.strange.items():
        log.error("%s lies among the recordings but is none: %s", path, reason)
