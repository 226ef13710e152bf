"""The folder of recordings, behind one small interface: what a recorder, the adoption and the check may do to it.

An object store can take its place, and so can a test's disk that is full, broken or cut off from power. Paths are
relative to the folder, with `/` between their parts. All of this blocks: call it from a thread.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol


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

    def is_open(self, path: str) -> bool:
        """Whether a running gateway, this one or another, has the file open for writing."""

    def walk(self) -> Iterator[str]:
        """Every file in the tree, folder by folder in order of name."""

    def size(self, path: str) -> int:
        """Bytes in the file."""

    def reader(self, path: str) -> AbstractContextManager[Callable[[int, int], bytes]]:
        """`read_at(offset, size)` of the file, as long as the context lasts."""

    def cut(self, path: str, size: int) -> None:
        """Keep the first `size` bytes of a file that nobody has open, and sync it."""

    def remove(self, path: str) -> None:
        """Delete a file and sync its folder."""


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

    def is_open(self, path: str) -> bool:  # noqa: D102
        descriptor = os.open(self.root / path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def walk(self) -> Iterator[str]:  # noqa: D102
        for folder, folders, names in os.walk(self.root):
            folders.sort()
            for name in sorted(names):
                yield (Path(folder) / name).relative_to(self.root).as_posix()

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
