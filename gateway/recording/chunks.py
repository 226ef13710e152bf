"""Where a Segment can be cut: chunks of a few seconds that begin with a keyframe, found as it is written or by a scan.

Here belong what a chunk is and how `segments.chunks` keeps it: about ten bytes each. What a chunk's bytes hold is
`gateway.media.fmp4_samples`' business, which of them an interval needs, `footage`'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.media.fmp4_samples import FileHeader, ReadAt, fragments, read_header
from gateway.media.model import NS, Codec, TrackKind, UtcNs
from gateway.recording.entries import TrackContent

CHUNK_NS = 4 * NS
"""A chunk ends at the first keyframe from here on."""
FINGERPRINT_BYTES = 8

_VERSION = 1
_KINDS = {"vide": TrackKind.VIDEO, "soun": TrackKind.AUDIO, "meta": TrackKind.METADATA}
_CODECS = {
    "avc1": Codec.H264,
    "hvc1": Codec.H265,
    "mp4a": Codec.AAC,
    "ulaw": Codec.PCMU,
    "alaw": Codec.PCMA,
    "mett": Codec.ONVIF_METADATA,
}


class ChunksError(ValueError):
    """What the catalog holds is no such encoding."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a file whose pictures need none before them: the first one in order of decoding is a keyframe.

    All that was written meanwhile of other tracks lies there too; sound of the same time may lie a little beyond
    either end. The first chunk of a file has also what was written before its keyframe.
    """

    offset: int
    """Where its first fragment begins in the file."""
    size: int
    start_ns: UtcNs
    """When its first picture was captured."""
    end_ns: UtcNs
    """Where the next one begins, or the Segment ends; exclusive."""

    def overlaps(self, start_ns: UtcNs, end_ns: UtcNs | None) -> bool:
        """Whether something of [start_ns, end_ns) lies in it; `end_ns` None: without end.

        One whose pictures all have the same time lies there where that does.
        """
        return start_ns < max(self.end_ns, self.start_ns + 1) and (end_ns is None or self.start_ns < end_ns)


@dataclass(frozen=True, slots=True)
class Cuts:
    """What `segments.chunks` tells of a file."""

    header_bytes: int
    """Bytes of its init segment."""
    fingerprint: bytes
    """Of its video and sound: equal where one decoder's set-up serves for both files."""
    starts: tuple[tuple[int, UtcNs], ...]
    """Of each chunk: where it begins in the file, and its start."""

    def chunks(self, size: int, end_ns: UtcNs) -> tuple[Chunk, ...]:
        """The chunks of the file's first `size` bytes, whose media ends at `end_ns`; none in its init segment alone."""
        starts = [start for start in self.starts if start[0] < size]
        ends = [*starts[1:], (size, end_ns)][: len(starts)]
        return tuple(
            Chunk(offset, until - offset, start_ns, max(start_ns, end))
            for (offset, start_ns), (until, end) in zip(starts, ends, strict=True)
        )

    def pack(self) -> bytes:
        """As the catalog keeps it."""
        numbers = [self.header_bytes, len(self.starts)]
        before, before_ns = self.header_bytes, 0
        for offset, start_ns in self.starts:
            numbers += (offset - before, start_ns - before_ns)
            before, before_ns = offset, start_ns
        return bytes([_VERSION]) + self.fingerprint + b"".join(map(_varint, numbers))

    @classmethod
    def unpack(cls, data: bytes) -> Cuts:
        """The way back.

        Raises:
            ChunksError: it is none of ours.
        """
        if len(data) < 1 + FINGERPRINT_BYTES or data[0] != _VERSION:
            raise ChunksError("the catalog's chunks of a Segment are of another make")
        numbers = _numbers(data[1 + FINGERPRINT_BYTES :])
        try:
            header_bytes, count = next(numbers), next(numbers)
            starts, offset, start_ns = [], header_bytes, 0
            for _ in range(count):
                offset += next(numbers)
                start_ns += next(numbers)
                starts.append((offset, start_ns))
        except StopIteration:
            raise ChunksError("the catalog's chunks of a Segment are cut off") from None
        return cls(header_bytes, data[1 : 1 + FINGERPRINT_BYTES], tuple(starts))


