"""The folder of recordings, its catalog and the ledgers, as one thing to hand around."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.workers import Threads
from gateway.hub import Hub
from gateway.ledger.journal import Journals
from gateway.media.model import UtcNs
from gateway.recording.adopt import Adoption, adopt
from gateway.recording.catalog import Catalog
from gateway.recording.check import Disagreement, Progress, check
from gateway.recording.files import Files, SystemFiles
from gateway.recording.footage import Footage, FootageFinder
from gateway.recording.recorder import PreRoll, Recorder


class Archive:
    """What is recorded under `root`. `threads` do everything that touches the disk: a few more than slow disks.

    Raises:
        StorageError: the folder cannot be made.
    """

    def __init__(
        self,
        root: Path,
        catalog: Catalog,
        journals: Journals,
        threads: Threads,
        clock: Clock,
        *,
        files: Files | None = None,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """`has_room`: whether recorders may write more."""
        self.catalog = catalog
        self._journals = journals
        self._threads = threads
        self._clock = clock
        self._has_room = has_room
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(root, error) from error
        self.root = root
        self._files = files or SystemFiles(root)
        self._finder = FootageFinder(catalog, self._files, threads)

    async def adopt(self) -> Adoption:
        """Make whole what a crash left, and hold it against the ledger. Before any recorder runs.

        Raises:
            StorageError: the database or the disk refused.
        """
        try:
            return await adopt(self.catalog, self._files, self._journals, self._threads)
        except OSError as error:
            raise _refused(self.root, error) from error

    async def check(
        self, *, hashes: bool = True, progress: Callable[[Progress], None] = lambda _: None
    ) -> list[Disagreement]:
        """Compare disk and catalog; changes nothing and works beside a running gateway.

        Raises:
            StorageError: the database or the disk refused.
        """
        try:
            return await check(self.catalog, self._files, self._threads, hashes=hashes, progress=progress)
        except OSError as error:
            raise _refused(self.root, error) from error

    async def footage(self, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> Footage:
        """What there is on disk of a camera's interval [from_ns, to_ns), also of a camera that is no more.

        Raises:
            StorageError: the database refused.
        """
        return await self._finder.find(camera, from_ns, to_ns)

    def recorder(self, hub: Hub, begin: PreRoll | None = None) -> Recorder:
        """A Recorder for the camera of `hub`; run it as a task of its own."""
        return Recorder(
            hub, self.catalog, self._files, self._journals, self._threads, self._clock,
            has_room=self._has_room, begin=begin,
        )  # fmt: skip


def _refused(root: Path, error: OSError) -> StorageError:
    return StorageError(f"the recordings in {root} cannot be used: {error.strerror or error}")
