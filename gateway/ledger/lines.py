"""Files of lines that only grow: reading them from their end, and appending to them so that a torn end does no harm."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 64 << 10
"""Read at a time."""
MAX_BYTES = 1 << 20
"""Of one line, for who reads back: what is longer was not written here."""


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line, without its end, and where it begins in the file."""

    offset: int
    data: bytes


def whole_size(descriptor: int) -> int:
    """Bytes up to the end of the last whole line."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - BLOCK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def lines_back(descriptor: int, size: int) -> Iterator[Line]:
    """The lines of the first `size` bytes, which end with a line's end, from the last.

    A line longer than `MAX_BYTES` comes without its beginning, and ends it.
    """
    rest, start = b"", size
    while start > 0:
        step = min(BLOCK, start)
        start -= step
        *lines, _ = (os.pread(descriptor, step, start) + rest).split(b"\n")
        offset = start + sum(len(line) + 1 for line in lines)
        for line in reversed(lines[1:]):
            offset -= len(line) + 1
            yield Line(offset, line)
        rest = lines[0] + b"\n"
        if start == 0:
            yield Line(0, lines[0])
        elif len(rest) > MAX_BYTES:
            yield Line(start, lines[0])
            return


def append(descriptor: int, line: bytes) -> None:
    """Append a line in place of what is torn at the end; on the disk itself when this returns.

    The descriptor is open for reading and appending, and nobody else writes meanwhile.
    """
    size = whole_size(descriptor)
    if size < os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, size)
    write_all(descriptor, line)
    os.fsync(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Return once the names in this folder are on the disk itself."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
