"""Users, sessions, tokens, secrets, rights and the audit of them."""

from __future__ import annotations

import pytest

from gateway.access.audit import Audit
from gateway.access.rights import NEEDED, Right, Role, has, needed
from gateway.access.secrets import KEY_FILE, Passwords, Vault
from gateway.access.users import SESSION_SECONDS, Throttle, TooManyAttemptsError, Users
from gateway.base.clock import ManualClock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, RefusedError, StorageError
from gateway.store.engine import open_catalog

CHEAP = Passwords(memory_kib=64, rounds=1)
FROM = {"actor": "test", "address": "local"}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def users(tmp_path, clock):
    database = open_catalog(tmp_path)
    audit = Audit(database, clock)
    service = Users(database, audit, clock, passwords=CHEAP)
    service.audit = audit
    yield service
    service.close()
    database.close()


async def log_in(users, name="ann", password="correct horse"):
    return await users.log_in(name, password, address="10.0.0.9", agent="test")


async def test_a_password_opens_a_session_that_ends_with_log_out(users):
    await users.add("ann", Role.DISPATCHER, "correct horse", **FROM)
    key, principal = await log_in(users)
    assert await users.by_session(key) == principal
    assert principal.may(Right.LIVE)
    assert not principal.may(Right.CONFIGURE)
    await users.log_out(principal, address="10.0.0.9")
    assert await users.by_session(key) is None
    assert [e.action for e in await users.audit.entries()] == ["log_out", "log_in", "user_add"]


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("bob", "correct horse"), ("ann", "")])
async def test_a_wrong_name_or_password_is_refused_and_audited(users, name, password):
    await users.add("ann", Role.DISPATCHER, "correct horse", **FROM)
    with pytest.raises(RefusedError, match="user name or the password"):
        await log_in(users, name, password)
    newest = (await users.audit.entries())[0]
    assert (newest.action, newest.outcome, newest.actor) == ("log_in", "refused", name)
    assert "horse" not in repr(newest)


async def test_an_nvr_account_cannot_log_in_to_the_page(users):
    await users.add("nvr", Role.NVR, "correct horse", **FROM)
    with pytest.raises(RefusedError):
        await log_in(users, "nvr")


async def test_guessing_is_slowed_but_not_for_the_owner_elsewhere(users, clock):
    await users.add("ann", Role.DISPATCHER, "correct horse", **FROM)
    for _ in range(Throttle.FREE):
        with pytest.raises(RefusedError):
            await log_in(users, password="guess")
    with pytest.raises(TooManyAttemptsError):
        await log_in(users)
    await users.log_in("ann", "correct horse", address="10.0.0.1", agent="")
    clock.advance(61)
    await log_in(users)


async def test_a_session_expires_unless_used(users, clock):
    await users.add("ann", Role.DISPATCHER, "correct horse", **FROM)
    key, _ = await log_in(users)
    clock.advance(SESSION_SECONDS * 0.6)
    assert await users.by_session(key) is not None
    clock.advance(SESSION_SECONDS * 0.6)
    assert await users.by_session(key) is not None
    clock.advance(SESSION_SECONDS + 1)
    assert await users.by_session(key) is None


async def test_a_removed_user_is_out_at_once(users):
    await users.add("root", Role.ADMINISTRATOR, "correct horse", **FROM)
    await users.add("ann", Role.DISPATCHER, "correct horse", **FROM)
    key, principal = await log_in(users)
    token = await users.create_token("script", "ann", **FROM)
    bearer = await users.by_token(token)
    assert await users.still_valid({principal.key, bearer.key, b"x"}) == {principal.key, bearer.key}
    await users.remove("ann", **FROM)
    assert await users.by_session(key) is None
    assert await users.by_token(token) is None
    assert await users.still_valid({principal.key, bearer.key}) == set()


async def test_accounts_that_cannot_be(users):
    await users.add("root", Role.ADMINISTRATOR, "correct horse", **FROM)
    with pytest.raises(ConflictError, match="already"):
        await users.add("root", Role.AUDITOR, "correct horse", **FROM)
    with pytest.raises(BadRequestError, match="characters"):
        await users.add("ann", Role.AUDITOR, "short", **FROM)
    with pytest.raises(BadRequestError, match="user name"):
        await users.add("a b", Role.AUDITOR, "correct horse", **FROM)
    with pytest.raises(ConflictError, match="last administrator"):
        await users.remove("root", **FROM)
    with pytest.raises(NotFoundError):
        await users.remove("ann", **FROM)
    with pytest.raises(NotFoundError):
        await users.create_token("t", "ann", **FROM)


def test_what_stands_in_no_row_is_refused():
    with pytest.raises(RefusedError, match="names no right"):
        needed("GET /api/secrets")
    assert needed("GET /healthz") is Right.OPEN
    assert not any(has(Role.NVR, r) for r in (Right.CONFIGURE, Right.LOGGED_IN))


def test_nothing_is_open_that_the_public_surface_does_not_name():
    assert {what for what, right in NEEDED.items() if right is Right.OPEN} == {
        "GET /healthz",
        "GET /readyz",
        "GET /",
        "GET /{file}",
        "GET /assets/{file}",
        "POST /api/session",
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
