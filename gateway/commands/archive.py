"""What `sightline check` does: comparing the recordings on disk with the catalog, and repairing what does not agree."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from gateway.base.errors import BadRequestError, StorageError
from gateway.base.lock import hold
from gateway.base.settings import Settings
from gateway.base.workers import Threads
from gateway.commands.state import State, open_state, who
from gateway.ledger.journal import Journals
from gateway.recording.archive import RECORDINGS, Archive
from gateway.recording.catalog import Catalog
from gateway.recording.check import Disagreement, Progress
from gateway.recording.repair import Remedy
from gateway.settings_preview import LOCK_FILE


async def check(arguments: argparse.Namespace) -> int:
    """`sightline check`: what on disk and in the catalog does not agree; 1 when there is anything left."""
    if (arguments.dry_run or arguments.missing_for_good) and not arguments.repair:
        raise BadRequestError("--dry-run and --missing-for-good go with --repair")
    if arguments.repair:
        return await _repair(arguments)
    async with _open(arguments.settings) as (archive, _):
        found = await _compared(archive, arguments)
    for disagreement in found:
        print(_line(disagreement))
    print(f"{len(found)} disagree" if found else "Disk and catalog agree.")
    return 1 if found else 0


async def _repair(arguments: argparse.Namespace) -> int:
    data_dir = arguments.settings.data_dir
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = hold(data_dir / LOCK_FILE)
    if lock is None:
        raise StorageError(f"a gateway runs on {data_dir}: stop it first; without --repair the check works beside it")
    with lock:
        async with _open(arguments.settings) as (archive, state):
            found = await _compared(archive, arguments)
            repairs = await archive.plan(found)
            if not arguments.dry_run:
                me, for_good = who(), arguments.missing_for_good
                await archive.repair(
                    repairs, state.database, state.audit,
                    missing_for_good=for_good, by=me["actor"], address=me["address"],
                )  # fmt: skip
                found = await archive.check(hashes=False)
    for one in repairs:
        print(f"{_line(one.found)}: {'would be ' if arguments.dry_run else ''}{one.remedy.value}")
    still = {one.path for one in found}
    left = [one for one in repairs if one.remedy is Remedy.NONE or one.found.path in still]
    if not repairs:
        print("Disk and catalog agree.")
    elif arguments.dry_run:
        print(f"{len(repairs)} disagree; nothing was changed.")
    else:
        print(f"{len(repairs) - len(left)} repaired, {len(left)} left as they are.")
    return 1 if left else 0


async def _compared(archive: Archive, arguments: argparse.Namespace) -> list[Disagreement]:
    quiet = not sys.stderr.isatty()

    def progress(now: Progress) -> None:
        if not quiet:
            share = 100 * now.bytes // max(1, now.of_bytes)
            print(f"\r{now.files} of {now.of_files} files, {share} %", end="", file=sys.stderr, flush=True)

    found = await archive.check(hashes=not arguments.quick, progress=progress)
    if not quiet:
        print(file=sys.stderr)
    return found


def _line(disagreement: Disagreement) -> str:
    return f"{disagreement.path}: {disagreement.finding.value}: {disagreement.detail}"


@contextlib.asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[tuple[Archive, State]]:
    """The archive of a data directory.

    Raises:
        StorageError: the database or the disk refused.
    """
    async with open_state(settings) as state:
        threads, journals = Threads("disk", 1), await asyncio.to_thread(Journals.open, settings.data_dir, state.clock)
        try:
            root = settings.data_dir / RECORDINGS
            yield Archive(root, Catalog(state.database), journals, threads, state.clock), state
        finally:
            threads.close()
            journals.close()
