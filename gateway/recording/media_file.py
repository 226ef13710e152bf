"""Reads media files of others (MP4, MOV, MKV, MPEG-TS, AVI) into access units, as a camera would have sent them.

libavformat takes the container apart; pictures and sound are not decoded, and every NAL unit stays as it is. A file
may be damaged or hostile: never to be opened in the gateway's own process. What becomes of the units is `importing`'s
business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.base.errors import SightlineError
from gateway.base.rfc3339 import parse_utc
from gateway.media import h264, h265
from gateway.media.audio import lc_config, parse_audio_config
from gateway.media.bits import BitstreamError
from gateway.media.fmp4_reader import scan
from gateway.media.fmp4_samples import Mp4Error
from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    MetadataParameters,
    TimeSource,
    Track,
    TrackKind,
    UtcNs,
    VideoParameters,
)

if TYPE_CHECKING:
    from av.container import InputContainer

VIDEO_CLOCK = 90_000
CONTAINERS = {
    # Nothing that names other files or addresses.
    "format_whitelist": "mov,matroska,mpegts,avi",
    "protocol_whitelist": "file",
}
INTERLEAVED_NS = 2 * NS
"""How far apart a file may hold what belongs together."""
MAX_WAITING = 2000
"""Units that wait for such of other tracks, at most."""
SHORTFALL_SECONDS = 2.0
"""A file whose media ends so much before its own header says is damaged or was cut off."""
_VIDEO = {"h264": Codec.H264, "hevc": Codec.H265}
_AUDIO = {"aac": Codec.AAC, "pcm_mulaw": Codec.PCMU, "pcm_alaw": Codec.PCMA}


class UnreadableError(SightlineError):
    """The file cannot be read as media, or not to its end."""


@dataclass(frozen=True, slots=True)
class Description:
    """What is in a file."""

    tracks: tuple[Track, ...]
    """Those that can be recorded, the video first."""
    left_out: tuple[str, ...]
    """Those that cannot, as people call them."""
    seconds: float | None
    """How long it says it is."""
    start_ns: UtcNs | None
    """When it says it begins."""


class MediaFile:
    """One file, opened.

    Raises:
        UnreadableError: it is no media file, or one without video that can be recorded.
    """

    def __init__(self, path: Path) -> None:
        import av
        from av.error import FFmpegError

        self.path = path
        try:
            container = av.open(f"file:{path.absolute()}", options=CONTAINERS, metadata_errors="replace")
        except (FFmpegError, OSError) as error:
            raise UnreadableError(f"{path.name} cannot be read as media: {_why(error)}") from error
        self._container: InputContainer = container
        self._streams: dict[int, _Stream] = {}
        self.description = self._describe()

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def units(self, start_ns: UtcNs) -> Iterator[AccessUnit]:
        """The units in order of decoding, however the file mixes its tracks. `start_ns`: UTC of its beginning.

        Raises:
            UnreadableError: it is damaged.
        """
        waiting: list[tuple[UtcNs, int, AccessUnit]] = []
        for number, unit in enumerate(self._unordered(start_ns)):
            heappush(waiting, (unit.received_ns, number, unit))
            while unit.received_ns - waiting[0][0] > INTERLEAVED_NS or len(waiting) > MAX_WAITING:
                yield heappop(waiting)[2]
        while waiting:
            yield heappop(waiting)[2]

    def _unordered(self, start_ns: UtcNs) -> Iterator[AccessUnit]:
        from av.error import FFmpegError

        origin = Fraction(self._container.start_time or 0, 1_000_000)
        reached = Fraction(0)
        try:
            for packet in self._container.demux([stream.av for stream in self._streams.values()]):
                if packet.size == 0 or packet.stream is None:
                    continue
                if packet.is_corrupt:
                    raise UnreadableError(f"{self.path.name} is damaged {float(reached):.1f} s after its beginning")
                stream = self._streams[packet.stream.index]
                unit = stream.unit(packet, origin, start_ns)
                if unit is not None:
                    reached = max(reached, Fraction(unit.utc_ns - start_ns, NS))
                    yield unit
        except (FFmpegError, BitstreamError) as error:
            raise UnreadableError(
                f"{self.path.name} is damaged {float(reached):.1f} s after its beginning: {_why(error)}"
            ) from error
        expected = self.description.seconds
        if expected is not None and reached < expected - SHORTFALL_SECONDS:
            raise UnreadableError(
                f"{self.path.name} ends after {float(reached):.1f} s, but should have {expected:.1f} s: "
                "it is damaged, or was cut off while it was copied"
            )

    def _describe(self) -> Description:
        container, left_out = self._container, list[str]()
        tracks: list[Track] = []
        for stream in container.streams:
            made = _track(stream, len(tracks), {track.kind for track in tracks})
            if made is None:
                left_out.append(f"{stream.type} ({_codec_name(stream)})")
                continue
            tracks.append(made.track)
            self._streams[stream.index] = made
        tracks.sort(key=lambda track: list(TrackKind).index(track.kind))
        if not tracks or tracks[0].kind is not TrackKind.VIDEO:
            found = ", ".join(left_out) or "nothing"
            raise UnreadableError(
                f"{self.path.name} has no video that can be recorded (H.264 or H.265); it has {found}"
            )
        seconds = None if container.duration is None else container.duration / 1_000_000
        return Description(tuple(tracks), tuple(left_out), seconds, self._beginning())

    def _beginning(self) -> UtcNs | None:
        """What the file says: one of ours to the frame, another by the creation time in its header."""
        try:
            with self.path.open("rb") as file:

                def read_at(offset: int, size: int) -> bytes:
                    file.seek(offset)
                    return file.read(size)

                video = scan(read_at, self.path.stat().st_size).video
                if video is not None and video.start_utc_ns is not None:
                    return video.start_utc_ns
        except (Mp4Error, OSError):
            pass  # it is not one of ours
        text = self._container.metadata.get("creation_time", "")
        try:
            return parse_utc(text)
        except ValueError:
            return None


class _Stream:
    """One stream of the file, and the Track that it becomes."""

    def __init__(self, av: Any, track: Track, length_size: int) -> None:
        self.av = av
        self.track = track
        self._length_size = length_size
        self._last_dts: int | None = None

    def unit(self, packet: Any, origin: Fraction, start_ns: UtcNs) -> AccessUnit | None:
        """The unit of a packet, or None when nothing dates it."""
        data, track, base = bytes(packet), self.track, packet.time_base
        decoded = packet.dts if packet.dts is not None else packet.pts
        if decoded is None:
            return None
        shown = packet.pts if packet.pts is not None else decoded
        dts, pts = (round((time * base - origin) * track.clock_rate) for time in (decoded, shown))
        # Matroska does not say when pictures are decoded; libavformat works it out, but for the first few.
        if self._last_dts is not None and (packet.dts is None or dts <= self._last_dts):
            dts = self._last_dts + 1
        self._last_dts = dts
        utc_ns = start_ns + round((shown * base - origin) * NS)
        key = True
        if track.kind is TrackKind.VIDEO:
            nals = split_nals(data, self._length_size)
            key = packet.is_keyframe
            if key:
                self._renew(nals)
        else:
            nals = (_without_adts(data) if track.codec is Codec.AAC else data,)
        if not nals:
            return None
        decoded_ns = start_ns + dts * NS // track.clock_rate
        return AccessUnit(
            self.track, max(pts, dts), dts, utc_ns, TimeSource.DOCUMENT, decoded_ns, nals, key, sum(map(len, nals))
        )

    def _renew(self, nals: tuple[bytes, ...]) -> None:
        """Take parameter sets that stand in the stream itself."""
        codec = h264 if self.track.codec is Codec.H264 else h265
        before = self.track.parameters
        assert isinstance(before, VideoParameters)
        parameters = codec.video_parameters(nals, before)
        if parameters != before:
            self.track = replace(self.track, parameters=parameters)


def split_nals(data: bytes, length_size: int) -> tuple[bytes, ...]:
    """The NAL units of a sample whose lengths take so many bytes (ISO/IEC 14496-15); 0: Annex B.

    Raises:
        BitstreamError: a length does not fit.
    """
    if length_size == 0:
        return tuple(h264.split_annex_b(data))
    nals, position = [], 0
    while position + length_size <= len(data):
        size = int.from_bytes(data[position : position + length_size], "big")
        position += length_size
        if position + size > len(data):
            raise BitstreamError("a NAL unit reaches beyond its sample")
        if size:
            nals.append(data[position : position + size])
        position += size
    return tuple(nals)


def parameter_sets(extradata: bytes, codec: Codec) -> tuple[int, tuple[bytes, ...]]:
    """Of a stream's set-up: how many bytes a NAL unit's length takes (0: Annex B), and the parameter sets in it.

    Raises:
        BitstreamError: it cannot be read.
    """
    if not extradata or extradata[0] != 1:
        return 0, tuple(h264.split_annex_b(extradata))
    try:
        if codec is Codec.H264:  # AVCDecoderConfigurationRecord (5.3.3.1)
            nals, position = _sized(extradata, 6, extradata[5] & 0x1F)
            more, _ = _sized(extradata, position + 1, extradata[position])
            return (extradata[4] & 3) + 1, (*nals, *more)
        nals, position = [], 23  # HEVCDecoderConfigurationRecord (8.3.3.1)
        for _ in range(extradata[22]):
            some, position = _sized(
                extradata, position + 3, int.from_bytes(extradata[position + 1 : position + 3], "big")
            )
            nals += some
        return (extradata[21] & 3) + 1, tuple(nals)
    except IndexError:
        raise BitstreamError("the video's set-up is cut off") from None


def _sized(data: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    nals = []
    for _ in range(count):
        size = int.from_bytes(data[position : position + 2], "big")
        nals.append(data[position + 2 : position + 2 + size])
        position += 2 + size
    return nals, position


def _track(stream: Any, number: int, kinds: set[TrackKind]) -> _Stream | None:
    """What becomes of a stream; None for a second one of its kind, and for what cannot be recorded."""
    codec, extradata = _codec_name(stream), _extradata(stream)
    if stream.type == "video" and codec in _VIDEO and TrackKind.VIDEO not in kinds:
        length_size, nals = parameter_sets(extradata, _VIDEO[codec])
        of = h264 if codec == "h264" else h265
        parameters = of.video_parameters(nals)
        track = Track(number, TrackKind.VIDEO, _VIDEO[codec], VIDEO_CLOCK, parameters)
        return _Stream(stream, track, length_size)
    if stream.type == "audio" and codec in _AUDIO and TrackKind.AUDIO not in kinds:
        context = stream.codec_context
        rate, channels = context.sample_rate, context.channels
        config = b""
        if codec == "aac":
            try:
                config = extradata or lc_config(rate, channels)
                parse_audio_config(config)
            except (BitstreamError, ValueError):
                return None
        return _Stream(
            stream, Track(number, TrackKind.AUDIO, _AUDIO[codec], rate, AudioParameters(rate, channels, config)), 0
        )
    if stream.type == "data" and TrackKind.METADATA not in kinds and _is_ours(stream):
        track = Track(number, TrackKind.METADATA, Codec.ONVIF_METADATA, VIDEO_CLOCK, MetadataParameters())
        return _Stream(stream, track, 0)
    return None


def _is_ours(stream: Any) -> bool:
    """Whether a data stream is the timed metadata of our own files: ONVIF documents."""
    return bool(stream.metadata.get("handler_name", "") == "ONVIF metadata")


def _codec_name(stream: Any) -> str:
    context = stream.codec_context
    return "unknown" if context is None else str(context.name)


def _extradata(stream: Any) -> bytes:
    context = stream.codec_context
    return b"" if context is None else bytes(context.extradata or b"")


def _without_adts(data: bytes) -> bytes:
    """A raw AAC frame: MPEG-TS has an ADTS header before each (ISO/IEC 14496-3 1.A.2.2.1)."""
    if len(data) > 9 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return data[7 if data[1] & 1 else 9 :]
    return data


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
