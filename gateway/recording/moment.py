"""The picture of a moment: which one it is, and where the bytes lie that it is decoded from.

A worker process decodes it (`gateway.recording.decoding`) and reads the file itself. Who may see it, and what is drawn
in, is said by who asks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.base.errors import NotFoundError, StorageError
from gateway.base.rfc3339 import format_utc
from gateway.base.workers import Processes, Threads, WorkerDiedError
from gateway.media.fmp4_samples import Mp4Error, fragments, read_header
from gateway.media.model import NS, UtcNs
from gateway.media.sample_entries import decoder_config
from gateway.recording.catalog import Catalog
from gateway.recording.clip import buffered, unreadable
from gateway.recording.decoding import Moment, decode, load
from gateway.recording.files import Files
from gateway.recording.footage import FootageFinder, Piece

EXACT_NS = 2 * NS
"""Beyond so much of media after a keyframe, decoding up to a picture takes too long: a keyframe is shown instead."""
THUMBNAIL_WIDTH = 320
"""Pictures up to this wide are of the nearest keyframe: many are asked for, and nobody reads a clock in them."""
CACHE_BYTES = 16 << 20
DECODERS = {"avc1": "h264", "hvc1": "hevc"}
"""FFmpeg's names."""


class NoPictureError(NotFoundError):
    """Nothing was recorded at this moment. `before_ns` and `after_ns`: the nearest at which something was."""

    def __init__(self, camera: str, at_ns: UtcNs, before_ns: UtcNs | None, after_ns: UtcNs | None) -> None:
        nearest = " and ".join(format_utc(ns) for ns in (before_ns, after_ns) if ns is not None)
        there_is = f": there is at {nearest}" if nearest else ", nor at any other time"
        super().__init__(f"there is no picture of {camera} at {format_utc(at_ns)}{there_is}")
        self.before_ns = before_ns
        self.after_ns = after_ns


@dataclass(frozen=True, slots=True)
class _Coded:
    utc_ns: UtcNs
    is_key: bool
    offset: int
    size: int


class Moments:
    """Finds and decodes pictures for everybody. All calls from the event loop's thread."""

    def __init__(
        self, catalog: Catalog, finder: FootageFinder, files: Files, threads: Threads, processes: Processes
    ) -> None:
        self._catalog = catalog
        self._finder = finder
        self._files = files
        self._threads = threads
        self._processes = processes
        self._cache: OrderedDict[tuple[str, int, int | None, tuple[str, ...]], bytes] = OrderedDict()
        self._cached = 0

    def prepare(self) -> None:
        """Pictures will be asked for soon: the process that makes them takes a second to start."""
        self._processes.prepare(load)

    async def find(self, camera: str, at_ns: UtcNs, *, thumbnail: bool = False) -> Moment:
        """The picture that was to be seen at `at_ns`; for a `thumbnail`, or far from a keyframe, the nearest keyframe.

        Raises:
            NoPictureError: nothing was recorded then.
            StorageError: what was recorded cannot be read.
        """
        footage = await self._finder.find(camera, at_ns, at_ns + 1)
        if not footage.pieces:
            raise NoPictureError(camera, at_ns, *await self._catalog.nearest(camera, at_ns))
        piece = footage.pieces[-1]
        found = await self._threads.run(self._look, piece, at_ns, thumbnail)
        end_ns = piece.chunks[-1].end_ns
        if found.exact or end_ns - at_ns >= at_ns - found.utc_ns:
            return found
        following = (await self._finder.find(camera, end_ns, end_ns + 1)).pieces
        if not following or following[0].chunks[0].start_ns != end_ns:
            return found
        return replace(await self._threads.run(self._look, following[0], end_ns, True), exact=False)

    async def picture(self, moment: Moment, *, width: int | None = None, lines: Sequence[str] = ()) -> bytes:
        """`moment` as a JPEG, at most `width` pixels wide, with `lines` drawn in.

        Raises:
            StorageError: it cannot be read, or not be decoded.
        """
        key = moment.path, moment.samples[-1][0], width, tuple(lines)
        if (known := self._cache.get(key)) is not None:
            self._cache.move_to_end(key)
            return known
        try:
            made = await self._processes.run(decode, self._files, moment, width, tuple(lines))
        except OSError as error:
            raise unreadable(moment.path, error) from error
        except WorkerDiedError:
            made = None
        if made is None:
            raise StorageError(f"the picture of {format_utc(moment.utc_ns)} in {moment.path} cannot be decoded")
        self._cached += len(made) - len(self._cache.pop(key, b""))
        self._cache[key] = made
        while self._cached > CACHE_BYTES:
            self._cached -= len(self._cache.popitem(last=False)[1])
        return made

    def _look(self, piece: Piece, at_ns: UtcNs, keyframe: bool) -> Moment:
        """In a thread: the picture of `piece` that was to be seen at `at_ns`, or its first; or the nearest keyframe."""
        chunk = piece.chunks[-1]
        coded: list[_Coded] = []
        try:
            with self._files.reader(piece.path) as file:
                read_at = buffered(file)
                header = read_header(read_at, piece.size)
                for fragment in fragments(read_at, header, chunk.offset, chunk.offset + chunk.size):
                    if fragment.track is not header.video:
                        continue
                    at = -fragment.samples[0].composition_offset
                    offset = fragment.payload
                    for sample in fragment.samples:
                        ticks = at + sample.composition_offset
                        utc_ns = fragment.utc_ns + ticks * NS // fragment.track.timescale
                        coded.append(_Coded(utc_ns, sample.is_sync, offset, sample.size))
                        at += sample.duration
                        offset += sample.size
        except (OSError, Mp4Error) as error:
            raise unreadable(piece.path, error) from error
        video = header.video
        if video is None or video.entry not in DECODERS or not coded or not coded[0].is_key:
            raise StorageError(f"the pictures in {piece.path} cannot be decoded")
        before = [n for n, one in enumerate(coded) if one.utc_ns <= at_ns]
        shown = max(before, key=lambda n: coded[n].utc_ns, default=0)
        keys = [n for n, one in enumerate(coded) if one.is_key]
        first = max(n for n in keys if n <= shown)
        wanted = shown
        if keyframe or coded[shown].utc_ns - coded[first].utc_ns > EXACT_NS:
            first = wanted = min(keys, key=lambda n: abs(coded[n].utc_ns - at_ns))
        samples = tuple((one.offset, one.size) for one in coded[first : wanted + 1])
        return Moment(
            piece.path, coded[wanted].utc_ns, wanted == shown, DECODERS[video.entry],
            decoder_config(video.sample_entry), samples,
        )  # fmt: skip
