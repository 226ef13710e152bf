"""A Segment's file while it is written: named by its start, hashed as written, whole after every failure.

What is written, and when a file ends, is decided elsewhere; what a crash left is `adopt`'s business.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count

from gateway.media.model import NS, UtcNs
from gateway.recording.files import Files, OpenFile

SUFFIX = ".mp4"


class SegmentFile:
    """Creates the file for media of `camera_id` from `start_ns` on; it and its name are on the disk afterwards.

    Raises:
        OSError: it cannot be created.
    """

    def __init__(self, files: Files, camera_id: str, start_ns: UtcNs, header: bytes) -> None:
        self.start_ns = start_ns
        self.size = 0
        """Bytes of whole appends."""
        self._digest = hashlib.sha256()
        self._torn = False
        folder, stem = segment_name(camera_id, start_ns)
        make_folders(files, folder)
        self.path, self._file = _create(files, folder, stem)
        try:
            self.append(header)
            self._file.sync()
            files.sync_folder(folder)
        except OSError:
            self._file.close()
            with suppress(OSError):
                files.remove(self.path)
            raise

    def append(self, data: bytes) -> None:
        """Append all of `data`, or nothing that would stay: after a failure the call can be repeated.

        Raises:
            OSError: the disk refused.
        """
        if self._torn:
            self._file.truncate(self.size)
            self._torn = False
        try:
            self._file.append(data)
        except OSError:
            self._torn = True
            raise
        self._digest.update(data)
        self.size += len(data)

    def sync(self) -> None:
        """Return once what was appended is on the disk itself.

        Raises:
            OSError: it may not be, and a second call would not tell: the file is not to be written any further.
        """
        self._file.sync()

    @property
    def sha256(self) -> bytes:
        """Of the first `size` bytes."""
        return self._digest.digest()

    def close(self) -> None:
        """Let go of the file; until then it counts as open. Idempotent."""
        self._file.close()


def segment_name(camera_id: str, start_ns: UtcNs) -> tuple[str, str]:
    """Folder and stem of a Segment's path: `unit-12/2026/11/22`, `20261122T234234.123Z`."""
    start = datetime.fromtimestamp(start_ns // NS, UTC)
    return f"{camera_id}/{start:%Y/%m/%d}", f"{start:%Y%m%dT%H%M%S}.{start_ns % NS // 1_000_000:03}Z"


def make_folders(files: Files, folder: str) -> None:
    """Make a folder and those above it, as far as they are missing; their names are on the disk afterwards."""
    parent = ""
    for part in folder.split("/"):
        path = f"{parent}/{part}" if parent else part
        if files.make_folder(path):
            files.sync_folder(parent)
        parent = path


def _create(files: Files, folder: str, stem: str) -> tuple[str, OpenFile]:
    """A clock set back may bring the same start twice: later files are numbered."""
    for number in count(1):
        path = f"{folder}/{stem}{'' if number == 1 else f'-{number}'}{SUFFIX}"
        try:
            return path, files.create(path)
        except FileExistsError:
            continue
    raise AssertionError("counting ends never")
