"""Access units to write and publish: from the real clip through PyAV, or made up."""

from __future__ import annotations

from pathlib import Path

import av

from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    MetadataParameters,
    TimeSource,
    Track,
    TrackKind,
    VideoParameters,
)

T0 = 1_700_000_000 * NS
"""When made-up media begins."""

# A 64 x 48 picture, H.264 Baseline: enough for every reader to name the track.
SPS = bytes.fromhex("6742c00ad9047a10000003001000000303c8f1226480")
PPS = bytes.fromhex("68cb83cb20")

VIDEO = Track(0, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters(SPS, (PPS,), width=64, height=48))
PCMU = Track(1, TrackKind.AUDIO, Codec.PCMU, 8000, AudioParameters())
METADATA = Track(2, TrackKind.METADATA, Codec.ONVIF_METADATA, 90000, MetadataParameters())


def unit(
    track: Track, at: float, *, key: bool = True, payload: bytes = b"", reorder: int = 0, received: float | None = None
) -> AccessUnit:
    """A made-up unit `at` seconds after T0; `reorder` ticks between decoding and presentation."""
    nals = (payload or (b"\x65" if key else b"\x41") + bytes(99),)
    pts = round(at * track.clock_rate) + 1_000_000
    utc_ns = T0 + round(at * NS)
    return AccessUnit(
        track, pts, pts - reorder, utc_ns, TimeSource.RTCP,
        utc_ns if received is None else T0 + round(received * NS), nals, key, sum(map(len, nals)),
    )  # fmt: skip


def document(at: float) -> AccessUnit:
    """A metadata document that names its time."""
    return unit(METADATA, at, payload=f'<tt:MetadataStream at="{at}"/>'.encode())


def stream(seconds: float, *, start: float = 0.0, rate: int = 30, gop: int = 30, size: int = 100) -> list[AccessUnit]:
    """Video of `rate` frames a second with a keyframe every `gop`, and two documents a second, by time."""
    video = [
        unit(
            VIDEO, start + n / rate, key=n % gop == 0, payload=bytes([0x65 if n % gop == 0 else 0x41]) + bytes(size - 1)
        )
        for n in range(round(seconds * rate))
    ]
    documents = [document(start + n / 2 + 0.01) for n in range(round(seconds * 2))]
    return sorted([*video, *documents], key=lambda u: u.utc_ns)


def parameter_sets(avcc: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """SPS and PPS of an AVCDecoderConfigurationRecord with one SPS."""
    sps_size = int.from_bytes(avcc[6:8], "big")
    position = 8 + sps_size
    pps = []
    count, position = avcc[position], position + 1
    for _ in range(count):
        size = int.from_bytes(avcc[position : position + 2], "big")
        pps.append(avcc[position + 2 : position + 2 + size])
        position += 2 + size
    return avcc[8 : 8 + sps_size], tuple(pps)


def split_nals(data: bytes) -> tuple[bytes, ...]:
    """The NAL units of a sample whose lengths take four bytes."""
    nals, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        nals.append(data[position + 4 : position + 4 + size])
        position += 4 + size
    return tuple(nals)


def clip(path: Path) -> list[AccessUnit]:
    """The video and AAC audio of an MP4 file as a camera would have sent them from T0 on, in order of decoding."""
    units = []
    with av.open(str(path)) as container:
        streams = [container.streams.video[0], container.streams.audio[0]]
        video, audio = streams
        sps, pps = parameter_sets(video.codec_context.extradata)
        tracks = {
            video.index: Track(
                0, TrackKind.VIDEO, Codec.H264, 90000,
                VideoParameters(sps, pps, width=video.width, height=video.height),
            ),
            audio.index: Track(
                1, TrackKind.AUDIO, Codec.AAC, audio.rate,
                AudioParameters(audio.rate, audio.channels, audio.codec_context.extradata),
            ),
        }  # fmt: skip
        for packet in container.demux(streams):
            if packet.size == 0:
                continue
            track = tracks[packet.stream.index]
            data = bytes(packet)
            nals = split_nals(data) if track.kind is TrackKind.VIDEO else (data,)
            utc_ns = T0 + round(packet.pts * packet.time_base * NS)
            ticks = track.clock_rate * packet.time_base
            units.append(
                AccessUnit(
                    track, round(packet.pts * ticks), round(packet.dts * ticks), utc_ns, TimeSource.RTCP, utc_ns,
                    nals, packet.is_keyframe, sum(map(len, nals)),
                )
            )  # fmt: skip
    return sorted(units, key=lambda u: u.received_ns)
