"""The positions of one camera as a worker reads them: beside the pictures, never more than some minutes at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.base.records import LENGTH, records
from gateway.media.model import Fix, UtcNs
from gateway.positions import blocks


def encode_fixes(fixes: Sequence[Fix]) -> bytes:
    """What is appended to a file for a FixFeed: `fixes` in order of time, after those before."""
    block = blocks.encode(fixes)
    return LENGTH.pack(len(block)) + block


class FixFeed:
    """Goes through a file of `encode_fixes` as time goes on; `span_ns` is how far back it remembers."""

    def __init__(self, path: Path, span_ns: int) -> None:
        self._path = path
        self._span_ns = span_ns
        self._utc_ns: UtcNs = 0
        self._past: deque[Fix] = deque()
        self._coming: Iterator[Fix] = iter(())
        self._next: Fix | None = None
        self._open()

    def until(self, utc_ns: UtcNs) -> tuple[Fix, ...]:
        """The Fixes of the last `span_ns` up to this moment, in order of time. Going back begins from the start."""
        if utc_ns < self._utc_ns:
            self._open()
        self._utc_ns = utc_ns
        while self._next is not None and self._next.utc_ns <= utc_ns:
            self._past.append(self._next)
            self._next = next(self._coming, None)
        while self._past and self._past[0].utc_ns < utc_ns - self._span_ns:
            self._past.popleft()
        return tuple(self._past)

    def _open(self) -> None:
        self._past.clear()
        self._coming = _read(self._path)
        self._next = next(self._coming, None)


def _read(path: Path) -> Iterator[Fix]:
    with path.open("rb") as file:
        for block in records(file):
            yield from blocks.decode(block)
