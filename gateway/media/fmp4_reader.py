"""How much of a file is whole: what a crash or a power cut left of one that `gateway.media.fmp4` wrote.

It may be torn anywhere, and what lies there may be anything. A fragment counts when `gateway.media.fmp4_samples` finds
it sound; here is what they add up to.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.media.fmp4_samples import Fragment, ReadAt, fragments, read_header
from gateway.media.model import NS, UtcNs


@dataclass(slots=True)
class ScannedTrack:
    """What the whole fragments hold of one track. Times in ticks of `timescale` from the file's origin."""

    number: int
    """`track_ID`: the Track's id plus one."""
    handler: str
    """`vide`, `soun` or `meta`."""
    entry: str
    """The sample entry: `avc1`, `hvc1`, `mp4a`, `ulaw`, `alaw`, `mett`."""
    timescale: int
    samples: int = 0
    keyframes: int = 0
    end: int = 0
    """Decode time at which the last sample ends."""
    start_utc_ns: UtcNs | None = None
    """When the first sample was captured."""
    end_utc_ns: UtcNs | None = None
    """When the last sample ends: the last fragment's UTC and its duration."""


@dataclass(slots=True)
class Scan:
    """What a file holds up to its last whole fragment."""

    tracks: dict[int, ScannedTrack]
    header_bytes: int
    """Where the init segment ends."""
    whole_bytes: int
    """Where the last whole fragment ends: cut here, the file plays. Equal to `header_bytes` when there is none."""
    fragments: int = 0

    @property
    def video(self) -> ScannedTrack | None:
        """The first video track, if there is one."""
        return next((track for track in self.tracks.values() if track.handler == "vide"), None)


def scan(read_at: ReadAt, size: int) -> Scan:
    """Walk the file of `size` bytes from its start until something is not as it should be.

    Raises:
        Mp4Error: it does not begin with a whole `ftyp` and `moov` that name at least one track.
    """
    header = read_header(read_at, size)
    tracks = {n: ScannedTrack(n, track.handler, track.entry, track.timescale) for n, track in header.tracks.items()}
    result = Scan(tracks, header.size, header.size)
    for fragment in fragments(read_at, header, header.size, size):
        result.fragments += 1
        result.whole_bytes = fragment.end
        _count(tracks[fragment.track.number], fragment)
    return result


def _count(track: ScannedTrack, fragment: Fragment) -> None:
    duration = fragment.duration
    if track.start_utc_ns is None:
        track.start_utc_ns = fragment.utc_ns
    track.end_utc_ns = fragment.utc_ns + duration * NS // track.timescale
    track.samples += fragment.count
    track.keyframes += fragment.keyframes
    track.end = fragment.decode_time + duration
