"""The muxer, read back by PyAV, by ffprobe and by our own reader; the reader, fed with what crashes leave."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.bits import BitstreamError
from gateway.media.fmp4 import (
    METADATA_MIME,
    Fmp4Muxer,
    ntp_from_utc_ns,
    recordable,
    utc_ns_from_ntp,
)
from gateway.media.fmp4_reader import Scan, scan
from gateway.media.fmp4_samples import Mp4Error
from gateway.media.model import NS, AccessUnit, AudioParameters, Codec, TimeSource, Track, TrackKind, VideoParameters
from tests.data import shared
from tests.media_samples import METADATA, PCMU, T0, VIDEO, clip, document, parameter_sets, split_nals, stream, unit

PCMA = Track(3, TrackKind.AUDIO, Codec.PCMA, 8000, AudioParameters())


def mux(units: Sequence[AccessUnit], *, per_fragment: int = 15) -> list[bytes]:
    """The init segment and the fragments of each track, one after the other."""
    tracks = list({u.track.id: u.track for u in units}.values())
    muxer = Fmp4Muxer(tracks, T0)
    parts = [muxer.init_segment()]
    for track in tracks:
        own = [u for u in units if u.track is track]
        durations = [after.dts - before.dts for before, after in itertools.pairwise(own)]
        durations.append(durations[-1] if durations else 1)
        for first in range(0, len(own), per_fragment):
            samples = [
                (u.nals, duration, u.pts - u.dts, u.is_keyframe)
                for u, duration in list(zip(own, durations, strict=True))[first : first + per_fragment]
            ]
            buffers: list[bytes] = []
            size = muxer.write(track, own[first].dts - own[0].dts, own[first].utc_ns, samples, buffers)
            parts.append(b"".join(buffers))
            assert len(parts[-1]) == size
    return parts


def scan_bytes(data: bytes) -> Scan:
    return scan(lambda offset, size: data[offset : offset + size], len(data))


@dataclass(frozen=True)
class Read:
    """A packet as PyAV reads it, copied: its stream does not outlive the container. Times in seconds."""

    kind: str
    codec: str
    pts: Fraction
    dts: Fraction
    duration: Fraction
    is_key: bool
    data: bytes


def packets(data: bytes) -> dict[int, list[Read]]:
    with av.open(io.BytesIO(data)) as container:
        result: dict[int, list[Read]] = {stream.index: [] for stream in container.streams}
        for p in container.demux():
            if not p.size:
                continue
            context, base = p.stream.codec_context, p.time_base
            codec = "" if context is None else context.name
            result[p.stream.index].append(
                Read(p.stream.type, codec, p.pts * base, p.dts * base, p.duration * base, p.is_keyframe, bytes(p))
            )
        return result


@pytest.fixture(scope="module")
def walk() -> list[AccessUnit]:
    return clip(shared("video/gopro-max-walk.mp4"))


def test_a_real_clip_comes_back_frame_by_frame(walk):
    video = [u for u in walk if u.track.kind is TrackKind.VIDEO]
    audio = [u for u in walk if u.track.kind is TrackKind.AUDIO]
    found = packets(b"".join(mux(walk)))
    assert [(p.pts, p.dts, p.is_key) for p in found[0]] == [
        (Fraction(u.pts - video[0].dts, 90000), Fraction(u.dts - video[0].dts, 90000), u.is_keyframe) for u in video
    ]
    assert [split_nals(p.data) for p in found[0]] == [u.nals for u in video]
    assert [(p.pts, p.data) for p in found[1]] == [(Fraction(u.pts - audio[0].dts, 48000), u.nals[0]) for u in audio]


def test_a_real_clip_is_decoded_without_complaint(walk):
    with av.open(io.BytesIO(b"".join(mux(walk)))) as container:
        container.streams.video[0].codec_context.options = {"err_detect": "explode"}
        assert sum(frame.width == 848 for frame in container.decode(video=0)) == 315


def test_ffprobe_names_every_track():
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    units = [
        *stream(2),
        *(unit(track, n * 0.02, payload=bytes([n]) * 160) for track in (PCMU, PCMA) for n in range(100)),
    ]
    command = ["ffprobe", "-v", "error", "-count_packets", "-of", "json", "-show_entries"]
    entries = "stream=codec_name,codec_tag_string,nb_read_packets,duration,width,sample_rate:format_tags"
    result = subprocess.run(
        [*command, entries, "-"], input=b"".join(mux(units)), capture_output=True, check=True, timeout=30
    )
    streams = json.loads(result.stdout)["streams"]
    assert {(s["codec_tag_string"], s["nb_read_packets"]) for s in streams} == {
        ("avc1", "60"), ("mett", "4"), ("ulaw", "100"), ("alaw", "100")
    }  # fmt: skip
    assert {s["codec_name"] for s in streams if "sample_rate" in s} == {"pcm_mulaw", "pcm_alaw"}


def test_g711_samples_keep_bytes_and_times():
    units = [unit(PCMU, n * 0.02, payload=bytes([n]) * 160) for n in range(50)]
    found = packets(b"".join(mux([*stream(1, rate=10), *units])))
    audio = next(own for own in found.values() if own[0].kind == "audio")
    assert audio[0].codec == "pcm_mulaw"
    assert b"".join(p.data for p in audio) == b"".join(u.nals[0] for u in units)
    assert audio[-1].pts + audio[-1].duration == 1


def test_metadata_documents_are_samples_of_a_timed_metadata_track():
    documents = [document(n * 0.5) for n in range(6)]
    data = b"".join(mux([unit(VIDEO, 0), unit(VIDEO, 0.1, key=False), *documents]))
    assert b"mett" in data
    assert METADATA_MIME.encode() + b"\0" in data
    own = packets(data)[1]
    assert [p.data for p in own] == [d.nals[0] for d in documents]
    assert [p.pts for p in own] == [Fraction(n, 2) for n in range(6)]


def encode(codec: str, **options: str) -> tuple[VideoParameters, Codec, bytes, list[Read]]:
    """Ten small pictures with B-frames, as FFmpeg's encoder makes them."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        made = container.add_stream(codec, rate=30, options=options)
        made.width, made.height, made.pix_fmt = 64, 48, "yuv420p"
        for value in range(10):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([25 * value]) * plane.buffer_size)
            container.mux(made.encode(frame))
        container.mux(made.encode())
    made_packets = packets(file.getvalue())[0]
    file.seek(0)
    with av.open(file) as container:
        extradata = container.streams.video[0].codec_context.extradata
    if codec == "libx264":
        sps, pps = parameter_sets(extradata)
        return VideoParameters(sps, pps, width=64, height=48), Codec.H264, extradata, made_packets
    vps, sps, pps0 = (nals[0] for nals in hvcc_arrays(extradata)[:3])
    return VideoParameters(sps, (pps0,), vps, 64, 48), Codec.H265, extradata, made_packets


