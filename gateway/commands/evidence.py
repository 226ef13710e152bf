"""What `sightline verify` does, beside a gateway, too: is the archive, a package or a file as it was written?"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from pathlib import Path

from gateway.access.audit import Action
from gateway.base.errors import BadRequestError, NotFoundError, SettingsError
from gateway.base.settings import Settings
from gateway.base.workers import Threads
from gateway.commands.state import State, open_state, who
from gateway.evidence.findings import Progress, Report
from gateway.evidence.verify import Proving, verify_archive
from gateway.evidence.verify_path import verify_path
from gateway.ledger import verified
from gateway.ledger.journal import Journals
from gateway.ledger.keys import LEDGER_FOLDER
from gateway.ledger.timestamp import Certificates
from gateway.recording.files import SystemFiles

NAMED = 10
"""Findings that the audit is told of."""


async def verify(arguments: argparse.Namespace) -> int:
    """`sightline verify [PATH]`: a line for each thing that does not hold; 1 when there is any."""
    from gateway.recording.archive import RECORDINGS

    path: Path | None = arguments.path
    cameras: list[str] = arguments.camera
    if path is not None and cameras:
        raise BadRequestError("--camera goes with the whole archive: leave the path out")
    if path is not None and not await asyncio.to_thread(path.exists):
        raise NotFoundError(f"there is no {path}")
    settings: Settings = arguments.settings
    recordings = settings.data_dir / RECORDINGS
    async with open_state(settings) as state:
        journals = await asyncio.to_thread(Journals.open, settings.data_dir, state.clock)
        threads = Threads("proof", 1)
        try:
            proving = await _proving(state, settings, SystemFiles(recordings), journals, threads)
            shown = _Shown()
            if path is None:
                report = await verify_archive(proving, cameras, shown.progress)
            else:
                report = await verify_path(proving, path, recordings, shown.progress)
            shown.end()
        finally:
            await asyncio.to_thread(threads.close)
            journals.close()
        await state.audit.record(
            Action.VERIFY, **who(), path=None if path is None else str(path), cameras=cameras, holds=report.holds,
            findings=[str(one) for one in report.findings[:NAMED]],
        )  # fmt: skip
    if path is None and not cameras:
        with contextlib.suppress(OSError):  # the archive may be a copy that nobody can write
            now = verified.Verified(state.clock.utc_ns(), len(report.findings), report.anchored_ns)
            await asyncio.to_thread(verified.note, settings.data_dir / LEDGER_FOLDER, now)
    _print(report, what="The archive" if path is None else path.name, as_json=arguments.json)
    return 0 if report.holds else 1


async def _proving(
    state: State, settings: Settings, files: SystemFiles, journals: Journals, threads: Threads
) -> Proving:
    evidence = settings.evidence
    certificates = Certificates()
    if evidence.timestamp_certificates is not None:
        try:
            pem = await asyncio.to_thread(evidence.timestamp_certificates.read_bytes)
            certificates = Certificates.parse(pem)
        except (OSError, ValueError) as error:
            raise SettingsError(f'"evidence.timestamp_certificates": {error}') from error
    return Proving(state.database, files, journals, threads, state.clock, evidence.anchor_file, certificates)


def _print(report: Report, *, what: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.to_json(), indent=2))
        return
    for finding in report.findings:
        print(finding)
    for note in report.notes:
        print(f"Note: {note}.")
    count = len(report.findings)
    found = "1 thing does" if count == 1 else f"{count} things do"
    print(f"{what} holds: everything is as it was written." if report.holds else f"{what} does not hold: {found} not.")


class _Shown:
    """Progress on a terminal; nothing where nobody looks."""

    def __init__(self) -> None:
        self._quiet = not sys.stderr.isatty()
        self._told = -1

    def progress(self, now: Progress) -> None:
        """Tell how far it is, whenever another percent is done."""
        percent = 100 * now.bytes // max(1, now.of_bytes)
        if not self._quiet and percent != self._told:
            self._told = percent
            print(f"\r{percent:3} %  {now.what}\x1b[K", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._told >= 0:
            print(file=sys.stderr)
