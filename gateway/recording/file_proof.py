"""Whether a file is as its ledger says: one pass over it, its running hash held against each row that names one.

So the first byte range that does not hold is known to within a second of media. Which rows speak of a file is the
business of whoever asks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.media.fmp4_samples import ReadAt

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Point:
    """What a row says of a file: the SHA-256 of its first `bytes` bytes."""

    bytes: int
    sha256: str
    of: str
    """What says so: `row 17 of the ledger`."""


@dataclass(frozen=True, slots=True)
class FileFault:
    """Where a file ceases to be as it was."""

    start: int
    """First byte that may have been changed; everything before is as it was."""
    end: int
    """One past the last byte of the range in which the first change lies."""
    of: str
    """What it does not fit."""
    short: int | None = None
    """How long the file is, where it ends too early."""

    def __str__(self) -> str:
        if self.short is not None:
            return f"it ends at byte {self.short}, but {self.of} knows {self.end} bytes of it"
        return f"bytes {self.start} to {self.end - 1} were changed: they are not those of {self.of}"


def prove_file(
    read_at: ReadAt, points: Sequence[Point], progress: Callable[[int], None] = lambda _: None
) -> FileFault | None:
    """The first fault of a file's bytes up to the last of `points`, which are in order; None: they are as they were.

    `progress` is called with bytes read.
    """
    digest = hashlib.sha256()
    reached = held = 0
    for point in points:
        while reached < point.bytes:
            chunk = read_at(reached, min(CHUNK, point.bytes - reached))
            if not chunk:
                return FileFault(held, point.bytes, point.of, reached)
            digest.update(chunk)
            reached += len(chunk)
            progress(len(chunk))
        if reached != point.bytes or digest.hexdigest() != point.sha256:
            # A point that lies before what was read already contradicts the one before it.
            return FileFault(min(held, point.bytes), max(held, point.bytes), point.of)
        held = reached
    return None
