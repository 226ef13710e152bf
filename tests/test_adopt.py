"""What the next start makes of a file that a crash left, wherever it was torn."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from gateway.base.clock import ManualClock
from gateway.base.workers import Threads
from gateway.ledger.journal import Journals
from gateway.media.fmp4_reader import scan
from gateway.media.model import NS, GapReason
from gateway.recording.adopt import adopt
from gateway.recording.catalog import Catalog
from gateway.recording.check import check
from gateway.recording.entries import RecordingOpened
from gateway.recording.files import SystemFiles
from gateway.recording.rows import Span
from gateway.recording.salvage import TAIL_BYTES, NotOursError, salvage
from gateway.store.engine import open_catalog
from tests.media_samples import T0, stream
from tests.recording_rig import CAMERA, frames, rig

PATH = "unit-12/2023/11/14/20231114T221320.000Z.mp4"


@pytest.fixture
async def archive(tmp_path):
    """An empty archive: files, catalog, ledgers, threads."""
    (tmp_path / "recordings").mkdir()
    database = open_catalog(tmp_path)
    threads = Threads("disk", 1)
    journals = Journals.open(tmp_path, ManualClock(T0))
    yield SystemFiles(tmp_path / "recordings"), Catalog(database), journals, threads
    journals.close()
    threads.close()
    database.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> bytes:
    """A real Segment of four seconds."""
    import asyncio

    folder = tmp_path_factory.mktemp("recorded")

    async def record() -> None:
        async with rig(folder) as recording:
            await recording.play(stream(4, size=40))
            await recording.close()

    asyncio.run(record())
    return (folder / "recordings" / PATH).read_bytes()


def leave(root: Path, data: bytes, path: str = PATH) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def boundaries(data: bytes) -> list[int]:
    """Where each box at the top of the file ends."""
    ends, position = [], 0
    while position < len(data):
        position += int.from_bytes(data[position : position + 4], "big")
        ends.append(position)
    return ends


def test_a_segment_is_made_whole_wherever_it_was_torn(tmp_path, recorded):
    files = SystemFiles(tmp_path)
    ends = boundaries(recorded)
    lengths = sorted({max(0, min(len(recorded), end + off)) for end in ends for off in (-9, -8, -1, 0, 1, 7, 8, 9)})
    outcomes = set()
    for length in lengths:
        file = leave(tmp_path, recorded[:length])
        saved = salvage(files, PATH)
        outcomes.add(saved is None)
        if saved is None:
            assert not file.exists()
            assert length < ends[4]  # ftyp, moov, prft, moof, mdat: no whole fragment
            continue
        data = file.read_bytes()
        assert recorded.startswith(data)
        assert len(data) == length - saved.cut == saved.segment.size
        assert len(data) in ends
        assert scan(lambda at, size, data=data: data[at : at + size], len(data)).whole_bytes == len(data)
        assert saved.segment.sha256 == hashlib.sha256(data).digest()
        assert saved.segment.start_ns == T0
        counted = {track.kind: track.units for track in saved.segment.tracks}
        assert sum(counted.values()) > 0
    assert outcomes == {True, False}


def test_what_is_made_whole_plays(tmp_path, recorded):
    for length in (len(recorded) // 3, len(recorded) // 2, len(recorded) - 1):
        file = leave(tmp_path, recorded[:length])
        saved = salvage(SystemFiles(tmp_path), PATH)
        assert saved is not None
        assert len(frames(file)) == next(track.units for track in saved.segment.tracks if track.id == 0)


@pytest.mark.parametrize("tail", [bytes(5000), b"\xff" * 5000, b"\0\0\0\x10moof" * 500], ids=["zeros", "ones", "moof"])
def test_garbage_behind_the_media_is_cut_off(tmp_path, recorded, tail):
    file = leave(tmp_path, recorded + tail)
    saved = salvage(SystemFiles(tmp_path), PATH)
    assert saved is not None
    assert saved.cut == len(tail)
    assert file.read_bytes() == recorded


def test_a_file_of_zeros_after_a_power_cut_is_removed(tmp_path):
    file = leave(tmp_path, bytes(4096))
    assert salvage(SystemFiles(tmp_path), PATH) is None
    assert not file.exists()


@pytest.mark.parametrize("data", [b"not a film" * 100, b"\0\0\0\x18ftypisom" + os.urandom(2 << 20)])
def test_what_is_not_ours_is_left_alone(tmp_path, data):
    file = leave(tmp_path, data)
    with pytest.raises(NotOursError):
        salvage(SystemFiles(tmp_path), PATH)
    assert file.read_bytes() == data


def test_a_file_damaged_long_before_its_end_is_left_alone(tmp_path, recorded):
    data = recorded[: len(recorded) // 2] + bytes(TAIL_BYTES + len(recorded))
    file = leave(tmp_path, data)
    with pytest.raises(NotOursError):
        salvage(SystemFiles(tmp_path), PATH)
    assert file.stat().st_size == len(data)


async def test_a_crash_is_put_right_at_the_next_start(archive, recorded):
    files, catalog, journals, threads = archive
    await catalog.store(CAMERA, [RecordingOpened(T0)])
    leave(files.root, recorded[:-10])
    report = await adopt(catalog, files, journals, threads)
    assert report.adopted == [PATH]
    assert list(report.cut) == [PATH]
    (span,) = await catalog.recordings(CAMERA, None, None)
    assert span.start_ns == T0
    assert T0 + 3 * NS < span.end_ns <= T0 + 4 * NS
    assert await check(catalog, files, threads) == []
    await catalog.resume(CAMERA)
    (gap,) = await catalog.gaps(CAMERA, None, None)
    assert (gap.start_ns, gap.end_ns, gap.reason) == (span.end_ns, None, GapReason.RESTART)
    assert (await adopt(catalog, files, journals, threads)).adopted == []


async def test_a_file_without_a_catalog_is_adopted_too(archive, recorded):
    files, catalog, journals, threads = archive
    leave(files.root, recorded)
    report = await adopt(catalog, files, journals, threads)
    assert (report.adopted, report.cut) == ([PATH], {})
    (span,) = await catalog.recordings(CAMERA, None, None)
    assert span == Span(T0, span.end_ns)
    assert span.end_ns == pytest.approx(T0 + 4 * NS, abs=NS // 1000)


async def test_what_is_missing_or_strange_is_reported_and_left(archive, recorded):
    files, catalog, journals, threads = archive
    leave(files.root, recorded)
    await adopt(catalog, files, journals, threads)
    (files.root / PATH).unlink()
    leave(files.root, b"hello", "notes.txt")
    leave(files.root, b"not a film at all", "unit-12/other.mp4")
    report = await adopt(catalog, files, journals, threads)
    assert report.missing == [PATH]
    assert sorted(report.strange) == ["notes.txt", "unit-12/other.mp4"]
    assert (files.root / "notes.txt").read_bytes() == b"hello"
    assert len(await catalog.segments(CAMERA, None, None)) == 1


async def test_a_file_that_is_being_written_is_not_touched(archive):
    files, catalog, journals, threads = archive
    files.make_folder("unit-12")
    open_file = files.create("unit-12/now.mp4")
    open_file.append(b"\0\0\0")
    report = await adopt(catalog, files, journals, threads)
    assert list(report.strange) == ["unit-12/now.mp4"]
    open_file.close()
    assert (await adopt(catalog, files, journals, threads)).removed == ["unit-12/now.mp4"]
