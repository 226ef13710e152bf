"""Makes of recorded fragments what a player gets: init segments, and media segments on the timeline of UTC.

In a file, every track keeps the spacing of its own clock; a player that shows several cameras, or an hour of many
files, needs one clock for all. So the decode times here are UTC, in ticks since 1970: each fragment begins when its
`prft` says that its first sample was captured, and is stretched to where the next one begins. Cameras' clocks run by
UTC within a ten-thousandth, so that is a tick or two, and no player sees a seam.

Here belong boxes and ticks. Which fragments a player gets, and from where their bytes are read, is decided by
`gateway.recording.playback`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.media.fmp4 import NON_SYNC_SAMPLE, SYNC_SAMPLE
from gateway.media.fmp4_samples import Fragment, TrackHeader
from gateway.media.model import NS, UtcNs
from gateway.media.mp4_boxes import box, full_box, movie_header, track, whole

VIDEO_TRACK, SOUND_TRACK = 1, 2
"""Track numbers in what a player gets, whatever they are in the file."""

_STRETCH = 5
"""A fragment is stretched by up to a fifth of its length, twice what `gateway.media.timeline` lets UTC creep by; what
lies further from the next one is a hole, or a clock that was set."""
_JITTER_NS = NS // 50
"""Short fragments may be stretched by so much in any case."""
_EMPTY_TABLES = ((b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4))
_NO_SAMPLES = tuple(full_box(kind, 0, 0, bytes(size)) for kind, size in _EMPTY_TABLES)


class Placed(NamedTuple):
    """A sample on the timeline of UTC. Times in the track's ticks since 1970."""

    at: int
    """When it is decoded."""
    duration: int
    size: int
    is_sync: bool
    composition_offset: int
    """From `at` to when it is presented."""
    offset: int
    """Where its bytes lie in its file."""


class Run(NamedTuple):
    """What a `traf` tells of samples that follow each other."""

    track: int
    """Its number."""
    start: int
    """Decode time of the first sample, in ticks since 1970."""
    samples: Sequence[tuple[int, int, bool, int]]
    """Of each: duration, size, whether it is a sync sample, composition offset."""


def init_segment(tracks: Sequence[TrackHeader]) -> bytes:
    """`ftyp` and `moov` for tracks with the numbers that they are to have."""
    traks = []
    for t in tracks:
        size = t.width, t.height
        traks.append(
            whole(track(t.number, t.handler, t.timescale, [t.sample_entry], _NO_SAMPLES, created=0, size=size))
        )
    trexs = [full_box(b"trex", 0, 0, struct.pack(">5I", t.number, 1, 0, 0, 0)) for t in tracks]
    next_track = max(t.number for t in tracks) + 1
    ftyp = box(b"ftyp", b"iso6", struct.pack(">I", 1), b"iso6", b"mp41")
    return ftyp + box(b"moov", movie_header(0, next_track), *traks, box(b"mvex", *trexs))


def media_head(sequence: int, runs: Sequence[Run]) -> bytes:
    """`styp`, `moof` and the head of an `mdat` after which the samples of each run follow, run by run."""
    sizes = [sum(sample[1] for sample in run.samples) for run in runs]
    moof_size = 8 + 16 + sum(8 + 16 + 20 + 20 + 16 * len(run.samples) for run in runs)
    mdat = struct.pack(">I4s", 8 + sum(sizes), b"mdat")
    trafs, position = [], moof_size + len(mdat)
    for run, size in zip(runs, sizes, strict=True):
        numbers: list[int] = []
        for duration, length, is_sync, offset in run.samples:
            numbers += (duration, length, SYNC_SAMPLE if is_sync else NON_SYNC_SAMPLE, offset & 0xFFFFFFFF)
        trafs.append(
            box(
                b"traf",
                full_box(b"tfhd", 0, 0x020000, struct.pack(">I", run.track)),
                full_box(b"tfdt", 1, 0, struct.pack(">Q", run.start)),
                full_box(
                    b"trun", 1, 0xF01, struct.pack(f">II{len(numbers)}I", len(run.samples), position, *numbers)
                ),
            )
        )  # fmt: skip
        position += size
    moof = box(b"moof", full_box(b"mfhd", 0, 0, struct.pack(">I", sequence & 0xFFFFFFFF)), *trafs)
    styp = box(b"styp", b"msdh", struct.pack(">I", 0), b"msdh", b"iso6")
    return styp + moof + mdat


def begin(fragment: Fragment) -> int:
    """When the first sample of `fragment` is decoded, in its track's ticks since 1970."""
    first = fragment.samples[0]
    return ticks(fragment.utc_ns, fragment.track.timescale) - first.composition_offset


def ticks(utc_ns: UtcNs, timescale: int) -> int:
    """A time in ticks since 1970, to the nearest."""
    return (utc_ns * timescale + NS // 2) // NS


def spans(fragments: Sequence[Fragment], until: int | None) -> Iterator[tuple[Fragment, int, int]]:
    """Each fragment of a track, in order of time, with when it begins and how long it lasts on the timeline of UTC.

    `until`: where the one after the last begins, if there is one. A fragment that does not reach the next one, because
    something is missing in between, lasts as long as its samples say.
    """
    begins = [begin(fragment) for fragment in fragments]
    for number, fragment in enumerate(fragments):
        after = begins[number + 1] if number + 1 < len(begins) else until
        length = fragment.duration
        if after is not None:
            span = after - begins[number]
            tolerance = max(length // _STRETCH, ticks(_JITTER_NS, fragment.track.timescale))
            if span > 0 and abs(span - length) <= tolerance:
                length = span
        yield fragment, begins[number], length


def place(fragments: Sequence[Fragment], until: int | None) -> list[Placed]:
    """The samples of a track's fragments on the timeline of UTC; arguments as of `spans`."""
    return [sample for span in spans(fragments, until) for sample in stretched(*span)]


def joined(samples: Sequence[Placed], until: int | None) -> list[Placed]:
    """The same, each lasting until the next is decoded; the last until `until`, if that is known.

    So pictures have no hole between them: where something is missing, the last one stays. What goes back in time,
    because a clock was set, is squeezed into single ticks.
    """
    result: list[Placed] = []
    at = samples[0].at if samples else 0
    for number, sample in enumerate(samples):
        after = samples[number + 1].at if number + 1 < len(samples) else until
        duration = sample.duration if after is None else max(1, after - at)
        result.append(sample._replace(at=at, duration=duration))
        at += duration
    return result


def stretched(fragment: Fragment, start: int, length: int) -> Iterator[Placed]:
    """The samples of a fragment that begins at `start` and lasts `length` ticks, as `spans` says."""
    nominal = fragment.duration
    offset, passed = fragment.payload, 0
    at = start
    for duration, size, is_sync, composition_offset in fragment.samples:
        passed += duration
        end = start + (passed if length == nominal else (passed * length + nominal // 2) // nominal)
        yield Placed(at, end - at, size, is_sync, composition_offset, offset)
        at = end
        offset += size
