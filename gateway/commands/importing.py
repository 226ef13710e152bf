"""What `sightline import` does: files from a dock or a card into the archive, beside a running gateway or without."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from gateway.access.authority import Authority
from gateway.access.privacy import PrivacyModes
from gateway.base.descriptors import raise_limit
from gateway.base.errors import BadRequestError, NotFoundError, SightlineError, StorageError
from gateway.base.lock import hold
from gateway.base.rfc3339 import parse_utc
from gateway.base.settings import Settings
from gateway.base.workers import Threads
from gateway.commands.state import State, open_state, who
from gateway.ledger.journal import Journals
from gateway.recording.archive import RECORDINGS
from gateway.recording.assignments import Assignments
from gateway.recording.catalog import Catalog
from gateway.recording.disk_space import limits
from gateway.recording.files import SystemFiles
from gateway.recording.importing import Imported, Importer, Interval

LOCK_FILE = "import.lock"
"""Held in data_dir while an import runs: two could fill the same gap."""


async def import_files(arguments: argparse.Namespace) -> int:
    """`sightline import`: one file after the other; 1 when one of them could not be imported, or had nothing new."""
    start_ns = _start(arguments)
    # A file of many hours becomes many, each open until the catalog has them all.
    raise_limit()
    failed = 0
    async with _open(arguments.settings) as (state, importer, assignments):
        if arguments.camera not in {camera.settings.id for camera in await state.registry.all()}:
            raise NotFoundError(f'there is no camera "{arguments.camera}"')
        await importer.finish()
        for path in arguments.file:
            try:
                done = await _import(arguments, state, importer, path, start_ns)
            except SightlineError as error:
                print(f"sightline: {path}: {error}", file=sys.stderr)
                failed += 1
                continue
            _tell(path, arguments.camera, done)
            try:
                if arguments.wearer is not None:
                    await _assign(arguments, assignments, done.covers)
            except SightlineError as error:
                print(f"sightline: {path}: who wore the camera then was not noted: {error}", file=sys.stderr)
                failed += 1
    return 1 if failed else 0


def _start(arguments: argparse.Namespace) -> int | None:
    if arguments.start is None:
        return None
    if len(arguments.file) > 1:
        raise BadRequestError("--start says when one file begins: import several one by one")
    try:
        return parse_utc(arguments.start)
    except ValueError:
        raise BadRequestError("--start takes a time in UTC, as in 2026-01-31T12:00:00Z") from None


async def _import(
    arguments: argparse.Namespace,
    state: State,
    importer: Importer,
    path: Path,
    start_ns: int | None,
) -> Imported:
    modes = PrivacyModes(state.database, state.audit, state.clock, Authority(arguments.settings.policy))
    now = state.clock.utc_ns() + 1
    hidden = [
        Interval(span.start_ns, now if span.end_ns is None else span.end_ns)
        for span in await modes.unrecorded(arguments.camera)
    ]
    me = who()
    return await importer.run(
        path, arguments.camera, start_ns, hidden=hidden, progress=_progress(path), by=me["actor"], address=me["address"]
    )


async def _assign(arguments: argparse.Namespace, assignments: Assignments, worn: Interval) -> None:
    """Say who wore the camera while the file was filmed, unless that is known."""
    me = who()
    known = await assignments.of(arguments.camera, worn.start_ns, worn.end_ns)
    if any(
        one.wearer == arguments.wearer and one.start_ns <= worn.start_ns and (one.end_ns or worn.end_ns) >= worn.end_ns
        for one in known
    ):
        return
    await assignments.assign(
        arguments.camera, arguments.wearer, worn.start_ns, worn.end_ns, by=me["actor"], address=me["address"]
    )


def _tell(path: Path, camera: str, done: Imported) -> None:
    count = f"{done.segments} file{'s' if done.segments > 1 else ''}"
    print(f"{path}: imported into {camera} as {count}; sha256 {done.original.sha256.hex()}")
    for interval in done.filled:
        print(f"  filled    {interval}")
    for interval in done.left_out:
        print(f"  left out  {interval}: recorded already, not to be recorded, or before the next whole picture")
    for track in done.tracks_left_out:
        print(f"  left out  {track}: recordings cannot hold it")


@contextlib.asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[tuple[State, Importer, Assignments]]:
    async with open_state(settings) as state:
        lock = hold(settings.data_dir / LOCK_FILE)
        if lock is None:
            raise StorageError("another import runs: wait for its end")
        with lock:
            journals = await asyncio.to_thread(Journals.open, settings.data_dir, state.clock)
            threads = Threads("import", 1)
            try:
                root = settings.data_dir / RECORDINGS
                root.mkdir(parents=True, exist_ok=True)
                files = SystemFiles(root)
                keep = limits(settings.storage, files.space().total).keep
                catalog = Catalog(state.database)
                importer = Importer(catalog, files, journals, threads, state.audit, state.clock, keep_free=keep)
                yield state, importer, Assignments(state.database, state.audit, journals, state.clock)
            except OSError as error:
                raise StorageError(f"{settings.data_dir} cannot be used: {error.strerror or error}") from error
            finally:
                threads.close()
                journals.close()


def _progress(path: Path) -> Callable[[float], None]:
    """Shown where somebody looks."""
    if not sys.stderr.isatty():
        return lambda _share: None
    shown = -1

    def show(share: float) -> None:
        nonlocal shown
        if (percent := int(100 * share)) != shown:
            shown = percent
            print(f"\r{path.name}: {percent:3} %", end="\n" if percent == 100 else "", file=sys.stderr, flush=True)

    return show
