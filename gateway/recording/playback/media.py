"""What a player fetches: the init segment of a Segment, and its chunks, each a media segment on the timeline of UTC.

Pictures are not touched: a chunk is a new head before bytes that are read from the file when the player takes them, so
a slow one costs a little memory and nothing else. Which chunks there are is told by `playlist`; who may have them is
asked by who serves them. Everything that reads files is done in threads.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.base.errors import NotFoundError, SightlineError, StorageError
from gateway.base.workers import Processes, Threads, WorkerDiedError
from gateway.media.bits import BitstreamError
from gateway.media.fmp4_playback import (
    SOUND_TRACK,
    VIDEO_TRACK,
    Placed,
    Run,
    begin,
    init_segment,
    joined,
    media_head,
    place,
)
from gateway.media.fmp4_samples import FileHeader, Fragment, Mp4Error, TrackHeader, fragments, read_header
from gateway.media.model import NS
from gateway.media.sample_entries import codec_string
from gateway.recording.chunks import Chunk
from gateway.recording.files import Files
from gateway.recording.footage import MEETING_NS, Footage, FootageFinder, Piece, meets
from gateway.recording.playback.aac import encode
from gateway.recording.playback.playlist import Covering, Shape, playlist
from gateway.recording.playback.sound import G711, LEAD_FRAMES, Frames, Heard, Range, Uncoded, shown, sound

log = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 20
"""What is read at once, and so held in memory for each player."""
CACHED_CHUNKS = 1000
"""Chunks whose encoded sound is kept: an hour of four seconds each, in some 15 MB."""


@dataclass(frozen=True, slots=True)
class Place:
    """A chunk, and those beside it: they tell where it ends, and hold sound that was written early or late."""

    piece: Piece
    chunk: Chunk
    before: tuple[Piece, Chunk] | None = None
    after: tuple[Piece, Chunk] | None = None

    def stretches(self) -> Iterator[tuple[Piece, int, int]]:
        """The bytes to look through: of each file, from and to."""
        start, end = self.chunk.offset, self.chunk.offset + self.chunk.size
        if self.before is not None:
            piece, chunk = self.before
            if piece.path == self.piece.path:
                start = chunk.offset
            else:
                yield piece, chunk.offset, chunk.offset + chunk.size
        late = None
        if self.after is not None:
            piece, chunk = self.after
            if piece.path == self.piece.path:
                end = chunk.offset + chunk.size
            else:
                late = piece, chunk.offset, chunk.offset + chunk.size
        yield self.piece, start, end
        if late is not None:
            yield late


@dataclass(frozen=True, slots=True)
class Media:
    """A media segment to be sent."""

    size: int
    """In bytes."""
    parts: Sequence[bytes | Range]


@dataclass(frozen=True, slots=True)
class _Layout:
    video: list[Placed]
    path: str
    sound: Frames | Uncoded | None


class PlaybackMedia:
    """Makes media for everybody. `processes` encode sound that no browser plays."""

    def __init__(self, finder: FootageFinder, files: Files, threads: Threads, processes: Processes) -> None:
        self._finder = finder
        self._files = files
        self._threads = threads
        self._processes = processes
        self._encoded: OrderedDict[tuple[str, int, int], Frames] = OrderedDict()

    async def playlist(self, footage: Footage, hidden: Sequence[Covering], query: str, shape: Shape) -> str:
        """As `gateway.recording.playback.playlist.playlist`, in a thread: a day has some 20 000 chunks."""
        return await self._threads.run(playlist, footage, hidden, query, shape)

    async def place(self, camera: str, name: str, offset: int, size: int) -> Place:
        """The first `size` bytes of the chunk that begins at `offset` in the Segment whose file is called `name`.

        Raises:
            NotFoundError: there is no such chunk, or no more.
            StorageError: the database refused.
        """
        piece = await self.piece(camera, name)
        chunk = next((chunk for chunk in piece.chunks if chunk.offset == offset), None)
        found = None
        if chunk is not None:
            beside = await self._finder.find(camera, chunk.start_ns - MEETING_NS, chunk.end_ns + MEETING_NS)
            found = locate(beside, name, offset, size)
        if found is None:
            raise NotFoundError(f"{piece.path} has no chunk of {size} bytes at byte {offset}: load the playlist again")
        return found

    async def piece(self, camera: str, name: str) -> Piece:
        """The Segment whose file is called `name`.

        Raises:
            NotFoundError: there is none, or no more.
            StorageError: the database refused.
        """
        piece = await self._finder.segment(camera, name)
        if piece is None:
            raise NotFoundError(f"there is no recording {name} of {camera}, or not any more")
        return piece

    async def init(self, piece: Piece, *, with_sound: bool) -> tuple[bytes, str]:
        """The init segment for `piece`, and its MIME type with the codecs' names.

        Raises:
            NotFoundError: the file is not there any more.
            StorageError: it cannot be read.
        """
        header = await self._threads.run(self._header, piece)
        if header.video is None:
            raise NotFoundError(f"{piece.path} holds no pictures")
        tracks = [_renumbered(header.video)] + ([shown(header.sound)] if with_sound else [])
        try:
            names = ",".join(codec_string(track.sample_entry) for track in tracks)
        except BitstreamError as error:
            raise StorageError(f"{piece.path} cannot be shown: {error}") from error
        return init_segment(tracks), f'video/mp4; codecs="{names}"'

    async def chunk(self, where: Place, *, with_sound: bool) -> Media:
        """The media segment of a chunk.

        Raises:
            NotFoundError: the file is not there any more.
            StorageError: it cannot be read.
        """
        layout = await self._threads.run(self._lay_out, where, with_sound)
        heard = layout.sound
        if isinstance(heard, Uncoded):
            heard = await self._coded(where, heard)
        pictures = [(s.duration, s.size, s.is_sync, s.composition_offset) for s in layout.video]
        runs = [Run(VIDEO_TRACK, layout.video[0].at, pictures)]
        parts: list[bytes | Range] = [Range(layout.path, s.offset, s.size) for s in layout.video]
        if heard is not None and heard.frames:
            samples = [(duration, _size(data), True, 0) for duration, data in heard.frames]
            runs.append(Run(SOUND_TRACK, heard.start, samples))
            parts += [data for _, data in heard.frames]
        whole = [media_head(where.chunk.start_ns // 1_000_000, runs), *_joined(parts)]
        return Media(sum(map(_size, whole)), whole)

    async def blocks(self, media: Media) -> AsyncIterator[bytes]:
        """The bytes of `media`, some at a time.

        Raises:
            StorageError: a file cannot be read any more.
        """
        batch: list[bytes | Range] = []
        waiting = 0
        for part in _cut(media.parts):
            batch.append(part)
            waiting += _size(part)
            if waiting >= BLOCK_BYTES:
                yield await self._threads.run(self._read, batch)
                batch, waiting = [], 0
        if batch:
            yield await self._threads.run(self._read, batch)

    # ---- in a thread

    def _header(self, piece: Piece) -> FileHeader:
        try:
            with self._files.reader(piece.path) as read_at:
                return read_header(read_at, piece.size)
        except (OSError, Mp4Error) as error:
            raise _lost(piece.path, error) from error

    def _lay_out(self, where: Place, with_sound: bool) -> _Layout:
        """What the player gets of the pictures, and of the sound around them."""
        video: list[Fragment] = []
        until: int | None = None
        heard: list[Heard] = []
        sound_track: TrackHeader | None = None
        chunk = where.chunk
        for piece, first, end in where.stretches():
            own = piece.path == where.piece.path
            try:
                with self._files.reader(piece.path) as read_at:
                    header = read_header(read_at, piece.size)
                    if own:
                        sound_track = header.sound
                    for fragment in fragments(read_at, header, first, end):
                        if fragment.track is header.video:
                            if own and chunk.offset <= fragment.offset < chunk.offset + chunk.size:
                                video.append(fragment)
                            elif video and until is None:
                                until = begin(fragment)
                                if not with_sound:
                                    break
                        elif with_sound and fragment.track is header.sound:
                            wanted = fragment.track.entry in G711
                            data = read_at(fragment.payload, fragment.payload_size) if wanted else b""
                            heard.append(Heard(piece.path, fragment, data))
            except (OSError, Mp4Error) as error:
                if own:
                    raise _lost(piece.path, error) from error
                log.error(
                    "%s cannot be read, so a chunk beside it is shown without what it says: %s", piece.path, error
                )
        if not video:
            raise StorageError(f"{where.piece.path} is damaged: it has no pictures at byte {where.chunk.offset}")
        pictures = joined(place(video, until), until)
        if not with_sound:
            return _Layout(pictures, where.piece.path, None)
        heard = [one for one in heard if sound_track is not None and _alike(one.fragment.track, sound_track)]
        last = pictures[-1]
        end_ns = (last.at + last.duration) * NS // video[0].track.timescale
        if where.after is not None:
            end_ns = where.after[1].start_ns
        return _Layout(pictures, where.piece.path, sound(sound_track, heard, where.chunk.start_ns, end_ns))

    def _read(self, parts: Sequence[bytes | Range]) -> bytes:
        data: list[bytes] = []
        for part in parts:
            if isinstance(part, bytes):
                data.append(part)
                continue
            try:
                with self._files.reader(part.path) as read_at:
                    found = read_at(part.offset, part.size)
            except OSError as error:
                raise _lost(part.path, error) from error
            if len(found) < part.size:
                raise StorageError(f"{part.path} is shorter than it was")
            data.append(found)
        return b"".join(data)

    # ---- sound

    async def _coded(self, where: Place, uncoded: Uncoded) -> Frames:
        key = (where.piece.path, where.chunk.offset, where.chunk.size)
        known = self._encoded.get(key)
        if known is not None:
            self._encoded.move_to_end(key)
            return known
        try:
            coded = await self._processes.run(
                encode, uncoded.pcm, uncoded.sample_rate, uncoded.channels, LEAD_FRAMES, uncoded.count
            )
        except WorkerDiedError:
            log.error("the sound of %s could not be encoded: its worker died", where.piece.path)
            return uncoded.silent()
        frames = uncoded.coded(coded)
        self._encoded[key] = frames
        if len(self._encoded) > CACHED_CHUNKS:
            self._encoded.popitem(last=False)
        return frames


def locate(footage: Footage, name: str, offset: int, size: int) -> Place | None:
    """The chunk of the Segment called `name` that begins at `offset`, its first `size` bytes; None when there is none.

    `footage`: of an interval that reaches beyond the chunk by `MEETING_NS`.
    """
    line = [(piece, chunk) for piece in footage.pieces for chunk in piece.chunks]
    for number, (piece, chunk) in enumerate(line):
        if piece.name != name or chunk.offset != offset or not 0 < size <= chunk.size:
            continue
        before = line[number - 1] if number and meets(*line[number - 1], piece, chunk) else None
        if size < chunk.size:  # it has grown since the player was told of it
            return Place(piece, replace(chunk, size=size), before)
        following = line[number + 1] if number + 1 < len(line) else None
        after = following if following is not None and meets(piece, chunk, *following) else None
        return Place(piece, chunk, before, after)
    return None


def _renumbered(track: TrackHeader) -> TrackHeader:
    return replace(track, number=VIDEO_TRACK)


def _alike(track: TrackHeader, other: TrackHeader) -> bool:
    return (track.sample_entry, track.timescale) == (other.sample_entry, other.timescale)


def _lost(path: str, error: Exception) -> SightlineError:
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"{path} is not there any more")
    log.error("%s cannot be read: %s", path, error)
    return StorageError(f"{path} cannot be read: {error}")


def _size(part: bytes | Range) -> int:
    return len(part) if isinstance(part, bytes) else part.size


def _joined(parts: Sequence[bytes | Range]) -> list[bytes | Range]:
    """The same bytes in as few ranges as they lie in."""
    result: list[bytes | Range] = []
    for part in parts:
        last = result[-1] if result else None
        if isinstance(part, Range) and isinstance(last, Range) and part.path == last.path and part.offset == last.end:
            result[-1] = last._replace(size=last.size + part.size)
        else:
            result.append(part)
    return result


def _cut(parts: Sequence[bytes | Range]) -> Iterator[bytes | Range]:
    """The same bytes in ranges of at most a block."""
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        for done in range(0, part.size, BLOCK_BYTES):
            yield Range(part.path, part.offset + done, min(BLOCK_BYTES, part.size - done))
