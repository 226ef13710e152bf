"""Positions as files: GPX and GeoJSON beside what is exported, and what a worker draws from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.access.privacy import Span, shown
from gateway.base.workers import Threads
from gateway.evidence.fix_feed import encode_fixes
from gateway.media.model import Fix, UtcNs
from gateway.positions.store import PositionStore
from gateway.positions.writers import WRITERS


@dataclass(frozen=True, slots=True)
class PositionFiles:
    """Writes files of one camera's positions, but for those that a privacy mode hid.

    Both methods write piece by piece and hold no file open meanwhile; they raise OSError when the disk refuses, and
    StorageError when the database does.
    """

    positions: PositionStore
    threads: Threads
    camera: str
    label: str
    """The name that people see."""
    hidden: Sequence[Span]

    async def document(self, path: Path, form: str, from_ns: UtcNs, to_ns: UtcNs) -> None:
        """The file `path`, new, with the positions of the interval in one of the forms of `WRITERS`."""
        writer = WRITERS[form](self.label)
        await self._append(path, writer.start)
        async for fixes in self._batches(from_ns, to_ns):
            await self._append(path, partial(writer.write, fixes))
        await self._append(path, writer.end)

    async def feed(self, path: Path, from_ns: UtcNs, to_ns: UtcNs) -> None:
        """The file `path`, new, for a FixFeed."""
        await self._append(path, bytes)
        async for fixes in self._batches(from_ns, to_ns):
            await self._append(path, partial(encode_fixes, fixes))

    async def _append(self, path: Path, make: Callable[[], str | bytes]) -> None:
        def append() -> None:
            made = make()
            with path.open("ab") as file:
                file.write(made.encode() if isinstance(made, str) else made)

        await self.threads.run_to_end(append)

    async def _batches(self, from_ns: UtcNs, to_ns: UtcNs) -> AsyncIterator[list[Fix]]:
        async for batch in self.positions.batches(self.camera, from_ns, to_ns):
            if fixes := shown(batch, self.hidden):
                yield fixes
