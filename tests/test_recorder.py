"""From the Hub to files and catalog: rotation, gaps, tracks in step, and disks that are slow, full, broken or dead."""

from __future__ import annotations

import errno
import hashlib
import itertools

import pytest

from gateway.base.metrics import REGISTRY
from gateway.media.fmp4_reader import scan
from gateway.media.model import Codec, GapReason, Track, TrackKind, VideoParameters
from gateway.recording.adopt import adopt
from gateway.recording.check import check
from tests.ledger_agreement import disagreements
from tests.media_samples import METADATA, PCMU, PPS, SPS, T0, VIDEO, document, stream, unit
from tests.recording_rig import CAMERA, Rig, frames, gap, rig


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"camera": CAMERA, **labels}) or 0.0


async def assert_sound(recording: Rig) -> None:
    """Disk, catalog and ledger agree, hashes included."""
    assert await check(recording.catalog, recording.disk, recording.threads) == []
    assert await disagreements(recording.journals, recording.catalog, recording.disk, CAMERA) == []


async def test_every_frame_and_document_reaches_the_disk(tmp_path):
    units = stream(10)
    async with rig(tmp_path) as recording:
        await recording.play(units)
        await recording.close()
        (path,) = recording.disk.paths()
        assert path.relative_to(tmp_path / "recordings").as_posix() == "unit-12/2023/11/14/20231114T221320.000Z.mp4"
        video = [u for u in units if u.track is VIDEO]
        documents = [u for u in units if u.track is METADATA]
        assert [data[4:] for _, data in frames(path)] == [u.nals[0] for u in video]
        assert [(at, data) for at, data in frames(path, TrackKind.METADATA)] == [
            (pytest.approx((u.utc_ns - T0) / 1e9, abs=1e-4), u.nals[0]) for u in documents
        ]
        assert await recording.spans() == [(0, 10)]
        assert await recording.gaps() == []
        (row,) = await recording.catalog.segments(CAMERA, None, None)
        assert row.sha256 == hashlib.sha256(path.read_bytes()).digest()
        assert row.size == path.stat().st_size
        assert not row.adopted
        await assert_sound(recording)


async def test_nothing_is_recorded_before_the_first_keyframe(tmp_path):
    units = stream(4)
    async with rig(tmp_path) as recording:
        await recording.play(units[10:])
        await recording.close()
        assert await recording.spans() == [(1, 4)]
        assert await recording.gaps() == []


async def test_a_segment_ends_at_a_keyframe_after_a_minute_and_no_frame_is_lost(tmp_path):
    units = stream(130, rate=10, gop=25)
    async with rig(tmp_path) as recording:
        await recording.play(units)
        await recording.close()
        rows = await recording.catalog.segments(CAMERA, None, None)
        assert [(row.end_ns - row.start_ns) / 1e9 for row in rows] == [60, 60, 10]
        assert all(a.end_ns == b.start_ns for a, b in itertools.pairwise(rows))
        assert await recording.spans() == [(0, 130)]
        written = [data[4:] for row in rows for _, data in frames(recording.disk.root / row.path)]
        assert written == [u.nals[0] for u in units if u.track is VIDEO]
        texts = [d for row in rows for _, d in frames(recording.disk.root / row.path, TrackKind.METADATA)]
        assert texts == [u.nals[0] for u in units if u.track is METADATA]
        await assert_sound(recording)


async def test_fragments_are_short_and_belong_to_one_track(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(5))
        await recording.close()
        (path,) = recording.disk.paths()
        data = path.read_bytes()
        found = scan(lambda at, size: data[at : at + size], len(data))
        assert found.whole_bytes == len(data)
        assert found.fragments >= 2 * 5 / 0.5


async def test_the_extent_grows_while_the_segment_is_open(tmp_path):
    async with rig(tmp_path) as recording:
        assert not recording.recorder.recording
        await recording.play(stream(3))
        assert recording.recorder.recording
        ((start, end),) = await recording.spans()
        assert start == 0
        assert 2.9 < end <= 3
        await assert_sound(recording)  # the open file is no finding


