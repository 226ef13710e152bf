"""Executes a composer's commands on the disk, in order, and survives a disk that refuses.

Lives in a writer thread: everything here blocks. A command that fails stays first in line, and `work` raises; called
again, it goes on where it was. What cannot be put right so is given up: the file is made whole and the Recording
closed. What is on the disk is told to the camera's ledger, which may refuse like any disk, and only then handed on for
the catalog. Waiting, retrying and the catalog are the recorder's business.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gateway.base.clock import Clock
from gateway.ledger.journal import Journals
from gateway.media.model import GapReason, Item, Track, TrackKind, UtcNs
from gateway.recording.commands import Append, Begin, End
from gateway.recording.composer import Composer
from gateway.recording.entries import CameraClock, Entry, RecordingClosed, RecordingOpened, SegmentFinished
from gateway.recording.file_proof import Point
from gateway.recording.files import Files
from gateway.recording.ledger_rows import body, fragment
from gateway.recording.rows import OpenSegment
from gateway.recording.salvage import NotOursError, salvage
from gateway.recording.segment import SegmentFile

log = logging.getLogger(__name__)

SYNC_SECONDS = 0.9
"""After this long the next look at the ring syncs the file: looks are half a second apart, so that what was written is
on the disk itself within a second, as long as media comes."""


class SyncError(OSError):
    """The disk did not confirm what it had taken. The file must not be written any further."""


class Writer:
    """Writes the Segments of one camera. A call waits for the one before it, also when nobody awaits that any more."""

    def __init__(
        self,
        composer: Composer,
        camera_id: str,
        files: Files,
        journals: Journals,
        clock: Clock,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """`has_room`: whether more may be written; what is left without it is the database's."""
        self.entries: list[Entry] = []
        """For the catalog, in order: the ledger has them. Whoever has stored one takes it from the list."""
        self.units: Counter[TrackKind] = Counter()
        """Access units on disk."""
        self.bytes = 0
        self.start_ns: UtcNs | None = None
        """Where the open Recording begins; None when none is open."""
        self.end_ns: UtcNs = 0
        """UTC to which the media on disk reaches."""
        self._composer = composer
        self._camera_id = camera_id
        self._files = files
        self._journals = journals
        self._clock = clock
        self._has_room = has_room
        self._rows: list[dict[str, Any]] = []
        self._untold: list[Entry] = []
        """What is done, and not in the ledger yet: rows, and the entries among them."""
        self._file: SegmentFile | None = None
        self._points: list[Point] = []
        """What the ledger knows of the open file."""
        self._camera_clock: CameraClock | None = None
        self._finished: list[SegmentFile] = []
        self._synced_at = 0.0
        self._lock = threading.Lock()

    @property
    def open_segment(self) -> OpenSegment | None:
        """What is written of the open Segment, if one is."""
        file, composed = self._file, self._composer.segment
        if file is None or composed is None or composed[0] != file.start_ns:
            return None  # the disk is behind: what is composed is the next one
        start_ns, tracks, cuts = composed
        return OpenSegment(file.path, start_ns, file.size, tracks, cuts)

    def work(self, items: Iterable[Item], tracks: tuple[Track, ...]) -> None:
        """Compose `items`, write what they make, and tell the ledger.

        Raises:
            OSError: the disk refused; call again, with the items that follow, to try again.
        """
        with self._lock:
            self._composer.feed(items, tracks)
            self._tell()
            commands = self._composer.commands
            while commands:
                self._execute(commands[0])
                commands.popleft()
            if self._file is not None and self._clock.monotonic() - self._synced_at >= SYNC_SECONDS:
                self._sync(self._file)
                self._point(self._file)
            self._tell()

    def give_up(self, detail: str) -> None:
        """The disk would not take what came: end the Recording with what it did take. Never raises OSError."""
        with self._lock:
            self._composer.abandon()
            file, self._file = self._file, None
            if file is not None:
                file.close()
                self._salvage(file)
            if self.start_ns is not None:
                self._note(RecordingClosed(self.end_ns, GapReason.DISK, detail))
            self.start_ns = None
            with suppress(OSError):
                self._tell()  # or the next call does

    def release(self) -> None:
        """The catalog knows every finished Segment: let go of their files."""
        with self._lock:
            self._release()

    def close(self) -> None:
        """Let go of every file."""
        with self._lock:
            self._release()
            if self._file is not None:
                self._file.close()
                self._file = None

    def _release(self) -> None:
        for file in self._finished:
            file.close()
        self._finished.clear()

    def _execute(self, command: object) -> None:
        if isinstance(command, Append | Begin) and not self._has_room():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        match command:
            case Append():
                self._append(command)
            case Begin():
                self._file = SegmentFile(self._files, self._camera_id, command.start_ns, command.header)
                self._synced_at = self._clock.monotonic()
                self._points.clear()
                self._camera_clock = command.clock
                self.bytes += self._file.size
            case End():
                self._end(command)
            case RecordingOpened():
                self.start_ns = self.end_ns = command.start_ns
                self._note(command)
            case RecordingClosed():
                self.start_ns = None
                self._note(command)
            case _:
                assert isinstance(command, Entry)
                self._note(command)

    def _append(self, append: Append) -> None:
        assert self._file is not None
        if append.size:
            self._file.append(b"".join(append.buffers))
            self.bytes += append.size
            self.units.update(append.units)
        self.end_ns = max(self.end_ns, append.end_ns)

    def _end(self, end: End) -> None:
        file = self._file
        assert file is not None
        self._sync(file)
        self._note(
            SegmentFinished(
                file.path, end.start_ns, end.end_ns, file.size, file.sha256, end.tracks,
                camera_clock=self._camera_clock, chunks=end.cuts.pack(),
            )
        )  # fmt: skip
        # Open until the catalog has it: between the two it would look like a file nobody knows.
        self._finished.append(file)
        self._file = None

    def _sync(self, file: SegmentFile) -> None:
        try:
            file.sync()
        except OSError as error:
            raise SyncError(error.errno, error.strerror) from error
        self._synced_at = self._clock.monotonic()

    def _salvage(self, file: SegmentFile) -> None:
        """Take what the disk itself says it holds: a file that failed is not trusted to hold what was written."""
        try:
            saved = salvage(self._files, file.path, self._points)
        except (OSError, NotOursError) as error:
            log.error("%s stays as it is until the next start: %s", file.path, error)
            return
        if saved is not None:
            self._note(replace(saved.segment, camera_clock=self._camera_clock))
            self.end_ns = saved.segment.end_ns

    # ---- the ledger

    def _note(self, entry: Entry) -> None:
        self._rows.append(body(entry))
        self._untold.append(entry)

    def _point(self, file: SegmentFile) -> None:
        """Note what is on the disk itself of the open file."""
        sha256 = file.sha256
        self._points.append(Point(file.size, sha256.hex(), "a row of the ledger"))
        self._rows.append(fragment(file.path, file.size, sha256, self.end_ns))

    def _tell(self) -> None:
        """Bring the ledger up to date, and let the catalog hear of it."""
        if self._rows:
            self._journals.append(self._camera_id, self._rows)
            self._rows.clear()
            self.entries += self._untold
            self._untold.clear()
