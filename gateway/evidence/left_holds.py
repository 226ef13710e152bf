"""The holds of exports in work: who places them, and who releases those that a killed process has left.

A gateway is alone on its data_dir, so whatever it finds of its own at its start was left. Commands run beside it and
beside each other: each shares a lock for as long as it works, which the kernel takes from it when it is killed. Who can
have that lock alone knows that none of them is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from gateway.base.errors import ConflictError, StorageError
from gateway.base.lock import hold
from gateway.recording.holds import Holds

log = logging.getLogger(__name__)

GATEWAY, COMMAND = "export", "sightline export"
"""Who places the holds, as the audit and the list of holds name them."""
LOCK_FILE = "export.lock"
"""In data_dir."""


async def release_left(holds: Holds, data_dir: Path) -> None:
    """Release what a gateway or a command that was killed has left. For a gateway's start, before anything is made.

    Raises:
        StorageError: the database or the disk refused.
    """
    await _release(holds, GATEWAY, "the gateway stopped while the export was made")
    await _release_of_commands(holds, data_dir)


@contextlib.asynccontextmanager
async def command_at_work(holds: Holds, data_dir: Path) -> AsyncIterator[None]:
    """Releases what other commands have left, and keeps what this one places from being taken for that.

    Raises:
        StorageError: the database or the disk refused.
    """
    await _release_of_commands(holds, data_dir)
    with await asyncio.to_thread(_share, data_dir / LOCK_FILE):
        yield


async def _release_of_commands(holds: Holds, data_dir: Path) -> None:
    try:
        alone = await asyncio.to_thread(hold, data_dir / LOCK_FILE)
    except OSError as error:
        raise _refused(data_dir / LOCK_FILE, error) from error
    if alone is not None:  # else one is at work, and the next start looks again
        with alone:
            await _release(holds, COMMAND, "the command ended before the export was made")


async def _release(holds: Holds, actor: str, reason: str) -> None:
    left = [one for one in await holds.of(None) if one.placed_by == actor]
    for one in left:
        with contextlib.suppress(ConflictError):  # an incident's, which somebody of that name has opened
            await holds.release(one.id, by=actor, reason=reason)
    if left:
        log.warning("released %d holds of exports that were never finished", len(left))


def _share(path: Path) -> IO[str]:
    """In a thread: the lock, together with others. Who has it alone does so for a moment only."""
    try:
        file = path.open("a")
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError as error:
        raise _refused(path, error) from error
    return file


def _refused(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path} cannot be used: {error.strerror or error}")