async def test_sound_and_picture_are_in_step_also_after_rotation(tmp_path):
    # The sound arrives 0.2 s after the picture of its time, as cameras send it.
    sound = [unit(PCMU, n * 0.02, payload=n.to_bytes(2, "big") * 80, received=n * 0.02 + 0.2) for n in range(3500)]
    video = [u for u in stream(70, rate=10, gop=25) if u.track is VIDEO]
    units = sorted([*video, *sound], key=lambda u: u.received_ns)
    async with rig(tmp_path) as recording:
        recording.hub.open((VIDEO, PCMU))
        await recording.play(units)
        await recording.close()
        first, second = await recording.segments()
        told = [
            frames(recording.disk.root / path, kind)
            for path in (first, second)
            for kind in (TrackKind.VIDEO, TrackKind.AUDIO)
        ]
        # What was captured together is presented together, whatever the file begins with.
        for (pictures, sounds), begin in ((told[0:2], 0.0), (told[2:4], 60.0)):
            origin = begin - pictures[0][0]
            for at, data in sounds:
                assert origin + at == pytest.approx(int.from_bytes(data[:2], "big") * 0.02, abs=0.001)
        written = [data for sounds in (told[1], told[3]) for _, data in sounds]
        assert written == [u.nals[0] for u in sound]


async def test_a_late_and_a_silent_track_hold_nothing_up(tmp_path):
    late = [document(7.0), document(7.5)]
    units = sorted([*(u for u in stream(9) if u.track is VIDEO), *late], key=lambda u: u.utc_ns)
    async with rig(tmp_path) as recording:
        recording.hub.open((VIDEO, PCMU, METADATA))  # sound is announced and never comes
        await recording.play(units[:150])
        ((_, end),) = await recording.spans()
        assert end > 4.5
        await recording.play(units[150:])
        await recording.close()
        (path,) = recording.disk.paths()
        assert len(frames(path)) == 270
        assert [at for at, _ in frames(path, TrackKind.METADATA)] == [7.0, 7.5]


async def test_a_sparse_document_does_not_wait_for_the_next_one(tmp_path):
    video = [u for u in stream(5) if u.track is VIDEO]
    async with rig(tmp_path) as recording:
        await recording.play(sorted([*video, document(1.0)], key=lambda u: u.utc_ns))
        (path,) = recording.disk.paths()
        assert frames(path, TrackKind.METADATA) == [(1.0, document(1.0).nals[0])]


async def test_new_parameters_begin_a_new_segment_of_the_same_recording(tmp_path):
    other = Track(0, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters(SPS, (PPS, PPS), width=64, height=48))
    after = [unit(other, 2 + n / 30, key=n % 30 == 0) for n in range(60)]
    async with rig(tmp_path) as recording:
        await recording.play([*stream(2), *after])
        await recording.close()
        assert await recording.spans() == [(0, 4)]
        assert [len(frames(path)) for path in recording.disk.paths()] == [60, 60]


async def test_parameters_that_are_repeated_change_nothing(tmp_path):
    same = Track(0, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters(SPS, (PPS,), width=64, height=48))
    async with rig(tmp_path) as recording:
        await recording.play([*stream(2), *(unit(same, 2 + n / 30, key=n % 30 == 0) for n in range(30))])
        await recording.close()
        assert [len(frames(path)) for path in recording.disk.paths()] == [90]


async def test_unreadable_parameter_sets_are_no_end_of_the_recorder(tmp_path):
    broken = Track(0, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters(b"\x67\x64\x00\x1f", (PPS,)))
    async with rig(tmp_path) as recording:
        await recording.play([unit(broken, 0), unit(broken, 0.1, key=False), *stream(2, start=0.2)])
        await recording.close()
        assert await recording.spans() == [(0.2, 2.2)]


# ---- gaps


