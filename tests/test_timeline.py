"""gateway.media.timeline: media time and UTC."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.model import NS, GapReason, TimeSource
from gateway.media.rtcp import SenderReport, utc_ns_to_ntp
from gateway.media.timeline import Stamp, Timeline

T0 = 1_760_000_000 * NS
MS = NS // 1000
RATE = 90000
FRAME = 3000
FRAME_NS = FRAME * NS // RATE


def report(utc_ns: int, timestamp: int) -> SenderReport:
    return SenderReport(1, utc_ns_to_ntp(utc_ns), timestamp & 0xFFFFFFFF)


def run(timeline: Timeline, count: int, *, first: int = 0, delay_ns: int = 0, start_ns: int = T0) -> list[Stamp]:
    """`count` frames from frame number `first` on, each `delay_ns` after its capture."""
    frames = range(first, first + count)
    return [timeline.stamp(n * FRAME & 0xFFFFFFFF, start_ns + n * FRAME_NS + delay_ns) for n in frames]


def test_timestamps_are_unwrapped() -> None:
    timeline = Timeline(RATE)
    stamps = [timeline.stamp(t & 0xFFFFFFFF, T0 + i * FRAME_NS) for i, t in enumerate(range(-6000, 9000, FRAME))]
    assert [b.pts - a.pts for a, b in itertools.pairwise(stamps)] == [FRAME] * 4
    assert stamps[0].pts % 2**32 == 2**32 - 6000


@settings(max_examples=40)
@given(st.integers(0, 0xFFFFFFFF), st.lists(st.integers(1, 4 * RATE), min_size=1, max_size=30))
def test_media_time_is_what_was_sent_whatever_the_origin(origin: int, steps: list[int]) -> None:
    timeline = Timeline(RATE)
    media, stamps, sent = 0, [timeline.stamp(origin, T0)], [0]
    for step in steps:
        media += step
        sent.append(media)
        stamps.append(timeline.stamp(origin + media & 0xFFFFFFFF, T0 + media * NS // RATE))
    assert [s.pts - stamps[0].pts for s in stamps] == sent
    assert [s.utc_ns for s in stamps] == pytest.approx([T0 + m * NS // RATE for m in sent], abs=1000)


def test_without_reports_the_time_is_that_of_the_least_delayed_arrival() -> None:
    timeline = Timeline(RATE)
    chance = random.Random(1)
    stamps = []
    for n in range(600):
        delay = 40 * MS + round(chance.expovariate(1) * 30 * MS)
        stamps.append(timeline.stamp(n * FRAME, T0 + n * FRAME_NS + delay))
    settled = [s.utc_ns - T0 - n * FRAME_NS for n, s in enumerate(stamps)][150:]
    assert all(39 * MS < error < 45 * MS for error in settled)
    assert all(s.time_source is TimeSource.ARRIVAL for s in stamps)
    assert timeline.take_jump() is None


def test_the_burst_after_an_outage_keeps_its_spacing() -> None:
    timeline = Timeline(RATE)
    before = run(timeline, 300, delay_ns=50 * MS)
    back_ns = T0 + 900 * FRAME_NS
    burst = [timeline.stamp(n * FRAME, back_ns + (n - 300) * MS) for n in range(300, 900)]
    after = run(timeline, 100, first=900, delay_ns=50 * MS)
    for n, stamp in enumerate([*before, *burst, *after]):
        assert stamp.utc_ns == pytest.approx(T0 + n * FRAME_NS + 50 * MS, abs=MS)
    assert timeline.take_jump() is None


def test_a_drifting_camera_clock_is_followed() -> None:
    timeline = Timeline(RATE)
    error = 0.0
    for n in range(30 * 1800):
        if n % 30 == 0:
            received = T0 + round(n * FRAME_NS * 1.0002)  # 200 ppm slow: 0.36 s in half an hour
            error = timeline.stamp(n * FRAME & 0xFFFFFFFF, received).utc_ns - received
    assert abs(error) < 50 * MS
    assert timeline.jumps == 0


def test_a_report_before_the_first_unit_dates_it() -> None:
    timeline = Timeline(RATE)
    timeline.sender_report(report(T0 - 200 * MS, -900), T0)
    stamp = timeline.stamp(0, T0)
    assert stamp.utc_ns == pytest.approx(T0 - 190 * MS, abs=1000)
    assert stamp.time_source is TimeSource.RTCP


def test_a_report_in_mid_stream_is_crept_towards() -> None:
    timeline = Timeline(RATE)
    stamps = run(timeline, 30, delay_ns=300 * MS)
    timeline.sender_report(report(T0 + 29 * FRAME_NS, 29 * FRAME), T0 + 30 * FRAME_NS)
    stamps += run(timeline, 200, first=30, delay_ns=300 * MS)
    steps = [b.utc_ns - a.utc_ns for a, b in itertools.pairwise(stamps)]
    assert all(0.89 * FRAME_NS < step < 1.11 * FRAME_NS for step in steps)
    assert stamps[31].time_source is TimeSource.ARRIVAL
    assert stamps[-1].utc_ns == pytest.approx(T0 + 229 * FRAME_NS, abs=MS)
    assert stamps[-1].time_source is TimeSource.RTCP
    assert timeline.take_jump() is None


def test_a_camera_clock_that_is_minutes_off_is_believed_and_told() -> None:
    timeline = Timeline(RATE, track_id=3)
    run(timeline, 30)
    timeline.sender_report(report(T0 + 90 * NS, 0), T0 + NS)
    stamp = run(timeline, 1, first=30)[0]
    assert stamp.utc_ns == pytest.approx(T0 + 91 * NS, abs=MS)
    assert stamp.time_source is TimeSource.RTCP
    gap = timeline.take_jump()
    assert gap is not None
    assert (gap.reason, gap.track_id) == (GapReason.CLOCK_JUMP, 3)
    assert gap.end_ns is not None
    assert gap.end_ns - gap.start_ns == pytest.approx(90 * NS, abs=MS)
    assert "+90.0 s" in gap.detail
    assert timeline.take_jump() is None


@pytest.mark.parametrize("ntp", [0, 1 << 32, 2_208_988_800 << 32, utc_ns_to_ntp(T0 - 2 * 86400 * NS)])
def test_a_clock_that_was_never_set_is_not_believed(ntp: int) -> None:
    timeline = Timeline(RATE)
    timeline.sender_report(SenderReport(1, ntp, 0), T0)
    stamps = run(timeline, 30)
    timeline.sender_report(SenderReport(1, ntp, 0), T0)
    stamps += run(timeline, 30, first=30)
    assert {s.time_source for s in stamps} == {TimeSource.ARRIVAL}
    assert stamps[-1].utc_ns == pytest.approx(T0 + 59 * FRAME_NS, abs=MS)
    assert timeline.distrusted_reports == 2


def test_one_report_that_disagrees_is_doubted_and_two_are_a_jump() -> None:
    timeline = Timeline(RATE)
    timeline.sender_report(report(T0, 0), T0)
    run(timeline, 30)
    timeline.sender_report(report(T0 + 3600 * NS, 0), T0 + NS)
    doubted = run(timeline, 30, first=30)[-1]
    assert doubted.utc_ns == pytest.approx(T0 + 59 * FRAME_NS, abs=MS)
    timeline.sender_report(report(T0, 0), T0 + NS)
    timeline.sender_report(report(T0 + 3600 * NS, 0), T0 + NS)
    run(timeline, 1, first=60)
    assert timeline.jumps == 0
    timeline.sender_report(report(T0 + 3600 * NS, 0), T0 + NS)
    jumped = run(timeline, 1, first=61)[0]
    assert jumped.utc_ns == pytest.approx(T0 + 3600 * NS + 61 * FRAME_NS, abs=MS)
    assert timeline.take_jump() is not None


def test_a_clock_set_back_makes_a_gap_of_no_length() -> None:
    timeline = Timeline(RATE)
    timeline.sender_report(report(T0 + 3600 * NS, 0), T0)
    run(timeline, 30)
    for _ in range(2):
        timeline.sender_report(report(T0, 0), T0 + NS)
    run(timeline, 1, first=30)
    gap = timeline.take_jump()
    assert gap is not None
    assert gap.start_ns == gap.end_ns


@pytest.mark.parametrize("leap", [3 * 3600 * RATE, -3 * 3600 * RATE, -2 * RATE, 6 * RATE])
def test_timestamps_that_begin_anew_go_on_by_arrival(leap: int) -> None:
    timeline = Timeline(RATE)
    timeline.sender_report(report(T0, 0), T0)
    before = run(timeline, 30)[-1]
    after = [timeline.stamp(n * FRAME + leap & 0xFFFFFFFF, T0 + n * FRAME_NS) for n in range(30, 60)]
    assert after[0].pts == pytest.approx(before.pts + FRAME, abs=2)
    assert after[-1].utc_ns == pytest.approx(T0 + 59 * FRAME_NS, abs=MS)
    assert after[-1].time_source is TimeSource.ARRIVAL
    assert timeline.take_jump() is not None
    assert timeline.jumps == 1


def test_a_report_of_another_stream_is_not_applied() -> None:
    timeline = Timeline(RATE)
    run(timeline, 30)
    timeline.sender_report(report(T0 + 10 * NS, 0x70000000), T0)
    assert run(timeline, 30, first=30)[-1].time_source is TimeSource.ARRIVAL
    assert timeline.distrusted_reports == 1


def test_reordered_pictures_ascend_in_utc_by_pts() -> None:
    timeline = Timeline(RATE)
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    stamps = [timeline.stamp(n * FRAME, T0 + i * FRAME_NS + (0 if i else 500 * MS)) for i, n in enumerate(order)]
    by_pts = sorted(stamps)
    assert [s.utc_ns for s in by_pts] == sorted({s.utc_ns for s in stamps})
    assert timeline.take_jump() is None


def test_a_clock_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="clock rate"):
        Timeline(0)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 10**10), st.booleans()), max_size=30))
def test_any_sequence_of_timestamps_and_reports_is_survived(steps: list[tuple[int, int, bool]]) -> None:
    timeline = Timeline(RATE)
    now = T0
    for timestamp, passed_ns, is_report in steps:
        now += passed_ns
        if is_report:
            timeline.sender_report(report(now + (timestamp - (1 << 31)) * 40_000, timestamp), now)
        else:
            assert abs(timeline.stamp(timestamp, now).utc_ns - now) < 2 * 86400 * NS
            timeline.take_jump()
