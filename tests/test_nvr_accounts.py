"""Accounts of NVRs: whose password RTSP and ONVIF check with, what ends a log-in, and how guessing is slowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from gateway.access.nvr_accounts import DAY_SECONDS, NvrAccounts, Seen
from gateway.access.rights import Role
from gateway.access.rotation import Rotated, rotate_key
from gateway.access.secrets import Vault
from gateway.base.errors import BadRequestError, ConflictError, RefusedError, StorageError
from gateway.store.tables import users as users_table
from tests.accounts import FROM, PASSWORD, Accounts, accounts

NVR, ELSEWHERE = "10.0.0.5", "10.0.0.6"
OTHER = "battery staple"


@dataclass
class Stage:
    """Accounts as people change them, and as RTSP and ONVIF see them."""

    have: Accounts
    vault: Vault
    nvrs: NvrAccounts

    async def add(self, name: str = "milestone", **limits: list[str]) -> None:
        await self.have.users.add(name, Role.NVR, PASSWORD, **limits, **FROM)
        await self.nvrs.load()

    async def change(self, name: str = "milestone", **values: object) -> None:
        await self.have.users.change(name, **values, **FROM)
        await self.nvrs.load()

    async def audited(self) -> list[tuple[str, str, str, object]]:
        """Action, outcome, actor and the protocol of what the audit has of log-ins, newest first."""
        await self.nvrs.close()
        rows = [row for row in await self.have.audited() if row.action == "log_in"]
        return [(row.outcome, row.actor, row.address, row.detail.get("method", row.detail.get("kind"))) for row in rows]

    async def stored(self, name: str = "milestone") -> tuple[str | None, bytes | None]:
        query = select(users_table).where(users_table.c.name == name)
        row = await self.have.audit.database.read(lambda connection: connection.execute(query).one())
        return row.password_hash, row.password_encrypted


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    with accounts(tmp_path) as have:
        vault = Vault.open(tmp_path)
        nvrs = NvrAccounts(have.audit.database, vault, have.audit, have.tally, have.clock)
        yield Stage(have, vault, nvrs)
        await nvrs.close()


async def test_only_an_nvrs_password_can_be_read_and_only_by_the_gateway(stage: Stage):
    await stage.add()
    await stage.have.add("ann")
    await stage.nvrs.load()
    assert (stage.nvrs.password("milestone"), stage.nvrs.password("ann"), stage.nvrs.password("bob")) == (
        PASSWORD,
        None,
        None,
    )
    hashed, sealed = await stage.stored()
    assert hashed is None
    assert sealed is not None
    assert PASSWORD.encode() not in sealed
    hashed, sealed = await stage.stored("ann")
    assert (hashed is not None, sealed) == (True, None)


async def test_what_an_nvr_knows_opens_no_page(stage: Stage):
    await stage.add()
    with pytest.raises(RefusedError):
        await stage.have.log_in("milestone")


async def test_who_becomes_an_nvrs_account_and_back_needs_a_new_password_each_time(stage: Stage):
    await stage.have.add("ann")
    with pytest.raises(BadRequestError, match="needs a new password to go from dispatcher to nvr"):
        await stage.change("ann", role=Role.NVR)
    await stage.change("ann", role=Role.NVR, password=OTHER)
    assert stage.nvrs.password("ann") == OTHER
    assert (await stage.stored("ann"))[0] is None
    with pytest.raises(BadRequestError, match="needs a new password to go from nvr to dispatcher"):
        await stage.change("ann", role=Role.DISPATCHER)
    await stage.change("ann", role=Role.DISPATCHER, password=PASSWORD)
    assert stage.nvrs.password("ann") is None
    assert (await stage.stored("ann"))[1] is None
    await stage.have.log_in("ann")


async def test_a_log_in_holds_until_its_password_or_its_account_goes(stage: Stage):
    await stage.add(groups=["north"], cameras=["unit-2", "unit-1"])
    who = stage.nvrs.principal("milestone")
    assert who is not None
    assert (who.role, who.groups, who.cameras) == (Role.NVR, ("north",), ("unit-1", "unit-2"))
    told: list[object] = []
    stage.nvrs.on_changed.append(lambda: told.append(stage.nvrs.holding(who)))

    await stage.nvrs.load()
    assert told == [], "nothing changed"
    await stage.change(cameras=["unit-1"])
    assert [now.cameras for now in told] == [("unit-1",)], "the log-in holds, for less"
    await stage.change(password=OTHER)
    assert told[1:] == [None], "a new password ends what the one before opened"
    who = stage.nvrs.principal("milestone")
    await stage.have.users.remove("milestone", **FROM)
    await stage.nvrs.load()
    assert (told[2:], stage.nvrs.password("milestone")) == ([None], None)


async def test_a_new_key_changes_what_is_stored_and_ends_nothing(stage: Stage):
    await stage.add()
    who, (_, before) = stage.nvrs.principal("milestone"), await stage.stored()
    rotated = await rotate_key(stage.have.audit.database, stage.vault, stage.have.audit, **FROM)
    assert rotated == Rotated(cameras=0, users=1)
    assert (await stage.stored())[1] != before
    await stage.nvrs.load()
    assert stage.nvrs.holding(who) == who
    assert stage.nvrs.password("milestone") == PASSWORD


async def test_an_account_from_before_has_to_get_a_password_first(stage: Stage, caplog: pytest.LogCaptureFixture):
    old = {"name": "old", "role": "nvr", "password_hash": "$argon2id$…", "created_ns": 0}
    await stage.have.audit.database.write(
        lambda connection: connection.execute(insert(users_table).values(**old)).rowcount
    )
    await stage.nvrs.load()
    assert stage.nvrs.password("old") is None
    assert not (await stage.have.users.user("old")).has_password
    stage.nvrs.failed(NVR, "old", "rtsp")
    assert 'run "sightline user password old"' in caplog.text
    await stage.change("old", password=OTHER)
    assert stage.nvrs.password("old") == OTHER


async def test_a_password_that_cannot_be_decrypted_keeps_out_one_account(stage: Stage, tmp_path: Path):
    await stage.add()
    await stage.add("frigate")
    values = {"password_encrypted": b"\x01" + bytes(40)}
    change = users_table.update().where(users_table.c.name == "milestone").values(**values)
    await stage.have.audit.database.write(lambda connection: connection.execute(change).rowcount)
    await stage.nvrs.load()
    assert (stage.nvrs.password("milestone"), stage.nvrs.password("frigate")) == (None, PASSWORD)


@pytest.mark.parametrize(("name", "password"), [("milestöne", PASSWORD), ("milestone", "pässwörter"), ("m", "short")])
async def test_what_not_every_nvr_can_send_is_refused(stage: Stage, name: str, password: str):
    with pytest.raises(BadRequestError):
        await stage.have.users.add(name, Role.NVR, password, **FROM)


async def test_whoever_changed_an_account_meanwhile_is_not_overruled(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    await stage.add()
    user = await stage.have.users.user("milestone")

    async def as_it_was(_: str) -> object:
        return user

    await stage.change(cameras=["unit-1"])
    monkeypatch.setattr(stage.have.users, "user", as_it_was)
    with pytest.raises(ConflictError, match="just been changed"):
        await stage.change(cameras=[])


async def test_guesses_are_slowed_and_the_account_is_kept_for_who_had_it(stage: Stage):
    await stage.add()
    stage.nvrs.succeeded(NVR, "milestone", "rtsp")
    for _ in range(5):
        assert stage.nvrs.refusal(ELSEWHERE, "milestone") is None
        stage.nvrs.failed(ELSEWHERE, "milestone", "rtsp")
    wait = stage.nvrs.refusal(ELSEWHERE, "milestone")
    assert wait == pytest.approx(2.0)
    assert stage.nvrs.refusal(NVR, "milestone") is None, "guesses from elsewhere do not shut the NVR out"
    stage.nvrs.failed(ELSEWHERE, "milestone", "rtsp")
    assert stage.nvrs.refusal(ELSEWHERE, "milestone") == wait, "what is not listened to does not count"
    stage.have.clock.advance(wait)
    assert stage.nvrs.refusal(ELSEWHERE, "milestone") is None
    stage.nvrs.succeeded(ELSEWHERE, "milestone", "rtsp")
    stage.nvrs.failed(ELSEWHERE, "milestone", "rtsp")
    assert stage.nvrs.refusal(ELSEWHERE, "milestone") is None, "who knew the password starts anew"


async def test_an_nvr_whose_second_account_is_wrong_goes_on_with_its_first(stage: Stage):
    await stage.add()
    stage.nvrs.succeeded(NVR, "milestone", "onvif")
    for i in range(10):
        stage.nvrs.failed(NVR, f"guess-{i}", "onvif")
    assert stage.nvrs.refusal(NVR, "another") is not None, "ten wrong passwords slow a source, whatever names it tries"
    assert stage.nvrs.refusal(NVR, "milestone") is None
    await stage.change(password=OTHER)
    assert stage.nvrs.refusal(NVR, "milestone") is not None, "what it proved was the password before"


async def test_the_audit_has_a_log_in_a_day_and_refusals_by_the_minute(stage: Stage):
    await stage.add()
    for _ in range(100):
        stage.nvrs.succeeded(NVR, "milestone", "onvif")
    stage.nvrs.succeeded(NVR, "milestone", "rtsp")
    stage.nvrs.failed(ELSEWHERE, "x" * 500, "rtsp")
    stage.nvrs.failed(ELSEWHERE, "y", "rtsp")
    assert sorted(await stage.audited()) == [
        ("done", "milestone", NVR, "onvif"),
        ("done", "milestone", NVR, "rtsp"),
        ("refused", "x" * 64, ELSEWHERE, "rtsp"),
    ]
    await stage.have.tally.flush()
    assert (await stage.audited())[0] == ("refused", "y", ELSEWHERE, "rtsp"), "the rest of the minute is one row"
    stage.have.clock.advance(DAY_SECONDS)
    stage.nvrs.succeeded(NVR, "milestone", "onvif")
    assert (await stage.audited())[0] == ("done", "milestone", NVR, "onvif")


async def test_who_was_here_is_known_the_last_first_and_not_beyond_the_account(stage: Stage):
    await stage.add()
    await stage.add("frigate")
    for name, address in (("milestone", NVR), ("frigate", ELSEWHERE), ("milestone", NVR)):
        stage.have.clock.advance(1)
        stage.nvrs.succeeded(address, name, "onvif")
    now = stage.have.clock.utc_ns()
    assert stage.nvrs.seen() == [
        Seen("milestone", NVR, "onvif", now), Seen("frigate", ELSEWHERE, "onvif", now - 1_000_000_000),
    ]  # fmt: skip
    await stage.have.users.remove("milestone", **FROM)
    await stage.nvrs.load()
    assert [seen.name for seen in stage.nvrs.seen()] == ["frigate"]


async def test_a_log_in_that_the_audit_did_not_take_is_told_with_the_next_request(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    await stage.add()

    async def refuses(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(stage.have.audit, "record", refuses)
        stage.nvrs.succeeded(NVR, "milestone", "rtsp")
        assert await stage.audited() == []
    stage.nvrs.succeeded(NVR, "milestone", "rtsp")
    assert await stage.audited() == [("done", "milestone", NVR, "rtsp")]


async def test_people_are_told_once_why_their_own_account_is_refused(stage: Stage, caplog: pytest.LogCaptureFixture):
    await stage.have.add("ann")
    await stage.nvrs.load()
    for _ in range(3):
        stage.nvrs.failed(NVR, "ann", "onvif")
    why = "it has the role dispatcher, and only accounts of the role nvr log in here"
    assert [record.getMessage() for record in caplog.records] == [f'"ann" was refused at ONVIF, by {NVR}: {why}']
    await stage.nvrs.close()
    (row,) = [row for row in await stage.have.audited() if row.outcome == "refused"]
    assert row.detail == {"kind": "onvif", "why": why}
