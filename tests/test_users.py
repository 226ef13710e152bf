"""Accounts: made, changed and removed, and what ends with each change."""

from __future__ import annotations

import pytest

from gateway.access.rights import Role
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, RefusedError
from tests.accounts import FROM, PASSWORD, accounts


@pytest.fixture
def have(tmp_path):
    with accounts(tmp_path) as have:
        yield have


async def test_accounts_that_cannot_be(have):
    await have.add("root", Role.ADMINISTRATOR)
    with pytest.raises(ConflictError, match="already"):
        await have.add("root", Role.AUDITOR)
    with pytest.raises(BadRequestError, match="characters"):
        await have.users.add("ann", Role.AUDITOR, "short", **FROM)
    with pytest.raises(BadRequestError, match="user name"):
        await have.add("a b")
    with pytest.raises(BadRequestError, match="group"):
        await have.add("ann", Role.AUDITOR, "north side")
    with pytest.raises(NotFoundError):
        await have.users.remove("ann", **FROM)
    with pytest.raises(NotFoundError):
        await have.users.change("ann", role=Role.AUDITOR, **FROM)


async def test_the_last_administrator_stays_one(have):
    await have.add("root", Role.ADMINISTRATOR)
    with pytest.raises(ConflictError, match="last administrator"):
        await have.users.remove("root", **FROM)
    with pytest.raises(ConflictError, match="last administrator"):
        await have.users.change("root", role=Role.AUDITOR, **FROM)
    await have.add("other", Role.ADMINISTRATOR)
    await have.users.change("root", role=Role.AUDITOR, **FROM)
    with pytest.raises(ConflictError, match="last administrator"):
        await have.users.remove("other", **FROM)


async def test_groups_are_kept_once_each_and_in_order(have):
    await have.add("ann", Role.DISPATCHER, "south", "north", "south")
    assert (await have.users.user("ann")).groups == ("north", "south")
    _, who = await have.log_in()
    assert who.groups == ("north", "south")
    changed = await have.users.change("ann", groups=[], **FROM)
    assert changed.groups == ()
    assert [user.groups for user in await have.users.list()] == [()]


async def test_a_change_of_role_holds_for_the_log_ins_there_are(have):
    await have.add("ann")
    key, _ = await have.log_in()
    token = await have.log_ins.create_token("script", "ann", **FROM)
    await have.users.change("ann", role=Role.AUDITOR, groups=["north"], **FROM)
    for who in (await have.log_ins.by_session(key), await have.log_ins.by_token(token)):
        assert (who.role, who.groups) == (Role.AUDITOR, ("north",))
    row = (await have.audited())[0]
    assert (row.action, row.detail["before"]["role"], row.detail["after"]["role"]) == (
        "user_change",
        "dispatcher",
        "auditor",
    )


async def test_a_new_password_ends_the_sessions_but_one(have):
    await have.add("ann")
    mine, who = await have.log_in()
    other, _ = await have.log_in()
    token = await have.log_ins.create_token("script", "ann", **FROM)
    await have.users.change("ann", password="battery staple", but=who.key, **FROM)
    assert await have.log_ins.by_session(mine) is not None
    assert await have.log_ins.by_session(other) is None
    assert (await have.log_ins.by_token(token)).name == "ann", "a program is not logged out by its owner's new password"
    assert (await have.audited())[0].action == "password"
    with pytest.raises(RefusedError):
        await have.log_in("ann", PASSWORD)
    await have.log_in("ann", "battery staple")


async def test_a_role_that_cannot_log_in_to_the_page_has_no_session_left(have):
    await have.add("ann")
    key, _ = await have.log_in()
    await have.users.change("ann", role=Role.NVR, password="battery staple", **FROM)
    assert await have.log_ins.by_session(key) is None
