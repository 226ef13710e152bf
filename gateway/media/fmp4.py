"""Writes fragmented MP4 (ISO/IEC 14496-12, -14, -15): an init segment, then fragments that are only ever appended.

Here belong boxes and nothing else: what goes into a fragment, and when one ends, is the recorder's business. The way
back is `gateway.media.fmp4_reader`. Each fragment is one track's `prft`, `moof` and `mdat`, so that a playlist can
address one track alone and a file cut anywhere loses at most its last fragment. Nothing is ever patched.

NAL units are written as the camera sent them, in-band parameter sets and SEI included: a camera's signature over them
still verifies, and a decoder that meets a parameter set twice does not mind.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeAlias

from gateway.media import h264, h265, mp4_boxes
from gateway.media.bits import BitstreamError
from gateway.media.model import (
    NS,
    AudioParameters,
    Codec,
    MetadataParameters,
    Track,
    TrackKind,
    UtcNs,
    VideoParameters,
)
from gateway.media.mp4_boxes import box, full_box, movie_header, mp4_time

NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900-01-01 (NTP, `prft`) to 1970-01-01."""

METADATA_MIME = "application/vnd.onvif.metadata"
"""What the timed-metadata track holds: one ONVIF MetadataStream document per sample, decompressed."""

PRFT_CAPTURED = 24
"""`prft` flags: the time is that of the frame's capture (ISO/IEC 14496-12:2020 8.16.5)."""

SYNC_SAMPLE = 0x0200_0000
NON_SYNC_SAMPLE = 0x0101_0000

_RECORDABLE = {Codec.H264, Codec.H265, Codec.AAC, Codec.PCMU, Codec.PCMA, Codec.ONVIF_METADATA}
_HANDLERS = {TrackKind.VIDEO: "vide", TrackKind.AUDIO: "soun", TrackKind.METADATA: "meta"}
NO_SAMPLES = (
    full_box(b"stts", 0, 0, bytes(4)),
    full_box(b"stsc", 0, 0, bytes(4)),
    full_box(b"stsz", 0, 0, bytes(8)),
    full_box(b"stco", 0, 0, bytes(4)),
)
"""The tables of a track whose samples are all in fragments."""

# (profile_idc) of those H.264 profiles whose SPS and avcC tell chroma format and bit depths.
_H264_CHROMA_PROFILES = {100, 110, 122, 144, 44, 244, 83, 86, 118, 128, 138, 139, 134, 135}

_length = struct.Struct(">I").pack
"""What precedes each NAL unit (ISO/IEC 14496-15 4.3.3: lengthSizeMinusOne is 3)."""


Sample: TypeAlias = tuple[Sequence[bytes], int, int, bool]
"""(its parts: NAL units without start codes, or the bytes as they are stored; duration; composition offset; whether it
is a sync sample). Times in ticks. Only video has the last two."""


def recordable(track: Track) -> bool:
    """Whether `track` can be put into a file now: its codec has a sample entry and its parameters are known."""
    if track.codec not in _RECORDABLE:
        return False
    parameters = track.parameters
    if isinstance(parameters, VideoParameters):
        return parameters.complete and (track.codec is not Codec.H265 or bool(parameters.vps))
    return track.codec is not Codec.AAC or (isinstance(parameters, AudioParameters) and len(parameters.config) >= 2)


