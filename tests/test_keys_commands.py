"""`sightline keys`: new keys beside a running gateway, whatever it was that stopped the change before."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.access.audit import Action
from gateway.access.secrets import PREVIOUS_FILE, Vault
from gateway.base.clock import ManualClock
from gateway.base.errors import StorageError
from gateway.ledger.journal import Journals
from gateway.ledger.keys import PublicKeys
from gateway.ledger.proof import prove
from tests.command_line import Ran, beside
from tests.running import Running, running

NEW = {"id": "unit-1", "url": "rtsp://op:hush@127.0.0.1:1/s", "connect": "on_demand", "record": False}
OPENED = {"kind": "opened", "at": "2023-11-14T22:13:20.000000000Z"}


@pytest.fixture
async def gateway(tmp_path: Path):
    (tmp_path / "sightline.toml").write_text('data_dir = "data"\n')
    async with running(tmp_path / "data") as gateway:
        assert (await gateway.client().call("POST", "/api/cameras", json=NEW))[0] == 201
        yield gateway


async def keys(gateway: Running, *words: str) -> Ran:
    return await beside("keys", *words, "--config", gateway.data_dir.parent / "sightline.toml")


async def test_passwords_are_encrypted_anew_and_the_gateway_goes_on(gateway: Running):
    old = (gateway.data_dir / "secret.key").read_bytes()
    ran = await keys(gateway, "rotate", "--passwords")
    assert (ran.code, ran.out) == (0, "The passwords of 1 cameras and 1 NVR accounts are encrypted with a new key.\n")
    assert (gateway.data_dir / "secret.key").read_bytes() != old
    assert not (gateway.data_dir / PREVIOUS_FILE).exists()
    changed = {"name": "Unit 1"}
    status, body, _ = await gateway.client().call("PATCH", "/api/cameras/unit-1", json=changed)
    assert (status, body["settings"]["has_password"]) == (200, True)
    second = NEW | {"id": "unit-2"}
    assert (await gateway.client().call("POST", "/api/cameras", json=second))[0] == 201
    assert (await beside("camera", "list", "--config", gateway.data_dir.parent / "sightline.toml")).code == 0
    (row,) = [entry for entry in await gateway.audit() if entry.action == Action.KEY_ROTATE]
    assert (row.actor.startswith("shell:"), row.detail) == (True, {"key": "passwords", "cameras": 1, "users": 1})


@pytest.mark.parametrize("method", ["begin_rotation", "encrypt", "end_rotation"])
async def test_what_stopped_half_way_loses_no_password(gateway: Running, monkeypatch, method: str):
    with monkeypatch.context() as patch:

        def stopped(*_: object) -> None:
            raise StorageError("the disk is full")

        patch.setattr(Vault, method, stopped)
        assert (await keys(gateway, "rotate", "--passwords")).code == 1
    listed = await beside("camera", "list", "--config", gateway.data_dir.parent / "sightline.toml")
    assert (listed.code, "unit-1" in listed.out) == (0, True)
    assert (await keys(gateway, "rotate", "--passwords")).code == 0
    assert not Vault.open(gateway.data_dir).rotating
    assert (await gateway.client().call("PATCH", "/api/cameras/unit-1", json={"name": "x"}))[0] == 200


async def test_the_signing_key_changes_in_every_ledger(gateway: Running):
    journals = Journals.open(gateway.data_dir, ManualClock())
    journals.append("unit-1", [OPENED])
    before = journals.signer.current
    listed = await keys(gateway, "list")
    assert [line.split()[0] for line in listed.lines] == ["KIND", "passwords", "signing"]
    ran = await keys(gateway, "rotate", "--signing")
    assert (ran.code, before in ran.out) == (0, True)
    assert "make a new one" in ran.err
    journals.append("unit-1", [OPENED])
    assert [row.kind for row in journals.read("unit-1")] == ["opened", "key", "opened"]
    assert prove(journals.lines("unit-1"), PublicKeys.read(journals.folder)).broken is None
    assert journals.signer.current != before
    journals.close()
    listed = await keys(gateway, "list")
    assert listed.lines[2].split()[1] == before
    assert listed.lines[-1].endswith("signs")
    assert not list((gateway.data_dir / "signing").glob(f"{before}*"))


async def test_both_change_where_none_is_named(gateway: Running):
    ran = await keys(gateway, "rotate")
    assert (ran.code, len(ran.lines)) == (0, 2)
