"""What the catalog answers: Recordings and gaps in an interval, the one that grows, and what a crash left open."""

from __future__ import annotations

import pytest

from gateway.media.model import NS, GapReason, TrackKind
from gateway.recording.catalog import Catalog
from gateway.recording.entries import (
    LossFound,
    RecordingClosed,
    RecordingOpened,
    SegmentFinished,
    TrackContent,
)
from gateway.recording.rows import Growing, Missing, Span
from gateway.store.engine import open_catalog

CAMERA = "unit-12"


@pytest.fixture
def catalog(tmp_path):
    database = open_catalog(tmp_path)
    yield Catalog(database)
    database.close()


def segment(start: int, end: int, *, adopted: bool = False) -> SegmentFinished:
    content = (TrackContent(0, TrackKind.VIDEO, "H264", 30),)
    return SegmentFinished(f"unit-12/{start}.mp4", start * NS, end * NS, 1000, bytes(32), content, adopted)


async def two_recordings(catalog: Catalog) -> None:
    await catalog.store(
        CAMERA,
        [
            RecordingOpened(100 * NS), segment(100, 160), segment(160, 200),
            LossFound(150 * NS, 151 * NS, GapReason.LOSS, TrackKind.VIDEO, 3, "UDP"),
            RecordingClosed(200 * NS, GapReason.DISCONNECTED, "gone"),
            RecordingOpened(300 * NS), segment(300, 400), RecordingClosed(400 * NS, None),
        ],
    )  # fmt: skip


async def test_recordings_and_gaps_are_told_by_start(catalog: Catalog):
    await two_recordings(catalog)
    assert await catalog.recordings(CAMERA, None, None) == [Span(100 * NS, 200 * NS), Span(300 * NS, 400 * NS)]
    assert await catalog.gaps(CAMERA, None, None) == [
        Missing(150 * NS, 151 * NS, GapReason.LOSS, TrackKind.VIDEO, 3, "UDP"),
        Missing(200 * NS, 300 * NS, GapReason.DISCONNECTED, None, 0, "gone"),
    ]
    assert await catalog.recordings("unit-13", None, None) == []


@pytest.mark.parametrize(
    ("start", "end", "recordings", "gaps", "segments"),
    [
        (None, 100, 0, 0, 0),
        (100, 101, 1, 0, 1),
        (150, 301, 2, 2, 3),
        (200, 300, 0, 1, 0),
        (400, None, 0, 0, 0),
        (399, None, 1, 0, 1),
    ],
)
async def test_an_interval_is_half_open(catalog: Catalog, start, end, recordings, gaps, segments):
    await two_recordings(catalog)
    interval = (None if start is None else start * NS, None if end is None else end * NS)
    assert len(await catalog.recordings(CAMERA, *interval)) == recordings
    assert len(await catalog.gaps(CAMERA, *interval)) == gaps
    assert len(await catalog.segments(CAMERA, *interval)) == segments


async def test_a_growing_recording_reaches_to_its_last_fragment(catalog: Catalog):
    await catalog.store(CAMERA, [RecordingOpened(100 * NS)])
    assert await catalog.recordings(CAMERA, None, None) == [Span(100 * NS, 100 * NS)]
    catalog.grow(CAMERA, Growing(100 * NS, 110 * NS, None))
    assert await catalog.recordings(CAMERA, None, None) == [Span(100 * NS, 110 * NS)]
    assert await catalog.recordings(CAMERA, 105 * NS, None) == [Span(100 * NS, 110 * NS)]
    assert await catalog.recordings(CAMERA, 110 * NS, None) == []


async def test_another_process_sees_what_is_finished_of_a_growing_recording(catalog: Catalog):
    await catalog.store(CAMERA, [RecordingOpened(100 * NS), segment(100, 160)])
    assert await catalog.recordings(CAMERA, None, None) == [Span(100 * NS, 160 * NS)]


async def test_a_gap_is_open_until_media_resumes(catalog: Catalog):
    await catalog.store(CAMERA, [RecordingOpened(100 * NS), RecordingClosed(200 * NS, GapReason.DISK, "full")])
    assert await catalog.gaps(CAMERA, 500 * NS, None) == [Missing(200 * NS, None, GapReason.DISK, None, 0, "full")]
    await catalog.store(CAMERA, [RecordingOpened(300 * NS)])
    assert await catalog.gaps(CAMERA, None, None) == [Missing(200 * NS, 300 * NS, GapReason.DISK, None, 0, "full")]


async def test_half_a_batch_is_never_stored(catalog: Catalog):
    with pytest.raises(AssertionError):
        await catalog.store(CAMERA, [LossFound(1, 2, GapReason.LOSS, None), segment(1, 2)])
    assert await catalog.gaps(CAMERA, None, None) == []


async def test_resuming_without_a_past_opens_no_gap(catalog: Catalog):
    await catalog.resume(CAMERA)
    assert await catalog.gaps(CAMERA, None, None) == []


