"""The folder of recordings, its catalog and the ledgers, as one thing to hand around."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gateway.access.audit import Audit
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.workers import Processes, Threads
from gateway.hub import Hub
from gateway.ledger.journal import Journals
from gateway.media.model import UtcNs
from gateway.recording.adopt import Adoption, adopt
from gateway.recording.catalog import Catalog
from gateway.recording.check import Disagreement, Progress, check
from gateway.recording.clips import Clips
from gateway.recording.deletion import Deleter
from gateway.recording.files import Files, SystemFiles
from gateway.recording.footage import Footage, FootageFinder
from gateway.recording.holds import Holds
from gateway.recording.moment import Moments
from gateway.recording.playback.media import PlaybackMedia
from gateway.recording.recorder import PreRoll, Recorder
from gateway.recording.repair import Repair, plan, repair
from gateway.store.engine import Database

RECORDINGS = "recordings"
"""The folder in data_dir."""


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
        self.files = files or SystemFiles(root)
        self.finder = FootageFinder(catalog, self.files, threads)

    async def adopt(self) -> Adoption:
        """Make whole what a crash left, and hold it against the ledger. Before any recorder runs.

        Raises:
            StorageError: the database or the disk refused.
        """
        try:
            return await adopt(self.catalog, self.files, self._journals, self._threads)
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
            return await check(self.catalog, self.files, self._threads, hashes=hashes, progress=progress)
        except OSError as error:
            raise _refused(self.root, error) from error

    async def plan(self, found: Iterable[Disagreement]) -> list[Repair]:
        """What would be done about what a check found.

        Raises:
            StorageError: the database refused.
        """
        return await plan(self.catalog, self.files, self._threads, found)

    async def repair(
        self,
        repairs: Sequence[Repair],
        database: Database,
        audit: Audit,
        *,
        missing_for_good: bool,
        by: str,
        address: str,
    ) -> None:
        """Carry out what was planned. Not beside a gateway.

        Raises:
            ConflictError: most files are missing, and nobody said that this is for good; nothing was done.
            StorageError: the database or the disk refused.
        """
        holds = Holds(database, audit, self._clock)
        deleter = Deleter(database, self.files, self._journals, self._threads, audit, holds, self._clock)
        try:
            await repair(
                repairs, self.catalog, self.files, self._journals, self._threads, deleter, audit,
                missing_for_good=missing_for_good, by=by, address=address,
            )  # fmt: skip
        except OSError as error:
            raise _refused(self.root, error) from error

    async def footage(self, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> Footage:
        """What there is on disk of a camera's interval [from_ns, to_ns), also of a camera that is no more.

        Raises:
            StorageError: the database refused.
        """
        return await self.finder.find(camera, from_ns, to_ns)

    def playback(self, threads: Threads, processes: Processes) -> PlaybackMedia:
        """What players fetch. `threads` read for them: a slow disk must not hold up the recorders'."""
        return PlaybackMedia(self.finder, self.files, threads, processes)

    def clips(self, threads: Threads) -> Clips:
        """What is downloaded, with threads of its own for the same reason."""
        return Clips(self.finder, self.files, threads)

    def moments(self, threads: Threads, processes: Processes) -> Moments:
        """Pictures of the past."""
        return Moments(self.catalog, self.finder, self.files, threads, processes)

    def recorder(self, hub: Hub, begin: PreRoll | None = None) -> Recorder:
        """A Recorder for the camera of `hub`; run it as a task of its own."""
        return Recorder(
            hub, self.catalog, self.files, self._journals, self._threads, self._clock,
            has_room=self._has_room, begin=begin,
        )  # fmt: skip


def _refused(root: Path, error: OSError) -> StorageError:
    return StorageError(f"the recordings in {root} cannot be used: {error.strerror or error}")
