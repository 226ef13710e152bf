"""The sound of a chunk: whole frames that begin within it, chunk after chunk without a hole or an overlap.

AAC is taken as it is stored, G.711 becomes samples to encode, and where there is nothing to hear there is silence:
a player whose sound ends stops showing pictures, too. Frames lie where their UTC says, on a grid of whole frames since
1970 where nothing else says so; so each chunk is made without looking at any other player's position, and still fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.media.audio import SAMPLE_RATES, lc_config, parse_audio_config, silent_frame
from gateway.media.bits import BitstreamError
from gateway.media.fmp4 import sample_entry
from gateway.media.fmp4_playback import SOUND_TRACK, place, spans, stretched, ticks
from gateway.media.fmp4_samples import Fragment, TrackHeader
from gateway.media.model import AudioParameters, Codec, Track, TrackKind, UtcNs
from gateway.media.sample_entries import audio_config
from gateway.recording.playback.aac import FRAME

G711 = {"ulaw": Codec.PCMU, "alaw": Codec.PCMA}
SILENT_RATE = 8000
"""Samples a second of the silence of a file without sound."""
LEAD_FRAMES, TAIL_FRAMES = 4, 2
"""What the encoder is given beside what is wanted of it."""

Samples = npt.NDArray[np.int16]


class Range(NamedTuple):
    """Bytes of a file."""

    path: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where the bytes after it begin."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class Heard:
    """A fragment of sound, and its payload where that is needed at once: G.711."""

    path: str
    fragment: Fragment
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Frames:
    """Sound that is ready: from `start` in ticks since 1970, each frame with its duration in ticks."""

    start: int
    frames: Sequence[tuple[int, bytes | Range]]


@dataclass(frozen=True, slots=True)
class Uncoded:
    """Samples to encode as `count` frames from `start` on, in ticks since 1970; they begin `LEAD_FRAMES` before."""

    start: int
    count: int
    pcm: bytes
    """Interleaved, 16 bits."""
    sample_rate: int
    channels: int

    def coded(self, frames: Sequence[bytes]) -> Frames:
        """With what the encoder made of it."""
        return Frames(self.start, [(FRAME, frame) for frame in frames])

    def silent(self) -> Frames:
        """When it cannot be encoded."""
        return Frames(self.start, [(FRAME, silent_frame(self.channels) or b"")] * self.count)


def shown(header: TrackHeader | None) -> TrackHeader:
    """The sound track that a player gets for that of a file, or for a file without any."""
    if header is not None and header.entry == "mp4a":
        return TrackHeader(SOUND_TRACK, "soun", "mp4a", header.timescale, header.sample_entry, 0, 0)
    rate, channels = _g711(header) or (SILENT_RATE, 1)
    parameters = AudioParameters(rate, channels, lc_config(rate, channels))
    made = Track(SOUND_TRACK - 1, TrackKind.AUDIO, Codec.AAC, rate, parameters)
    return TrackHeader(SOUND_TRACK, "soun", "mp4a", rate, sample_entry(made), 0, 0)


def sound(header: TrackHeader | None, heard: Sequence[Heard], start_ns: UtcNs, end_ns: UtcNs) -> Frames | Uncoded:
    """The sound of [start_ns, end_ns) of a file with the track `header`.

    `heard`: its fragments in order of time, from before to beyond the interval, also of the files beside it.
    """
    if header is not None and header.entry == "mp4a":
        return _stored(header, heard, start_ns, end_ns)
    known = _g711(header)
    if header is None or known is None:
        first, last = (_grid(ticks(ns, SILENT_RATE), FRAME) for ns in (start_ns, end_ns))
        return Frames(first, _silence(last - first, FRAME, 1))
    return _samples(header, *known, heard, start_ns, end_ns)


def _g711(header: TrackHeader | None) -> tuple[int, int] | None:
    """Sampling rate and channels of sound that can be encoded; None when it cannot."""
    if header is None or header.entry not in G711 or header.timescale not in SAMPLE_RATES:
        return None
    channels = int.from_bytes(header.sample_entry[24:26], "big")  # ISO/IEC 14496-12 12.2.3
    return (header.timescale, channels) if channels in {1, 2} else None


# ---- AAC as it is stored


class _Line:
    """Frames that follow each other from `position` on, in ticks since 1970."""

    def __init__(self, position: int, frame: int, channels: int) -> None:
        self.position = position
        """Where the next frame begins."""
        self.start: int | None = None
        """Where the first one does."""
        self.frames: list[tuple[int, bytes | Range]] = []
        self._frame = frame
        self._channels = channels

    def reach(self, at: int) -> None:
        """Let the next frame begin at `at`: with silence before it, or, for less than half a frame, by a last frame of
        another length.
        """
        missing = at - self.position
        silence = _silence(missing, self._frame, self._channels) if missing > self._frame // 2 else []
        if silence and self.start is None:
            self.start = self.position
        if self.frames and not silence:
            duration, data = self.frames[-1]
            self.frames[-1] = max(1, duration + missing), data
        self.frames += silence
        self.position = at

    def add(self, duration: int, data: Range) -> None:
        """The next frame."""
        if self.start is None:
            self.start = self.position
        self.frames.append((duration, data))
        self.position += duration


def _stored(header: TrackHeader, heard: Sequence[Heard], start_ns: UtcNs, end_ns: UtcNs) -> Frames:
    channels, frame = _frame_of(header)
    start, end = ticks(start_ns, header.timescale), ticks(end_ns, header.timescale)
    paths = [one.path for one in heard for _ in range(one.fragment.count)]
    line = _Line(_grid(start, frame), frame, channels)
    after: int | None = None
    for path, sample in zip(paths, place([one.fragment for one in heard], None), strict=True):
        duration = min(sample.duration, frame * 3 // 2)  # one before a hole says that it lasts until the next
        if sample.at >= end:
            after = sample.at
            break
        if sample.at >= start:
            line.reach(sample.at)
            line.add(duration, Range(path, sample.offset, sample.size))
        elif sample.at + duration >= start:
            line.position = sample.at + duration
    if after is not None and after - line.position <= frame // 2:
        line.reach(after)
    elif line.position < end:
        line.reach(_grid(end, frame) if after is None else min(after, _grid(end, frame)))
    return Frames(line.position if line.start is None else line.start, line.frames)


def _frame_of(header: TrackHeader) -> tuple[int, int]:
    """Channels, and how many ticks a frame lasts."""
    try:
        config = parse_audio_config(audio_config(header.sample_entry))
    except BitstreamError:
        return 0, FRAME
    return config.channels, max(1, config.frame_length * header.timescale // config.sample_rate)


def _silence(length: int, frame: int, channels: int) -> list[tuple[int, bytes | Range]]:
    """Frames of silence that last `length` ticks together; none where nobody knows what silence is."""
    data = silent_frame(channels)
    if data is None or length <= 0:
        return []
    count = max(1, round(length / frame))
    lengths = [frame] * (count - 1) + [length - frame * (count - 1)]
    return [(each, data) for each in lengths]


def _grid(at: int, frame: int) -> int:
    """The first whole frame since 1970 that begins at or after `at`."""
    return -(-at // frame) * frame


# ---- G.711


def _samples(
    header: TrackHeader, rate: int, channels: int, heard: Sequence[Heard], start_ns: UtcNs, end_ns: UtcNs
) -> Uncoded:
    first, last = (_grid(ticks(ns, rate), FRAME) for ns in (start_ns, end_ns))
    origin = first - LEAD_FRAMES * FRAME
    pcm = np.zeros((last + TAIL_FRAMES * FRAME - origin, channels), np.int16)
    reach = 0
    for at, samples in _decoded(header, channels, heard):
        begin, end = at - origin, at - origin + len(samples)
        if 0 < begin - reach <= rate // 100 and reach > 0 and begin < len(pcm) and len(samples):
            # Where two files meet, some milliseconds may be missing: a ramp does not click.
            ramp = np.linspace(0, 1, begin - reach + 2)[1:-1, None]
            pcm[reach:begin] = (1 - ramp) * pcm[reach - 1] + ramp * samples[0]
        reach = end
        if begin < len(pcm) and end > 0:
            pcm[max(0, begin) : end] = samples[max(0, -begin) : len(pcm) - begin]
    return Uncoded(first, (last - first) // FRAME, pcm.tobytes(), rate, channels)


def _decoded(header: TrackHeader, channels: int, heard: Sequence[Heard]) -> Iterator[tuple[int, Samples]]:
    """Samples that follow each other, and when the first is heard, in samples since 1970; stretched as pictures are."""
    table = _TABLES[header.entry]
    for one, span in zip(heard, spans([one.fragment for one in heard], None), strict=True):
        fragment, at, length = span
        samples = table[np.frombuffer(one.data, np.uint8)]
        samples = samples[: len(samples) // channels * channels].reshape(-1, channels)
        if abs(len(samples) - fragment.duration) > 1:  # there is a hole in it
            for sample in stretched(*span):
                begin = (sample.offset - fragment.payload) // channels
                yield sample.at, samples[begin : begin + sample.size // channels]
        elif len(samples) == length:
            yield at, samples
        else:
            places = np.linspace(0, len(samples) - 1, length)
            known = np.arange(len(samples))
            yield at, np.stack([np.interp(places, known, one) for one in samples.T], axis=1).astype(np.int16)


def _mu_law() -> Samples:
    """ITU-T G.711 table 2."""
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_law() -> Samples:
    """ITU-T G.711 table 1."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, (code & 0x0F) << 4
    magnitude = np.where(exponent == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_TABLES = {"ulaw": _mu_law(), "alaw": _a_law()}