class Fmp4Muxer:
    """Makes the bytes of one file. `tracks` must all be `recordable`; samples name them by `Track.id`."""

    def __init__(self, tracks: Sequence[Track], created_ns: UtcNs) -> None:
        self.tracks = tuple(tracks)
        self._created_ns = created_ns
        self._sequence = 0

    def init_segment(self) -> bytes:
        """`ftyp` and `moov`.

        Raises:
            BitstreamError: the parameter sets of a video track cannot be read.
        """
        created = mp4_time(self._created_ns)
        next_id = max((track.id for track in self.tracks), default=0) + 2
        traks = b"".join(_trak(track, created) for track in self.tracks)
        trexs = b"".join(full_box(b"trex", 0, 0, struct.pack(">5I", t.id + 1, 1, 0, 0, 0)) for t in self.tracks)
        ftyp = box(b"ftyp", b"iso6", struct.pack(">I", 1), b"iso6", b"mp41")
        return ftyp + box(b"moov", movie_header(created, next_id), traks, box(b"mvex", trexs))

    def write(self, track: Track, decode_time: int, utc_ns: UtcNs, samples: Sequence[Sample], into: list[bytes]) -> int:
        """Append the buffers of a fragment of `samples`, one at least, to `into`; returns their bytes.

        Nothing of them is copied. `decode_time` is that of the first sample in ticks from the file's origin; `utc_ns`
        is when the first sample was captured, which `prft` ties to its presentation time.
        """
        self._sequence += 1
        is_video = track.kind is TrackKind.VIDEO
        buffers, numbers, payload = _lay_out(samples) if is_video else _lay_out_plain(samples)
        count, track_id = len(samples), track.id + 1
        # Sizes are fixed, so the whole moof is one pack: boxes built one by one would cost more than the rest.
        trun_size = 20 + 4 * len(numbers)
        trun_flags = 0xF01 if is_video else 0x301
        traf_size = 8 + 20 + 20 + trun_size
        moof_size = 8 + 16 + traf_size
        into.append(
            struct.pack(
                f">I4sIIQQI4sI4sIII4sI4sIIII4sIQI4sIII{len(numbers)}II4s",
                32, b"prft", 1 << 24 | PRFT_CAPTURED, track_id, ntp_from_utc_ns(utc_ns),
                decode_time + (samples[0][2] if is_video else 0),
                moof_size, b"moof", 16, b"mfhd", 0, self._sequence, traf_size, b"traf",
                20, b"tfhd", 0x020020, track_id, SYNC_SAMPLE,
                20, b"tfdt", 1 << 24, decode_time,
                trun_size, b"trun", 1 << 24 | trun_flags, count, moof_size + 8, *numbers,
                8 + payload, b"mdat",
            )
        )  # fmt: skip
        into += buffers
        return 32 + moof_size + 8 + payload


def _lay_out(samples: Sequence[Sample]) -> tuple[list[bytes], list[int], int]:
    """Of video: the buffers of `mdat`, what `trun` says of each sample, and the buffers' bytes."""
    buffers: list[bytes] = []
    numbers: list[int] = []
    payload = 0
    for parts, duration, composition_offset, is_sync in samples:
        size = 0
        for part in parts:
            length = len(part)
            size += length + 4
            buffers += (_length(length), part)
        flags = SYNC_SAMPLE if is_sync else NON_SYNC_SAMPLE
        numbers += (duration, size, flags, composition_offset & 0xFFFFFFFF)
        payload += size
    return buffers, numbers, payload


def _lay_out_plain(samples: Sequence[Sample]) -> tuple[list[bytes], list[int], int]:
    """The same of what is stored as it is."""
    buffers = [part for parts, _, _, _ in samples for part in parts]
    numbers = [number for parts, duration, _, _ in samples for number in (duration, sum(map(len, parts)))]
    return buffers, numbers, sum(map(len, buffers))


