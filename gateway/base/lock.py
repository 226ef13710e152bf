"""A file that at most one process holds: how a gateway knows that another runs on the same data."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO


def hold(path: Path) -> IO[str] | None:
    """Take the lock, until the file that is returned is closed; None: another process has it.

    Raises:
        OSError: the file cannot be made.
    """
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def held(path: Path) -> bool:
    """Whether some process has the lock."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # there is no such file
    return False
