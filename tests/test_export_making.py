"""Exports from the database to the files: what the worker process is given, what it makes, and how it ends."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import zipfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from gateway.access.audit import Audit
from gateway.access.authority import Authority
from gateway.access.privacy import PrivacyModes
from gateway.base.errors import ConflictError, SightlineError, StorageError
from gateway.base.policy import Policy
from gateway.evidence.export import Export, ExportRequest, Kind
from gateway.evidence.export_worker import NICENESS
from gateway.evidence.left_holds import command_at_work, release_left
from gateway.evidence.making import ExportFailedError, Making
from gateway.evidence.parts import ExportParts
from gateway.media.model import NS, GapReason
from gateway.positions.store import PositionStore
from gateway.recording.archive import Archive
from gateway.recording.holds import Holds
from gateway.store.engine import Database, open_catalog, open_positions
from gateway.store.tables import privacy
from tests.media_samples import T0, stream
from tests.painted import painted, walk, with_sound
from tests.recording_rig import CAMERA, Rig, gap, rig

STEM = f"{CAMERA}_20231114T221320Z"


@dataclass
class Stage:
    recording: Rig
    making: Making
    holds: Holds
    positions: PositionStore
    database: Database
    folder: Path
    parts: ExportParts

    async def make(self, export: Export, progress=lambda _: None) -> dict[str, Path]:
        """The files by name, hashes and sizes held against what was told of them."""
        files = await self.making.make(export, self.folder, progress)
        assert {file.name for file in files} == {path.name for path in self.folder.iterdir()}
        for file in files:
            data = (self.folder / file.name).read_bytes()
            assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        return {file.name: self.folder / file.name for file in files}

    @property
    def workers(self) -> list[int]:
        """The processes that make something."""
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return [int(pid) for pid in children if b"export_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@asynccontextmanager
async def stage(tmp_path: Path, *, keep_free: int = 0, seconds: int = 6):
    """Some seconds of recording with sound and positions, and everything that makes exports of them."""
    async with rig(tmp_path) as recording:
        await recording.play(with_sound(painted(seconds), seconds))
        await recording.close()
        database, places = open_catalog(tmp_path), open_positions(tmp_path)
        positions = PositionStore(places, recording.clock)
        for fix in walk(20):
            positions.add(CAMERA, fix)
        audit = Audit(database, recording.clock)
        modes = PrivacyModes(database, audit, recording.clock, Authority(Policy()))
        archive = Archive(
            tmp_path / "recordings", recording.catalog, recording.journals, recording.threads, recording.clock
        )
        parts = ExportParts(
            tmp_path, database, archive, positions, modes, recording.threads, recording.clock, lambda camera: "Unit 12"
        )
        holds = Holds(database, audit, recording.clock)
        making = Making(parts, holds, keep_free=lambda total: keep_free)
        folder = tmp_path / "out"
        folder.mkdir()
        try:
            yield Stage(recording, making, holds, positions, database, folder, parts)
        finally:
            database.close()
            places.close()


def export(start: float = 0, end: float = 6, **more: object) -> Export:
    everything = frozenset({CAMERA})
    request = ExportRequest(
        (CAMERA,), T0 + round(start * NS), T0 + round(end * NS), "ann", "", sound=everything, positions=everything
    )
    return Export("x", replace(request, **more), T0)


def streams(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


async def test_nothing_that_goes_in_is_deleted_meanwhile(tmp_path):
    async with stage(tmp_path) as made:
        held: list[list[tuple[int, int | None]]] = []

        def look(_: float) -> None:
            held.append([(hold.start_ns, hold.end_ns) for hold in made.holds.active(CAMERA)])

        await made.make(export(1, 5), look)
        assert held
        assert all(spans == [(T0 + NS, T0 + 5 * NS)] for spans in held)
        assert made.holds.active(CAMERA) == ()
        (hold,) = await made.holds.of(CAMERA, released=True)
        assert (hold.placed_by, hold.reason) == ("export", "export x is being made for ann")


async def test_an_export_that_fails_or_is_cancelled_holds_nothing_any_more(tmp_path):
    async with stage(tmp_path, keep_free=1 << 60) as made:
        with pytest.raises(StorageError):
            await made.make(export())
        assert await made.holds.of(CAMERA) == []
    (tmp_path / "again").mkdir()
    async with stage(tmp_path / "again") as made:
        making = asyncio.create_task(made.make(export()))
        async with asyncio.timeout(10):
            while not made.workers:
                await asyncio.sleep(0.01)
        assert len(await made.holds.of(CAMERA)) == 1
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        assert await made.holds.of(CAMERA) == []


async def test_what_a_killed_gateway_or_command_held_is_released_by_the_next_start_and_nothing_else(tmp_path):
    async with stage(tmp_path) as made:
        for who in ("export", "sightline export", "ann"):
            await made.holds.place(CAMERA, T0, None, reason="export x is being made for ann", by=who)
        async with command_at_work(made.holds, tmp_path):
            assert [hold.placed_by for hold in await made.holds.of(CAMERA)] == ["export", "ann"]
            await made.holds.place(CAMERA, T0, None, reason="export y is being made for bob", by="sightline export")
            await release_left(made.holds, tmp_path)
            assert [hold.placed_by for hold in await made.holds.of(CAMERA)] == ["ann", "sightline export"]
        await release_left(made.holds, tmp_path)
        assert [hold.placed_by for hold in await made.holds.of(CAMERA)] == ["ann"]
        (row, *_) = await Audit(made.database, made.recording.clock).entries()
        assert (row.action, row.actor, row.camera) == ("hold_release", "sightline export", CAMERA)
        assert row.reason == "the command ended before the export was made"


async def test_somebody_may_release_it_before_it_is_made(tmp_path):
    async with stage(tmp_path) as made:
        making = asyncio.create_task(made.make(export()))
        async with asyncio.timeout(10):
            while not made.workers:
                await asyncio.sleep(0.01)
        (hold,) = made.holds.active(CAMERA)
        await made.holds.release(hold.id, by="bob", reason="a test")
        assert await making


async def test_a_video_comes_with_positions_and_a_report(tmp_path):
    told: list[float] = []
    async with stage(tmp_path) as made:
        files = await made.make(export(1, 5, reason="a complaint"), told.append)
        assert set(files) == {
            "export.json",
            *(f"{CAMERA}_20231114T221321Z.{form}" for form in ("mp4", "gpx", "geojson")),
        }
        (video,) = (path for name, path in files.items() if name.endswith(".mp4"))
        assert sorted(streams(video)) == ["audio", "data", "video"]
        with av.open(str(video)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 40
        (gpx,) = (path for name, path in files.items() if name.endswith(".gpx"))
        assert gpx.read_text().count("<trkpt") == 4
        report = json.loads(files["export.json"].read_text())
        assert (report["asked_by"], report["reason"]) == ("ann", "a complaint")
        (camera,) = report["cameras"]
        assert camera["video"]["file"] == video.name
        assert camera["name"] == "Unit 12"
        assert camera["recordings"] == [{"start": "2023-11-14T22:13:21.000000Z", "end": "2023-11-14T22:13:25.000000Z"}]
        (segment,) = camera["segments"]
        assert segment["sha256"] == hashlib.sha256((tmp_path / "recordings" / segment["path"]).read_bytes()).hexdigest()
        assert made.workers == []
        assert told == sorted(told)


async def test_memory_does_not_grow_with_what_is_copied(tmp_path):
    peaks: list[int] = []
    async with rig(tmp_path) as recording:
        await recording.play(stream(40, size=60_000))  # 72 MB
        await recording.close()
    async with stage(tmp_path, seconds=1) as made:

        def look(_: float) -> None:
            for pid in made.workers:
                status = Path(f"/proc/{pid}/status").read_text()
                peaks.append(int(status.split("VmHWM:")[1].split()[0]))

        files = await made.make(export(0, 60), look)
        assert files[f"{STEM}.mp4"].stat().st_size > 70_000_000
    assert 10_000 < max(peaks) < 50_000  # kB


async def test_what_is_missing_is_named(tmp_path):
    async with stage(tmp_path, seconds=2) as made:
        lost = gap(2, GapReason.DISCONNECTED, end=4)
        async with rig(tmp_path) as more:
            await more.play(painted(1, start=4))
            await more.close()
        assert lost.reason == GapReason.DISCONNECTED
        report = json.loads((await made.make(export()))["export.json"].read_text())
        (missing,) = report["cameras"][0]["gaps"]
        assert (missing["start"], missing["end"]) == ("2023-11-14T22:13:22.000000Z", "2023-11-14T22:13:24.000000Z")
        assert missing["reason"] == GapReason.RESTART


async def test_only_what_one_may_have_goes_in(tmp_path):
    async with stage(tmp_path) as made:
        files = await made.make(export(sound=frozenset(), positions=frozenset()))
        assert set(files) == {"export.json", f"{STEM}.mp4"}
        assert streams(files[f"{STEM}.mp4"]) == ["video"]


@pytest.mark.parametrize("burn_in", [False, True])
async def test_positions_that_a_privacy_mode_hid_stay_hidden(tmp_path, burn_in):
    async with stage(tmp_path) as made:
        await made.database.write(
            lambda connection: connection.execute(
                privacy.insert().values(
                    camera=CAMERA, start_ns=T0 + NS, end_ns=T0 + 4 * NS, hides_position=True, hides_stream=False,
                    recording=True,
                )
            )
        )  # fmt: skip
        files = await made.make(export(burn_in=burn_in))
        assert [f["properties"]["utc"][17:19] for f in _points(files[f"{STEM}.geojson"])] == ["20", "24", "25"]
        report = json.loads(files["export.json"].read_text())
        assert report["cameras"][0]["positions_hidden"] == [
            {"start": "2023-11-14T22:13:21.000000Z", "end": "2023-11-14T22:13:24.000000Z"}
        ]
        documents = b"".join(bytes(packet) for packet in _packets(files[f"{STEM}.mp4"]))
        for at in (1.01, 1.51, 2.01, 3.51):
            assert f'at="{at}"'.encode() not in documents
        assert (b'at="0.51"' in documents) != burn_in  # what is burnt in has no track of documents


@pytest.mark.parametrize("burn_in", [False, True])
async def test_what_a_privacy_mode_hid_of_the_stream_is_left_out_and_named(tmp_path, burn_in):
    async with stage(tmp_path) as made:
        whole = (await report_of(made, burn_in=burn_in))["video"]["pictures"]
        await hide(made, T0 + 2 * NS, T0 + 3 * NS)
        part = await report_of(made, burn_in=burn_in)
        assert 0 < part["video"]["pictures"] < whole
        assert part["video_hidden"] == [{"start": "2023-11-14T22:13:22.000000Z", "end": "2023-11-14T22:13:23.000000Z"}]
        await hide(made, T0 - 100 * NS, None)
        with pytest.raises(ExportFailedError, match="privacy mode hid"):
            await made.make(export(burn_in=burn_in))


async def report_of(made: Stage, *, burn_in: bool) -> dict:
    files = await made.make(export(burn_in=burn_in))
    report = json.loads(files["export.json"].read_text())["cameras"][0]
    for path in files.values():
        path.unlink()
    return report


async def test_a_package_withholds_what_a_privacy_mode_hid_of_the_stream(tmp_path):
    async with stage(tmp_path) as made:
        await hide(made, T0 + 2 * NS, T0 + 3 * NS)
        files = await made.make(export(kind=Kind.PACKAGE))
        with zipfile.ZipFile(files[f"{STEM}.zip"]) as package:
            assert [name for name in package.namelist() if name.endswith(".mp4")] == [f"{CAMERA}/video.mp4"]
            camera = json.loads(package.read("manifest.json"))["cameras"][0]
        assert {entry["why"] for entry in camera["withheld"]} == {"a privacy mode hid what the camera sent"}


@pytest.mark.parametrize(("kind", "times"), [(Kind.VIDEO, 1), (Kind.PACKAGE, 3)])
async def test_there_must_be_room_for_all_that_lies_there_while_it_is_made(tmp_path, monkeypatch, kind, times):
    async with stage(tmp_path) as made:
        footage = await made.parts.archive.footage(CAMERA, T0, T0 + 6 * NS)
        stored = sum(chunk.size for piece in footage.pieces for chunk in piece.chunks)
        free = round(stored * times)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1 << 40, free=free))
        with pytest.raises(StorageError, match="it takes about"):
            await made.make(export(kind=kind))
        free = round(stored * (times + 0.2))
        await made.make(export(kind=kind))


async def hide(made: Stage, start_ns: int, end_ns: int | None) -> None:
    values = {"hides_position": False, "hides_stream": True, "recording": True}
    row = privacy.insert().values(camera=CAMERA, start_ns=start_ns, end_ns=end_ns, **values)
    await made.database.write(lambda connection: connection.execute(row))


def _points(path: Path) -> list[dict]:
    features = json.loads(path.read_text())["features"]
    return [feature for feature in features if feature["geometry"]["type"] == "Point"]


def _packets(path: Path) -> list[av.Packet]:
    with av.open(str(path)) as container:
        return [packet for packet in container.demux() if packet.stream.type == "data"]


async def test_a_package_is_one_file_with_what_proves_it(tmp_path):
    async with stage(tmp_path) as made:
        files = await made.make(export(kind=Kind.PACKAGE, audit=True))
        assert set(files) == {f"{STEM}.zip"}
        with zipfile.ZipFile(files[f"{STEM}.zip"]) as package:
            names = set(package.namelist())
        assert {"manifest.json", "manifest.sig", "keys.jsonl", "audit.jsonl", f"{CAMERA}/video.mp4"} <= names
        recorded = {path.relative_to(tmp_path).as_posix() for path in made.recording.disk.paths()}
        assert recorded <= names


async def test_nothing_recorded_is_said_before_anything_is_made(tmp_path):
    async with stage(tmp_path) as made:
        await made.making.look(export().request)
        with pytest.raises(ConflictError, match="nothing of unit-12 is recorded from 2023-11-14T22:15"):
            await made.making.look(export(100, 200).request)


async def test_an_export_never_takes_the_room_that_recordings_need(tmp_path):
    async with stage(tmp_path, keep_free=1 << 60) as made:
        with pytest.raises(StorageError, match="are for recordings: export less, or free some space"):
            await made.make(export())
        assert list(made.folder.iterdir()) == []


async def test_a_disk_that_fills_up_meanwhile_ends_it(tmp_path, monkeypatch):
    async with stage(tmp_path) as made:
        # It begins with room enough; the worker finds that others have taken it.
        monkeypatch.setattr(made.making, "_room", _asks_for_all)
        with pytest.raises(SightlineError, match="the disk is filling up"):
            await made.make(export())


async def _asks_for_all(*_: object) -> int:
    return 1 << 60


async def test_a_recording_that_was_deleted_meanwhile_is_named(tmp_path):
    async with stage(tmp_path) as made:
        for path in made.recording.disk.paths():
            path.unlink()
        with pytest.raises(SightlineError, match=r"unit-12/2023/11/14/\S+ cannot be read: it has been deleted"):
            await made.make(export())


@pytest.mark.parametrize("killed", [False, True])
async def test_ended_in_mid_work_it_leaves_no_process(tmp_path, killed):
    async with stage(tmp_path, seconds=20) as made:
        begun = asyncio.Event()
        work = asyncio.create_task(made.make(export(0, 20, burn_in=True), lambda _: begun.set()))
        await begun.wait()
        (worker,) = made.workers
        assert os.getpriority(os.PRIO_PROCESS, worker) == NICENESS
        if killed:
            os.kill(worker, signal.SIGKILL)
        else:
            work.cancel()
        with pytest.raises(ExportFailedError if killed else asyncio.CancelledError):
            await work
        assert made.workers == []
        assert not Path(f"/proc/{worker}").exists()
