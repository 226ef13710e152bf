"""`sightline check --repair`: each way in which disk and catalog disagree, put right without losing anything."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gateway.access.audit import Action, Audit, Entry
from gateway.base.clock import ManualClock, SystemClock
from gateway.base.lock import hold
from gateway.media.model import NS
from gateway.recording.check import Finding
from gateway.recording.deletion import FOUND_MISSING
from gateway.settings_preview import LOCK_FILE
from gateway.store import tables
from gateway.store.engine import Database, open_catalog
from tests.command_line import Ran, beside
from tests.media_samples import stream
from tests.recording_rig import CAMERA, T0, Rig, rig


@pytest.fixture
async def recorded(tmp_path: Path):
    """Two Segments of a minute and less, and a settings file."""
    (tmp_path / "sightline.toml").write_text('data_dir = "."\n')
    async with rig(tmp_path) as recording:
        await recording.play(stream(70, rate=5, gop=5))
        await recording.close()
        yield recording


@pytest.fixture
def database(recorded: Rig, tmp_path: Path):
    database = open_catalog(tmp_path)
    yield database
    database.close()


async def check(tmp_path: Path, *options: str) -> Ran:
    return await beside("check", *options, "--config", tmp_path / "sightline.toml")


async def repaired(tmp_path: Path, *findings: Finding) -> Ran:
    """What the repair says, which has told beforehand what it would do, and after which nothing is left to do."""
    planned = await check(tmp_path, "--repair", "--dry-run")
    assert (planned.code, planned.lines[-1]) == (1, f"{len(findings)} disagree; nothing was changed.")
    ran = await check(tmp_path, "--repair")
    assert ran.code == 0
    assert [line.replace(": would be ", ": ") for line in planned.lines[:-1]] == ran.lines[:-1]
    assert [line.split(": ")[1] for line in ran.lines[:-1]] == [finding.value for finding in findings]
    assert (await check(tmp_path)).code == 0
    return ran


def relative(recording: Rig, path: Path) -> str:
    return path.relative_to(recording.disk.root).as_posix()


async def audited(database: Database) -> list[Entry]:
    wanted = {Action.REPAIR, Action.DELETION}
    return [entry for entry in await Audit(database, ManualClock()).entries() if entry.action in wanted]


async def test_a_sound_archive_is_left_alone(recorded: Rig, database: Database, tmp_path: Path):
    before = [path.read_bytes() for path in recorded.disk.paths()]
    assert await check(tmp_path, "--repair") == Ran(0, "Disk and catalog agree.\n", "")
    assert [path.read_bytes() for path in recorded.disk.paths()] == before
    assert await audited(database) == []


async def test_a_file_that_is_gone_moves_to_the_deletions(recorded: Rig, database: Database, tmp_path: Path):
    first, second = list(recorded.disk.paths())
    (gone, _) = await recorded.catalog.segments(CAMERA, None, None)
    first.unlink()
    await repaired(tmp_path, Finding.MISSING)
    assert [row.path for row in await recorded.catalog.segments(CAMERA, None, None)] == [relative(recorded, second)]
    assert (await recorded.spans())[0][0] == 60.0, "the Recording begins with what is left"
    (row,) = await database.read(lambda c: c.execute(tables.deletions.select()).all())
    assert (row.path, row.rule, row.sha256, row.deleted_ns is None) == (gone.path, FOUND_MISSING, gone.sha256, False)
    (told,) = [row.body for row in recorded.journals.read(CAMERA) if row.kind == "deleted"]
    assert (told["file"], told["rule"], told["sha256"]) == (gone.path, FOUND_MISSING, gone.sha256.hex())
    (entry,) = await audited(database)
    assert (entry.action, entry.camera, entry.detail["rule"]) == (Action.DELETION, CAMERA, FOUND_MISSING)
    assert entry.actor.startswith("shell:")


async def test_a_file_that_nobody_knows_is_adopted(recorded: Rig, database: Database, tmp_path: Path):
    first, _ = recorded.disk.paths()

    def forget(connection: Connection) -> None:
        connection.execute(tables.segments.delete().where(tables.segments.c.path == relative(recorded, first)))

    before, spans = await recorded.catalog.all_segments(), await recorded.spans()
    told = len(list(recorded.journals.read(CAMERA)))
    await database.write(forget)
    await repaired(tmp_path, Finding.EXTENT, Finding.UNKNOWN)
    after = await recorded.catalog.all_segments()
    assert [replace(row, chunks=None) for row in after] == [replace(row, chunks=None) for row in before]
    assert await recorded.spans() == spans
    assert len(list(recorded.journals.read(CAMERA))) == told, "the ledger knows it, as it is"
    assert {entry.detail["finding"] for entry in await audited(database)} == {"extent", "unknown"}


async def test_a_file_that_the_ledger_does_not_know_either_is_told_to_it(recorded: Rig, tmp_path: Path):
    first, _ = recorded.disk.paths()
    copy = first.with_name("20200101T000000.000Z.mp4")
    copy.write_bytes(first.read_bytes())
    await repaired(tmp_path, Finding.UNKNOWN)
    *_, told = [row.body for row in recorded.journals.read(CAMERA) if row.kind == "segment"]
    assert (told["file"], told["adopted"], told["recovered"]["proven_bytes"]) == (relative(recorded, copy), True, 0)


async def test_what_is_no_recording_stays_and_is_told(recorded: Rig, tmp_path: Path):
    notes = recorded.disk.root / "notes.txt"
    notes.write_text("hello")
    ran = await check(tmp_path, "--repair")
    assert (ran.code, notes.read_text()) == (1, "hello")
    assert ran.lines[-1] == "0 repaired, 1 left as they are."


async def test_a_file_that_was_cut_off_is_shown_as_far_as_it_reaches(recorded: Rig, database: Database, tmp_path: Path):
    _, second = recorded.disk.paths()
    whole = second.stat().st_size
    (_, before) = await recorded.catalog.segments(CAMERA, None, None)
    os.truncate(second, whole // 2)
    ran = await check(tmp_path, "--repair")
    assert (ran.code, second.stat().st_size) == (0, whole // 2), "nothing more is cut off"
    (_, after) = await recorded.catalog.segments(CAMERA, None, None)
    assert (after.size, after.adopted, after.start_ns) == (whole // 2, True, before.start_ns)
    assert before.start_ns < after.end_ns < before.end_ns
    assert (await recorded.spans())[-1][1] == round((after.end_ns - T0) / NS, 3)
    *_, original, told = [row.body for row in recorded.journals.read(CAMERA) if row.kind == "segment"]
    assert (original["bytes"], told["bytes"], told["recovered"]["why"]) == (whole, whole // 2, "changed")
    again = await check(tmp_path)
    assert [line.split(": ")[1] for line in again.lines[:-1]] in ([], ["unplayable"])


@pytest.mark.parametrize("damage", ["changed", "longer", "empty"])
async def test_what_cannot_be_put_right_is_left_and_told(recorded: Rig, tmp_path: Path, damage: str):
    first, _ = recorded.disk.paths()
    data = bytearray(first.read_bytes())
    match damage:
        case "changed":
            data[len(data) // 2] ^= 1
        case "longer":
            data += b"more"
        case "empty":
            data = bytearray()
    first.write_bytes(data)
    before = await recorded.catalog.all_segments()
    ran = await check(tmp_path, "--repair")
    assert (ran.code, ran.lines[-1]) == (1, "0 repaired, 1 left as they are.")
    assert "backup" in ran.lines[0]
    assert (first.read_bytes(), await recorded.catalog.all_segments()) == (data, before)


async def test_cut_points_and_extents_are_found_anew(recorded: Rig, database: Database, tmp_path: Path):
    before, spans = await recorded.catalog.all_segments(), await recorded.spans()

    def spoil(connection: Connection) -> None:
        connection.execute(tables.segments.update().values(chunks=before[0].chunks))
        connection.execute(tables.recordings.update().values(end_ns=tables.recordings.c.end_ns + 60 * NS))
        connection.execute(tables.recordings.insert().values(camera="unit-13", start_ns=T0, end_ns=T0 + NS))

    await database.write(spoil)
    await repaired(tmp_path, Finding.EXTENT, Finding.CHUNKS, Finding.EXTENT)
    assert (await recorded.catalog.all_segments(), await recorded.spans()) == (before, spans)
    assert await recorded.catalog.recordings("unit-13", None, None) == []


async def test_a_disk_that_is_not_mounted_does_not_empty_the_catalog(recorded: Rig, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("gateway.recording.repair.FEW", 1)
    before = await recorded.catalog.all_segments()
    for path in recorded.disk.paths():
        path.unlink()
    ran = await check(tmp_path, "--repair")
    assert (ran.code, "is their disk mounted?" in ran.err) == (1, True)
    assert await recorded.catalog.all_segments() == before
    assert (await check(tmp_path, "--repair", "--missing-for-good")).code == 0
    assert await recorded.catalog.all_segments() == []
    assert await recorded.spans() == []


async def test_nothing_is_repaired_beside_a_gateway(recorded: Rig, tmp_path: Path):
    lock = hold(tmp_path / LOCK_FILE)
    assert lock is not None
    with lock:
        ran = await check(tmp_path, "--repair")
        assert (ran.code, "stop it first" in ran.err) == (1, True)
        assert (await check(tmp_path)).code == 0
    assert (await check(tmp_path, "--dry-run")).code == 2


async def test_what_a_repair_did_is_dated_and_named(recorded: Rig, database: Database, tmp_path: Path):
    await database.write(lambda c: c.execute(tables.segments.update().values(chunks=b"spoilt")))
    before = SystemClock().utc_ns()
    await check(tmp_path, "--repair")
    for entry in await audited(database):
        assert entry.utc_ns >= before
        assert (entry.detail["finding"], entry.camera) == ("chunks", CAMERA)
