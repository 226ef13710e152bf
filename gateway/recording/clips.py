"""Clips for everybody: what is downloaded of an interval, found and read in threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing

from gateway.base.errors import LaterError
from gateway.base.workers import Threads
from gateway.media.model import UtcNs
from gateway.recording.clip import Selection, cut, without
from gateway.recording.download import Download
from gateway.recording.files import Files
from gateway.recording.footage import Footage, FootageFinder

MAX_DOWNLOADS = 32
"""Sent at a time. Each has a file open and a block in memory."""
RETRY_SECONDS = 30


class Clips:
    """Makes downloads. All calls from the event loop's thread."""

    def __init__(self, finder: FootageFinder, files: Files, threads: Threads) -> None:
        self._finder = finder
        self._files = files
        self._threads = threads
        self._sent = 0

    async def download(self, camera: str, from_ns: UtcNs, to_ns: UtcNs, selection: Selection) -> Download:
        """The file of [from_ns, to_ns), up to the last fragment on disk.

        Raises:
            NotFoundError: nothing is recorded in this interval that may be seen.
            StorageError: what is recorded cannot be read.
        """
        footage = await self._finder.find(camera, from_ns, to_ns)
        return await self._threads.run(self._make, footage, selection)

    async def earlier(self, download: Download, tag: str) -> Download | None:
        """As `Download.earlier`."""
        return await self._threads.run(download.earlier, tag)

    async def blocks(self, download: Download, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes `start` to `end`, each block read when the one before it was taken.

        Raises:
            LaterError: too many are being sent.
            StorageError: what is recorded cannot be read any more.
        """
        if self._sent >= MAX_DOWNLOADS:
            raise LaterError("too many downloads are under way: try again in a moment", retry_after=RETRY_SECONDS)
        self._sent += 1
        try:
            with closing(download.blocks(start, end)) as blocks:
                while block := await self._threads.run(next, blocks, b""):
                    yield block
        finally:
            self._sent -= 1

    def _make(self, footage: Footage, selection: Selection) -> Download:
        return Download(cut(without(footage, selection.unseen), self._files), self._files, selection)
