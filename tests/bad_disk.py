"""A disk for tests: it fills up, breaks, is slow, or loses power and with it everything that was not fsynced."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.recording.files import OpenFile, Space, SystemFiles


class BadDisk(SystemFiles):
    """Works like any disk until told otherwise. Files under `root`, as with SystemFiles."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.free: int | None = None
        """Bytes that still fit; None: as many as one likes."""
        self.total = 1 << 40
        self.write_error: int | None = None
        """`errno` of every write from now on."""
        self.sync_error: int | None = None
        """`errno` of every fsync of a file from now on."""
        self.may_write = threading.Event()
        """Cleared: writes wait until it is set."""
        self.may_write.set()
        self.durable: dict[str, int] = {}
        """Of each file whose name is on the disk itself: how many bytes are."""
        self._synced: dict[str, int] = {}
        self._lasting_folders = {""}
        self._open: list[_BadFile] = []

    def make_folder(self, path: str) -> bool:
        self.check(0)
        return super().make_folder(path)

    def create(self, path: str) -> OpenFile:
        self.check(0)
        file = _BadFile(self, path, super().create(path))
        self._open.append(file)
        return file

    def space(self) -> Space:
        self.may_write.wait()
        return Space(self.total, self.total if self.free is None else self.free)

    def remove_all(self, paths: Sequence[str]) -> None:
        self.may_write.wait()
        if self.write_error is not None:
            raise OSError(self.write_error, os.strerror(self.write_error))
        freed = sum(self.size(path) for path in paths if (self.root / path).exists())
        super().remove_all(paths)
        if self.free is not None:
            self.free += freed

    def sync_folder(self, path: str) -> None:
        super().sync_folder(path)
        folder = self.root / path
        for entry in folder.iterdir():
            name = entry.relative_to(self.root).as_posix()
            if entry.is_dir():
                if path in self._lasting_folders:
                    self._lasting_folders.add(name)
            elif path in self._lasting_folders:
                self.durable[name] = self._synced.get(name, 0)

    def synced(self, path: str, size: int) -> None:
        self._synced[path] = size
        if path in self.durable:
            self.durable[path] = size

    def check(self, size: int) -> None:
        self.may_write.wait()
        if self.write_error is not None:
            raise OSError(self.write_error, os.strerror(self.write_error))
        if self.free is not None:
            if size > self.free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.free -= size

    def lose_power(self) -> None:
        """Only what was fsynced, in folders that were, is there afterwards; a file's tail may be torn anywhere."""
        for file in self._open:
            file.close()
        for path in list(self.walk()):
            if path in self.durable:
                with (self.root / path).open("r+b") as file:
                    file.truncate(self.durable[path])
            else:
                (self.root / path).unlink()

    def paths(self) -> Iterator[Path]:
        return (self.root / path for path in self.walk())


class _BadFile:
    def __init__(self, disk: BadDisk, path: str, file: OpenFile) -> None:
        self._disk = disk
        self._path = path
        self._file = file

    def append(self, data: bytes) -> None:
        disk = self._disk
        try:
            disk.check(len(data))
        except OSError as error:
            # A full disk takes what fits: the tail is torn.
            if error.errno == errno.ENOSPC and disk.free:
                self._file.append(data[: disk.free])
                disk.free = 0
            raise
        self._file.append(data)

    def truncate(self, size: int) -> None:
        before = self._disk.size(self._path)
        self._file.truncate(size)
        if self._disk.free is not None:
            self._disk.free += before - size

    def sync(self) -> None:
        if self._disk.sync_error is not None:
            raise OSError(self._disk.sync_error, os.strerror(self._disk.sync_error))
        self._file.sync()
        self._disk.synced(self._path, self._disk.size(self._path))

    def close(self) -> None:
        self._file.close()
