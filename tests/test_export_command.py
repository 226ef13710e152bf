"""`sightline export`: into a folder, with and without a running gateway, and what is left when it does not work out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import av
import pytest
import pytest_asyncio

from gateway.access.audit import Action, Audit, Entry
from gateway.base.clock import SystemClock
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import load
from gateway.command_line import parser
from gateway.incidents.incident import Opening
from gateway.incidents.incident_steps import By
from gateway.incidents.incidents import Incidents
from gateway.media.model import NS
from gateway.recording.holds import Holds
from gateway.store.engine import open_catalog
from tests.command_line import beside
from tests.media_samples import T0
from tests.painted import painted, with_sound
from tests.recording_rig import CAMERA, rig

NAMES = {"export.json", *(f"{CAMERA}_20231114T221321Z.{form}" for form in ("mp4", "gpx", "geojson"))}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recorded(tmp_path_factory) -> Path:
    data_dir = tmp_path_factory.mktemp("recorded")
    async with rig(data_dir) as recording:
        await recording.play(with_sound(painted(20), 20))
        await recording.close()
    return data_dir


@pytest.fixture
def config(tmp_path, recorded) -> Path:
    shutil.copytree(recorded, tmp_path / "data")
    path = tmp_path / "sightline.toml"
    path.write_text('data_dir = "data"\n[storage]\nkeep_free = "1 MB"\nwarn_free = "1 MB"\n')
    return path


def asked(config: Path, *more: object) -> list[object]:
    span = ("--from", "2023-11-14T22:13:21Z", "--to", "2023-11-14T22:13:25Z")
    return ["export", "--config", config, "--camera", CAMERA, *span, "--out", config.parent / "out", *more]


async def audit(config: Path) -> list[Entry]:
    """What it says of exports, newest first."""
    database = open_catalog(config.parent / "data")
    try:
        return [row for row in await Audit(database, SystemClock()).entries() if row.action == Action.EXPORT]
    finally:
        database.close()


async def actions(config: Path) -> list[str]:
    """All that the audit tells of, oldest first."""
    database = open_catalog(config.parent / "data")
    try:
        return [row.action for row in reversed(await Audit(database, SystemClock()).entries())]
    finally:
        database.close()


async def test_it_writes_the_files_and_says_their_hashes(config):
    ran = await beside(*asked(config, "--reason", "a complaint"))
    assert ran.code == 0, ran.err
    out = config.parent / "out"
    assert {path.name for path in out.iterdir()} == NAMES
    for line in ran.lines:
        path, _, _, _, digest = line.split()
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest
    with av.open(str(out / f"{CAMERA}_20231114T221321Z.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 40
    finished, first = await audit(config)
    assert (first.detail["step"], first.reason, first.camera) == ("asked", "a complaint", CAMERA)
    assert first.actor.startswith("shell:")
    assert (finished.detail["step"], len(finished.detail["files"])) == ("finished", 4)
    assert not (config.parent / "data" / "exports").exists()
    assert await actions(config) == ["export", "hold", "hold_release", "export"]


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (("--package", "--burn-in"), 2, "give either --package or --burn-in"),
        (("--to", "2023-11-14T22:13:20Z"), 2, "--from must lie before --to"),
        (("--from", "2024-01-01", "--to", "2024-01-01"), 1, "nothing of unit-12 is recorded"),
        (("--out", "."), 1, "is there already: name another folder"),
        (("--incident", "7"), 2, "an incident says itself from when to when"),
    ],
)
async def test_what_it_cannot_do_it_says_and_leaves_no_folder(config, more, code, says):
    ran = await beside(*asked(config, *more))
    assert (ran.code, says in ran.err) == (code, True), ran.err
    assert {path.name for path in config.parent.iterdir()} == {"data", "sightline.toml"}


async def test_a_package_of_an_incident_tells_of_it(config):
    database, clock = open_catalog(config.parent / "data"), SystemClock()
    record = Audit(database, clock)
    incidents = Incidents(database, Holds(database, record, clock), record, clock, lambda camera, by: None)
    opening = Opening("At the gate", (CAMERA,), T0 + NS, T0 + 5 * NS, None, (), {})
    made = await incidents.open(opening, By("ann", "local"))
    database.close()
    to = ("export", "--config", config, "--out", config.parent / "out", "--incident")
    ran = await beside(*to, made.id)
    assert ran.code == 0, ran.err
    with zipfile.ZipFile(ran.lines[0].split()[0]) as package:
        assert json.loads(package.read("incident.json"))["title"] == "At the gate"
        (camera,) = json.loads(package.read("manifest.json"))["cameras"]
    assert (camera["from"], camera["to"]) == (format_utc(T0 + NS), format_utc(T0 + 5 * NS))
    shutil.rmtree(config.parent / "out")
    for wrong, said in ((("8",), "there is no incident 8"), ((made.id, "--camera", "x"), 'no camera "x"')):
        ran = await beside(*to, *wrong)
        assert (ran.code, said in ran.err) == (1, True), ran.err
    ran = await beside("export", "--config", config, "--from", "2023-11-14", "--to", "2023-11-14")
    assert (ran.code, "which incident" in ran.err) == (2, True), ran.err


async def test_a_disk_that_is_to_stay_free_stays_free(config):
    config.write_text(config.read_text().replace('keep_free = "1 MB"', 'keep_free = "99 %"').replace("1 MB", "99 %"))
    ran = await beside(*asked(config))
    assert (ran.code, "export less, or free some space" in ran.err) == (1, True), ran.err
    assert not (config.parent / "out").exists()
    (failed, _) = await audit(config)
    assert (failed.outcome, failed.detail["step"]) == ("ended", "failed")


async def test_interrupted_it_leaves_nothing_and_says_so_in_the_audit(config):
    arguments = parser().parse_args([*map(str, asked(config, "--burn-in", "--to", "2023-11-14T22:13:40Z"))])
    arguments.settings = load(config)
    command = asyncio.create_task(arguments.command(arguments))
    while not any((config.parent / "out.part").glob("*.burnt")):
        assert not command.done()
        await asyncio.sleep(0.01)
    command.cancel()  # as Ctrl-C does
    with pytest.raises(asyncio.CancelledError):
        await command
    assert {path.name for path in config.parent.iterdir()} == {"data", "sightline.toml"}
    (cancelled, _) = await audit(config)
    assert cancelled.detail["step"] == "cancelled"
