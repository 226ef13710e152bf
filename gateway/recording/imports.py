"""How files that were made elsewhere become recordings, all of them or none, whatever stops it on the way.

They are made in a staging folder, which holds a plan of what they shall be. The plan is on the disk before the first
of them gets its name among the recordings; their rows in the ledger decide. Whoever comes later, a start of the gateway
or another import, finishes what the ledger knows and undoes what it does not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count

from gateway.base.rfc3339 import parse_utc_ns
from gateway.base.workers import Threads
from gateway.ledger.journal import Journals, LedgerError
from gateway.media.model import UtcNs
from gateway.recording.catalog import Catalog
from gateway.recording.entries import SegmentFinished
from gateway.recording.files import STAGING, Files
from gateway.recording.ledger_rows import IMPORTED, body, entry
from gateway.recording.salvage import sha256_of
from gateway.recording.segment import SUFFIX, make_folders, segment_name

log = logging.getLogger(__name__)

PLAN = "plan.json"


class Staging:
    """A folder of its own for one import, of which others see by the plan's lock that somebody works on it. Blocks.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, files: Files, token: str) -> None:
        self.folder = f"{STAGING}/{token}"
        self._files = files
        make_folders(files, self.folder)
        self._plan = files.create(f"{self.folder}/{PLAN}")

    def link(self, camera: str, staged: Sequence[SegmentFinished], utc_ns: UtcNs) -> tuple[SegmentFinished, ...]:
        """Give the files, all synced, their names among the recordings; returns them under these.

        `utc_ns`: now; what the ledger says of them will be later.

        Raises:
            OSError: the disk refused; `finish_import` undoes what was done.
        """
        placed = tuple(self._named(camera, staged))
        plan = {"camera": camera, "utc_ns": utc_ns, "rows": [body(segment) for segment in placed]}
        self._plan.append(json.dumps(plan).encode())
        self._plan.sync()
        self._files.sync_folder(self.folder)
        folders = set()
        for before, after in zip(staged, placed, strict=True):
            folder = after.path.rpartition("/")[0]
            make_folders(self._files, folder)
            self._files.link(before.path, after.path)
            folders.add(folder)
        for folder in folders:
            self._files.sync_folder(folder)
        return placed

    def close(self) -> None:
        """Let others finish it. Idempotent."""
        self._plan.close()

    def _named(self, camera: str, staged: Sequence[SegmentFinished]) -> Iterator[SegmentFinished]:
        taken: set[str] = set()
        for segment in staged:
            folder, stem = segment_name(camera, segment.start_ns)
            there = set(self._files.names(folder))
            for number in count(1):
                name = f"{stem}{'' if number == 1 else f'-{number}'}{SUFFIX}"
                path = f"{folder}/{name}"
                if name not in there and path not in taken:
                    taken.add(path)
                    yield replace(segment, path=path)
                    break


async def finish_imports(catalog: Catalog, files: Files, journals: Journals, threads: Threads) -> None:
    """Finish or undo what imports left behind that ended before their time.

    Raises:
        StorageError: the database refused.
        OSError: the disk refused.
    """
    for token in await threads.run(files.names, STAGING):
        await finish_import(catalog, files, journals, threads, f"{STAGING}/{token}")


async def finish_import(catalog: Catalog, files: Files, journals: Journals, threads: Threads, folder: str) -> None:
    """Finish or undo the import with this staging folder, and remove that; nothing happens while somebody works on it.

    Raises:
        StorageError: the database refused.
        OSError: the disk refused.
    """
    if await threads.run(_is_in_use, files, folder):
        return
    planned = await threads.run(_planned, files, folder)
    if planned is not None:
        camera, utc_ns, segments = planned
        try:
            told = await threads.run(_told, journals, camera, utc_ns, {segment.path for segment in segments})
        except (LedgerError, ValueError) as error:
            log.error("an import in %s stays unfinished: the ledger of %s cannot be read: %s", folder, camera, error)
            return
        if told is None:
            await threads.run(_undo, files, segments)
        else:
            await catalog.place(camera, [segment for segment in segments if segment.path in told])
    await threads.run(lambda: files.remove_all(sorted(files.walk(folder), key=_plan_last)))


def _is_in_use(files: Files, folder: str) -> bool:
    with suppress(FileNotFoundError):
        return files.is_open(f"{folder}/{PLAN}")
    return False


def _planned(files: Files, folder: str) -> tuple[str, UtcNs, list[SegmentFinished]] | None:
    """What the plan says; None: there is no whole one, so nothing has come of it yet."""
    try:
        size = files.size(f"{folder}/{PLAN}")
        with files.reader(f"{folder}/{PLAN}") as read_at:
            plan = json.loads(read_at(0, size))
        segments = [found for row in plan["rows"] if isinstance(found := entry(row), SegmentFinished)]
        return str(plan["camera"]), int(plan["utc_ns"]), segments
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _told(journals: Journals, camera: str, utc_ns: UtcNs, paths: set[str]) -> set[str] | None:
    """Those of `paths` that the ledger knows as imported and not as deleted since; None: it knows none.

    Rows are appended all or none.
    """
    gone: set[str] = set()
    found: set[str] | None = None
    for row in journals.read_back(camera):
        if parse_utc_ns(row.body["utc"]) < utc_ns:
            break
        path = row.body.get("file")
        if path in paths and row.kind == "deleted":
            gone.add(path)
        elif path in paths and row.kind == IMPORTED:
            found = {path} if found is None else found | {path}
    return None if found is None else found - gone


def _undo(files: Files, segments: Sequence[SegmentFinished]) -> None:
    """Remove what is ours under the planned names: a recorder may have taken one meanwhile."""
    for segment in segments:
        with suppress(FileNotFoundError):
            if files.size(segment.path) == segment.size and sha256_of(files, segment.path) == segment.sha256:
                files.remove_all([segment.path])


def _plan_last(path: str) -> bool:
    return path.endswith(f"/{PLAN}")
