"""What `sightline policy report` does: the report for citizens, as a page and as tables, in a folder."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from gateway.access.audit import Action
from gateway.base.errors import BadRequestError, StorageError
from gateway.commands.audit import interval
from gateway.commands.state import open_state, who
from gateway.recording.catalog import Catalog
from gateway.report.figures import gather
from gateway.report.pages import html, tables

PAGE = "report.html"


async def policy_report(arguments: argparse.Namespace) -> int:
    """`sightline policy report`: 1 when the log that it is made from does not hold; it is written all the same."""
    from_ns, to_ns = interval(arguments)
    if from_ns is None or to_ns is None:
        raise BadRequestError("say which time the report is about: --from 2026-01-01 --to 2026-01-31")
    quiet = not sys.stderr.isatty()

    def progress(done: int, of: int) -> None:
        if not quiet:
            print(f"\rchecking the log: {done} of {of} entries", end="", file=sys.stderr, flush=True)

    policy = arguments.settings.policy
    async with open_state(arguments.settings) as state:
        asked = {"from": arguments.from_, "to": arguments.to_}
        await state.audit.record(Action.REPORT, **who(), asked=asked)
        configured = [camera.settings.id for camera in await state.registry.all()]
        figures = await gather(
            state.audit,
            Catalog(state.audit.database),
            policy,
            configured,
            (from_ns, to_ns),
            state.clock.utc_ns(),
            progress,
        )
    if not quiet:
        print(file=sys.stderr)
    out = arguments.out or Path(f"report-{arguments.from_}-to-{arguments.to_}".replace(":", ""))
    files = {PAGE: html(figures, policy), **tables(figures)}
    await asyncio.to_thread(_write, out, files)
    print(f"Wrote {out / PAGE} and {len(files) - 1} tables beside it.")
    if figures.verdict.broken is not None:
        print(f"The log does not hold: {figures.verdict.broken}.", file=sys.stderr)
        return 1
    return 0


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise StorageError(f"the report cannot be written to {folder}: {error.strerror}") from error