async def test_a_disconnection_lies_between_two_recordings(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play([*stream(2), gap(1.97, GapReason.DISCONNECTED)])
        assert await recording.gaps() == [(2, None, GapReason.DISCONNECTED)]
        recording.hub.open((VIDEO, METADATA))
        # Media resumes in the middle of a GOP: the gap lasts to the first keyframe.
        await recording.play([u for u in stream(3, start=5) if u.utc_ns >= T0 + 5_400_000_000])
        await recording.close()
        assert await recording.spans() == [(0, 2), (6, 8)]
        assert await recording.gaps() == [(2, 6, GapReason.DISCONNECTED)]
        await assert_sound(recording)


async def test_loss_lies_inside_a_recording(tmp_path):
    units = stream(4)
    lost = [u for u in units if not T0 + 1_000_000_000 <= u.utc_ns < T0 + 1_500_000_000]
    first, second = lost[: len(stream(1))], lost[len(stream(1)) :]
    async with rig(tmp_path) as recording:
        await recording.play([*first, gap(1, GapReason.LOSS, track_id=0, packets=7), *second])
        await recording.close()
        assert await recording.spans() == [(0, 4)]
        (missing,) = await recording.catalog.gaps(CAMERA, None, None)
        assert (missing.start_ns, missing.end_ns) == (T0 + 1_000_000_000, T0 + 1_500_000_000)
        assert (missing.reason, missing.kind, missing.packets) == (GapReason.LOSS, TrackKind.VIDEO, 7)
        (path,) = recording.disk.paths()
        assert [at for at, _ in frames(path)][-1] == pytest.approx(4 - 1 / 30, abs=0.001)


async def test_a_clock_that_jumps_ends_the_recording_but_no_frame_is_dropped(tmp_path):
    units = [u for u in stream(2) if u.track is VIDEO]
    later = [u for u in stream(2, start=100) if u.track is VIDEO]
    async with rig(tmp_path) as recording:
        await recording.play([*units[:45], gap(1.5, GapReason.CLOCK_JUMP, end=100, track_id=0), *later[15:]])
        await recording.close()
        assert await recording.spans() == [(0, 1.5), (101, 102)]
        assert await recording.gaps() == [(1.5, 101, GapReason.CLOCK_JUMP)]
        assert [len(frames(path)) for path in recording.disk.paths()] == [45 + 15, 30]


async def test_a_clock_set_back_makes_an_empty_gap_and_a_second_file_of_that_time(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play([*stream(2), gap(2, GapReason.DISCONNECTED), *stream(1)])
        await recording.close()
        assert [path.name for path in recording.disk.paths()] == [
            "20231114T221320.000Z-2.mp4", "20231114T221320.000Z.mp4",
        ]  # fmt: skip
        assert await recording.gaps() == [(2, 2, GapReason.DISCONNECTED)]


async def test_a_restart_leaves_a_gap_that_lasts_to_the_next_keyframe(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(2))
        await recording.close()
        assert await recording.gaps() == []
    async with rig(tmp_path) as recording:
        assert await recording.gaps() == [(2, None, GapReason.RESTART)]
        await recording.play(stream(1, start=9))
        assert await recording.gaps() == [(2, 9, GapReason.RESTART)]


async def test_an_outage_keeps_its_reason_across_a_restart(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play([*stream(2), gap(2, GapReason.DISCONNECTED)])
        await recording.close()
    async with rig(tmp_path) as recording:
        assert await recording.gaps() == [(2, None, GapReason.DISCONNECTED)]


async def test_recording_that_is_switched_off_says_so(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(2))
        recording.recorder.stop(GapReason.DISABLED)
        await recording.look()
        await recording.task
        assert await recording.spans() == [(0, 2)]
        assert await recording.gaps() == [(2, None, GapReason.DISABLED)]


# ---- disks


async def test_a_disk_full_for_less_than_the_ring_holds_loses_nothing(tmp_path):
    units = stream(20)
    async with rig(tmp_path) as recording:
        await recording.play(units[:160])
        errors = metric("sightline_recorder_errors_total")
        recording.disk.free = 1000
        await recording.play(units[160:400])
        assert recording.recorder.problem == "The disk is full."
        assert not recording.recorder.recording
        assert metric("sightline_recorder_errors_total") > errors
        recording.disk.free = None
        await recording.play(units[400:])
        await recording.close()
        assert recording.recorder.problem is None
        assert await recording.spans() == [(0, 20)]
        assert await recording.gaps() == []
        (path,) = recording.disk.paths()
        assert len(frames(path)) == 600
        await assert_sound(recording)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_a_disk_that_refuses_for_long_loses_only_what_the_ring_let_go(tmp_path, error):
    units = stream(60, rate=10, gop=10)
    async with rig(tmp_path, min_seconds=5) as recording:
        await recording.play(units[: 12 * 10])
        recording.disk.write_error = error
        await recording.play(units[12 * 10 : 12 * 40])
        (start, end), *_ = await recording.spans()
        assert (start, round(end)) == (0, 10)
        assert await recording.gaps() == [(end, None, GapReason.DISK)]
        await assert_sound(recording)  # what it has is closed and in the catalog
        recording.disk.write_error = None
        await recording.play(units[12 * 40 :])
        await recording.close()
        first, *others = await recording.spans()
        assert first == (0, end)
        assert others[-1][1] == 60
        # The ring's media of the moment at which space returned is there; what it had let go before is a gap.
        assert sum(stop - begin for begin, stop in others) > 60 - 40
        assert await recording.gaps() == [
            (before[1], after[0], GapReason.DISK) for before, after in itertools.pairwise([first, *others])
        ]
        await assert_sound(recording)


async def test_an_fsync_that_fails_is_never_trusted_again(tmp_path):
    units = stream(20)
    async with rig(tmp_path) as recording:
        await recording.play(units[:160])
        recording.disk.sync_error = errno.EIO
        await recording.play(units[160:320])
        recording.disk.sync_error = None
        await recording.play(units[320:])
        await recording.close()
        assert len(await recording.spans()) == 2
        assert [reason for _, _, reason in await recording.gaps()] == [GapReason.DISK]
        assert len(await recording.segments()) == 2
        await assert_sound(recording)


async def test_a_slow_disk_is_ridden_out_by_the_ring(tmp_path):
    units = stream(20)
    async with rig(tmp_path) as recording:
        await recording.play(units[:160])
        recording.disk.may_write.clear()
        publish(recording, units[160:480])
        recording.disk.may_write.set()
        await recording.play(units[480:])
        await recording.close()
        assert await recording.spans() == [(0, 20)]
        (path,) = recording.disk.paths()
        assert len(frames(path)) == 600


async def test_a_disk_slower_than_the_ring_leaves_a_gap(tmp_path):
    units = stream(60, rate=10, gop=10)
    async with rig(tmp_path, min_seconds=5) as recording:
        await recording.play(units[:120])
        recording.disk.may_write.clear()
        publish(recording, units[120:130])
        recording.clock.advance(0.4)
        publish(recording, units[130:480])
        recording.disk.may_write.set()
        await recording.asleep()
        await recording.play(units[480:])
        await recording.close()
        (_, end), (resumed, _) = await recording.spans()
        assert resumed - end > 20
        assert await recording.gaps() == [(end, resumed, GapReason.DISK)]
        await assert_sound(recording)


def publish(recording: Rig, units) -> None:
    for one in units:
        recording.hub.publish(one)


async def test_stopping_with_a_full_disk_takes_seconds_and_keeps_what_is_there(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(5))
        recording.disk.free = 0
        await recording.play(stream(1, start=5))
        began = recording.clock.monotonic()
        await recording.close()
        assert recording.clock.monotonic() - began < 8
        ((start, end),) = await recording.spans()
        assert start == 0
        assert 4.5 < end <= 5
        await assert_sound(recording)


@pytest.mark.parametrize("looks", range(0, 16, 3))
async def test_after_a_power_cut_all_but_the_last_second_and_a_half_plays(tmp_path, looks):
    played = 5 + looks * 0.4
    async with rig(tmp_path) as recording:
        await recording.play(stream(played))
        recording.task.cancel()
        disk = recording.disk
        disk.lose_power()
        report = await adopt(recording.catalog, disk, recording.journals, recording.threads)
        assert report.strange == {}
        ((start, end),) = await recording.spans()
        assert start == 0
        assert end >= played - 1.5
        (path,) = disk.paths()
        assert len(frames(path)) == pytest.approx(end * 30, abs=1)
        await assert_sound(recording)


async def test_a_power_cut_right_after_rotation_keeps_the_finished_segment(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(61.2, rate=10, gop=10))
        recording.disk.lose_power()
        assert len(list(recording.disk.paths())) == 2
        row, *_ = await recording.catalog.segments(CAMERA, None, None)
        assert hashlib.sha256((recording.disk.root / row.path).read_bytes()).digest() == row.sha256
