"""Sessions and tokens: what opens, renews, lists and ends them."""

from __future__ import annotations

import pytest

from gateway.access.jwt import BadTokenError
from gateway.access.log_ins import MINUTE, SESSION_SECONDS, SESSIONS_PER_USER
from gateway.access.rights import Role
from gateway.base.errors import BadRequestError, NotFoundError, RefusedError
from tests.accounts import FROM, PASSWORD, accounts


@pytest.fixture
def have(tmp_path):
    with accounts(tmp_path) as have:
        yield have


# ---- passwords


async def test_a_password_opens_a_session_that_ends_with_log_out(have):
    await have.add("ann")
    key, principal = await have.log_in()
    assert await have.log_ins.by_session(key) == principal
    assert (principal.name, principal.role, principal.groups) == ("ann", Role.DISPATCHER, ())
    await have.log_ins.log_out(principal, address="10.0.0.9")
    assert await have.log_ins.by_session(key) is None
    assert [e.action for e in await have.audited()] == ["log_out", "log_in", "user_add"]


async def test_each_log_in_has_a_key_of_its_own(have):
    await have.add("ann")
    keys = {(await have.log_in())[0] for _ in range(5)}
    assert len(keys) == 5


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("bob", PASSWORD), ("ann", "")])
async def test_a_wrong_name_or_password_is_refused_and_audited(have, name, password):
    await have.add("ann")
    with pytest.raises(RefusedError, match="user name or the password"):
        await have.log_in(name, password)
    newest = (await have.audited())[0]
    assert (newest.action, newest.outcome, newest.actor) == ("log_in", "refused", name)
    assert "horse" not in repr(newest)


async def test_an_nvr_account_cannot_log_in_to_the_page(have):
    await have.add("nvr", Role.NVR)
    with pytest.raises(RefusedError):
        await have.log_in("nvr")


async def test_ones_own_password_is_changed_with_the_old_one(have):
    await have.add("ann")
    key, who = await have.log_in()
    other, _ = await have.log_in()
    with pytest.raises(RefusedError, match="old password"):
        await have.log_ins.change_password(who, "guess", "battery staple", address="10.0.0.9")
    with pytest.raises(BadRequestError, match="characters"):
        await have.log_ins.change_password(who, PASSWORD, "short", address="10.0.0.9")
    await have.log_ins.change_password(who, PASSWORD, "battery staple", address="10.0.0.9")
    assert await have.log_ins.by_session(key) is not None
    assert await have.log_ins.by_session(other) is None


# ---- sessions


async def test_a_session_expires_unless_used(have):
    await have.add("ann")
    key, _ = await have.log_in()
    have.clock.advance(SESSION_SECONDS * 0.6)
    assert await have.log_ins.by_session(key) is not None
    have.clock.advance(SESSION_SECONDS * 0.6)
    assert await have.log_ins.by_session(key) is not None
    have.clock.advance(SESSION_SECONDS + 1)
    assert await have.log_ins.by_session(key) is None


async def test_sessions_are_listed_with_when_they_were_last_seen(have):
    await have.add("ann")
    await have.add("bob")
    await have.log_in("bob")
    have.clock.advance(5)
    key, _ = await have.log_in()
    assert [session.user for session in await have.log_ins.sessions()] == ["ann", "bob"]
    (mine,) = await have.log_ins.sessions("ann")
    assert (mine.address, mine.agent, mine.method, mine.seen_ns) == ("10.0.0.9", "test", "password", None)
    have.clock.advance(200)
    await have.log_ins.by_session(key)
    (mine,) = await have.log_ins.sessions("ann")
    assert mine.seen_ns is not None
    assert 0 <= have.clock.utc_ns() - mine.seen_ns < MINUTE
    assert mine.seen_ns % MINUTE == 0


async def test_a_session_is_ended_by_its_id(have):
    await have.add("ann")
    first, _ = await have.log_in()
    have.clock.advance(1)
    second, _ = await have.log_in()
    older = (await have.log_ins.sessions())[1]
    await have.log_ins.end_session(older.id, **FROM)
    assert await have.log_ins.by_session(first) is None
    assert await have.log_ins.by_session(second) is not None
    row = (await have.audited())[0]
    assert (row.action, row.detail) == ("session_end", {"user": "ann", "session": older.id})
    with pytest.raises(NotFoundError):
        await have.log_ins.end_session(older.id, **FROM)


@pytest.mark.parametrize("name", ["", "zz", "00", "../../etc", "0" * 64, "0" * 15, "０" * 16])
async def test_what_is_no_id_names_nothing(have, name):
    with pytest.raises(NotFoundError):
        await have.log_ins.end_session(name, **FROM)
    with pytest.raises(NotFoundError):
        await have.log_ins.revoke_token(name, **FROM)


async def test_the_oldest_session_goes_when_there_are_too_many(have):
    await have.add("ann")
    first, _ = await have.log_in()
    for _ in range(SESSIONS_PER_USER):
        have.clock.advance(1)
        await have.log_in()
    assert len(await have.log_ins.sessions("ann")) == SESSIONS_PER_USER
    assert await have.log_ins.by_session(first) is None


# ---- tokens


async def test_a_token_holds_until_it_is_revoked_or_expires(have):
    await have.add("ann")
    for_ever = await have.log_ins.create_token("script", "ann", **FROM)
    for_a_day = await have.log_ins.create_token("trial", "ann", lifetime=86400, **FROM)
    listed = {token.name: token for token in await have.log_ins.tokens("ann")}
    assert listed["script"].expires_ns is None
    assert listed["trial"].expires_ns == have.clock.utc_ns() + 86400 * 10**9
    assert (await have.log_ins.by_token(for_a_day)).name == "ann"
    have.clock.advance(86401)
    with pytest.raises(BadTokenError):
        await have.log_ins.by_token(for_a_day)
    who = await have.log_ins.by_token(for_ever)
    assert who.by_token
    await have.log_ins.revoke_token(listed["script"].id, **FROM)
    with pytest.raises(BadTokenError):
        await have.log_ins.by_token(for_ever)
    row = (await have.audited())[0]
    assert (row.action, row.detail) == ("token_revoke", {"user": "ann", "token": "script"})


async def test_tokens_that_cannot_be(have):
    with pytest.raises(NotFoundError, match="sightline user add"):
        await have.log_ins.create_token("t", "ann", **FROM)
    await have.add("ann")
    for label in ("", "x" * 65):
        with pytest.raises(BadRequestError, match="1 to 64"):
            await have.log_ins.create_token(label, "ann", **FROM)


async def test_a_removed_user_is_out_at_once(have):
    await have.add("root", Role.ADMINISTRATOR)
    await have.add("ann")
    key, principal = await have.log_in()
    token = await have.log_ins.create_token("script", "ann", **FROM)
    bearer = await have.log_ins.by_token(token)
    holding = await have.log_ins.holding({principal.key, bearer.key, b"x"})
    assert holding == {principal.key: principal, bearer.key: bearer}
    await have.users.remove("ann", **FROM)
    assert await have.log_ins.by_session(key) is None
    with pytest.raises(BadTokenError):
        await have.log_ins.by_token(token)
    assert await have.log_ins.holding({principal.key, bearer.key}) == {}


async def test_a_session_key_is_no_token_and_a_token_no_session_key(have):
    await have.add("ann")
    key, _ = await have.log_in()
    token = await have.log_ins.create_token("script", "ann", **FROM)
    with pytest.raises(BadTokenError):
        await have.log_ins.by_token(key)
    assert await have.log_ins.by_session(token) is None
