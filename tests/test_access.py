"""The table of rights, and secrets at rest."""

from __future__ import annotations

import pytest

from gateway.access.rights import NEEDED, RIGHTS, Right, Role, needed
from gateway.access.secrets import KEY_FILE, Vault
from gateway.base.errors import RefusedError, StorageError
from tests.accounts import CHEAP


def test_what_stands_in_no_row_is_refused():
    with pytest.raises(RefusedError, match="names no right"):
        needed("GET /api/secrets")
    assert needed("GET /healthz") is Right.OPEN
    assert RIGHTS[Role.NVR].isdisjoint({Right.CONFIGURE, Right.LOGGED_IN})


def test_nothing_is_open_that_the_public_surface_does_not_name():
    assert {what for what, right in NEEDED.items() if right is Right.OPEN} == {
        "GET /healthz",
        "GET /readyz",
        "GET /",
        "GET /{file}",
        "GET /assets/{file}",
        "POST /api/session",
        "GET /api/session/providers",
        "GET /api/session/oidc/{provider}",
        "GET /api/session/oidc/{provider}/callback",
        "OPTIONS /api/cameras/{id}/whep",
        "OPTIONS /api/whep/{session}",
    }


def test_the_vault_keeps_secrets_apart(tmp_path):
    vault = Vault.open(tmp_path)
    sealed = vault.encrypt("hush", "camera a")
    assert b"hush" not in sealed
    assert Vault.open(tmp_path).decrypt(sealed, "camera a") == "hush"
    with pytest.raises(StorageError, match="cannot be decrypted"):
        vault.decrypt(sealed, "camera b")
    with pytest.raises(StorageError):
        vault.decrypt(b"", "camera a")
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_key_file_others_can_read_is_refused(tmp_path):
    Vault.open(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600"):
        Vault.open(tmp_path)


def test_a_damaged_key_file_is_not_replaced(tmp_path):
    Vault.open(tmp_path)
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(StorageError, match="damaged"):
        Vault.open(tmp_path)


def test_a_stored_hash_that_is_none_does_not_verify():
    assert not CHEAP.verify("x", "not a hash")
    assert CHEAP.verify("x", CHEAP.hash("x"))
