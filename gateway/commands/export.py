"""What `sightline export` does: recordings into a folder, beside a running gateway or without one."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from gateway.access.authority import Authority
from gateway.access.privacy import PrivacyModes
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, StorageError
from gateway.base.settings import Settings
from gateway.base.sizes import written
from gateway.base.workers import Threads
from gateway.commands.audit import interval
from gateway.commands.state import State, open_state, who
from gateway.evidence.export import Export, ExportedFile, ExportRequest, Kind, Status
from gateway.evidence.export_audit import asked_rows, over_rows
from gateway.evidence.left_holds import COMMAND, command_at_work
from gateway.evidence.making import Making
from gateway.evidence.parts import ExportParts
from gateway.evidence.plan import file_stem
from gateway.ledger.journal import Journals
from gateway.positions.store import PositionStore
from gateway.recording.archive import RECORDINGS, Archive
from gateway.recording.catalog import Catalog
from gateway.recording.disk_space import limits
from gateway.recording.holds import Holds
from gateway.store.engine import open_positions

BAR = 30
"""Characters of a bar that is full."""


async def export(arguments: argparse.Namespace) -> int:
    """`sightline export`: the files are in the folder when it ends with 0; else there is no such folder."""
    out, request = _asked(arguments)
    settings: Settings = arguments.settings
    async with open_state(settings) as state, _parts(settings, state) as parts:
        part = out.absolute().with_name(f"{out.absolute().name}.part")
        beside = await asyncio.to_thread(_prepare, out, part, settings.data_dir)
        try:
            holds = Holds(state.database, state.audit, state.clock)
            keep_free = partial(_keep_free, settings, beside)
            making = Making(parts, holds, keep_free=keep_free, actor=COMMAND)
            await making.look(request)
            asked = Export(secrets.token_hex(8), request, state.clock.utc_ns(), Status.RUNNING)
            await state.audit.append_all(asked_rows(state.audit, asked))
            async with command_at_work(holds, settings.data_dir):
                files = await _made(state, making, asked, part)
            await asyncio.to_thread(part.rename, out)
        except OSError as error:
            raise StorageError(f"{out} cannot be written: {error.strerror or error}") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
    for file in files:
        print(f"{out / file.name}  {written(file.size)}  sha256 {file.sha256}")
    return 0


def _asked(arguments: argparse.Namespace) -> tuple[Path, ExportRequest]:
    """Where the files are to be, and what is to be in them.

    Raises:
        BadRequestError: that makes no sense.
    """
    from_ns, to_ns = interval(arguments)
    if from_ns is None or to_ns is None:
        raise BadRequestError("say which time: --from 2026-01-31T12:00:00Z --to 2026-01-31T12:10:00Z")
    if arguments.package and arguments.burn_in:
        raise BadRequestError("a package holds the recordings as they are: give either --package or --burn-in")
    cameras = tuple(dict.fromkeys(arguments.camera))
    kind = Kind.PACKAGE if arguments.package else Kind.VIDEO
    everything = frozenset(cameras)
    request = ExportRequest(
        cameras, from_ns, to_ns, who()["actor"], who()["address"], kind, arguments.burn_in,
        sound=everything, positions=everything, audit=arguments.package, reason=arguments.reason,
    )  # fmt: skip
    return arguments.out or Path(f"export_{file_stem(cameras[0], from_ns)}"), request


def _keep_free(settings: Settings, beside: bool, total: int) -> int:
    """Bytes of a disk of this size that are for recordings."""
    return limits(settings.storage, total).keep if beside else 0


def _prepare(out: Path, part: Path, data_dir: Path) -> bool:
    """An empty folder `part` beside `out`; returns whether it shares its disk with the recordings."""
    if out.exists():
        raise ConflictError(f"{out} is there already: name another folder with --out")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        return part.stat().st_dev == data_dir.stat().st_dev
    except OSError as error:
        raise StorageError(f"{part} cannot be made: {error.strerror}") from error


@contextlib.asynccontextmanager
async def _parts(settings: Settings, state: State) -> AsyncIterator[ExportParts]:
    positions = await asyncio.to_thread(open_positions, settings.data_dir, settings.database)
    threads = Threads("disk", 2)
    try:
        journals = await asyncio.to_thread(Journals.open, settings.data_dir, state.clock)
        archive = Archive(settings.data_dir / RECORDINGS, Catalog(state.database), journals, threads, state.clock)
        labels = {camera.settings.id: camera.settings.label for camera in await state.registry.all()}
        yield ExportParts(
            settings.data_dir,
            state.database,
            archive,
            PositionStore(positions, state.clock),
            PrivacyModes(state.database, state.audit, state.clock, Authority(settings.policy)),
            threads,
            state.clock,
            label=lambda camera: labels.get(camera, camera),
        )
        journals.close()
    finally:
        threads.close()
        positions.close()


async def _made(state: State, making: Making, asked: Export, folder: Path) -> tuple[ExportedFile, ...]:
    """The files; the audit is told how it ended, whichever way that is."""
    bar = _Bar(state.clock)
    try:
        files = await making.make(asked, folder, bar.show)
    except asyncio.CancelledError:
        await state.audit.append_all(over_rows(state.audit, replace(asked, status=Status.CANCELLED)))
        raise
    except Exception as error:
        failed = replace(asked, status=Status.FAILED, error=str(error))
        await state.audit.append_all(over_rows(state.audit, failed))
        raise
    finally:
        bar.end()
    await state.audit.append_all(over_rows(state.audit, replace(asked, status=Status.DONE, files=files)))
    return files


class _Bar:
    """How far it is, on a terminal; where nobody looks, nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._shown = sys.stderr.isatty()

    def show(self, share: float) -> None:
        if self._shown:
            left = (self._clock.monotonic() - self._began) * (1 - share) / share if share > 0.01 else 0
            of_time = f"{int(left) // 60}:{int(left) % 60:02} left" if left else ""
            bar = "#" * round(share * BAR)
            print(f"\r[{bar:.<{BAR}}] {share:4.0%} {of_time:12}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown:
            print(file=sys.stderr)
