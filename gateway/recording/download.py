"""A clip as a fragmented MP4 that is made while it is sent: its length is known before any media is read.

The fragments of the files are sent as they are, but for a few fields that have the same size afterwards: times, numbers
of tracks, and which sample description holds. What the receiver may not have is replaced by as many zeros in a `free`
box. So the bytes follow from the clip alone, any of them can be asked for, and asked again they are the same.

Everything here that reads blocks: call it from a thread.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Generator, Iterator
from itertools import accumulate

from gateway.base.errors import StorageError
from gateway.media.fmp4 import NO_SAMPLES, SYNC_SAMPLE
from gateway.media.fmp4_samples import Fragment, Mp4Error, ReadAt, TrackHeader, fragments
from gateway.media.model import NS
from gateway.media.mp4_boxes import box, edit_list, full_box, movie_header, mp4_time, track, whole
from gateway.recording.clip import LAG_NS, Clip, Selection, Stretch, buffered, shortened, unreadable
from gateway.recording.files import Files

MOVIE_TIMESCALE = 90_000
BLOCK = 256 << 10
"""Read at once; what is held of a download while its receiver is slow."""

# Where things lie in a fragment as `gateway.media.fmp4` writes it: `prft`, `moof`, `mfhd`, `traf`, `tfhd`, `tfdt`, …
_PRFT_TRACK, _PRFT_TIME, _SEQUENCE, _TFHD, _TFDT, _DECODE_TIME = 12, 24, 52, 68, 88, 96
_TFHD_AS_WRITTEN = struct.pack(">4sI", b"tfhd", 0x020020)
_TFDT_AS_WRITTEN = struct.pack(">4sI", b"tfdt", 1 << 24)
_HAS_DESCRIPTION = 0x020002
"""`tfhd` flags: the sample description is named, and offsets are counted from `moof` (8.8.7)."""


class Download:
    """The file that is made of `clip`, of which `selection` is shown.

    Raises:
        StorageError: what is recorded cannot be read.
    """

    def __init__(self, clip: Clip, files: Files, selection: Selection) -> None:
        self.clip = clip
        self.selection = selection
        self._files = files
        self._tracks: dict[tuple[str, str, int], _Track] = {}
        for header in {id(stretch.header): stretch.header for stretch in clip.stretches}.values():
            for described in header.tracks.values():
                if selection.has_track(described):
                    key = described.handler, described.entry, described.timescale
                    made = self._tracks.setdefault(key, _Track(len(self._tracks) + 1, described))
                    made.describe(described)
        self._lead_ns = self._find_lead()
        self._init = self._init_segment()
        self._starts = list(accumulate((s.end - s.start for s in clip.stretches), initial=len(self._init)))
        self.size = self._starts[-1]
        """Bytes."""
        self.tag = f"{self._digest()}-{self.size - len(self._init):x}"
        """Names these bytes; tells also how much of the media they hold. No quotes around it."""

    def earlier(self, tag: str) -> Download | None:
        """What `tag` names, if that is this, or the same from when less of it was recorded; None: it is neither."""
        if tag == self.tag:
            return self
        try:
            media = int(tag.rpartition("-")[2], 16)
        except ValueError:
            return None
        if not 0 < media < self.size - len(self._init):
            return None
        clip = shortened(self.clip, media, self._files)
        before = None if clip is None else Download(clip, self._files, self.selection)
        return before if before is not None and before.tag == tag else None

    def blocks(self, start: int, end: int) -> Generator[bytes, None, None]:
        """Bytes `start` to `end` of the file, some at a time.

        Raises:
            StorageError: what is recorded cannot be read any more.
        """
        if start < len(self._init):
            yield self._init[start:end]
            start = len(self._init)
        while start < end:
            number = bisect_right(self._starts, start) - 1
            stretch, first = self.clip.stretches[number], self._starts[number]
            until = min(end, self._starts[number + 1])
            yield from self._of_stretch(stretch, first, start - first, until - first)
            start = until

    # ---- fragments

    def _of_stretch(self, stretch: Stretch, before: int, start: int, end: int) -> Iterator[bytes]:
        """Bytes `start` to `end` of what is made of a stretch, which has `before` bytes before it in the file."""
        try:
            with self._files.reader(stretch.path) as file:
                read_at = buffered(file, BLOCK)
                for fragment in fragments(read_at, stretch.header, stretch.start, stretch.end):
                    at = fragment.offset - stretch.start
                    if at >= end:
                        return
                    if fragment.end - stretch.start <= start:
                        continue
                    for part in self._parts(fragment, stretch, before + at, read_at):
                        if at + len(part) > start and at < end:
                            yield part[max(0, start - at) : end - at]
                        at += len(part)
                if at < end:
                    raise StorageError(f"the recording {stretch.path} is damaged at byte {stretch.start + at}")
        except (OSError, Mp4Error) as error:
            raise unreadable(stretch.path, error) from error

    def _parts(self, fragment: Fragment, stretch: Stretch, place: int, read_at: ReadAt) -> Iterator[bytes]:
        """What is made of a fragment that begins `place` bytes into the file."""
        size = fragment.end - fragment.offset
        if not self.selection.has(fragment) or not self.clip.holds(fragment, stretch):
            yield struct.pack(">I4s", size, b"free")
            for left in range(size - 8, 0, -BLOCK):
                yield bytes(min(left, BLOCK))
            return
        head = bytearray(read_at(fragment.offset, fragment.payload - fragment.offset))
        self._rewrite(head, fragment, stretch, place)
        yield bytes(head)
        for offset in range(fragment.payload, fragment.end, BLOCK):
            yield read_at(offset, min(BLOCK, fragment.end - offset))

    def _rewrite(self, head: bytearray, fragment: Fragment, stretch: Stretch, place: int) -> None:
        """Put the fragment's boxes where and when they are in this file."""
        if not (head.startswith(_TFHD_AS_WRITTEN, _TFHD) and head.startswith(_TFDT_AS_WRITTEN, _TFDT)):
            raise StorageError(f"the recording {stretch.path} was not written by a gateway: export it instead")
        of = fragment.track
        made = self._tracks[of.handler, of.entry, of.timescale]
        later = stretch.offset(of.timescale) + self._lead_ns * of.timescale // NS
        (presented,) = struct.unpack_from(">Q", head, _PRFT_TIME)
        struct.pack_into(">I", head, _PRFT_TRACK, made.number)
        struct.pack_into(">Q", head, _PRFT_TIME, max(0, presented + later))
        # Numbers only have to ascend, and this one is known wherever one begins to read.
        struct.pack_into(">I", head, _SEQUENCE, place >> 6 & 0xFFFFFFFF)
        struct.pack_into(">III", head, _TFHD + 4, _HAS_DESCRIPTION, made.number, made.description(of))
        struct.pack_into(">Q", head, _DECODE_TIME, max(0, fragment.decode_time + later))

    # ---- what precedes them

    def _find_lead(self) -> int:
        """How long before the clip's beginning the first media lies, which decoding begins with: no time is negative
        in a fragment, so the file's own timeline begins there.
        """
        clip, first = self.clip, self.clip.stretches[0]
        earliest_ns = 0
        try:
            with self._files.reader(first.path) as file:
                for fragment in fragments(buffered(file), first.header, first.start, first.end):
                    if fragment.utc_ns > clip.start_ns + LAG_NS:
                        break
                    if self.selection.has(fragment) and clip.holds(fragment, first):
                        begins_ns = fragment.decode_time * NS // fragment.track.timescale
                        earliest_ns = min(earliest_ns, first.origin_ns + first.moved_ns + begins_ns)
        except OSError as error:
            raise unreadable(first.path, error) from error
        return -earliest_ns

    def _init_segment(self) -> bytes:
        clip, last = self.clip, self.clip.stretches[-1]
        duration = (last.end_ns + last.moved_ns) * MOVIE_TIMESCALE // NS
        created = mp4_time(clip.start_ns)
        parts = [movie_header(created, len(self._tracks) + 1, timescale=MOVIE_TIMESCALE, duration=duration)]
        extends = [full_box(b"mehd", 1, 0, struct.pack(">Q", duration))]
        for made in self._tracks.values():
            of = made.first
            edits = [(duration, self._lead_ns * of.timescale // NS)]
            parts.append(
                whole(
                    track(
                        made.number, of.handler, of.timescale, made.entries, NO_SAMPLES, created=created,
                        size=(of.width, of.height), movie_duration=duration, edits=edit_list(edits),
                    )
                )
            )  # fmt: skip
            flags = 0 if of.handler == "vide" else SYNC_SAMPLE
            extends.append(full_box(b"trex", 0, 0, struct.pack(">5I", made.number, 1, 0, 0, flags)))
        ftyp = box(b"ftyp", b"iso6", struct.pack(">I", 1), b"iso6", b"mp41")
        return ftyp + box(b"moov", *parts, box(b"mvex", *extends))

    def _digest(self) -> str:
        digest = hashlib.sha256(self._init)
        for s in self.clip.stretches:
            digest.update(f"{s.path} {s.start} {s.end} {s.key} {s.origin_ns} {s.moved_ns}\n".encode())
        digest.update(repr(self.selection).encode())
        return digest.hexdigest()[:24]


class _Track:
    """A track of the file: media of one codec and timescale, with as many descriptions as it needs."""

    def __init__(self, number: int, first: TrackHeader) -> None:
        self.number = number
        self.first = first
        self.entries: list[bytes] = []

    def describe(self, header: TrackHeader) -> None:
        if header.sample_entry not in self.entries:
            self.entries.append(header.sample_entry)

    def description(self, header: TrackHeader) -> int:
        return self.entries.index(header.sample_entry) + 1
