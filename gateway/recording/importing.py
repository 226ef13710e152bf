"""Takes what comes from a dock or a card into the archive: its media into the gaps, its hash into the ledger.

Nothing is transcoded, and nothing that is recorded is touched: media of a time that the archive has already is left
out and told, and so is what the wearer's privacy mode kept from being recorded. The original is not kept. For commands,
which have a process of their own: a hostile file may take that along. How files become recordings at once or not at all
is `imports`' business, where they go in the catalog `placing`'s.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from gateway.access.audit import Action, Audit
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, StorageError
from gateway.base.rfc3339 import format_utc
from gateway.base.sizes import written
from gateway.base.workers import Threads
from gateway.ledger.journal import Journals
from gateway.media.model import NS, AccessUnit, TrackKind, UtcNs
from gateway.recording.catalog import Catalog
from gateway.recording.commands import Append, Begin, End
from gateway.recording.composer import Composer
from gateway.recording.entries import Original, SegmentFinished
from gateway.recording.files import Files
from gateway.recording.imports import Staging, finish_import, finish_imports
from gateway.recording.ledger_rows import body
from gateway.recording.media_file import MediaFile, UnreadableError
from gateway.recording.placing import SEAM_NS
from gateway.recording.segment import SegmentFile

CHUNK = 1 << 20
BATCH_NS = NS // 2
"""So much media is composed at once, as a recorder does."""

PAUSE_NS = 10 * NS
"""Pictures farther apart than this are none that move: the camera had stopped meanwhile, and that time is missing."""

Progress: TypeAlias = Callable[[float], None]
"""Called in a worker thread with the share that is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Interval:
    """[start_ns, end_ns)"""

    start_ns: UtcNs
    end_ns: UtcNs

    def __str__(self) -> str:
        """For people."""
        seconds = (self.end_ns - self.start_ns) / NS
        return f"{format_utc(self.start_ns)} to {format_utc(self.end_ns)} ({seconds:.1f} s)"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file."""

    original: Original
    covers: Interval
    """The whole file."""
    filled: tuple[Interval, ...]
    left_out: tuple[Interval, ...]
    """Of a time that is recorded already, or was not to be."""
    tracks_left_out: tuple[str, ...]
    """Those that no recording can have."""
    segments: int


class Importer:
    """Imports files one after the other. Works beside a running gateway; one process at a time."""

    def __init__(
        self,
        catalog: Catalog,
        files: Files,
        journals: Journals,
        threads: Threads,
        audit: Audit,
        clock: Clock,
        *,
        keep_free: int = 0,
    ) -> None:
        """`keep_free`: bytes of the disk that an import leaves free."""
        self._catalog = catalog
        self._files = files
        self._journals = journals
        self._threads = threads
        self._audit = audit
        self._clock = clock
        self._keep_free = keep_free

    async def finish(self) -> None:
        """Finish or undo what an import left behind that was stopped. Before the first `run`.

        Raises:
            StorageError: the database or the disk refused.
        """
        try:
            await finish_imports(self._catalog, self._files, self._journals, self._threads)
        except OSError as error:
            raise _refused(error) from error

    async def run(
        self,
        path: Path,
        camera: str,
        start_ns: UtcNs | None,
        *,
        hidden: Sequence[Interval],
        by: str,
        address: str,
        progress: Progress = lambda _: None,
    ) -> Imported:
        """Import a file that begins at `start_ns`; None: when it says itself. `hidden`: what was not to be recorded.

        Raises:
            UnreadableError: it cannot be read as media, or not to its end.
            BadRequestError: nobody says when it begins, or it would end in the future.
            ConflictError: all of it is recorded already, or was not to be.
            StorageError: the database, the ledger or the disk refused. Nothing was imported, whichever error.
        """
        try:
            original = await self._threads.run(self._hash, path, lambda share: progress(share / 3))
            media = await self._threads.run(MediaFile, path)
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            begins = self._beginning(media, path, start_ns)
            recorded = [Interval(one.start_ns, one.end_ns) for one in await self._recorded(camera)]
            taken = _merged([*recorded, *hidden])
            remux = _Remux(self._files, media, begins, taken, self._clock.utc_ns())
            return await self._take(
                path, camera, original, remux, lambda share: progress((1 + 2 * share) / 3), by, address
            )
        finally:
            await self._threads.run(media.close)

    def _beginning(self, media: MediaFile, path: Path, start_ns: UtcNs | None) -> UtcNs:
        said = media.description
        begins = said.start_ns if start_ns is None else start_ns
        if begins is None:
            raise BadRequestError(f"{path.name} does not say when it begins: say it with --start 2026-01-31T12:00:00Z")
        if begins + round((said.seconds or 0) * NS) > self._clock.utc_ns():
            raise BadRequestError(
                f"{path.name} would end in the future, beginning at {format_utc(begins)}: say when with --start"
            )
        return begins

    async def _recorded(self, camera: str) -> list[Interval]:
        spans = await self._catalog.recordings(camera, None, None)
        found = [Interval(span.start_ns, span.end_ns) for span in spans]
        if (growing := await self._catalog.open_recording(camera)) is not None:
            # How far it has come only its recorder knows: from where it began, everything is its own.
            began = max((span.start_ns for span in spans if span.start_ns <= growing[1]), default=growing[1])
            found.append(Interval(began, max(began, self._clock.utc_ns()) + 1))
        return found

    def _hash(self, path: Path, progress: Progress) -> Original:
        digest, done = hashlib.sha256(), 0
        with path.open("rb") as file:
            size = path.stat().st_size
            space = self._files.space()
            if size > space.free - self._keep_free:
                raise StorageError(
                    f"{path.name} has {written(size)}, but the disk has only {written(space.free)} left, of which "
                    f"{written(self._keep_free)} are kept free"
                )
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                done += len(chunk)
                progress(done / max(size, done))
        return Original(path.name, done, digest.digest())

    async def _take(
        self, path: Path, camera: str, original: Original, remux: _Remux, progress: Progress, by: str, address: str
    ) -> Imported:
        staging = None
        try:
            staging = await self._threads.run(Staging, self._files, secrets.token_hex(8))
            staged = await self._threads.run_to_end(remux.write, f"{staging.folder}/{camera}", progress)
            covers = Interval(remux.begins, remux.reached)
            if not staged and remux.tried:
                raise UnreadableError(f"no keyframe of {path.name} can be recorded: its parameter sets cannot be read")
            if not staged:
                raise ConflictError(
                    f"nothing of {path.name} is missing: {covers} is recorded already, or was not to be"
                )
            if await self._threads.run(path.stat) != remux.stat:
                raise UnreadableError(f"{path.name} changed while it was read: import it again")
            filled = _merged([Interval(one.start_ns, one.end_ns) for one in staged], SEAM_NS)
            now_taken = _merged(await self._recorded(camera))
            if any(
                one.start_ns < other.end_ns and other.start_ns < one.end_ns for one in filled for other in now_taken
            ):
                raise ConflictError(f"something of that time was recorded while {path.name} was read: import it again")
            told = [[format_utc(one.start_ns), format_utc(one.end_ns)] for one in filled]
            await self._audit.record(
                Action.IMPORT, actor=by, address=address, camera=camera,
                name=original.name, bytes=original.size, sha256=original.sha256.hex(), filled=told,
            )  # fmt: skip
            await self._commit(staging, camera, [replace(one, original=original) for one in staged])
        except OSError as error:
            raise _refused(error) from error
        finally:
            remux.close()
            if staging is not None:
                staging.close()
                await self._finish(staging)
        out = _without(covers, filled)
        return Imported(original, covers, tuple(filled), tuple(out), remux.media.description.left_out, len(staged))

    async def _commit(self, staging: Staging, camera: str, staged: list[SegmentFinished]) -> None:
        placed = await self._threads.run_to_end(staging.link, camera, staged, self._clock.utc_ns())
        await self._threads.run_to_end(self._journals.append, camera, [body(segment) for segment in placed])
        await self._catalog.place(camera, placed)

    async def _finish(self, staging: Staging) -> None:
        try:
            await finish_import(self._catalog, self._files, self._journals, self._threads, staging.folder)
        except OSError as error:
            raise _refused(error) from error


@dataclass
class _Remux:
    """Writes what lies outside `taken` of a file into Segments. Blocks."""

    files: Files
    media: MediaFile
    begins: UtcNs
    taken: Sequence[Interval]
    now_ns: UtcNs
    reached: UtcNs = 0
    """To where the file's video reaches."""
    tried: bool = False
    """Whether there was a keyframe with room for it."""
    finished: list[SegmentFinished] = field(default_factory=list)
    _open: list[SegmentFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stat = self.media.path.stat()
        self.reached = self.begins

    def write(self, folder: str, progress: Progress) -> list[SegmentFinished]:
        """The Segments, synced, in `folder`; their files count as open until `close`."""
        free = _without(Interval(self.begins, self.now_ns), self.taken)
        seconds = self.media.description.seconds
        composer: Composer | None = None
        room: Interval | None = None
        batch: list[AccessUnit] = []
        decoded_ns = self.begins
        for unit in self.media.units(self.begins):
            is_video = unit.track.kind is TrackKind.VIDEO
            if is_video:
                self.reached = max(self.reached, unit.utc_ns)
                if seconds:
                    progress(min(1.0, (unit.utc_ns - self.begins) / NS / seconds))
            paused = is_video and unit.received_ns - decoded_ns > PAUSE_NS
            if is_video:
                decoded_ns = unit.received_ns
            if composer is not None and room is not None and is_video and (paused or unit.utc_ns >= room.end_ns):
                # A picture that is decoded after one that is left out may need that: none follows.
                self._finish(composer, batch, folder, room)
                composer = room = None
            if composer is None and is_video and unit.is_keyframe:
                room = next((one for one in free if one.start_ns <= unit.utc_ns < one.end_ns), None)
                composer = None if room is None else Composer(self.media.path.name)
                self.tried = self.tried or composer is not None
            if composer is None or room is None or not room.start_ns <= unit.utc_ns < room.end_ns:
                continue
            batch.append(unit)
            if unit.utc_ns - batch[0].utc_ns >= BATCH_NS:
                self._flush(composer, batch, folder)
        if composer is not None and room is not None:
            self._finish(composer, batch, folder, room)
        if self.finished:
            self.reached = max(self.reached, self.finished[-1].end_ns)
        return self.finished

    def close(self) -> None:
        """Let go of every file."""
        for file in self._open:
            file.close()
        self._open.clear()

    def _flush(self, composer: Composer, batch: list[AccessUnit], folder: str) -> None:
        composer.feed(batch, self.media.description.tracks)
        batch.clear()
        self._execute(composer, folder)

    def _finish(self, composer: Composer, batch: list[AccessUnit], folder: str, room: Interval) -> None:
        self._flush(composer, batch, folder)
        composer.finish(None)
        self._execute(composer, folder)
        if self.finished and self.finished[-1].end_ns > room.end_ns:
            # How long the last picture lasts is known to its own media only: less, where a Recording begins.
            self.finished[-1] = replace(self.finished[-1], end_ns=room.end_ns)

    def _execute(self, composer: Composer, folder: str) -> None:
        while composer.commands:
            match composer.commands.popleft():
                case Begin() as begin:
                    self._open.append(SegmentFile(self.files, folder, begin.start_ns, begin.header))
                case Append() as append:
                    self._open[-1].append(b"".join(append.buffers))
                case End() as end:
                    file = self._open[-1]
                    file.sync()
                    self.finished.append(
                        SegmentFinished(
                            file.path, end.start_ns, end.end_ns, file.size, file.sha256, end.tracks,
                            chunks=end.cuts.pack(),
                        )
                    )  # fmt: skip
                case _:
                    pass  # where Recordings begin and end is the catalog's to say here


def _merged(intervals: Iterable[Interval], seam_ns: int = 0) -> list[Interval]:
    """By start; what touches, or has no more than a seam between, is one."""
    found: list[Interval] = []
    for one in sorted(intervals, key=lambda interval: interval.start_ns):
        if found and one.start_ns <= found[-1].end_ns + seam_ns:
            found[-1] = Interval(found[-1].start_ns, max(found[-1].end_ns, one.end_ns))
        else:
            found.append(one)
    return found


def _without(whole: Interval, parts: Sequence[Interval]) -> list[Interval]:
    """What is left of `whole` between `parts`, which are in order and apart."""
    left, start_ns = [], whole.start_ns
    for part in parts:
        if start_ns < part.start_ns:
            left.append(Interval(start_ns, min(part.start_ns, whole.end_ns)))
        start_ns = max(start_ns, part.end_ns)
        if start_ns >= whole.end_ns:
            break
    if start_ns < whole.end_ns:
        left.append(Interval(start_ns, whole.end_ns))
    return [one for one in left if one.start_ns < one.end_ns]


def _refused(error: OSError) -> StorageError:
    return StorageError(f"the recordings cannot be written: {error.strerror or error}")
