"""Which fragments of which files make up an interval, and where each lies on the clip's own timeline.

A clip begins with the picture that was to be seen at the moment that was asked for, or else with the first one after
it; from then on its time is UTC, less that beginning. Decoding starts earlier, at a keyframe. Inside a Segment the
media's own clock counts, so that picture and sound stay as much in step as they were recorded. Where the camera's clock
was set back, what comes later follows what came before it: time in a clip only ascends.

How a file is made of a clip is not decided here. All of this reads files: call it from a thread or a worker process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from gateway.base.errors import NotFoundError, StorageError
from gateway.media.fmp4_samples import FileHeader, Fragment, Mp4Error, ReadAt, TrackHeader, fragments, read_header
from gateway.media.model import NS, UtcNs
from gateway.recording.chunks import Chunk
from gateway.recording.files import Files
from gateway.recording.footage import Footage, Piece

JITTER_NS = 10_000_000
"""By how much two Segments may overlap that follow each other: their UTC is not known any better."""
LAG_NS = NS
"""How much later than the pictures of the same time sound may lie in a file."""
HEADER_BYTES = 4 << 10
"""Read at once where fragments are looked at: more than the boxes before most of them take."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a clip is shown, beside its pictures."""

    sound: bool = True
    positions: bool = True
    """The timed-metadata track."""
    hidden: tuple[tuple[UtcNs, UtcNs | None], ...] = ()
    """From when to when positions are not, although others are; None: ever since."""
    unseen: tuple[tuple[UtcNs, UtcNs | None], ...] = ()
    """From when to when nothing is. What else belongs to pictures that are not shown is cut out by `without`."""

    def has_track(self, track: TrackHeader) -> bool:
        """Whether anything of a track is shown."""
        return {"soun": self.sound, "meta": self.positions}.get(track.handler, True)

    def has(self, fragment: Fragment) -> bool:
        """Whether a fragment is shown. A moment that is hidden hides all of the fragment that it lies in."""
        if not self.has_track(fragment.track):
            return False
        match fragment.track.handler:
            case "meta":
                spans = self.hidden + self.unseen
            case "soun":
                spans = self.unseen
            case _:
                return True
        if not spans:
            return True
        last_ns = fragment.utc_ns + (fragment.duration - fragment.samples[-1].duration) * NS // fragment.track.timescale
        return not any(
            start_ns <= last_ns and (end_ns is None or fragment.utc_ns < end_ns) for start_ns, end_ns in spans
        )


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Fragments of one file that follow each other. Not all of them need be of the clip: `Clip.holds` says."""

    path: str
    """Relative to the folder of recordings."""
    header: FileHeader
    start: int
    """Where the first one begins in the file."""
    end: int
    """Where the last one ends."""
    key: int
    """Where the fragment begins whose keyframe comes first: pictures before it are of no use."""
    origin_ns: UtcNs
    """UTC of the file's origin, by its first picture here."""
    moved_ns: int
    """From UTC to the clip's timeline."""
    end_ns: UtcNs
    """UTC to which its pictures reach."""

    def offset(self, timescale: int) -> int:
        """From the file's timeline to the clip's, in ticks."""
        return ((self.origin_ns + self.moved_ns) * timescale + NS // 2) // NS

    def ticks(self, utc_ns: UtcNs, timescale: int) -> int:
        """Where a moment lies on the file's timeline."""
        return ((utc_ns - self.origin_ns) * timescale + NS // 2) // NS


@dataclass(frozen=True, slots=True)
class Clip:
    """What there is of an interval."""

    camera: str
    start_ns: UtcNs
    """UTC of its beginning."""
    end_ns: UtcNs
    """What was captured from then on is not part of it."""
    stretches: tuple[Stretch, ...]

    def holds(self, fragment: Fragment, stretch: Stretch) -> bool:
        """Whether a fragment of `stretch` has something of the clip, or is needed at its beginning: pictures to decode
        the first one, and where the wearer was by then.
        """
        if fragment.utc_ns >= self.end_ns:
            return False
        match fragment.track.handler:
            case "vide":
                return fragment.offset >= stretch.key
            case "soun":
                return _end_ns(fragment) > self.start_ns
            case _:
                return True

    @property
    def longest_step_ns(self) -> int:
        """No picture lasts longer, holes included."""
        starts = [stretch.origin_ns + stretch.moved_ns for stretch in self.stretches]
        last = self.stretches[-1]
        ends = [*starts[1:], last.end_ns + last.moved_ns]
        return max(end - start for start, end in zip(starts, ends, strict=True))


def cut(footage: Footage, files: Files) -> Clip:
    """The clip of `footage`.

    Raises:
        NotFoundError: nothing is recorded in this interval.
        StorageError: a file is not there any more, or cannot be read.
    """
    stretches: list[Stretch] = []
    start_ns = footage.start_ns
    for piece in footage.pieces:
        before = stretches[-1] if stretches else None
        try:
            with files.reader(piece.path) as read_at:
                found = _stretch(footage, piece, buffered(read_at), None if before is None else before.header)
        except (OSError, Mp4Error) as error:
            raise unreadable(piece.path, error) from error
        if found is None:
            continue
        stretch, first_ns = found
        if before is None:
            start_ns = first_ns
            moved_ns = -start_ns
        else:
            overlap_ns = before.end_ns + before.moved_ns + start_ns - first_ns
            moved_ns = (overlap_ns if overlap_ns > JITTER_NS else 0) - start_ns
        stretches.append(replace(stretch, moved_ns=moved_ns))
    if not stretches:
        raise NotFoundError(f"nothing is recorded of {footage.camera} in this interval")
    return Clip(footage.camera, start_ns, footage.end_ns, tuple(stretches))


def without(footage: Footage, spans: Iterable[tuple[UtcNs, UtcNs | None]]) -> Footage:
    """The footage without the chunks of which a part lies in `spans`: pictures can be cut at chunks alone."""
    unseen = tuple(spans)
    if not unseen:
        return footage

    def seen(chunk: Chunk) -> bool:
        return not any(chunk.overlaps(start, end) for start, end in unseen)

    pieces = [
        replace(piece, chunks=tuple(chunks))
        for piece in footage.pieces
        for shown, chunks in groupby(piece.chunks, seen)
        if shown
    ]
    return replace(footage, pieces=tuple(pieces))


def unreadable(path: str, error: Exception) -> StorageError:
    """What is said of a file that should be there."""
    why = "it has been deleted" if isinstance(error, FileNotFoundError) else str(error)
    return StorageError(f"the recording {path} cannot be read: {why}")


def shortened(clip: Clip, size: int, files: Files) -> Clip | None:
    """The clip with the first `size` bytes of its stretches, one at least and not more than it has: as it was when no
    more had been recorded. None when it never was so.

    Raises:
        StorageError: a file is not there any more, or cannot be read.
    """
    stretches: list[Stretch] = []
    for stretch in clip.stretches:
        if size <= 0:
            break
        stretches.append(replace(stretch, end=min(stretch.end, stretch.start + size)))
        size -= stretch.end - stretch.start
    last = stretches[-1]
    try:
        with files.reader(last.path) as read_at:
            found = fragments(buffered(read_at), last.header, last.start, last.end)
            end, end_ns = _end(found, last.header, clip.end_ns)
    except OSError as error:
        raise unreadable(last.path, error) from error
    if end != last.end or end_ns == 0:
        return None
    stretches[-1] = replace(last, end_ns=end_ns)
    return replace(clip, stretches=tuple(stretches))


def buffered(read_at: ReadAt, window: int = HEADER_BYTES) -> ReadAt:
    """For looking at fragments, box by box: reads near each other become one of `window` bytes."""
    start, held = 0, b""

    def read(offset: int, size: int) -> bytes:
        nonlocal start, held
        if not (start <= offset and offset + size <= start + len(held)):
            start, held = offset, read_at(offset, max(size, window))
        return held[offset - start : offset - start + size]

    return read


def _stretch(
    footage: Footage, piece: Piece, read_at: ReadAt, before: FileHeader | None
) -> tuple[Stretch, UtcNs] | None:
    """What the interval has of a file, not moved yet, and when the first picture was captured that is shown."""
    header = read_header(read_at, piece.size)
    if header == before:
        header = before  # a day has more than a thousand of them
    first, last = piece.chunks[0], piece.chunks[-1]
    every = fragments(read_at, header, first.offset, first.offset + first.size)
    # A day has more than a thousand Segments: of all but the first, no more is read than to their first picture.
    found = list(_to_key(every, header) if first.start_ns >= footage.start_ns else every)
    key = _key(found, header, footage.start_ns)
    if key is None:
        return None
    others = (f.offset for f in found if f.track is not header.video and _end_ns(f) > key.utc_ns)
    start = min([key.offset, *others])
    end, end_ns = last.offset + last.size, last.end_ns
    if piece is footage.pieces[-1] or end_ns > footage.end_ns:
        # What follows in the file was asked for no more, or is not to be seen.
        to_ns = footage.end_ns if end == piece.size else min(last.end_ns, footage.end_ns)
        end, end_ns = _end(fragments(read_at, header, last.offset, piece.size), header, to_ns)
    if end <= key.offset:
        return None
    stretch = Stretch(piece.path, header, start, end, key.offset, key.origin_ns, 0, end_ns)
    return stretch, _shown(found, stretch, footage.start_ns)


def _to_key(found: Iterable[Fragment], header: FileHeader) -> Iterator[Fragment]:
    """The fragments up to the first one that begins with a keyframe."""
    for fragment in found:
        yield fragment
        if fragment.track is header.video and fragment.begins_with_keyframe:
            return


def _key(found: Iterable[Fragment], header: FileHeader, from_ns: UtcNs) -> Fragment | None:
    """The keyframe at or before a moment, or the first one after it."""
    key: Fragment | None = None
    for fragment in found:
        if fragment.track is header.video and fragment.begins_with_keyframe:
            if key is not None and fragment.utc_ns > from_ns:
                break
            key = fragment
    return key


def _shown(found: Iterable[Fragment], stretch: Stretch, from_ns: UtcNs) -> UtcNs:
    """When the picture was captured that is to be seen at a moment, or the first one after it."""
    shown_ns, first_ns = 0, 0
    for fragment in found:
        if fragment.track is not stretch.header.video or fragment.offset < stretch.key:
            continue
        at = fragment.decode_time
        for sample in fragment.samples:
            utc_ns = stretch.origin_ns + (at + sample.composition_offset) * NS // fragment.track.timescale
            first_ns = min(first_ns or utc_ns, utc_ns)
            if utc_ns <= from_ns:
                shown_ns = max(shown_ns, utc_ns)
            at += sample.duration
    return shown_ns or first_ns


def _end(found: Iterable[Fragment], header: FileHeader, to_ns: UtcNs) -> tuple[int, UtcNs]:
    """Where the last fragment ends that has something from before a moment, and to when the pictures up to it reach.

    Both follow from the bytes alone, so that a file that grows meanwhile gives the same answer. Sound is written a
    little after the pictures of the same time, so it is looked for behind the last one.
    """
    end, end_ns = 0, 0
    for fragment in found:
        if fragment.utc_ns < to_ns:
            end = fragment.end
            if fragment.track is header.video:
                end_ns = max(end_ns, _end_ns(fragment))
        elif fragment.utc_ns > to_ns + LAG_NS:
            break
    return end, min(end_ns, to_ns)


def _end_ns(fragment: Fragment) -> UtcNs:
    """UTC at which its last sample ends."""
    return fragment.utc_ns + fragment.duration * NS // fragment.track.timescale