def hvcc_arrays(extradata: bytes) -> list[list[bytes]]:
    arrays, position = [], 23
    for _ in range(extradata[22]):
        nals = []
        count = int.from_bytes(extradata[position + 1 : position + 3], "big")
        position += 3
        for _ in range(count):
            size = int.from_bytes(extradata[position : position + 2], "big")
            nals.append(extradata[position + 2 : position + 2 + size])
            position += 2 + size
        arrays.append(nals)
    return arrays


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libx264", {"profile": "high", "bf": "2"}), ("libx265", {"x265-params": "log-level=none:bframes=2"})],
)
def test_reordered_pictures_decode_in_order(codec, options):
    parameters, name, _, made = encode(codec, **options)
    assert any(p.pts != p.dts for p in made)
    track = Track(0, TrackKind.VIDEO, name, 90000, parameters)
    units = []
    for p in made:
        nals = split_nals(p.data)
        units.append(
            AccessUnit(
                track, round(p.pts * 90000), round(p.dts * 90000), T0, TimeSource.RTCP, T0, nals, p.is_key,
                sum(map(len, nals)),
            )
        )  # fmt: skip
    data = b"".join(mux(units, per_fragment=4))
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.video[0].codec_context.name == {"libx264": "h264", "libx265": "hevc"}[codec]
        frames = list(container.decode(video=0))
    times = [frame.pts for frame in frames]
    assert len(frames) == 10
    assert times == sorted(times)
    brightness = [bytes(frame.planes[0])[0] for frame in frames]
    assert brightness == sorted(brightness)


