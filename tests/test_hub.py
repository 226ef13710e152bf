"""The ring and its cursors."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.hub import Hub, HubClosedError, Lag, Start
from gateway.media.model import (
    NS,
    AccessUnit,
    Codec,
    Gap,
    GapReason,
    TimeSource,
    Track,
    TrackKind,
    VideoParameters,
)

VIDEO = Track(0, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters())


def unit(n: int, *, key: bool = False, size: int = 1000, track: Track = VIDEO) -> AccessUnit:
    """The n-th picture at 10 frames a second."""
    utc = n * NS // 10
    return AccessUnit(track, n * 9000, n * 9000, utc, TimeSource.ARRIVAL, utc, (b"",), key, size)


def hub(**more) -> Hub:
    made = Hub("a", **more)
    made.open((VIDEO,))
    return made


def test_a_viewer_starts_at_the_last_keyframe_and_a_recorder_at_the_oldest():
    ring = hub()
    units = [unit(n, key=n % 5 == 0) for n in range(13)]
    for each in units:
        ring.publish(each)
    assert ring.subscribe("v", start=Start.KEYFRAME).take() == units[10:]
    assert ring.subscribe("r", start=Start.OLDEST, lag=Lag.AT_CAP).take() == units
    assert ring.subscribe("l").take() == []


def test_the_ring_keeps_its_seconds_and_the_whole_last_gop():
    ring = hub(min_seconds=1)
    for n in range(100):
        ring.publish(unit(n, key=n in (0, 50)))
    assert ring.since(0)[0] == unit(50, key=True), "older than a second, but its GOP is the last whole one"
    ring.publish(unit(100, key=True))
    assert ring.since(0)[0].received_ns >= 9 * NS


def test_the_cap_wins_over_everything_and_is_told():
    ring = hub(cap_bytes=10_000)
    ring.publish(unit(0, key=True))
    for n in range(1, 50):
        ring.publish(unit(n))
    assert ring.bytes <= 10_000
    assert ring.keyframe_evicted
    assert ring.last_keyframe is None
    ring.publish(unit(50, key=True))
    assert not ring.keyframe_evicted


def test_a_slow_viewer_is_moved_to_the_newest_keyframe_and_told():
    ring = hub()
    slow = ring.subscribe("slow")
    for n in range(40):
        ring.publish(unit(n, key=n % 10 == 0))
    gap, first, *rest = slow.take()
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.end_ns) == (GapReason.SLOW_READER, unit(30).received_ns)
    assert first == unit(30, key=True)
    assert len(rest) == 9
    assert slow.moved == 1


def test_a_recorder_is_moved_only_at_the_cap():
    ring = hub(cap_bytes=20_000)
    recorder = ring.subscribe("recorder", lag=Lag.AT_CAP)
    for n in range(15):
        ring.publish(unit(n, key=n == 0))
    assert recorder.take() == [unit(n, key=n == 0) for n in range(15)]
    for n in range(15, 60):
        ring.publish(unit(n))
    gap, *rest = recorder.take()
    assert isinstance(gap, Gap)
    assert rest == [unit(n) for n in range(60 - len(rest), 60)]


async def test_a_reader_waits_and_is_woken_and_ended():
    ring = hub()
    reader = ring.subscribe("r")
    waiting = asyncio.create_task(reader.batch())
    await asyncio.sleep(0)
    ring.publish(unit(0))
    ring.publish(unit(1))
    assert await waiting == [unit(0), unit(1)]
    ring.publish(unit(2))
    ring.close()
    assert await reader.batch() == [unit(2)], "what is held is read before the end"
    with pytest.raises(HubClosedError):
        await reader.batch()


async def test_closing_a_subscription_ends_its_reader():
    ring = hub()
    reader = ring.subscribe("r")
    waiting = asyncio.create_task(reader.batch())
    await asyncio.sleep(0)
    reader.close()
    with pytest.raises(HubClosedError):
        await waiting
    assert ring.readers == ()


async def test_iterating_ends_with_the_hub():
    ring = hub()
    reader = ring.subscribe("r")
    ring.publish(unit(0))
    ring.close()
    assert [item async for item in reader] == [unit(0)]


def test_new_parameters_replace_the_track():
    ring = hub()
    changed = Track(0, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters(width=640))
    ring.publish(unit(0, track=changed))
    assert ring.tracks == (changed,)


def test_a_new_attempt_offers_no_keyframe_of_the_old_one():
    ring = hub()
    ring.publish(unit(0, key=True))
    ring.open((VIDEO,))
    assert ring.subscribe("v", start=Start.KEYFRAME).take() == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5000), st.integers(0, 3)), max_size=80))
def test_a_reader_sees_every_item_once_in_order_or_a_gap(script):
    ring = Hub("a", cap_bytes=20_000, min_seconds=0.5)
    ring.open((VIDEO,))
    reader = ring.subscribe("r", lag=Lag.AT_CAP)
    expected, seen = 0, 0
    for n, (key, size, read) in enumerate(script):
        ring.publish(unit(n, key=key, size=size))
        if read == 0:
            items = reader.take()
            if items and isinstance(items[0], Gap):
                expected = items[1].pts // 9000
                items = items[1:]
            for item in items:
                assert item.pts == expected * 9000
                expected += 1
                seen += 1
    assert ring.bytes <= 20_000 + 5000 + 64
    assert seen <= len(script)


def test_what_is_forgotten_is_read_by_nobody_and_readers_go_on_after_it():
    ring = hub()
    behind, beside = ring.subscribe("behind"), ring.subscribe("beside")
    for n in range(12):
        ring.publish(unit(n, key=n % 5 == 0))
    beside.take()
    ring.forget()
    assert (ring.bytes, ring.last_keyframe, ring.since(0)) == (0, None, [])
    assert ring.subscribe("r", start=Start.OLDEST, lag=Lag.AT_CAP).take() == []
    assert [type(item) for item in behind.take()] == [Gap]
    ring.publish(unit(12))
    assert beside.take() == behind.take() == [unit(12)]


def test_after_a_new_start_nobody_begins_with_an_old_picture():
    ring = hub()
    ring.publish(unit(0, key=True))
    ring.start_anew()
    assert ring.subscribe("v", start=Start.KEYFRAME).take() == []
    ring.publish(unit(1, key=True))
    assert ring.subscribe("v", start=Start.KEYFRAME).take() == [unit(1, key=True)]
