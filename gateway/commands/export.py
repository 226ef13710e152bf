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
from typing import Any

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
from gateway.incidents.incident_document import incident_document
from gateway.incidents.incident_rows import find
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
    settings: Settings = arguments.settings
    asked_for = None if arguments.incident is not None else _asked(arguments)
    async with open_state(settings) as state, _parts(settings, state) as parts:
        request = await _of_incident(arguments, state) if asked_for is None else asked_for
        out, part = _folders(arguments.out, request)
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


def _folders(wanted: Path | None, request: ExportRequest) -> tuple[Path, Path]:
    """Where the files are to be, and where until all of them are there."""
    out = wanted or Path(f"export_{file_stem(request.cameras[0], request.from_ns)}")
    return out, out.absolute().with_name(f"{out.absolute().name}.part")


def _asked(arguments: argparse.Namespace) -> ExportRequest:
    """What is to be in the files.

    Raises:
        BadRequestError: that makes no sense.
    """
    from_ns, to_ns = interval(arguments)
    if from_ns is None or to_ns is None:
        raise BadRequestError("say which time: --from 2026-01-31T12:00:00Z --to 2026-01-31T12:10:00Z")
    if not arguments.camera:
        raise BadRequestError("say which cameras (--camera ID), or which incident (--incident NUMBER)")
    if arguments.package and arguments.burn_in:
        raise BadRequestError("a package holds the recordings as they are: give either --package or --burn-in")
    cameras = tuple(dict.fromkeys(arguments.camera))
    kind = Kind.PACKAGE if arguments.package else Kind.VIDEO
    everything = frozenset(cameras)
    return ExportRequest(
        cameras, from_ns, to_ns, who()["actor"], who()["address"], kind, arguments.burn_in,
        sound=everything, positions=everything, audit=arguments.package, reason=arguments.reason,
    )  # fmt: skip


async def _of_incident(arguments: argparse.Namespace, state: State) -> ExportRequest:
    """A package of an incident, or of those of its cameras that are named.

    Raises:
        BadRequestError: that makes no sense.
        NotFoundError: there is no such incident, or it has no such camera.
    """
    if arguments.from_ or arguments.to_ or arguments.burn_in:
        raise BadRequestError("an incident says itself from when to when, and is exported as it is: leave that out")
    incident = await state.database.read(partial(find, number=arguments.incident))
    cameras = tuple(dict.fromkeys(arguments.camera or [one.camera for one in incident.cameras]))
    spans = incident.spans(cameras, state.clock.utc_ns())
    everything = frozenset(cameras)
    return ExportRequest(
        cameras, min(start for start, _ in spans), max(end for _, end in spans), who()["actor"], who()["address"],
        Kind.PACKAGE, sound=everything, positions=everything, audit=True, reason=arguments.reason, spans=spans,
        incident=incident.id,
    )  # fmt: skip


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
            incident=partial(_document, state),
        )
        journals.close()
    finally:
        threads.close()
        positions.close()


async def _document(state: State, asked: ExportRequest) -> dict[str, Any]:
    """What a package tells of its incident."""
    return await state.database.read(
        lambda connection: incident_document(connection, asked.incident or 0, asked.cameras, asked.positions)
    )


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
