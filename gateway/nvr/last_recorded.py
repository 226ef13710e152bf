"""What a camera sent when it was recorded last: what NVRs are told of it until it sends again.

Here belongs where that is read. What is told of it is `stream_facts`' business.
"""

from __future__ import annotations

import logging

from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.workers import Threads
from gateway.media.fmp4_samples import Mp4Error, read_header
from gateway.nvr.stream_facts import StreamFacts, described
from gateway.recording.catalog import Catalog
from gateway.recording.files import Files
from gateway.recording.footage import FootageFinder, Piece
from gateway.recording.units import read_units, recorded_tracks

log = logging.getLogger(__name__)


class LastRecorded:
    """Reads the last few seconds that there are of a camera."""

    def __init__(self, catalog: Catalog, finder: FootageFinder, files: Files, threads: Threads, clock: Clock) -> None:
        self._catalog = catalog
        self._finder = finder
        self._files = files
        self._threads = threads
        self._clock = clock

    async def of(self, camera: str) -> StreamFacts | None:
        """What it sent then; None: nothing of it is recorded, or none that can be read."""
        try:
            at_ns, _ = await self._catalog.nearest(camera, self._clock.utc_ns())
            pieces = () if at_ns is None else (await self._finder.find(camera, at_ns, at_ns + 1)).pieces
            return await self._threads.run(self._read, pieces[-1]) if pieces else None
        except (StorageError, OSError, Mp4Error) as error:
            log.warning("camera %s: NVRs are not told what it sent before the start: %s", camera, error)
            return None

    def _read(self, piece: Piece) -> StreamFacts:
        """In a thread."""
        with self._files.reader(piece.path) as read_at:
            header, chunk = read_header(read_at, piece.size), piece.chunks[-1]
            tracks = recorded_tracks(header)
            units = read_units(read_at, header, chunk.offset, chunk.offset + chunk.size, tracks)
        return described(tuple(tracks.values()), [one.unit for one in units])
