"""Backup and restore: beside a gateway, only what is new, whole or told, and proved after it was brought back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.access.audit import Action, Audit
from gateway.access.nvr_accounts import NvrAccounts
from gateway.access.secrets import Vault
from gateway.access.tally import Tally
from gateway.base.clock import ManualClock
from gateway.base.settings import CameraSettings
from gateway.ledger.journal import Journals
from gateway.ledger.keys import PublicKeys
from gateway.ledger.proof import prove
from gateway.store.engine import RESTORING, open_catalog
from tests.command_line import Ran, beside
from tests.media_samples import stream
from tests.recording_rig import CAMERA, Rig, rig
from tests.running import running


@pytest.fixture
async def recorded(tmp_path: Path):
    """A data directory `old` with two Segments, and settings files for it and for `new`, which is not there."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.toml").write_text(f'data_dir = "{name}"\n')
    (tmp_path / "new").rmdir()
    async with rig(tmp_path / "old") as recording:
        await recording.play(stream(70, rate=5, gop=5))
        await recording.close()
        yield recording


async def run(tmp_path: Path, command: str, *more: str, where: str = "old") -> Ran:
    return await beside(*command.split(), *more, "--config", tmp_path / f"{where}.toml")


def state(backup: Path) -> Path:
    (found,) = backup.glob("state-*")
    return found


def proved(data_dir: Path) -> bool:
    journals = Journals.open(data_dir, ManualClock())
    try:
        lines = list(journals.lines(CAMERA))
        return bool(lines) and prove(iter(lines), PublicKeys.read(journals.folder)).broken is None
    finally:
        journals.close()


async def nvr_password(data_dir: Path, name: str) -> str | None:
    database, clock = open_catalog(data_dir), ManualClock()
    try:
        audit = Audit(database, clock)
        accounts = NvrAccounts(database, Vault(data_dir), audit, Tally(audit, clock), clock)
        await accounts.load()
        return accounts.password(name)
    finally:
        database.close()


async def actions(data_dir: Path) -> list[str]:
    database = open_catalog(data_dir)
    try:
        return [entry.action for entry in await Audit(database, ManualClock()).entries()]
    finally:
        database.close()


async def test_what_is_restored_agrees_and_is_proved(recorded: Rig, tmp_path: Path):
    backup = tmp_path / "backup"
    password = (await run(tmp_path, "user add frigate --role nvr")).out.strip()
    made = await run(tmp_path, "backup", str(backup))
    assert (made.code, "2 recordings" in made.out) == (0, True)
    assert "signs in this gateway's name" in made.err
    assert state(backup).stat().st_mode & 0o077 == 0
    shutil.move(tmp_path / "old", tmp_path / "lost")
    restored = await run(tmp_path, "restore", str(backup), where="new")
    assert (restored.code, restored.err) == (0, "")
    assert (await run(tmp_path, "check", where="new")) == Ran(0, "Disk and catalog agree.\n", "")
    assert proved(tmp_path / "new")
    assert (await actions(tmp_path / "new"))[:2] == [Action.RESTORE, Action.BACKUP]
    for key in [Path("secret.key"), *(p.relative_to(tmp_path / "lost") for p in (tmp_path / "lost/signing").iterdir())]:
        assert (tmp_path / "new" / key).read_bytes() == (tmp_path / "lost" / key).read_bytes()
        assert (tmp_path / "new" / key).stat().st_mode & 0o077 == 0
    assert await nvr_password(tmp_path / "new", "frigate") == password
    again = await run(tmp_path, "restore", str(backup), where="new")
    assert (again.code, "is not empty" in again.err) == (1, True)


async def test_the_next_one_copies_what_is_new_and_forgets_what_was_deleted(recorded: Rig, tmp_path: Path):
    backup = tmp_path / "backup"
    await run(tmp_path, "backup", str(backup))
    before = state(backup)
    first, second = recorded.disk.paths()
    copies = {path.name: path.stat().st_ino for path in (backup / "recordings").rglob("*.mp4")}
    first.unlink()
    assert (await run(tmp_path, "check --repair")).code == 0
    made = await run(tmp_path, "backup", str(backup))
    assert (made.code, "0 recordings (0 MiB) were new, 1 are" in made.out) == (0, True)
    assert {p.name: p.stat().st_ino for p in (backup / "recordings").rglob("*.mp4")} == {
        second.name: copies[second.name]
    }
    assert state(backup) != before


