"""The folder of recordings, behind one small interface: what a recorder, the adoption and the check may do to it.

An object store can take its place, and so can a test's disk that is full, broken or cut off from power. Paths are
relative to the folder, with `/` between their parts. All of this blocks: call it from a thread.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

STAGING = ".importing"
"""A folder of the tree for files that are made before they are recordings: `walk` passes over it."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of a disk."""

    total: int
    free: int
    """For this process, which may be less than is free for an administrator."""


class OpenFile(Protocol):
    """A file that is being written. Others see by `Files.is_open` that it is, until it is closed."""

    def append(self, data: bytes) -> None:
        """Write all of `data` at the end.

        Raises:
            OSError: not all of it could be written; part of it may have been.
        """

    def truncate(self, size: int) -> None:
        """Take back what was written beyond `size` bytes."""

    def sync(self) -> None:
        """Return once everything appended is on the disk itself."""

    def close(self) -> None:
        """Let go of the file. Idempotent."""


class Files(Protocol):
    """A tree of files. Every method may raise OSError."""

    def make_folder(self, path: str) -> bool:
        """Make one folder in an existing one; False when it is there already."""

    def sync_folder(self, path: str) -> None:
        """Return once the names in this folder are on the disk itself. The empty path is the root."""

    def create(self, path: str) -> OpenFile:
        """Create a file in an existing folder. Raises FileExistsError when there is one of that name."""

    def link(self, path: str, to: str) -> None:
        """Give a file a second name, in an existing folder. Raises FileExistsError when there is one of that name."""

    def is_open(self, path: str) -> bool:
        """Whether a running gateway, this one or another, has the file open for writing."""

    def walk(self, under: str = "") -> Iterator[str]:
        """Every file in the tree, or under one of its folders, folder by folder in order of name."""

    def names(self, folder: str) -> list[str]:
        """The names of what lies in a folder, in order; none when there is no such folder."""

    def size(self, path: str) -> int:
        """Bytes in the file."""

    def reader(self, path: str) -> AbstractContextManager[Callable[[int, int], bytes]]:
        """`read_at(offset, size)` of the file, as long as the context lasts."""

    def cut(self, path: str, size: int) -> None:
        """Keep the first `size` bytes of a file that nobody has open, and sync it."""

    def remove(self, path: str) -> None:
        """Delete a file and sync its folder."""

    def remove_all(self, paths: Sequence[str]) -> None:
        """Delete files, those that are there, and sync their folders; folders that are empty then go, too.

        Whoever was about to create a file in one is refused, and has to make the folder again.
        """

    def space(self) -> Space:
        """How much fits."""


class SystemFiles:
    """Files under `root` on a file system of the machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make_folder(self, path: str) -> bool:  # noqa: D102
        try:
            (self.root / path).mkdir()
        except FileExistsError:
            return False
        return True

    def sync_folder(self, path: str) -> None:  # noqa: D102
        descriptor = os.open(self.root / path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def create(self, path: str) -> OpenFile:  # noqa: D102
        return _SystemFile(self.root / path)

    def link(self, path: str, to: str) -> None:  # noqa: D102
        os.link(self.root / path, self.root / to)

    def is_open(self, path: str) -> bool:  # noqa: D102
        descriptor = os.open(self.root / path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def walk(self, under: str = "") -> Iterator[str]:  # noqa: D102
        for folder, folders, names in os.walk(self.root / under):
            folders.sort()
            if not under and Path(folder) == self.root and STAGING in folders:
                folders.remove(STAGING)
            # Once for each folder: a month of fifty cameras has two million files.
            below = Path(folder).relative_to(self.root).as_posix()
            prefix = "" if below == "." else f"{below}/"
            for name in sorted(names):
                yield prefix + name

    def names(self, folder: str) -> list[str]:  # noqa: D102
        try:
            return sorted(os.listdir(self.root / folder))
        except FileNotFoundError:
            return []

    def size(self, path: str) -> int:  # noqa: D102
        return (self.root / path).stat().st_size

    @contextmanager
    def reader(self, path: str) -> Iterator[Callable[[int, int], bytes]]:  # noqa: D102
        descriptor = os.open(self.root / path, os.O_RDONLY)
        try:
            yield lambda offset, size: os.pread(descriptor, size, offset)
        finally:
            os.close(descriptor)

    def cut(self, path: str, size: int) -> None:  # noqa: D102
        descriptor = os.open(self.root / path, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: str) -> None:  # noqa: D102
        (self.root / path).unlink()
        self.sync_folder(path.rpartition("/")[0])

    def remove_all(self, paths: Sequence[str]) -> None:  # noqa: D102
        for path in paths:
            (self.root / path).unlink(missing_ok=True)
        for folder in {path.rpartition("/")[0] for path in paths}:
            self._sync_or_remove(folder)

    def _sync_or_remove(self, folder: str) -> None:
        try:
            while folder:
                (self.root / folder).rmdir()
                folder = folder.rpartition("/")[0]
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        self.sync_folder(folder)

    def space(self) -> Space:  # noqa: D102
        found = os.statvfs(self.root)
        return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


class _SystemFile:
    """Holds a lock (flock) from creation to close; the kernel lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError:
            self.close()
            raise

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
