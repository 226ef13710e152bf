"""Audio in RTP: G.711 (RFC 3551 4.5.14) and AAC (RFC 3640, AAC-hbr and AAC-lbr), and what an AudioSpecificConfig says.

Nothing is decoded here. Cutting frames into payloads for sending is in `payloads`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.media.bits import BitReader, BitstreamError
from gateway.media.model import AudioParameters, Track, UtcNs
from gateway.media.rtp import RtpPacket
from gateway.media.sample_rtp import SampleDepacketizer
from gateway.media.timeline import Timeline

SAMPLE_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
"""By `samplingFrequencyIndex` (ISO/IEC 14496-3 table 1.18)."""
CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 0, 8)
"""By `channelConfiguration` (table 1.19); 0: said elsewhere."""

_ESCAPE_TYPE = 31
_ESCAPE_RATE = 15
_SBR, _PARAMETRIC_STEREO = 5, 29
_WITH_FRAME_LENGTH = frozenset({1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23})

_MODES = {"AAC-HBR": (13, 3, 3), "AAC-LBR": (6, 2, 2)}
"""Bits of AU-size, AU-Index, AU-Index-delta (RFC 3640 3.3.5, 3.3.6)."""
_OTHER_FIELDS = (
    "ctsdeltalength",
    "dtsdeltalength",
    "randomaccessindication",
    "streamstateindication",
    "auxiliarydatasizelength",
)
_MAX_FRAME = 1 << 16


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """What an AudioSpecificConfig says (ISO/IEC 14496-3 1.6.2.1)."""

    object_type: int
    """2: AAC-LC. With SBR or PS said explicitly, the type below it."""
    sample_rate: int
    """Of the core coder; SBR doubles it at the output."""
    channels: int
    """0: a program config element says."""
    frame_length: int
    """Samples a frame at `sample_rate`: 1024 or 960."""


def parse_audio_config(config: bytes) -> AudioConfig:
    """Read an AudioSpecificConfig.

    Raises:
        BitstreamError: too short, or with a reserved sampling rate or channel configuration.
    """
    reader = BitReader(config)
    object_type = _object_type(reader)
    sample_rate = _sample_rate(reader)
    channel_configuration = reader.bits(4)
    if channel_configuration >= len(CHANNELS):
        raise BitstreamError(f"an AAC configuration names channel configuration {channel_configuration}")
    if object_type in {_SBR, _PARAMETRIC_STEREO}:
        _sample_rate(reader)
        object_type = _object_type(reader)
    short = object_type in _WITH_FRAME_LENGTH and reader.flag()
    return AudioConfig(object_type, sample_rate, CHANNELS[channel_configuration], 960 if short else 1024)


def lc_config(sample_rate: int, channels: int) -> bytes:
    """The AudioSpecificConfig of AAC-LC, 1024 samples a frame.

    Raises:
        ValueError: MPEG-4 has no number for this sampling rate.
    """
    return (2 << 11 | SAMPLE_RATES.index(sample_rate) << 7 | channels << 3).to_bytes(2, "big")


def silent_frame(channels: int) -> bytes | None:
    """One frame of silence for AAC-LC and what is built on it, of one or two channels; None for more.

    A raw_data_block (ISO/IEC 14496-3 4.4.2.1) of one element whose spectrum is empty (max_sfb 0), which is a
    single_channel_element, or a channel_pair_element with a common window; then the end (ID_END).
    """
    frames = {1: b"\x00\x00\x00\x07", 2: b"\x21\x00\x00\x00\x00\x1c"}
    return frames.get(channels)


def _object_type(reader: BitReader) -> int:
    object_type = reader.bits(5)
    return 32 + reader.bits(6) if object_type == _ESCAPE_TYPE else object_type


def _sample_rate(reader: BitReader) -> int:
    index = reader.bits(4)
    rate = reader.bits(24) if index == _ESCAPE_RATE else SAMPLE_RATES[index] if index < len(SAMPLE_RATES) else 0
    if not rate:
        raise BitstreamError(f"an AAC configuration names sampling rate {index}")
    return rate


class G711Depacketizer(SampleDepacketizer):
    """One unit a packet."""

    def _take(self, packet: RtpPacket, received_ns: UtcNs) -> None:
        self._deliver(packet.payload, self._stamp(packet.timestamp, received_ns), received_ns)

    def _lose(self) -> None:
        """Nothing is put together from several packets."""

    def flush(self) -> None:
        """Nothing is held back."""


class AacDepacketizer(SampleDepacketizer):
    """One unit a frame: a packet holds several frames, or a fragment of one (RFC 3640 3.2).

    `format`: the fmtp parameters of the SDP, names in lower case. Interleaving and the optional header fields are
    counted as unsupported.
    """

    def __init__(self, track: Track, timeline: Timeline, format: Mapping[str, str]) -> None:
        super().__init__(track, timeline)
        size, index, delta = _MODES.get(format.get("mode", "").upper(), _MODES["AAC-HBR"])
        self._size_bits = _number(format, "sizelength", size)
        self._index_bits = _number(format, "indexlength", index)
        self._delta_bits = _number(format, "indexdeltalength", delta)
        self._readable = self._size_bits > 0 and not any(_number(format, name, 0) for name in _OTHER_FIELDS)
        self._frame_ticks = _frame_ticks(track)
        self._fragments: list[bytes] = []
        self._fragment_timestamp = 0
        self._missing = 0
        """Bytes that the frame in fragments still lacks."""

    def flush(self) -> None:
        """The stream has ended: a frame in fragments stays incomplete."""
        self._lose()

    def _lose(self) -> None:
        if self._fragments:
            self._drop(sum(map(len, self._fragments)))
            self._fragments = []

    def _take(self, packet: RtpPacket, received_ns: UtcNs) -> None:
        if not self._readable:
            self.unsupported += 1
            return
        try:
            sizes, data = self._read_headers(packet.payload)
        except BitstreamError:
            self._lose()
            self.malformed += 1
            self._drop(len(packet.payload))
            return
        if self._fragments and packet.timestamp != self._fragment_timestamp:
            self._lose()
        if self._fragments or (len(sizes) == 1 and sizes[0] > len(data)):
            self._take_fragment(packet, sizes[0], data, received_ns)
            return
        if sum(sizes) > len(data):
            self.malformed += 1
            self._drop(len(data))
            return
        stamp = self._stamp(packet.timestamp, received_ns)
        at = 0
        for number, size in enumerate(sizes):
            self._deliver(data[at : at + size], stamp, received_ns, ticks=round(number * self._frame_ticks))
            at += size

    def _take_fragment(self, packet: RtpPacket, size: int, data: bytes, received_ns: UtcNs) -> None:
        """RFC 3640 3.2.3.3: every fragment's header holds the size of the whole frame."""
        if not self._fragments:
            if self._hole and packet.marker:
                # The last fragment of a frame whose others were lost.
                self._drop(len(data))
                return
            self._missing = min(size, _MAX_FRAME)
            self._fragment_timestamp = packet.timestamp
        self._fragments.append(data)
        self._missing -= len(data)
        if self._missing <= 0:
            frame = b"".join(self._fragments)
            self._fragments = []
            self._deliver(frame[:size], self._stamp(packet.timestamp, received_ns), received_ns)
        elif packet.marker or not data:
            self._lose()

    def _read_headers(self, payload: bytes) -> tuple[list[int], bytes]:
        """The sizes of the frames, and the frames (3.2.1)."""
        length = int.from_bytes(payload[:2], "big")
        end = 2 + (length + 7) // 8
        if length == 0 or end > len(payload):
            raise BitstreamError("an AAC payload is shorter than its headers")
        reader = BitReader(payload[2:end])
        unread = reader.left - length
        sizes: list[int] = []
        while reader.left > unread:
            size = reader.bits(self._size_bits)
            if reader.bits(self._delta_bits if sizes else self._index_bits):
                self.unsupported += 1
                raise BitstreamError("an AAC payload is interleaved")
            if not size:
                raise BitstreamError("an AAC payload holds an empty frame")
            sizes.append(size)
        return sizes, payload[end:]


def _number(format: Mapping[str, str], name: str, default: int) -> int:
    text = format.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else default


def _frame_ticks(track: Track) -> float:
    """How many ticks of the track a frame lasts."""
    parameters = track.parameters
    assert isinstance(parameters, AudioParameters)
    try:
        config = parse_audio_config(parameters.config)
    except BitstreamError:
        return 1024 * track.clock_rate / parameters.sample_rate
    return config.frame_length * track.clock_rate / config.sample_rate