async def test_resuming_twice_opens_one_gap(catalog: Catalog):
    await two_recordings(catalog)
    await catalog.resume(CAMERA)
    await catalog.resume(CAMERA)
    assert (await catalog.gaps(CAMERA, 350 * NS, None)) == [
        Missing(400 * NS, None, GapReason.RESTART, None, 0, "")
    ]  # fmt: skip


async def test_a_crash_leaves_the_recording_to_be_ended_where_its_media_ends(catalog: Catalog):
    await catalog.store(CAMERA, [RecordingOpened(100 * NS), segment(100, 160)])
    assert await catalog.open_cameras() == {CAMERA}
    await catalog.adopt(CAMERA, [segment(160, 190, adopted=True)])
    assert await catalog.recordings(CAMERA, None, None) == [Span(100 * NS, 190 * NS)]
    assert await catalog.gaps(CAMERA, None, None) == []
    assert [row.adopted for row in await catalog.segments(CAMERA, None, None)] == [False, True]


async def test_what_a_ledger_tells_again_changes_nothing(catalog: Catalog):
    lost = LossFound(120 * NS, 121 * NS, GapReason.LOSS, None, 3)
    told = [RecordingOpened(100 * NS), lost, segment(100, 160), RecordingClosed(160 * NS, GapReason.DISCONNECTED)]
    await catalog.store(CAMERA, told)
    await catalog.store(CAMERA, [RecordingOpened(200 * NS)])
    # The end of the ledger begins behind the newest Segment that the catalog knows.
    await catalog.adopt(CAMERA, [told[3], RecordingOpened(200 * NS), segment(200, 230, adopted=True)])
    assert await catalog.recordings(CAMERA, None, None) == [Span(100 * NS, 160 * NS), Span(200 * NS, 230 * NS)]
    assert [(g.start_ns, g.end_ns) for g in await catalog.gaps(CAMERA, None, None)] == [
        (120 * NS, 121 * NS), (160 * NS, 200 * NS),
    ]  # fmt: skip


async def test_what_only_the_ledger_knows_is_stored(catalog: Catalog):
    await catalog.store(CAMERA, [RecordingOpened(100 * NS)])
    lost = LossFound(120 * NS, 121 * NS, GapReason.LOSS, None, 3)
    closed = RecordingClosed(160 * NS, GapReason.DISCONNECTED)
    told = [RecordingOpened(100 * NS), lost, segment(100, 160), closed, RecordingOpened(200 * NS)]
    await catalog.adopt(CAMERA, [*told, segment(200, 230, adopted=True)])
    assert await catalog.recordings(CAMERA, None, None) == [Span(100 * NS, 160 * NS), Span(200 * NS, 230 * NS)]
    assert [(g.start_ns, g.end_ns, g.reason) for g in await catalog.gaps(CAMERA, None, None)] == [
        (120 * NS, 121 * NS, GapReason.LOSS), (160 * NS, 200 * NS, GapReason.DISCONNECTED),
    ]  # fmt: skip


async def test_a_recording_without_media_is_forgotten(catalog: Catalog):
    await catalog.store(CAMERA, [RecordingOpened(100 * NS)])
    await catalog.adopt(CAMERA, [])
    assert await catalog.recordings(CAMERA, None, None) == []
    assert await catalog.open_cameras() == set()


async def test_a_found_segment_apart_from_others_is_a_recording_with_a_gap_before_it(catalog: Catalog):
    await catalog.store(CAMERA, [RecordingOpened(100 * NS), segment(100, 160), RecordingClosed(160 * NS, None)])
    await catalog.adopt(CAMERA, [segment(300, 360, adopted=True)])
    assert await catalog.recordings(CAMERA, None, None) == [Span(100 * NS, 160 * NS), Span(300 * NS, 360 * NS)]
    assert [(g.start_ns, g.end_ns) for g in await catalog.gaps(CAMERA, None, None)] == [(160 * NS, 300 * NS)]


async def test_a_found_segment_ends_the_gap_it_lies_behind(catalog: Catalog):
    await two_recordings(catalog)
    await catalog.resume(CAMERA)
    await catalog.adopt(CAMERA, [segment(500, 560, adopted=True)])
    assert [(g.start_ns, g.end_ns) for g in await catalog.gaps(CAMERA, 350 * NS, None)] == [(400 * NS, 500 * NS)]


async def test_a_segment_whose_row_was_never_written_goes_back_into_its_recording(catalog: Catalog):
    await catalog.store(CAMERA, [RecordingOpened(100 * NS), RecordingClosed(160 * NS, GapReason.DISK)])
    await catalog.adopt(CAMERA, [segment(100, 161, adopted=True)])
    assert await catalog.recordings(CAMERA, None, None) == [Span(100 * NS, 161 * NS)]