def test_the_decoder_configuration_is_the_encoders_own():
    for codec, box in (("libx264", b"avcC"), ("libx265", b"hvcC")):
        quiet = {"x265-params": "log-level=none:info=0"} if codec == "libx265" else {"profile": "high"}
        parameters, name, theirs, _ = encode(codec, **quiet)
        header = Fmp4Muxer([Track(0, TrackKind.VIDEO, name, 90000, parameters)], T0).init_segment()
        at = header.index(box) + 4
        # The NAL units after byte 22 may be arranged freely; everything told about them may not.
        length = len(theirs) if codec == "libx264" else 13
        assert header[at : at + length] == theirs[:length]


def test_unreadable_parameter_sets_are_refused():
    broken = VideoParameters(b"\x67\x64\x00", (b"\x68",))
    with pytest.raises(BitstreamError):
        Fmp4Muxer([Track(0, TrackKind.VIDEO, Codec.H264, 90000, broken)], T0).init_segment()


def test_what_is_recordable():
    assert recordable(VIDEO)
    assert recordable(METADATA)
    assert not recordable(Track(0, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters()))
    assert not recordable(Track(0, TrackKind.VIDEO, Codec.H265, 90000, VideoParameters(b"s", (b"p",))))
    assert not recordable(Track(1, TrackKind.AUDIO, Codec.AAC, 48000, AudioParameters()))
    assert not recordable(Track(1, TrackKind.AUDIO, Codec.UNSUPPORTED, 8000, AudioParameters()))


@given(st.integers(min_value=0, max_value=4_000_000_000 * NS))
def test_prft_keeps_utc_to_the_nanosecond(utc_ns):
    assert utc_ns_from_ntp(ntp_from_utc_ns(utc_ns)) == utc_ns


def test_the_reader_counts_and_dates_what_was_written():
    found = scan_bytes(b"".join(mux(stream(2))))
    video, documents = found.tracks[1], found.tracks[3]
    assert (video.handler, video.entry, video.samples, video.keyframes) == ("vide", "avc1", 60, 2)
    assert (video.start_utc_ns, video.end_utc_ns) == (T0, T0 + 2 * NS)
    assert (documents.handler, documents.entry, documents.samples) == ("meta", "mett", 4)
    assert found.video is video


def test_a_file_cut_anywhere_is_whole_up_to_a_fragment():
    parts = mux(stream(1))
    data = b"".join(parts)
    ends = list(itertools.accumulate(len(part) for part in parts))
    for length in range(len(data) + 1):
        if length < ends[0]:
            with pytest.raises(Mp4Error):
                scan_bytes(data[:length])
        else:
            assert scan_bytes(data[:length]).whole_bytes == max(end for end in ends if end <= length)


GOOD = b"".join(mux(stream(1)))


@settings(max_examples=100)
@given(st.binary(max_size=300), st.integers(min_value=0, max_value=len(GOOD)))
def test_garbage_after_any_cut_is_not_taken_for_media(garbage, length):
    try:
        found = scan_bytes(GOOD[:length] + garbage)
    except Mp4Error:
        return
    assert found.header_bytes <= found.whole_bytes <= length + len(garbage)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=8))
def test_flipped_bytes_raise_nothing_else(flips):
    data = bytearray(GOOD)
    for at, value in flips:
        data[at] = value
    try:
        found = scan_bytes(bytes(data))
    except Mp4Error:
        return
    assert found.whole_bytes <= len(data)
