"""The table of rights, and secrets at rest."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters

from gateway.access.rights import NEEDED, RIGHTS, Right, Role, needed
from gateway.access.secrets import KEY_FILE, PREVIOUS_FILE, Passwords, Vault
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
        # An NVR's account logs in here by digest or WS-UsernameToken, which `web.onvif` sees to.
        "POST /onvif/{service}",
        "GET /onvif/snapshot/{id}.jpg",
        # A phone proves itself with the key in the path, good for its unit's position and nothing else.
        "GET /api/report/{key}",
        "POST /api/report/{key}",
        # Who comes by a share has its key, and no account: `web.visits` asks for it.
        "POST /api/share",
        "GET /api/share/incident",
        "GET /api/share/cameras/{id}/playlist.m3u8",
        "GET /api/share/cameras/{id}/media/{segment}/{part}",
        "GET /api/share/cameras/{id}/positions",
        "GET /api/share/cameras/{id}/snapshot.jpg",
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


def test_a_hash_is_as_strong_as_rfc_9106_asks_whoever_it_is_for(monkeypatch):
    """Its second recommended option: 64 MiB, three rounds. Who is not known must take as long as who is."""
    passwords, looked_at = Passwords(), []
    stored = passwords.hash("x")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert not passwords.verify("x", None)
    monkeypatch.setattr(PasswordHasher, "verify", lambda _self, hashed, _password: looked_at.append(hashed))
    assert not passwords.verify("x", None)
    assert extract_parameters(looked_at[0]) == extract_parameters(stored)


def test_what_the_key_before_encrypted_is_read_until_the_rotation_ends(tmp_path):
    vault, beside = Vault.open(tmp_path), Vault.open(tmp_path)
    sealed, mark = vault.encrypt("hush", "camera a"), vault.mark("hush")
    vault.begin_rotation()
    assert vault.rotating
    assert (tmp_path / PREVIOUS_FILE).stat().st_mode & 0o777 == 0o600
    again = beside.encrypt("hush", "camera a")
    assert beside.mark("hush") == vault.mark("hush") != mark
    for anyone in (vault, beside, Vault.open(tmp_path)):
        assert anyone.decrypt(sealed, "camera a") == anyone.decrypt(again, "camera a") == "hush"
    vault.end_rotation()
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    for anyone in (vault, Vault.open(tmp_path)):
        assert anyone.decrypt(again, "camera a") == "hush"
        with pytest.raises(StorageError, match="cannot be decrypted"):
            anyone.decrypt(sealed, "camera a")