class Chunker:
    """Finds the chunks of a file whose fragments it is told of, in order."""

    def __init__(self, header_bytes: int, fingerprint: bytes) -> None:
        self._header_bytes = header_bytes
        self._fingerprint = fingerprint
        self._position = header_bytes
        self._starts: list[tuple[int, UtcNs]] = []
        self._next_ns: UtcNs = 0

    def keyframe(self, utc_ns: UtcNs) -> None:
        """The next fragment is one of video that begins with a keyframe captured at `utc_ns`."""
        if not self._starts:
            self._starts.append((self._header_bytes, utc_ns))
        elif utc_ns >= self._next_ns:
            self._starts.append((self._position, utc_ns))
        else:
            return
        self._next_ns = utc_ns + CHUNK_NS

    def fragment(self, size: int) -> None:
        """The next fragment has `size` bytes."""
        self._position += size

    def cuts(self) -> Cuts:
        """What was found so far. From any thread."""
        return Cuts(self._header_bytes, self._fingerprint, tuple(self._starts))


def chunker(init_segment: bytes) -> Chunker:
    """A Chunker for the file that begins so."""
    header = read_header(lambda offset, size: init_segment[offset : offset + size], len(init_segment))
    return Chunker(header.size, fingerprint(header))


def fingerprint(header: FileHeader) -> bytes:
    """Of the video and sound that an init segment names; when the file was made does not matter."""
    digest = hashlib.sha256()
    for track in header.tracks.values():
        if track.handler not in {"vide", "soun"}:
            continue
        digest.update(f"{track.number} {track.handler} {track.timescale} {track.width} {track.height} ".encode())
        digest.update(track.sample_entry)
    return digest.digest()[:FINGERPRINT_BYTES]


@dataclass(frozen=True, slots=True)
class Found:
    """What a scan found in a file."""

    cuts: Cuts
    size: int
    """Where the last whole fragment ends."""
    end_ns: UtcNs
    """To when its video reaches; 0 without any."""
    tracks: tuple[TrackContent, ...]


def find_chunks(read_at: ReadAt, size: int) -> Found:
    """Look for the chunks in a file of `size` bytes, up to its last whole fragment.

    Raises:
        Mp4Error: it has no whole init segment.
    """
    header = read_header(read_at, size)
    finder = Chunker(header.size, fingerprint(header))
    video, whole, end_ns = header.video, header.size, 0
    counts = dict.fromkeys(header.tracks, 0)
    for fragment in fragments(read_at, header, header.size, size):
        if fragment.track is video:
            if fragment.begins_with_keyframe:
                finder.keyframe(fragment.utc_ns)
            end_ns = max(end_ns, fragment.utc_ns + fragment.duration * NS // video.timescale)
        finder.fragment(fragment.end - fragment.offset)
        counts[fragment.track.number] += fragment.count
        whole = fragment.end
    tracks = tuple(content(t.handler, t.entry, t.number, counts[t.number]) for t in header.tracks.values())
    return Found(finder.cuts(), whole, end_ns, tracks)


def content(handler: str, entry: str, number: int, samples: int) -> TrackContent:
    """What the catalog says of a file's track `number` with so many samples."""
    kind = _KINDS.get(handler, TrackKind.METADATA)
    return TrackContent(number - 1, kind, _CODECS.get(entry, Codec.UNSUPPORTED).value, samples)


def _varint(value: int) -> bytes:
    """LEB128 of the zigzag of `value`: small numbers of either sign take few bytes."""
    value = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _numbers(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value >> 1 if value & 1 == 0 else -(value + 1 >> 1)
            value = shift = 0
