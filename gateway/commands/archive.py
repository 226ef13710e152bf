"""What `sightline check` does: comparing the recordings on disk with the catalog."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from gateway.base.clock import SystemClock

if TYPE_CHECKING:
    from gateway.recording.check import Progress


async def check(arguments: argparse.Namespace) -> int:
    """`sightline check`: what on disk and in the catalog does not agree; 1 when there is anything."""

    from gateway import app

    def progress(now: Progress) -> None:
        share = 100 * now.bytes // max(1, now.of_bytes)
        print(f"\r{now.files} of {now.of_files} files, {share} %", end="", file=sys.stderr, flush=True)

    quiet = not sys.stderr.isatty()
    found = await app.check_archive(
        arguments.settings, SystemClock(), hashes=not arguments.quick, progress=_nothing if quiet else progress
    )
    if not quiet:
        print(file=sys.stderr)
    for disagreement in found:
        print(f"{disagreement.path}: {disagreement.finding.value}: {disagreement.detail}")
    print(f"{len(found)} disagree" if found else "Disk and catalog agree.")
    return 1 if found else 0


def _nothing(_: object) -> None:
    """No progress is shown where nobody looks."""
