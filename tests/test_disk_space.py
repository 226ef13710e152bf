"""How full a disk counts as, when recorders stop and go on, and when it will be full."""

from __future__ import annotations

import pytest

from gateway.base.clock import ManualClock
from gateway.base.settings import Storage
from gateway.base.workers import Threads
from gateway.recording.disk_space import DiskSpace, Level
from gateway.recording.forecast import NEVER, Growth, days_left, days_until
from tests.bad_disk import BadDisk

GB = 10**9


@pytest.fixture
def threads():
    made = Threads("disk space", 1)
    yield made
    made.close()


async def levels(tmp_path, threads, *free: float, storage: Storage | None = None) -> list[tuple[Level, bool, int]]:
    disk = BadDisk(tmp_path)
    disk.total = 100 * GB
    space = DiskSpace(disk, threads, ManualClock(), lambda: storage or Storage())
    found = []
    for amount in free:
        disk.free = round(amount * GB)
        await space.look()
        found.append((space.level, space.has_room, space.wanted))
    return found


async def test_levels_come_at_their_limits_and_go_a_little_later(tmp_path, threads):
    found = await levels(tmp_path, threads, 50, 14.9, 15.1, 15.9, 4.9, 5.1, 5.3)
    assert [(level, has_room) for level, has_room, _ in found] == [
        (Level.OK, True), (Level.LOW, True), (Level.LOW, True), (Level.OK, True),
        (Level.CLEARING, True), (Level.CLEARING, True), (Level.LOW, True),
    ]  # fmt: skip
    assert [wanted for _, _, wanted in found] == [0, 0, 0, 0, round(0.35 * GB), round(0.15 * GB), 0]


async def test_recorders_stop_before_the_last_is_taken_and_go_on_when_there_is_room_again(tmp_path, threads):
    found = await levels(tmp_path, threads, 0.99, 1.5, 2.1)
    assert [(level, has_room) for level, has_room, _ in found] == [
        (Level.FULL, False), (Level.FULL, False), (Level.CLEARING, True)
    ]  # fmt: skip


async def test_nothing_is_kept_for_the_database_where_nothing_is_to_be_free(tmp_path, threads):
    storage = Storage(keep_free="0 %", warn_free="0 %")
    assert await levels(tmp_path, threads, 0, storage=storage) == [(Level.OK, True, 0)]


async def test_a_disk_that_does_not_say_is_no_reason_to_stop(tmp_path, threads, caplog, monkeypatch):
    disk = BadDisk(tmp_path)

    def refuses():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk, "space", refuses)
    space = DiskSpace(disk, threads, ManualClock(), Storage)
    await space.look()
    await space.look()
    assert (space.space, space.has_room, space.wanted) == (None, True, 0)
    assert caplog.text.count("does not say how much room it has") == 1


@pytest.mark.parametrize(
    ("room", "growths", "days"),
    [
        (100, [], NEVER),
        (0, [], 0),
        (100, [Growth(10, NEVER)], 10),
        (100, [Growth(10, 5)], NEVER),  # half of it, then as much goes as comes
        (100, [Growth(10, 5), Growth(10, NEVER)], 5),
        (100, [Growth(10, 4), Growth(10, NEVER), Growth(0, NEVER)], 6),
        (100, [Growth(1e12, 0), Growth(10, NEVER)], 10),
    ],
)
def test_a_disk_is_full_when_more_comes_than_rules_take_away(room, growths, days):
    assert days_until(room, growths) == days


def test_the_oldest_of_a_camera_goes_by_age_or_bytes_whichever_comes_first():
    assert days_left(30, 10, None, 500, 100) == 20
    assert days_left(30, 40, None, 500, 100) == 0
    assert days_left(30, 10, 1000, 500, 100) == 5
    assert days_left(NEVER, 10, None, 500, 100) == NEVER
    assert days_left(NEVER, 10, 1000, 500, 0) == NEVER
