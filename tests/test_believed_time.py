"""A clock that jumps years ahead deletes nothing before it is synchronised, or a person says that it is right."""

from __future__ import annotations

import pytest_asyncio

from gateway.base.clock_state import Synchronisation
from gateway.base.rfc3339 import format_utc
from gateway.recording.believed_time import FILE
from tests.archive_bench import DAY_NS, bench

YEARS = 3650


@pytest_asyncio.fixture
async def archive(tmp_path):
    async with bench(tmp_path) as made:
        made.says({"keep": "30d"})
        await made.record("a", -3, 0)
        await made.keeper.finish()
        await made.look()
        yield made


def jump(archive, days: float) -> None:
    archive.clock.set_utc_ns(archive.clock.utc_ns() + round(days * DAY_NS))


async def test_a_jump_while_it_runs_deletes_nothing_and_is_told(archive, caplog):
    jump(archive, YEARS)
    await archive.look()
    await archive.look()
    assert await archive.kept("a") == [(-3, 0)]
    assert "jumped ahead to 2033-11-11T22:13:20.000000Z" in archive.time.problem
    assert len([record for record in caplog.records if "jumped ahead" in record.message]) == 1
    jump(archive, -YEARS)
    await archive.look()
    assert archive.time.problem is None


async def test_meanwhile_everything_grows_old_as_before(archive):
    jump(archive, YEARS)
    archive.clock.advance(28 * 86_400)
    await archive.look()
    assert await archive.kept("a") == [(-2, 0)]
    assert archive.time.problem is not None


async def test_a_day_more_than_has_passed_is_a_correction(archive):
    jump(archive, 1)
    await archive.look()
    assert archive.time.problem is None
    jump(archive, 1.01)
    await archive.look()
    assert archive.time.problem is not None


async def test_a_clock_that_is_kept_is_believed(archive):
    jump(archive, YEARS)
    archive.synchronised.append(Synchronisation.SYNCHRONISED)
    await archive.look()
    assert archive.time.problem is None
    assert await archive.kept("a") == []


async def test_restarts_and_recordings_with_the_wrong_time_make_it_no_truer(archive):
    jump(archive, YEARS)
    for camera in ("b", "c"):
        await archive.record(camera, YEARS, YEARS + 1)
        await archive.look()
        await archive.keeper.finish()
        await archive.look()
        jump(archive, 1)
    assert (await archive.kept("a"), archive.time.problem is None) == ([(-3, 0)], False)


async def test_a_person_can_say_that_it_is_right(archive, tmp_path):
    jump(archive, YEARS)
    await archive.look()
    (tmp_path / FILE).write_text(format_utc(archive.clock.utc_ns()) + "\n")
    await archive.keeper.finish()
    await archive.look()
    assert archive.time.problem is None
    assert await archive.kept("a") == []


async def test_without_the_file_the_newest_recording_says_what_is_known(archive, tmp_path):
    (tmp_path / FILE).unlink()
    jump(archive, YEARS)
    await archive.keeper.finish()
    await archive.look()
    assert await archive.kept("a") == [(-3, 0)]
    assert archive.time.problem is not None


async def test_a_file_that_holds_no_time_counts_as_none(archive, tmp_path, caplog):
    (tmp_path / FILE).write_text("noon")
    jump(archive, YEARS)
    await archive.keeper.finish()
    await archive.look()
    assert "holds no time" in caplog.text
    assert await archive.kept("a") == [(-3, 0)]


async def test_a_file_that_cannot_be_written_stops_nothing(archive, tmp_path, caplog):
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    archive.clock.advance(28 * 86_400)
    await archive.look()
    await archive.look()
    assert len([record for record in caplog.records if "cannot be written" in record.message]) == 1
    assert await archive.kept("a") == [(-2, 0)]
