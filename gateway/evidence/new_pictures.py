"""A file of new pictures with the sound between them: fragmented MP4 of our own kind, coded as the pictures come.

Here belong the encoder and the file. What is drawn into the pictures is `burn_in`'s.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import av
from av.codec.context import Flags

from gateway.media.fmp4 import Fmp4Muxer, Sample
from gateway.media.fmp4_samples import Fragment, TrackHeader
from gateway.media.h264 import nal_type, split_annex_b
from gateway.media.model import NS, AudioParameters, Codec, Track, TrackKind, UtcNs, VideoParameters

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame

TICKS = 90_000
"""A second of the new pictures."""
KEYFRAME_TICKS = 2 * TICKS
FRAGMENT_TICKS = TICKS // 2
ONLY_TICKS = TICKS // 30
"""How long a picture lasts when there is no other to tell; the last one lasts as long as the one before."""
MAX_THREADS = 4
MAX_EARLY = 64
"""Fragments of sound that wait for the first picture."""
STEP_SECONDS = 0.02
"""Sound whose UTC is off by less than this follows what was before it without a hole."""
_SOUND = {"mp4a": Codec.AAC, "ulaw": Codec.PCMU, "alaw": Codec.PCMA}
_ENCODER = {
    "preset": "superfast",
    "profile": "high",
    "crf": "21",
    "bf": "0",  # in order of showing: no edit list is needed, and every program steps through them alike
    "g": "6000",  # keyframes are asked for by time
    "forced-idr": "1",
}
_SPS, _PPS = 7, 8


class NewPictures:
    """The file `path` of [from_ns, to_ns), with sound if it is said how that is coded. Use it as a context manager.

    Raises:
        OSError: the disk refused. So does every method.
    """

    def __init__(self, path: Path, sound: TrackHeader | None, from_ns: UtcNs, to_ns: UtcNs) -> None:
        self.start_ns: UtcNs = 0
        """UTC of the first picture."""
        self.pictures = 0
        self.size: tuple[int, int] | None = None
        """Width and height that all pictures have; None: the first one's."""
        self._file = path.open("wb")
        self._from_ns = from_ns
        self._to_ns = to_ns
        self._encoder: VideoCodecContext | None = None
        self._muxer: Fmp4Muxer | None = None
        self._video: Track | None = None
        self._sound = None if sound is None else sound_track(sound)
        self._waiting: deque[tuple[Fragment, bytes]] = deque()
        """Sound whose pictures are not written yet: in a file each picture comes before the sound of its time."""
        self._sound_end = 0
        self._given = -1
        """Ticks of the last picture given to the encoder."""
        self._keyframe = 0
        self._held: tuple[int, tuple[bytes, ...], bool] | None = None
        """The newest picture coded, which waits for the next one to tell how long it lasts."""
        self._duration = ONLY_TICKS
        """Of the newest picture but one, in ticks."""
        self._samples: list[Sample] = []
        self._samples_start = 0

    def __enter__(self) -> NewPictures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None and self._encoder is not None:
                self._take(self._encoder, None)
                self._end_picture(None)
                self._end_fragment()
                for fragment, payload in self._waiting:
                    self._write_sound(fragment, payload)

    def picture(self, frame: VideoFrame, utc_ns: UtcNs) -> None:
        """The next picture, in order of showing, of `size`."""
        encoder = self._encoder or self._begin(frame.width, frame.height, utc_ns)
        ticks = max(self._given + 1, self._ticks(utc_ns, TICKS))
        self._given = ticks
        frame.pts, frame.time_base = ticks, Fraction(1, TICKS)
        due = self.pictures == 0 or ticks - self._keyframe >= KEYFRAME_TICKS
        frame.pict_type = 1 if due else 0  # I, or the encoder's choice
        if due:
            self._keyframe = ticks
        self.pictures += 1
        self._take(encoder, frame)

    def sound(self, fragment: Fragment, payload: bytes) -> None:
        """Sound as it is stored, of which is taken what lies in the interval, and not before the first picture."""
        if self._sound is not None:
            self._waiting.append((fragment, payload))
            if self._encoder is None and len(self._waiting) > MAX_EARLY:
                self._waiting.popleft()

    # ---- inside

    def _begin(self, width: int, height: int, utc_ns: UtcNs) -> VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, TICKS), Fraction(30)
        context.thread_count = min(MAX_THREADS, os.cpu_count() or 1)
        context.flags |= Flags.global_header
        context.options = _ENCODER
        context.open()
        nals = split_annex_b(bytes(context.extradata or b""))
        sps = next(nal for nal in nals if nal_type(nal) == _SPS)
        pps = tuple(nal for nal in nals if nal_type(nal) == _PPS)
        parameters = VideoParameters(sps, pps, width=width, height=height)
        self._video = Track(0, TrackKind.VIDEO, Codec.H264, TICKS, parameters)
        tracks = [self._video] if self._sound is None else [self._video, self._sound]
        self._encoder, self.start_ns, self.size = context, utc_ns, (width, height)
        self._muxer = Fmp4Muxer(tracks, utc_ns)
        self._file.write(self._muxer.init_segment())
        return context

    def _ticks(self, utc_ns: UtcNs, rate: int) -> int:
        return ((utc_ns - self.start_ns) * rate + NS // 2) // NS

    def _take(self, encoder: VideoCodecContext, frame: VideoFrame | None) -> None:
        """What the encoder makes of a picture, or has held back."""
        for packet in encoder.encode(frame):
            nals = tuple(split_annex_b(bytes(packet)))
            assert packet.pts is not None
            self._end_picture(packet.pts)
            if packet.is_keyframe or packet.pts - self._samples_start >= FRAGMENT_TICKS:
                self._end_fragment()
                self._samples_start = packet.pts
            self._held = packet.pts, nals, packet.is_keyframe

    def _end_picture(self, next_ticks: int | None) -> None:
        """The held picture lasts until the next one."""
        if self._held is not None:
            ticks, nals, is_keyframe = self._held
            if next_ticks is not None:
                self._duration = next_ticks - ticks
            self._samples.append((nals, self._duration, 0, is_keyframe))
            self._held = None

    def _end_fragment(self) -> None:
        if self._samples:
            assert self._video is not None
            utc_ns = self.start_ns + self._samples_start * NS // TICKS
            self._write(self._video, self._samples_start, utc_ns, self._samples)
            end = self._samples_start + sum(duration for _, duration, _, _ in self._samples)
            self._samples = []
            while self._waiting and self._waiting[0][0].utc_ns < self.start_ns + end * NS // TICKS:
                self._write_sound(*self._waiting.popleft())

    def _write_sound(self, fragment: Fragment, payload: bytes) -> None:
        """What of a fragment lies in the interval, and not before the first picture."""
        assert self._sound is not None
        rate = fragment.track.timescale
        samples: list[Sample] = []
        first_ns = position = passed = 0
        for sample in fragment.samples:
            utc_ns = fragment.utc_ns + passed * NS // rate
            if max(self._from_ns, self.start_ns) <= utc_ns < self._to_ns:
                first_ns = first_ns or utc_ns
                samples.append(((payload[position : position + sample.size],), sample.duration, 0, True))
            position += sample.size
            passed += sample.duration
        if samples:
            start = self._ticks(first_ns, rate)
            if abs(start - self._sound_end) < STEP_SECONDS * rate or start < self._sound_end:
                start = self._sound_end
            self._write(self._sound, start, first_ns, samples)
            self._sound_end = start + sum(duration for _, duration, _, _ in samples)

    def _write(self, track: Track, decode_time: int, utc_ns: UtcNs, samples: Sequence[Sample]) -> None:
        assert self._muxer is not None
        buffers: list[bytes] = []
        self._muxer.write(track, decode_time, utc_ns, samples, buffers)
        self._file.writelines(buffers)


def sound_track(header: TrackHeader) -> Track:
    """The Track of which `gateway.media.fmp4` made this header."""
    channels, _, _, rate = struct.unpack_from(">HHII", header.sample_entry, 24)
    config = _audio_config(header.sample_entry) if header.entry == "mp4a" else b""
    parameters = AudioParameters((rate >> 16) or header.timescale, channels, config)
    return Track(1, TrackKind.AUDIO, _SOUND[header.entry], header.timescale, parameters)


def _audio_config(sample_entry: bytes) -> bytes:
    """The AudioSpecificConfig in an `mp4a` box: in its `esds`, three descriptors deep (ISO/IEC 14496-1 7.2.6.5)."""
    position = sample_entry.index(b"esds") + 8
    for tag, skip in ((0x03, 3), (0x04, 13), (0x05, 0)):
        assert sample_entry[position] == tag
        size = 0
        while True:
            position += 1
            size = size << 7 | sample_entry[position] & 0x7F
            if sample_entry[position] < 0x80:
                break
        position += 1 + skip
    return sample_entry[position : position + size]
