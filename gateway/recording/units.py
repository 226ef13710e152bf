"""What is recorded, as access units again: the way back from a Segment's bytes to what the camera sent.

Here belong how units lie in a file, and in which order they come out. Which stretches of which files are wanted is
`walk`'s business. All of this reads files: call it from a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

from gateway.media import h264, h265
from gateway.media.audio import parse_audio_config
from gateway.media.bits import BitstreamError
from gateway.media.fmp4_samples import FileHeader, Fragment, ReadAt, Sample, TrackHeader, fragments
from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    MetadataParameters,
    Parameters,
    TimeSource,
    Track,
    TrackKind,
    UtcNs,
)
from gateway.media.sample_entries import audio_config, parameter_sets
from gateway.recording.clip import buffered

KINDS = {"vide": TrackKind.VIDEO, "soun": TrackKind.AUDIO, "meta": TrackKind.METADATA}
CODECS = {
    "avc1": Codec.H264,
    "hvc1": Codec.H265,
    "mp4a": Codec.AAC,
    "ulaw": Codec.PCMU,
    "alaw": Codec.PCMA,
    "mett": Codec.ONVIF_METADATA,
}
TRACK_IDS = {TrackKind.VIDEO: 0, TrackKind.AUDIO: 1, TrackKind.METADATA: 2}
"""One of each kind, whatever a file calls them: Segments of one camera need not agree."""
_LENGTH = 4
"""Bytes before each NAL unit in a file of ours."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A unit, and when it is to be decoded: what comes out of a file in this order can be decoded as it comes."""

    unit: AccessUnit
    decode_ns: UtcNs
    """UTC of the picture that was captured when this one had to be decoded."""


def recorded_tracks(header: FileHeader) -> dict[int, Track]:
    """The Tracks of a file, by their numbers in it, one of each kind; those that cannot be read are left out."""
    found: dict[int, Track] = {}
    for number, track in header.tracks.items():
        kind, codec = KINDS.get(track.handler), CODECS.get(track.entry)
        if kind is None or codec is None or any(other.kind is kind for other in found.values()):
            continue
        try:
            parameters = _parameters(track, codec)
        except BitstreamError:
            continue
        found[number] = Track(TRACK_IDS[kind], kind, codec, track.timescale, parameters, codec.value)
    return found


def read_units(
    read_at: ReadAt,
    header: FileHeader,
    start: int,
    end: int,
    tracks: Mapping[int, Track],
    *,
    wanted: Callable[[Fragment], bool] = lambda _: True,
    keyframes_only: bool = False,
) -> list[Recorded]:
    """The units of these tracks that lie between two fragments' beginnings, in the order of decoding.

    Of fragments that are not `wanted`, and of pictures other than keyframes if only these are, no bytes are read.

    Raises:
        OSError: what `read_at` raises.
    """
    if not keyframes_only:
        data = read_at(start, end - start)
        read_at = _in(data, start)
        end = start + len(data)
    found: list[Recorded] = []
    for fragment in fragments(buffered(read_at) if keyframes_only else read_at, header, start, end):
        track = tracks.get(fragment.track.number)
        if track is not None and wanted(fragment):
            found += _units(fragment, track, read_at, keyframes_only=keyframes_only)
    found.sort(key=attrgetter("decode_ns"))  # stable: what is of one moment stays in the file's order
    return found


def _units(fragment: Fragment, track: Track, read_at: ReadAt, *, keyframes_only: bool) -> Iterator[Recorded]:
    timescale, offset = fragment.track.timescale, fragment.payload
    samples = fragment.samples
    at, shift = 0, samples[0].composition_offset
    for sample in samples:
        if sample.is_sync or not keyframes_only:
            utc_ns = fragment.utc_ns + (at + sample.composition_offset - shift) * NS // timescale
            data = read_at(offset, sample.size)
            yield Recorded(_unit(track, utc_ns, sample, data), fragment.utc_ns + at * NS // timescale)
        at += sample.duration
        offset += sample.size


def _unit(track: Track, utc_ns: UtcNs, sample: Sample, data: bytes) -> AccessUnit:
    nals = tuple(_nal_units(data)) if track.kind is TrackKind.VIDEO else (data,)
    pts = utc_ns * track.clock_rate // NS
    return AccessUnit(track, pts, pts, utc_ns, TimeSource.DOCUMENT, utc_ns, nals, sample.is_sync, len(data))


def _nal_units(data: bytes) -> Iterator[bytes]:
    position = 0
    while position + _LENGTH <= len(data):
        end = position + _LENGTH + int.from_bytes(data[position : position + _LENGTH], "big")
        yield data[position + _LENGTH : end]
        position = end


def _in(data: bytes, start: int) -> ReadAt:
    """What reads from bytes that are held, which begin at `start` of their file."""
    return lambda offset, size: data[offset - start : offset - start + size]


def _parameters(track: TrackHeader, codec: Codec) -> Parameters:
    match codec:
        case Codec.H264:
            return h264.video_parameters(parameter_sets(track.sample_entry))
        case Codec.H265:
            return h265.video_parameters(parameter_sets(track.sample_entry))
        case Codec.AAC:
            config = audio_config(track.sample_entry)
            said = parse_audio_config(config)
            return AudioParameters(said.sample_rate, said.channels or 1, config)
        case Codec.ONVIF_METADATA:
            return MetadataParameters()
        case _:
            return AudioParameters(track.timescale, int.from_bytes(track.sample_entry[24:26], "big") or 1)