def ntp_from_utc_ns(utc_ns: UtcNs) -> int:
    """An NTP timestamp (RFC 5905 6): seconds since 1900 in the upper 32 bits, modulo its era of 136 years."""
    seconds, ns = divmod(utc_ns, NS)
    return ((seconds + NTP_EPOCH_S) & 0xFFFFFFFF) << 32 | ((ns << 32) + NS // 2) // NS


def utc_ns_from_ntp(ntp: int) -> UtcNs:
    """The way back, for times from 1968 to 2104."""
    seconds = ntp >> 32
    if seconds < 1 << 31:
        seconds += 1 << 32
    return (seconds - NTP_EPOCH_S) * NS + (((ntp & 0xFFFFFFFF) * NS + (1 << 31)) >> 32)


# ---- boxes


def _trak(track: Track, created: int) -> bytes:
    parameters = track.parameters
    size = (parameters.width, parameters.height) if isinstance(parameters, VideoParameters) else (0, 0)
    return mp4_boxes.whole(
        mp4_boxes.track(
            track.id + 1, _HANDLERS[track.kind], track.clock_rate, [sample_entry(track)], NO_SAMPLES,
            created=created, size=size,
        )
    )  # fmt: skip


def sample_entry(track: Track) -> bytes:
    """The sample entry of 8.5.2, whose first eight bytes are reserved and the data reference 1.

    Raises:
        BitstreamError: the parameter sets of a video track cannot be read.
    """
    head = struct.pack(">6xH", 1)
    match track.codec, track.parameters:
        case Codec.H264, VideoParameters() as video:
            return box(b"avc1", head, _visual(video), _avcc(video))
        case Codec.H265, VideoParameters() as video:
            return box(b"hvc1", head, _visual(video), _hvcc(video))
        case Codec.AAC, AudioParameters() as audio:
            return box(b"mp4a", head, _audio(audio), _esds(track.id + 1, audio.config))
        case Codec.PCMU, AudioParameters() as audio:
            return box(b"ulaw", head, _audio(audio))
        case Codec.PCMA, AudioParameters() as audio:
            return box(b"alaw", head, _audio(audio))
        case Codec.ONVIF_METADATA, MetadataParameters():
            # MetaDataSampleEntry (8.5.2): no content encoding, then the MIME type.
            return box(b"mett", head, b"\0", METADATA_MIME.encode() + b"\0")
        case _:
            raise ValueError(f"{track.codec} has no sample entry: ask recordable() first")


def _visual(video: VideoParameters) -> bytes:
    """VisualSampleEntry (12.1.3): 72 dpi, one frame per sample, 24 bits."""
    return struct.pack(">16xHHII4xH32xHh", video.width, video.height, 0x480000, 0x480000, 1, 24, -1)


def _audio(audio: AudioParameters) -> bytes:
    """AudioSampleEntry (12.2.3). A rate that does not fit its 16 bits is told by the codec's own configuration."""
    rate = audio.sample_rate if audio.sample_rate < 0x10000 else 0
    return struct.pack(">8xHHHHI", audio.channels, 16, 0, 0, rate << 16)


def _avcc(video: VideoParameters) -> bytes:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1)."""
    sps = video.sps
    if len(sps) < 4:
        raise BitstreamError("the H.264 sequence parameter set is too short")
    record = [struct.pack(">BBBBBBH", 1, sps[1], sps[2], sps[3], 0xFF, 0xE1, len(sps)), sps, bytes([len(video.pps)])]
    for pps in video.pps:
        record += (struct.pack(">H", len(pps)), pps)
    if sps[1] in _H264_CHROMA_PROFILES:
        info = h264.parse_sps(sps)
        luma, chroma = info.bit_depth_luma - 8, info.bit_depth_chroma - 8
        record.append(bytes([0xFC | info.chroma_format_idc, 0xF8 | luma, 0xF8 | chroma, 0]))
    return box(b"avcC", *record)


def _hvcc(video: VideoParameters) -> bytes:
    """HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1), from the SPS (ITU-T H.265 7.3.2.2)."""
    info = h265.parse_sps(video.sps)
    arrays = [(32, (video.vps,)), (33, (video.sps,)), (34, video.pps)]
    record = [
        struct.pack(
            ">BBI6sBHBBBBHBB",
            1, info.profile_space << 6 | info.tier << 5 | info.profile_idc, info.compatibility_flags,
            info.constraint_flags.to_bytes(6, "big"), info.level_idc,
            0xF000,  # min_spatial_segmentation_idc: none
            0xFC,  # parallelismType: unknown
            0xFC | info.chroma_format_idc, 0xF8 | info.bit_depth_luma - 8, 0xF8 | info.bit_depth_chroma - 8,
            0,  # avgFrameRate: not said
            info.temporal_layers << 3 | info.temporal_nesting << 2 | 3,  # lengthSizeMinusOne
            len(arrays),
        )
    ]  # fmt: skip
    for nal_type, nals in arrays:
        record.append(struct.pack(">BH", 0x80 | nal_type, len(nals)))
        for nal in nals:
            record += (struct.pack(">H", len(nal)), nal)
    return box(b"hvcC", *record)


def _esds(es_id: int, config: bytes) -> bytes:
    """ES_Descriptor of MPEG-4 audio (ISO/IEC 14496-1 7.2.6.5, 14496-14 5.6)."""
    specific = _descriptor(0x05, config)
    decoder = _descriptor(0x04, struct.pack(">BBBHII", 0x40, 0x15, 0, 0, 0, 0), specific)
    return full_box(b"esds", 0, 0, _descriptor(0x03, struct.pack(">HB", es_id, 0), decoder, _descriptor(0x06, b"\x02")))


def _descriptor(tag: int, *payload: bytes) -> bytes:
    body = b"".join(payload)
    length = bytes([len(body) >> 21 & 0x7F | 0x80, len(body) >> 14 & 0x7F | 0x80, len(body) >> 7 & 0x7F | 0x80])
    return bytes([tag]) + length + bytes([len(body) & 0x7F]) + body
