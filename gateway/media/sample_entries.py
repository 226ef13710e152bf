"""What a sample entry of a recorded file tells a player: its codec's name in MIME, and how its sound is coded.

The way back from what `gateway.media.fmp4.sample_entry` wrote; of other writers' entries only what is understood.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from gateway.media import h264, h265
from gateway.media.audio import parse_audio_config
from gateway.media.bits import BitstreamError

_VISUAL_BYTES = 86
"""Of a VisualSampleEntry before the boxes in it (ISO/IEC 14496-12 12.1.3)."""
_AUDIO_BYTES = 36
"""Of an AudioSampleEntry (12.2.3)."""
_SPS_ARRAY = 33
"""NAL unit type of the H.265 sequence parameter set."""
_ES_BYTES, _DECODER_CONFIG_BYTES = 3, 13
"""Of the two descriptors before those in them (ISO/IEC 14496-1 7.2.6.5, 7.2.6.6), as far as ours go."""


def codec_string(entry: bytes) -> str:
    """As MIME's `codecs` parameter names it (RFC 6381): `avc1.42C00A`, `hvc1.1.6.L93.B0`, `mp4a.40.2`.

    Raises:
        BitstreamError: no browser has a name for it, or it cannot be read.
    """
    kind = entry[4:8]
    try:
        if kind == b"avc1":
            record = _box(entry, _VISUAL_BYTES, b"avcC")
            (size,) = struct.unpack_from(">H", record, 6)
            return h264.parse_sps(record[8 : 8 + size]).codec_string
        if kind == b"hvc1":
            return h265.parse_sps(_sps(_box(entry, _VISUAL_BYTES, b"hvcC"))).codec_string
        if kind == b"mp4a":
            return f"mp4a.40.{parse_audio_config(audio_config(entry)).object_type}"
    except (struct.error, IndexError) as error:
        raise BitstreamError("a sample entry cannot be read") from error
    raise BitstreamError(f"no browser plays {kind.decode('latin-1')}")


def audio_config(entry: bytes) -> bytes:
    """The AudioSpecificConfig of an `mp4a` entry.

    Raises:
        BitstreamError: it has none.
    """
    try:
        es = _descriptor(_box(entry, _AUDIO_BYTES, b"esds"), 4)
        decoder = _descriptor(es, _ES_BYTES)
        return _descriptor(decoder, _DECODER_CONFIG_BYTES)
    except (struct.error, IndexError) as error:
        raise BitstreamError("an AAC sample entry has no configuration") from error


def decoder_config(entry: bytes) -> bytes:
    """What a decoder of an `avc1` or `hvc1` entry is set up with (ISO/IEC 14496-15 5.3.3.1, 8.3.3.1).

    Raises:
        BitstreamError: it has none.
    """
    wanted = {b"avc1": b"avcC", b"hvc1": b"hvcC"}.get(entry[4:8], b"")
    try:
        return _box(entry, _VISUAL_BYTES, wanted)
    except (struct.error, IndexError) as error:
        raise BitstreamError("a video sample entry has no configuration") from error


def parameter_sets(entry: bytes) -> list[bytes]:
    """The NAL units in the configuration of an `avc1` or `hvc1` entry: what a receiver is told before the pictures.

    Raises:
        BitstreamError: it has none.
    """
    record = decoder_config(entry)
    try:
        if entry[4:8] == b"hvc1":
            return [nal for _, nal in _hevc_arrays(record)]
        found, position = [], 5
        for mask in (0x1F, 0xFF):  # sequence parameter sets, then picture parameter sets
            count = record[position] & mask
            position += 1
            for _ in range(count):
                (size,) = struct.unpack_from(">H", record, position)
                found.append(record[position + 2 : position + 2 + size])
                position += 2 + size
        return found
    except (struct.error, IndexError) as error:
        raise BitstreamError("a video sample entry's configuration cannot be read") from error


def _box(entry: bytes, start: int, wanted: bytes) -> bytes:
    while start < len(entry):
        length, kind = struct.unpack_from(">I4s", entry, start)
        if kind == wanted:
            return entry[start + 8 : start + length]
        start += max(8, length)
    raise IndexError


def _sps(record: bytes) -> bytes:
    """The first SPS in an HEVCDecoderConfigurationRecord."""
    for kind, nal in _hevc_arrays(record):
        if kind == _SPS_ARRAY:
            return nal
    raise IndexError


def _hevc_arrays(record: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each NAL unit in an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1)."""
    position = 23
    for _ in range(record[22]):
        kind, count = struct.unpack_from(">BH", record, position)
        position += 3
        for _ in range(count):
            (size,) = struct.unpack_from(">H", record, position)
            yield kind & 0x3F, record[position + 2 : position + 2 + size]
            position += 2 + size


def _descriptor(data: bytes, position: int) -> bytes:
    """The payload of the descriptor that begins there (ISO/IEC 14496-1 8.3.3: seven bits of its length a byte)."""
    length = 0
    position += 1
    while True:
        byte = data[position]
        position += 1
        length = length << 7 | byte & 0x7F
        if byte < 0x80:
            return data[position : position + length]