async def test_a_recording_that_was_changed_is_told_and_its_good_copy_stays(recorded: Rig, tmp_path: Path):
    backup, (first, _) = tmp_path / "backup", list(recorded.disk.paths())
    original = first.read_bytes()
    spoilt = bytearray(original)
    spoilt[len(spoilt) // 2] ^= 1
    first.write_bytes(spoilt)
    made = await run(tmp_path, "backup", str(backup))
    assert (made.code, "is not as the catalog has it" in made.lines[0]) == (1, True)
    assert first.name not in {path.name for path in (backup / "recordings").rglob("*")}
    first.write_bytes(original)
    assert (await run(tmp_path, "backup", str(backup))).code == 0
    first.write_bytes(spoilt)
    assert (await run(tmp_path, "backup", str(backup))).code == 0, "it has the good one"
    assert (backup / "recordings" / first.relative_to(recorded.disk.root)).read_bytes() == original


async def test_keys_and_media_can_be_kept_elsewhere(recorded: Rig, tmp_path: Path):
    backup = tmp_path / "backup"
    made = await run(tmp_path, "backup", str(backup), "--without-keys", "--without-media")
    assert (made.code, "keep secret.key and signing/ elsewhere" in made.err) == (0, True)
    names = {path.name for path in backup.rglob("*")}
    assert "secret.key" not in names
    assert not any(name.endswith((".pem", ".mp4")) for name in names)
    for more, media in (((), 2), (("--without-media",), 2)):
        await run(tmp_path, "backup", str(backup), *more)
        assert len(list((backup / "recordings").rglob("*.mp4"))) == media, "what is there stays"


async def test_what_is_half_done_or_damaged_does_not_count(recorded: Rig, tmp_path: Path):
    backup = tmp_path / "backup"
    assert "no whole backup" in (await run(tmp_path, "restore", str(backup), where="new")).err
    await run(tmp_path, "backup", str(backup))
    ledger = state(backup) / "ledger" / f"{CAMERA}.jsonl"
    data = ledger.read_bytes()
    ledger.write_bytes(data[:-10] + bytes([data[-10] ^ 1]) + data[-9:])
    damaged = await run(tmp_path, "restore", str(backup), where="new")
    assert (damaged.code, "is damaged" in damaged.err) == (1, True)
    ledger.write_bytes(data)
    (tmp_path / "new").mkdir(exist_ok=True)
    (tmp_path / "new" / RESTORING).touch()
    assert "was interrupted: run it again" in (await run(tmp_path, "check", where="new")).err
    assert (await run(tmp_path, "restore", str(backup), where="new")).code == 0
    assert (await run(tmp_path, "check", where="new")).code == 0


async def test_a_backup_beside_a_running_gateway_and_its_data_moved(tmp_path: Path):
    """What the gateway goes by is relative to its data directory: that can be moved while it is stopped."""
    unit = CameraSettings(id=CAMERA, url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
    (tmp_path / "old").mkdir()
    async with rig(tmp_path / "old") as recording:
        await recording.play(stream(10, rate=5, gop=5))
        await recording.close()
    async with running(tmp_path / "old", unit) as gateway:
        (tmp_path / "old.toml").write_text('data_dir = "old"\n')
        before = await gateway.client().get(f"/api/cameras/{CAMERA}/recordings")
        assert (await run(tmp_path, "backup", str(tmp_path / "backup"))).code == 0
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "old", tmp_path / "elsewhere/data")
    for path in (tmp_path / "elsewhere/data").rglob("*"):
        if path.is_file() and path.suffix in {".db", ".jsonl"}:
            assert f"{tmp_path}/old".encode() not in path.read_bytes(), path
    async with running(tmp_path / "elsewhere/data", unit) as gateway:
        assert await gateway.client().get(f"/api/cameras/{CAMERA}/recordings") == before
    (tmp_path / "new.toml").write_text('data_dir = "elsewhere/data"\n')
    assert (await run(tmp_path, "check", where="new")).code == 0
    assert proved(tmp_path / "elsewhere/data")
