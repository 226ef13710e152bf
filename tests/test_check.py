"""`sightline check`: every way in which disk and catalog can disagree, also beside a gateway that is recording."""

from __future__ import annotations

import os

import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import StorageError
from gateway.recording.archive import Archive
from gateway.recording.check import Finding, Progress, check
from gateway.recording.entries import RecordingClosed, RecordingOpened, SegmentFinished
from gateway.recording.salvage import sha256_of
from tests.media_samples import stream
from tests.recording_rig import CAMERA, Rig, rig


@pytest.fixture
async def recorded(tmp_path):
    """Two finished Segments."""
    async with rig(tmp_path) as recording:
        await recording.play(stream(70, rate=5, gop=5))
        await recording.close()
        yield recording


async def findings(recording: Rig, **options) -> list[tuple[str, Finding]]:
    found = await check(recording.catalog, recording.disk, recording.threads, **options)
    return [(os.path.basename(one.path), one.finding) for one in found]


async def test_a_sound_archive_has_no_findings_and_progress_is_told(recorded):
    told: list[Progress] = []
    assert await findings(recorded, progress=told.append) == []
    total = sum(path.stat().st_size for path in recorded.disk.paths())
    assert told[-1] == Progress(2, 2, total, total)
    assert [progress.files for progress in told] == [1, 2]


async def test_a_file_that_is_gone(recorded):
    first, _ = recorded.disk.paths()
    first.unlink()
    assert await findings(recorded) == [(first.name, Finding.MISSING)]


async def test_a_file_that_nobody_knows(recorded):
    first, _ = recorded.disk.paths()
    first.with_name("more.mp4").write_bytes(first.read_bytes())
    (recorded.disk.root / "notes.txt").write_text("hello")
    assert await findings(recorded) == [("notes.txt", Finding.UNKNOWN), ("more.mp4", Finding.UNKNOWN)]


@pytest.mark.parametrize("change", [-1, 1])
async def test_a_file_of_another_size(recorded, change):
    _, second = recorded.disk.paths()
    os.truncate(second, second.stat().st_size + change)
    assert await findings(recorded) == [(second.name, Finding.SIZE)]


async def test_a_single_changed_bit(recorded):
    first, _ = recorded.disk.paths()
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    assert await findings(recorded) == [(first.name, Finding.CHANGED)]
    assert await findings(recorded, hashes=False) == []


async def test_a_tail_that_never_played(recorded):
    first, _ = recorded.disk.paths()
    torn = first.with_name("torn.mp4")
    torn.write_bytes(first.read_bytes()[:-5])
    path = torn.relative_to(recorded.disk.root).as_posix()
    row = SegmentFinished(path, 1, 2, torn.stat().st_size, sha256_of(recorded.disk, path), ())
    await recorded.catalog.store(CAMERA, [RecordingOpened(1), row, RecordingClosed(2, None)])
    assert await findings(recorded) == [("torn.mp4", Finding.UNPLAYABLE)]


async def test_a_file_that_cannot_be_read(recorded):
    first, _ = recorded.disk.paths()
    first.unlink()
    first.symlink_to(first.name)  # a loop: every access is an error
    assert await findings(recorded) == [(first.name, Finding.UNREADABLE)]


async def test_the_segments_of_a_running_recorder_are_no_findings(tmp_path):
    async with rig(tmp_path) as recording:
        for part in range(5):
            await recording.play(stream(16, start=16 * part, rate=5, gop=5))
            assert await findings(recording) == []
        assert len(list(recording.disk.paths())) == 2


async def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path):
    async with rig(tmp_path) as recording:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StorageError, match="cannot be used"):
            Archive(
                tmp_path / "file" / "recordings",
                recording.catalog,
                recording.journals,
                recording.threads,
                ManualClock(),
            )
