"""gateway.media.audio: G.711 and AAC from packets, and AudioSpecificConfig."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.audio import AacDepacketizer, AudioConfig, G711Depacketizer, parse_audio_config
from gateway.media.bits import BitstreamError
from gateway.media.model import NS, AudioParameters, Codec, Track, TrackKind
from gateway.media.payloads import payloads
from gateway.media.rtp import RtpPacket
from gateway.media.timeline import Timeline
from tests.rtp_samples import drain, feed, gaps, packets, units

HBR = {"mode": "AAC-hbr", "sizelength": "13", "indexlength": "3", "indexdeltalength": "3"}
AAC = Track(1, TrackKind.AUDIO, Codec.AAC, 48000, AudioParameters(48000, 1, bytes.fromhex("1188")))


def aac(format: dict[str, str] | None = None) -> AacDepacketizer:
    return AacDepacketizer(AAC, Timeline(AAC.clock_rate, AAC.id), HBR if format is None else format)


def hbr(*frames: bytes, sizes: tuple[int, ...] = ()) -> bytes:
    """An AAC-hbr payload (RFC 3640 3.3.6) by hand."""
    sizes = sizes or tuple(map(len, frames))
    return (
        (16 * len(sizes)).to_bytes(2, "big") + b"".join((s << 3).to_bytes(2, "big") for s in sizes) + b"".join(frames)
    )


# ---- G.711


def test_one_unit_a_packet() -> None:
    track = Track(0, TrackKind.AUDIO, Codec.PCMU, 8000, AudioParameters())
    stream = packets([[bytes([n]) * 160] for n in range(5)], step=160)
    del stream[2]
    items = feed(G711Depacketizer(track, Timeline(8000, 0)), stream, rate=8000)
    assert [(u.nals[0][0], u.size, u.pts - units(items)[0].pts) for u in units(items)] == [
        (0, 160, 0),
        (1, 160, 160),
        (3, 160, 480),
        (4, 160, 640),
    ]
    (gap,) = gaps(items)
    assert (gap.packets, gap.track_id) == (1, 0)


def test_a_timestamp_that_stands_still_does_not_stop_decoding_times() -> None:
    track = Track(0, TrackKind.AUDIO, Codec.PCMA, 8000, AudioParameters())
    got = units(feed(G711Depacketizer(track, Timeline(8000, 0)), packets([[b"a"]] * 3, step=0), rate=8000))
    assert [u.dts - got[0].dts for u in got] == [0, 1, 2]


# ---- AAC


def test_several_frames_in_a_packet() -> None:
    items = feed(aac(), packets([[hbr(b"one", b"second", b"3")], [hbr(b"four")]], step=3072), rate=48000)
    got = units(items)
    assert [u.nals for u in got] == [(b"one",), (b"second",), (b"3",), (b"four",)]
    assert [u.pts - got[0].pts for u in got] == [0, 1024, 2048, 3072]
    assert [u.utc_ns - got[0].utc_ns for u in got] == pytest.approx([n * 1024 * NS // 48000 for n in range(4)], abs=2)


def test_a_frame_in_fragments() -> None:
    frame = bytes(range(256)) * 10
    parts = [frame[:1000], frame[1000:2000], frame[2000:]]
    fragments = [hbr(part, sizes=(len(frame),)) for part in parts]
    assert [u.nals for u in units(feed(aac(), packets([fragments, [hbr(b"x")]]), rate=48000))] == [(frame,), (b"x",)]


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_frame_that_lacks_a_fragment_is_dropped_with_a_gap(missing: int) -> None:
    frame = bytes(3000)
    fragments = [hbr(frame[at : at + 1000], sizes=(3000,)) for at in (0, 1000, 2000)]
    stream = packets([[hbr(b"a")], fragments, [hbr(b"b")]])
    del stream[missing]
    depacketizer = aac()
    items = feed(depacketizer, stream, rate=48000)
    assert [u.nals for u in units(items)] == [(b"a",), (b"b",)]
    assert [gap.packets for gap in gaps(items)] == [1]
    assert depacketizer.dropped_units >= 1


def test_low_bit_rate_mode() -> None:
    payload = (16).to_bytes(2, "big") + bytes([3 << 2, 2 << 2]) + b"abcde"
    got = units(feed(aac({"mode": "AAC-lbr"}), packets([[payload]]), rate=48000))
    assert [u.nals for u in got] == [(b"abc",), (b"de",)]


def test_interleaving_and_optional_fields_are_unsupported() -> None:
    interleaved = (32).to_bytes(2, "big") + (3 << 3).to_bytes(2, "big") + (2 << 3 | 1).to_bytes(2, "big") + b"abcde"
    depacketizer = aac()
    assert feed(depacketizer, packets([[interleaved]]), rate=48000) == []
    assert depacketizer.unsupported == 1
    with_times = aac({**HBR, "ctsdeltalength": "16"})
    assert feed(with_times, packets([[hbr(b"a")]]), rate=48000) == []
    assert with_times.unsupported == 1


@pytest.mark.parametrize("payload", [b"\x00", b"\x00\x00abc", b"\x00\x20\x00\x08", hbr(b"a", b"b", sizes=(1, 900))])
def test_malformed_payloads_are_counted(payload: bytes) -> None:
    depacketizer = aac()
    items = feed(depacketizer, packets([[hbr(b"a")], [payload], [hbr(b"b")]]), rate=48000)
    assert [u.nals for u in units(items)] == [(b"a",), (b"b",)]
    assert depacketizer.malformed == 1
    assert len(gaps(items)) == 1


@settings(max_examples=50)
@given(st.lists(st.integers(1, 8000), min_size=1, max_size=5), st.integers(100, 1400), st.integers(0, 2**32))
def test_what_is_cut_for_sending_comes_back(sizes: list[int], limit: int, seed: int) -> None:
    chance = random.Random(seed)
    frames = [chance.randbytes(size) for size in sizes]
    sent = units(feed(aac(), packets([[hbr(frame[:8191])] for frame in frames], step=1024), rate=48000))
    again = feed(aac(), packets([payloads(unit, limit=limit) for unit in sent], step=1024), rate=48000)
    assert [u.nals[0] for u in units(again)] == frames
    assert not gaps(again)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.binary(max_size=20), st.booleans(), st.booleans()), max_size=30))
def test_any_payloads_are_survived(steps: list[tuple[bytes, bool, bool]]) -> None:
    depacketizer = aac()
    items = []
    for number, (payload, marker, lose) in enumerate(steps):
        items += feed(depacketizer, [RtpPacket(2 * number + lose, number * 1024, marker, 97, 1, payload)], rate=48000)
    depacketizer.flush()
    items += drain(depacketizer)
    assert all(u.size == len(u.nals[0]) > 0 for u in units(items))


# ---- AudioSpecificConfig


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("1490", AudioConfig(2, 12000, 2, 1024)),
        ("1188", AudioConfig(2, 48000, 1, 1024)),
        ("1408", AudioConfig(2, 16000, 1, 1024)),
        ("1414", AudioConfig(2, 16000, 2, 960)),
        ("2b920800", AudioConfig(2, 22050, 2, 1024)),
        ("1780222208", AudioConfig(2, 17476, 1, 1024)),
    ],
    ids=["bunny", "dahua", "reolink", "960 samples", "SBR", "escaped rate"],
)
def test_what_configurations_say(config: str, expected: AudioConfig) -> None:
    assert parse_audio_config(bytes.fromhex(config)) == expected


@given(st.binary(max_size=8))
def test_any_configuration_is_read_or_refused(config: bytes) -> None:
    try:
        parsed = parse_audio_config(config)
    except BitstreamError:
        return
    assert parsed.sample_rate > 0
    assert parsed.frame_length in (960, 1024)
