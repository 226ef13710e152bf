"""What an NVR is told of a camera is what the camera sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.hub import Hub
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
from gateway.nvr.stream_facts import UNSEEN, AudioFacts, VideoFacts, stream_facts
from tests.webrtc_samples import SPS_BASELINE, SPS_HIGH, UTC, audio_track, encoded

METADATA = Track(2, TrackKind.METADATA, Codec.ONVIF_METADATA, 90_000, MetadataParameters())
H265_SPS = bytes.fromhex("420101016000000300900000030000030078a003c08010e59656924caf016a02020208000003000800000300f040")


def video(sps: bytes, codec: Codec = Codec.H264, width: int = 1280, height: int = 720) -> Track:
    return Track(0, TrackKind.VIDEO, codec, 90_000, VideoParameters(sps, (b"\x68",), width=width, height=height))


def units(track: Track, count: int, per_second: int, gop: int, size: int) -> list[AccessUnit]:
    step = track.clock_rate // per_second
    return [
        AccessUnit(track, at, at, UTC, TimeSource.RTCP, UTC + index * NS // per_second, (b"",), index % gop == 0, size)
        for index, at in ((index, index * step) for index in range(count))
    ]


def hub(tracks: Sequence[Track], *streams: Sequence[AccessUnit]) -> Hub:
    made = Hub("cam")
    made.open(tuple(tracks))
    for unit in sorted((unit for stream in streams for unit in stream), key=lambda unit: unit.received_ns):
        made.publish(unit)
    return made


def test_a_camera_that_never_sent_is_described_as_most_are() -> None:
    assert stream_facts(Hub("cam")) == UNSEEN
    assert stream_facts(hub([audio_track(Codec.PCMA)])) == UNSEEN
    assert stream_facts(hub([Track(0, TrackKind.VIDEO, Codec.UNSUPPORTED, 90_000, VideoParameters())])) == UNSEEN


@pytest.mark.parametrize(("sps", "profile"), [(SPS_BASELINE, "Baseline"), (SPS_HIGH, "High"), (b"", "Main")])
def test_the_profile_is_the_parameter_sets(sps: bytes, profile: str) -> None:
    assert stream_facts(hub([video(sps)])).video.profile == profile


@pytest.mark.parametrize(("per_second", "gop", "kbps"), [(30, 60, 1024), (25, 50, 1024), (15, 30, 512), (5, 10, 128)])
def test_rates_are_measured(per_second: int, gop: int, kbps: int) -> None:
    track = video(SPS_BASELINE)
    sent = units(track, per_second * 6, per_second, gop, 3000)
    assert stream_facts(hub([track], sent)).video == VideoFacts("H264", "Baseline", 1280, 720, per_second, kbps, gop)


def test_h265_is_told_as_such() -> None:
    track = video(H265_SPS, Codec.H265, 3840, 2160)
    found = stream_facts(hub([track], units(track, 100, 25, 25, 9000))).video
    assert (found.codec, found.profile, found.width, found.height) == ("H265", "Main", 3840, 2160)


def test_a_real_stream_is_described_as_it_is() -> None:
    sent = encoded(60, 15)
    found = stream_facts(hub([sent[0].track], sent)).video
    assert (found.codec, found.profile, found.width, found.height) == ("H264", "Baseline", 320, 240)
    assert (found.frame_rate, found.gov_length) == (30, 15)


def test_the_rate_of_a_stream_that_just_began_is_the_parameter_sets_or_a_usual_one() -> None:
    track = video(SPS_BASELINE)
    found = stream_facts(hub([track], units(track, 1, 30, 30, 3000))).video
    assert (found.frame_rate, found.kbps, found.gov_length) == (UNSEEN.video.frame_rate, UNSEEN.video.kbps, 1)


def test_two_attempts_are_not_measured_as_one() -> None:
    track = video(SPS_BASELINE)
    first = units(track, 50, 25, 25, 3000)
    second = [replace(unit, dts=unit.dts - 90_000_000, received_ns=unit.received_ns + 2 * NS) for unit in first]
    assert stream_facts(hub([track], first, second)).video.frame_rate == UNSEEN.video.frame_rate


@pytest.mark.parametrize(
    ("track", "facts"),
    [
        (audio_track(Codec.PCMU), AudioFacts("PCMU", 64, 8, 1)),
        (audio_track(Codec.PCMA), AudioFacts("PCMA", 64, 8, 1)),
        (
            Track(1, TrackKind.AUDIO, Codec.AAC, 48_000, AudioParameters(48_000, 2, b"\x11\x90")),
            AudioFacts("mpeg4-generic", 128, 48, 2),
        ),
        (audio_track(Codec.UNSUPPORTED), None),
    ],
)
def test_sound_is_told_when_it_can_be_passed_on(track: Track, facts: AudioFacts | None) -> None:
    pictures = video(SPS_BASELINE)
    sound = units(track, 100, 50, 1, 250)
    assert stream_facts(hub([pictures, track], units(pictures, 60, 30, 30, 3000), sound)).audio == facts


def test_metadata_is_told_when_there_is_some() -> None:
    assert stream_facts(hub([video(SPS_BASELINE), METADATA])).has_metadata
    assert not stream_facts(hub([video(SPS_BASELINE)])).has_metadata
