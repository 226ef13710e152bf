"""Writes the ZIP of an evidence package: members as they are, never compressed, hashed on their way in.

What goes in is `package`'s business. A member's bytes lie in one piece, so that a verifier in a browser reads them in
place.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO

from gateway.media.fmp4_samples import ReadAt
from gateway.media.model import NS, UtcNs

CHUNK = 1 << 20


class ShortError(Exception):
    """There are fewer bytes than there should be."""


class PackageZip:
    """Adds members to a ZIP in `file`, which is empty and can be sought in. `made_ns` dates them."""

    def __init__(self, file: IO[bytes], made_ns: UtcNs) -> None:
        self.files: list[dict[str, str | int]] = []
        """What was added: name, bytes, sha256."""
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self._date = datetime.fromtimestamp(max(made_ns // NS, 315532800), UTC).timetuple()[:6]  # not before 1980

    def add(
        self, name: str, read_at: ReadAt, start: int, end: int, progress: Callable[[int], None] = lambda _: None
    ) -> str:
        """Add bytes `start` to `end` of something; returns their SHA-256. `progress` is called with bytes written.

        Raises:
            ShortError: it ends before.
            OSError: it cannot be read, or the ZIP cannot be written.
        """
        digest = hashlib.sha256()
        with self._zip.open(self._info(name, end - start), "w") as member:
            while start < end:
                chunk = read_at(start, min(CHUNK, end - start))
                if not chunk:
                    raise ShortError
                digest.update(chunk)
                member.write(chunk)
                start += len(chunk)
                progress(len(chunk))
        return self._added(name, digest.hexdigest())

    def add_bytes(self, name: str, data: bytes, *, listed: bool = True) -> str:
        """Add a small member; one that is not `listed` stands in no list of files."""
        self._zip.writestr(self._info(name, len(data)), data)
        sha256 = hashlib.sha256(data).hexdigest()
        return self._added(name, sha256) if listed else sha256

    def close(self) -> None:
        """Write the directory."""
        self._zip.close()

    def _info(self, name: str, size: int) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, self._date)
        info.file_size = size
        info.external_attr = 0o644 << 16
        return info

    def _added(self, name: str, sha256: str) -> str:
        self.files.append({"name": name, "bytes": self._zip.getinfo(name).file_size, "sha256": sha256})
        return sha256
