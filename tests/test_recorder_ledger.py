"""What a recorder tells its camera's ledger, and what becomes of it when the ledger refuses or the gateway dies."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil

import pytest

from gateway.base.rfc3339 import parse_utc_ns
from gateway.ledger.journal import Journals
from gateway.media.model import NS, GapReason, TimeSource, TrackKind
from gateway.recording.adopt import adopt
from gateway.recording.catalog import Catalog
from gateway.recording.check import check
from gateway.recording.entries import (
    CameraClock,
    LossFound,
    RecordingClosed,
    RecordingOpened,
    Recovered,
    Recovery,
    SegmentFinished,
    TrackContent,
)
from gateway.recording.files import SystemFiles
from gateway.recording.ledger_rows import body, entry
from gateway.store.engine import open_catalog
from tests.ledger_agreement import disagreements
from tests.media_samples import T0, stream
from tests.recording_rig import CAMERA, Rig, gap, rig


def told(recording: Rig) -> list[str]:
    return [row.kind for row in recording.journals.read(CAMERA)]


async def assert_agreed(recording: Rig) -> None:
    assert await check(recording.catalog, recording.disk, recording.threads) == []
    assert await disagreements(recording.journals, recording.catalog, recording.disk, CAMERA) == []


@pytest.mark.parametrize(
    "one",
    [
        RecordingOpened(T0 + 1),
        RecordingClosed(T0, None),
        RecordingClosed(T0, GapReason.DISCONNECTED, "gone \ud800?"),
        LossFound(T0, T0 + 7, GapReason.LOSS, None),
        LossFound(T0, T0 + 7, GapReason.LOSS, TrackKind.AUDIO, 12, "a burst"),
        SegmentFinished(
            "unit-12/a.mp4", T0, T0 + NS, 4711, bytes(32), (TrackContent(0, TrackKind.VIDEO, "H264", 30),),
            camera_clock=CameraClock(TimeSource.RTCP, -80),
        ),
        SegmentFinished(
            "unit-12/a.mp4", T0, T0 + NS, 4711, bytes(32), (), adopted=True,
            recovered=Recovered(17, Recovery.CHANGED, "bytes 17 to 20"),
        ),
    ],
)  # fmt: skip
async def test_what_the_ledger_is_told_can_be_read_back(tmp_path, one):
    async with rig(tmp_path) as recording:
        recording.journals.append(CAMERA, [body(one)])
        (row,) = recording.journals.read(CAMERA)
        read = entry(row.body)
        assert body(read) == body(one)
        if "ud800" not in repr(one):
            assert read == one


@pytest.mark.parametrize("said", [{"kind": "opened"}, {"kind": "closed", "at": "x"}, {"kind": "loss", "from": 3}])
def test_a_row_that_nobody_here_wrote_is_refused(said):
    with pytest.raises(ValueError):  # noqa: PT011 (whatever it says: the caller says of which row)
        entry(said)


async def test_each_second_of_an_open_file_is_a_row(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(10, rate=10, gop=10))
        rows = [row for row in recording.journals.read(CAMERA) if row.kind == "fragment"]
        (path,) = recording.disk.paths()
        data = path.read_bytes()
        assert len(rows) >= 9
        for row in rows:
            assert row.body["sha256"] == hashlib.sha256(data[: row.body["bytes"]]).hexdigest()
        times = [parse_utc_ns(row.body["to"]) for row in rows]
        assert all(0 < after - before <= 1.5 * NS for before, after in itertools.pairwise([T0, *times]))
        await recording.close()
        assert told(recording)[0] == "opened"
        assert told(recording)[-2:] == ["segment", "closed"]
        last = list(recording.journals.read(CAMERA))[-2].body
        assert last["camera_clock"] == {"source": "rtcp", "offset_ms": 0}
        assert (last["sha256"], last["bytes"]) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)


async def test_the_catalog_hears_of_nothing_that_the_ledger_does_not_have(tmp_path, monkeypatch):
    stored = []
    store = Catalog.store

    async def watch(self, camera, entries):
        ledger = [entry(row.body) for row in recording.journals.read(CAMERA)]
        for one in entries:
            assert body(one) in [body(other) for other in ledger if other is not None]
        stored.extend(entries)
        await store(self, camera, entries)

    monkeypatch.setattr(Catalog, "store", watch)
    async with rig(tmp_path) as recording:
        lossy = stream(70, rate=5, gop=5)
        lossy.insert(100, gap(20, GapReason.LOSS, packets=3))
        lossy.insert(200, gap(41, GapReason.DISCONNECTED))
        await recording.play(lossy)
        await recording.close()
        assert {type(one) for one in stored} == {RecordingOpened, LossFound, RecordingClosed, SegmentFinished}
        await assert_agreed(recording)


async def test_a_ledger_that_refuses_is_tried_again_like_a_disk_and_nothing_is_skipped(tmp_path, monkeypatch):
    async with rig(tmp_path) as recording:
        await recording.play(stream(5))
        append = Journals.append

        def refuse(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Journals, "append", refuse)
        await recording.play(stream(6, start=5))
        assert recording.recorder.problem == "The disk is full."
        monkeypatch.setattr(Journals, "append", append)
        await recording.play(stream(5, start=11))
        assert recording.recorder.problem is None
        await recording.close()
        assert await recording.spans() == [(0, 16)]
        assert await recording.gaps() == []
        await assert_agreed(recording)


async def test_a_ledger_that_refuses_for_long_leaves_a_gap_that_it_tells_of_later(tmp_path, monkeypatch):
    async with rig(tmp_path, min_seconds=5) as recording:
        units = stream(60, rate=10, gop=10)
        await recording.play(units[:120])
        with monkeypatch.context() as patch:

            def refuse(*_):
                raise OSError(errno.EIO, os.strerror(errno.EIO))

            patch.setattr(Journals, "append", refuse)
            await recording.play(units[120:480])
        await recording.play(units[480:])
        await recording.close()
        spans, gaps = await recording.spans(), await recording.gaps()
        assert (spans[0][0], spans[-1][1]) == (0, 60)
        assert gaps == [(end, start, GapReason.DISK) for (_, end), (start, _) in itertools.pairwise(spans)]
        assert sum(end - start for start, end, _ in gaps) > 15
        await assert_agreed(recording)


# ---- the start after a crash


class Crash:
    """What a gateway that died leaves: a copy of everything, to be started upon."""

    def __init__(self, recording: Rig, folder) -> None:
        self.root = folder / "crashed"
        shutil.copytree(folder, self.root, ignore=shutil.ignore_patterns("crashed"))
        self.files = SystemFiles(self.root / "recordings")
        self.threads = recording.threads
        self.clock = recording.clock

    async def start(self):
        """The next start: what it found, and what disagrees afterwards."""
        database = open_catalog(self.root)
        journals = Journals.open(self.root, self.clock)
        try:
            catalog = Catalog(database)
            found = await adopt(catalog, self.files, journals, self.threads)
            self.disagreements = [] if found.missing else await disagreements(journals, catalog, self.files, CAMERA)
            self.rows = list(journals.read(CAMERA))
            self.gaps = await catalog.gaps(CAMERA, None, None)
            again = await adopt(catalog, self.files, journals, self.threads)
            assert (again.adopted, len(list(journals.read(CAMERA)))) == ([], len(self.rows))
            return found
        finally:
            journals.close()
            database.close()

    @property
    def path(self) -> str:
        return sorted(self.files.walk())[-1]


async def test_after_a_kill_the_ledger_vouches_for_all_but_the_last_second(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(7))
        crash = Crash(recording, tmp_path)
        found = await crash.start()
        assert (found.changed, found.strange, found.adopted) == ({}, {}, [crash.path])
        assert crash.disagreements == []
        *_, segment, closed = crash.rows
        assert (segment.kind, closed.kind) == ("segment", "closed")
        recovered = segment.body["recovered"]
        fragments = [row.body["bytes"] for row in crash.rows if row.kind == "fragment"]
        assert (recovered["why"], recovered["proven_bytes"]) == ("interrupted", fragments[-1])
        assert found.unproven == {crash.path: segment.body["bytes"] - fragments[-1]} or found.unproven == {}


@pytest.mark.parametrize("where", ["header", "middle", "synced end"])
async def test_an_open_file_that_was_edited_while_the_gateway_was_down_is_told_and_kept(tmp_path, where, caplog):
    async with rig(tmp_path) as recording:
        await recording.play(stream(7))
        crash = Crash(recording, tmp_path)
        fragments = [row.body["bytes"] for row in recording.journals.read(CAMERA) if row.kind == "fragment"]
        at = {"header": 40, "middle": fragments[3] + 900, "synced end": fragments[-1] - 1}[where]
        file = crash.files.root / crash.path
        data = bytearray(file.read_bytes())
        data[at] ^= 0x20
        file.write_bytes(data)
        found = await crash.start()
        start, end = next((a, b) for a, b in itertools.pairwise([0, *fragments]) if a <= at < b)
        (said,) = found.changed.values()
        assert f"bytes {start} to {end - 1}" in said
        segment = next(row for row in crash.rows if row.kind == "segment").body
        assert segment["recovered"] == {"proven_bytes": start, "why": "changed", "detail": said}
        assert file.read_bytes()[: fragments[-1]] == bytes(data)[: fragments[-1]]
        assert "was changed while the gateway was down" in caplog.text


async def test_an_open_file_that_was_cut_short_while_the_gateway_was_down_is_told(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(7))
        crash = Crash(recording, tmp_path)
        fragments = [row.body["bytes"] for row in recording.journals.read(CAMERA) if row.kind == "fragment"]
        os.truncate(crash.files.root / crash.path, fragments[3])
        found = await crash.start()
        assert f"knows {fragments[4]} bytes" in found.changed[crash.path]
        segment = next(row for row in crash.rows if row.kind == "segment").body
        assert segment["recovered"]["proven_bytes"] == fragments[3] == segment["bytes"]


async def test_an_open_file_that_was_emptied_is_not_taken_for_a_new_one(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(7))
        crash = Crash(recording, tmp_path)
        os.truncate(crash.files.root / crash.path, 0)
        assert "ftyp" not in (found := await crash.start()).strange[crash.path]
        assert (found.removed, found.adopted) == ([], [])


@pytest.mark.parametrize("finished", [False, True])
async def test_a_file_that_was_removed_while_the_gateway_was_down_is_missed(tmp_path, finished):
    async with rig(tmp_path) as recording:
        await recording.play(stream(7))
        if finished:
            await recording.close()
        crash = Crash(recording, tmp_path)
        path = crash.path
        (crash.files.root / path).unlink()
        found = await crash.start()
        assert (found.missing, found.adopted) == ([path], [])


@pytest.mark.parametrize("steps", range(8))
async def test_a_crash_between_ledger_and_catalog_leaves_them_agreed(tmp_path, steps, monkeypatch):
    """The database stands still from some store on, as if each later transaction had come too late."""
    stores = 0
    store = Catalog.store

    async def until(self, camera, entries):
        nonlocal stores
        stores += 1
        if stores <= steps:
            await store(self, camera, entries)

    monkeypatch.setattr(Catalog, "store", until)
    async with rig(tmp_path) as recording:
        units = stream(100, rate=5, gop=5)
        units.insert(150, gap(30, GapReason.LOSS, packets=3))
        units.insert(400, gap(80, GapReason.DISCONNECTED))
        await recording.play(units)
        crash = Crash(recording, tmp_path)
        found = await crash.start()
        assert (found.changed, found.strange, found.missing) == ({}, {}, [])
        assert crash.disagreements == []
        reasons = {one.reason for one in crash.gaps}
        assert {GapReason.LOSS, GapReason.DISCONNECTED} <= reasons


async def test_a_finished_file_that_was_edited_before_the_catalog_heard_of_it_is_told(tmp_path, monkeypatch):
    async def never(*_):
        pass

    monkeypatch.setattr(Catalog, "store", never)
    async with rig(tmp_path) as recording:
        await recording.play(stream(3))
        await recording.close()
        crash = Crash(recording, tmp_path)
        file = crash.files.root / crash.path
        data = bytearray(file.read_bytes())
        data[-5] ^= 1
        file.write_bytes(data)
        found = await crash.start()
        assert list(found.changed) == [crash.path]
        newest = [row for row in crash.rows if row.kind == "segment"][-1].body
        assert (newest["recovered"]["why"], newest["sha256"]) == ("changed", hashlib.sha256(data).hexdigest())
