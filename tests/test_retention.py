"""What may be deleted and what not: by age, bytes and free disk, by camera and category, against holds."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from gateway.base.settings import Storage
from tests.archive_bench import SIZE, Bench, at, bench, segment

MEASURED = 24 * SIZE
"""A day of a camera."""


@pytest_asyncio.fixture
async def archive(tmp_path):
    async with bench(tmp_path) as made:
        yield made


def why(archive: Bench, day: float, camera: str = "c") -> tuple[bool, str]:
    verdict = archive.retention.ruling(segment(camera, day), archive.clock.utc_ns())
    return verdict.delete, verdict.why


async def test_without_a_policy_it_stays_until_the_disk_needs_room(archive):
    assert why(archive, -1000) == (False, "default: kept until its room is needed")
    archive.retention.room_needed = True
    assert why(archive, -1000) == (True, "room was needed on the disk")


async def test_age(archive):
    archive.says({"keep": "30d", "keep_at_least": "7d"})
    assert why(archive, -31) == (True, "default: deleted after 30d")
    assert why(archive, -29) == (False, "default: kept for 30d")
    archive.retention.room_needed = True
    assert why(archive, -8) == (True, "room was needed on the disk")
    assert why(archive, -6) == (False, "default: kept for at least 7d")


async def test_age_counts_from_the_end(archive):
    archive.says({"keep": "1d"})
    assert not why(archive, -1)[0]
    assert why(archive, -1 - 1 / 24)[0]


async def test_a_row_for_the_camera_goes_before_one_for_its_group_before_one_for_all(archive):
    rows = [
        {"keep": "30d"},
        {"groups": ["north"], "keep": "20d"},
        {"groups": ["patrol"], "keep": "15d"},
        {"cameras": ["unit-7"], "keep": "10d"},
    ]
    archive.says(*rows, groups={"unit-7": ("north",), "unit-8": ("north", "patrol"), "unit-9": ()})
    assert why(archive, -11, "unit-7") == (True, "default: deleted after 10d")
    assert why(archive, -16, "unit-8") == (False, "default: kept for 20d")  # of several groups the longest
    assert why(archive, -25, "unit-9") == (False, "default: kept for 30d")


async def test_the_longest_category_wins(archive):
    archive.says({"keep": "30d"}, {"category": "arrest", "keep": "365d"}, {"category": "traffic", "keep": "7d"})
    for category in ("arrest", "traffic", "unheard of"):
        await archive.holds.place("c", at(-400), at(-10), category=category, reason="a test", by="ann")
    assert why(archive, -40) == (False, "arrest: kept for 365d")
    assert why(archive, -380) == (True, "arrest: deleted after 365d")
    assert why(archive, -5) == (False, "default: kept for 30d")


async def test_a_category_keeps_its_least_even_when_room_is_needed(archive):
    archive.says({"keep": "30d"}, {"category": "arrest", "keep": "365d", "keep_at_least": "90d"})
    await archive.holds.place("c", at(-60), at(-50), category="arrest", reason="a test", by="ann")
    archive.retention.room_needed = True
    assert why(archive, -55) == (False, "arrest: kept for at least 90d")
    assert why(archive, -40) == (True, "default: deleted after 30d")


async def test_a_hold_keeps_what_it_touches_until_it_is_released(archive):
    archive.says({"keep": "30d"})
    archive.retention.room_needed = True
    hold = await archive.holds.place("c", at(-50) + 1, at(-49), reason="case 12", by="ann")
    held = (False, "held by ann since 2023-11-14T22:13:20.000000Z: case 12")
    assert why(archive, -50) == held  # which ends within
    assert why(archive, -50 - 1 / 24)[0]
    assert why(archive, -49)[0]
    assert why(archive, -49.5, "other")[0]
    await archive.holds.release(hold.id, by="bob", reason="the case is closed")
    assert why(archive, -50)[0]


async def test_bytes(archive):
    archive.says({"max_bytes": f"{3 * SIZE} B", "keep": "30d"})
    archive.retention.stored = {("c", "default"): 3 * SIZE}
    assert why(archive, -1) == (False, "default: kept for 30d")
    archive.retention.stored = {("c", "default"): 3 * SIZE + 1}
    assert why(archive, -1) == (True, "default: more than 3000 B of c")
    archive.says({"max_bytes": "1 B", "keep_at_least": "2d"})
    assert why(archive, -1) == (False, "default: kept for at least 2d")


# ---- the keeper


async def test_what_is_too_old_goes_and_what_goes_is_told_everywhere(archive):
    archive.says({"keep": "2d"})
    await archive.record("a", -4, 0)
    await archive.record("b", -1, 0)
    await archive.look()
    assert await archive.kept("a") == await archive.recordings("a") == [(-2, 0)]
    assert await archive.kept("b") == [(-1, 0)]
    deleted = await archive.deleted("a")
    assert len(deleted) == 48
    assert {(row.rule, row.bytes) for row in deleted} == {("default: deleted after 2d", SIZE)}
    assert all(row.deleted_ns >= at(0) for row in deleted)
    assert archive.told("a") == [row.path for row in deleted]
    rows = await archive.audited()
    assert sum(row.detail["segments"] for row in rows) == 48
    assert {(row.actor, row.camera, row.detail["rule"]) for row in rows} == {
        ("retention", "a", "default: deleted after 2d")
    }
    assert not (archive.disk.root / "a" / "-004").exists()  # nor the folders of days that are empty
    await archive.look()
    assert len(await archive.deleted("a")) == 48


async def test_a_hold_in_the_middle_makes_two_recordings_of_one(archive):
    archive.says({"keep": "1d"})
    await archive.record("a", -6, 0)
    hold = await archive.holds.place("a", at(-4) + 1, at(-3) + 1, reason="a test", by="ann")
    await archive.look()
    assert await archive.kept("a") == await archive.recordings("a") == [(-4, -2.958), (-1, 0)]
    await archive.holds.release(hold.id, by="ann", reason="a test")
    await archive.look()
    assert await archive.kept("a") == await archive.recordings("a") == [(-1, 0)]


async def test_a_recording_that_grows_goes_on_when_all_its_finished_segments_are_gone(archive):
    archive.says({"keep": "1h"})
    await archive.record("a", -2, -1, grows=True)
    await archive.record("b", -2, -1)
    await archive.look()
    assert await archive.kept("a") == []
    assert await archive.recordings("a") == [(-1, -1)]
    assert await archive.recordings("b") == []


async def test_of_more_bytes_than_a_camera_may_have_the_oldest_go(archive):
    archive.says({"max_bytes": f"{MEASURED} B"}, {"cameras": ["b"], "keep": "100d"})
    await archive.record("a", -3, 0)
    await archive.record("b", -3, 0)
    await archive.look()
    assert await archive.kept("a") == [(-1, 0)]
    assert await archive.kept("b") == [(-3, 0)]
    await archive.record("a", 0, 0.25)
    await archive.look()
    assert await archive.kept("a") == [(-0.75, 0.25)]


async def test_bytes_of_a_category(archive):
    archive.says({"keep": "36d"}, {"category": "traffic", "keep": "90d", "max_bytes": f"{MEASURED} B"})
    await archive.record("a", -41, -35)
    await archive.holds.place("a", at(-40), at(-38), category="traffic", reason="a test", by="ann")
    await archive.holds.place("a", at(-39), at(-36), category="traffic", reason="a test", by="ann")
    await archive.look()
    assert await archive.kept("a") == [(-37, -35)]


async def test_a_disk_that_fills_up_sheds_the_oldest_of_all_cameras(archive):
    archive.says({"keep_at_least": "1d"}, {"cameras": ["c"], "keep_at_least": "30d"})
    for camera in "abc":
        await archive.record(camera, -5, 0)
    archive.disk.total, archive.disk.free = 1000 * SIZE, 10 * SIZE
    archive.storage.append(Storage(keep_free="80000 B", warn_free="20 %"))
    await archive.space.look()
    await archive.look()
    # 84 free ones are wanted, a twentieth more than is to be kept free: 74 go, 37 of each that may lose any.
    kept_a, kept_b = (await archive.kept("a"))[0], (await archive.kept("b"))[0]
    assert kept_a == kept_b == (pytest.approx(-5 + 37 / 24, abs=0.001), 0)
    assert await archive.kept("c") == [(-5, 0)]
    assert await archive.rules("a") == ["room was needed on the disk"]
    assert not archive.keeper.nothing_left
    archive.disk.free = 0
    archive.storage.append(Storage(keep_free="90 %", warn_free="95 %"))
    await archive.space.look()
    await archive.look()
    assert await archive.kept("a") == await archive.kept("b") == [(-1, 0)]
    assert await archive.kept("c") == [(-5, 0)]
    assert archive.keeper.nothing_left


async def test_positions_and_gaps_go_with_the_rules(archive):
    archive.says({"keep": "2d"})
    await archive.record("a", -6, 0)
    await archive.been("a", -9, -5.5, -4, -3, -1)
    await archive.been("b", -9, -1)  # no media of it
    await archive.holds.place("a", at(-5.75), at(-5.25), reason="a test", by="ann")
    await archive.look()
    assert await archive.places("a") == [-5.5, -1]
    assert await archive.places("b") == [-1]


async def test_without_a_rule_positions_go_with_the_media_that_was_shed(archive):
    await archive.record("a", -5, 0)
    await archive.been("a", -9, -4.5, -1)
    await archive.been("b", -9, -1)
    archive.disk.total, archive.disk.free = 1000 * SIZE, 10 * SIZE
    await archive.space.look()
    await archive.look()
    kept = (await archive.kept("a"))[0][0]
    assert -5 < kept < -1
    assert await archive.places("a") == [day for day in (-9, -4.5, -1) if day > kept - 1 / 24]
    assert await archive.places("b") == [-9, -1]


async def test_what_was_put_on_hold_a_moment_before_stays(archive):
    archive.says({"keep": "1d"})
    await archive.record("a", -3, 0)
    # Placed by another process: this one has not heard of it yet.
    other = type(archive.holds)(archive.database, archive.audit, archive.clock)
    await other.place("a", at(-3), at(-2), reason="a test", by="ann")
    await archive.look()
    assert await archive.kept("a") == [(-3, -2), (-1, 0)]


async def test_what_a_crash_left_undone_is_finished(archive):
    archive.says({"keep": "1d"})
    await archive.record("a", -2, 0)

    for where, step in (
        (archive.journals, "append"),
        (archive.disk, "remove_all"),
        ("gateway.recording.deletion", "_forget"),
    ):
        await _die_at(archive, where, step)
    await archive.keeper.finish()
    await archive.look()
    assert await archive.kept("a") == await archive.recordings("a") == [(-1, 0)]
    deleted = await archive.deleted("a")
    assert all(row.deleted_ns for row in deleted)
    assert sorted(archive.told("a")) == sorted({row.path for row in deleted})


class PowerCutError(BaseException):
    """Nothing that anybody would handle."""


async def _die_at(archive: Bench, where: object, step: str) -> None:
    """Cut a deletion off at one of its steps, and forget what is in memory."""

    def dies(*_: object, **__: object) -> None:
        raise PowerCutError

    with pytest.MonkeyPatch.context() as patch:
        if isinstance(where, str):
            patch.setattr(f"{where}.{step}", dies)
        else:
            patch.setattr(where, step, dies)
        with pytest.raises(PowerCutError):
            await archive.look()
    archive.start_again()


async def test_a_disk_that_refuses_to_delete_is_tried_again(archive, caplog):
    archive.says({"keep": "1d"})
    await archive.record("a", -2, 0)
    archive.disk.write_error = 5
    running = asyncio.ensure_future(archive.keeper.run())
    try:
        while archive.keeper.problem is None:
            await asyncio.sleep(0.001)
        assert "recordings of a cannot be deleted: Input/output error" in archive.keeper.problem
        archive.disk.write_error = None
        while archive.keeper.problem is not None:
            archive.clock.advance(6)
            await asyncio.sleep(0.001)
    finally:
        running.cancel()
    assert await archive.kept("a") == [(-1, 0)]
    paths = [row.path for row in await archive.deleted("a")]
    assert len(paths) == len(set(paths)) == 24
    assert sorted(archive.told("a")) == sorted(paths)
    assert caplog.text.count("cannot be deleted") == 1
