"""Guessing passwords: it is slowed, costs next to nothing, and locks nobody out."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from gateway.access.browsers import KNOWN_SECONDS
from gateway.access.rights import Role
from gateway.access.secrets import Passwords
from gateway.access.throttle import Throttle, TooManyAttemptsError, Try
from gateway.base.clock import ManualClock
from gateway.base.errors import RefusedError
from tests.accounts import PASSWORD, Accounts, accounts

ANN = Try("ann", "10.0.0.9")


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def throttle(clock):
    return Throttle(clock)


async def passes(throttle: Throttle, one: Try) -> bool:
    try:
        async with throttle.turn(one):
            return True
    except TooManyAttemptsError:
        return False


async def wrong(throttle: Throttle, one: Try) -> None:
    """A wrong password, as soon as it may be tried."""
    async with throttle.turn(one):
        throttle.failed(one)


async def test_after_five_wrong_ones_each_waits_twice_as_long_up_to_a_minute(throttle, clock):
    for _ in range(Throttle.FREE):
        await wrong(throttle, ANN)
    for pause in (2, 4, 8, 16, 32, 60, 60, 60):
        clock.advance(pause - 0.01)
        assert not await passes(throttle, ANN)
        clock.advance(0.02)
        await wrong(throttle, ANN)


async def test_others_at_the_same_place_and_the_owner_elsewhere_do_not_wait(throttle):
    for _ in range(Throttle.FREE):
        await wrong(throttle, ANN)
    assert not await passes(throttle, ANN)
    assert await passes(throttle, Try("bob", ANN.source))
    assert await passes(throttle, Try("ann", "10.0.0.1"))
    assert await passes(throttle, Try("ann", ANN.source, b"a browser of ann"))


async def test_a_known_browser_is_slowed_by_its_own_failures_only(throttle):
    browser = Try("ann", ANN.source, b"a browser of ann")
    for _ in range(Throttle.FREE):
        await wrong(throttle, browser)
    assert not await passes(throttle, browser)
    assert await passes(throttle, ANN)


async def test_a_source_that_tries_many_names_is_slowed_as_a_whole(throttle, clock):
    for number in range(Throttle.BURST):
        await wrong(throttle, Try(f"name-{number}", ANN.source))
    assert not await passes(throttle, ANN)
    clock.advance(Throttle.REFILL - 0.01)
    assert not await passes(throttle, ANN)
    clock.advance(0.02)
    await wrong(throttle, ANN)
    assert not await passes(throttle, Try("bob", ANN.source))
    clock.advance(Throttle.REFILL * Throttle.BURST * 10)
    for number in range(Throttle.BURST):
        await wrong(throttle, Try(f"again-{number}", ANN.source))
    assert not await passes(throttle, ANN), "it saves no more than a burst"


async def test_success_forgets_and_so_does_an_hour(throttle, clock):
    for _ in range(Throttle.FREE - 1):
        await wrong(throttle, ANN)
    throttle.succeeded(ANN)
    for _ in range(Throttle.FREE - 1):
        await wrong(throttle, ANN)
    assert await passes(throttle, ANN)
    clock.advance(Throttle.FORGET + 1)
    for _ in range(Throttle.FREE - 1):
        await wrong(throttle, ANN)
    assert await passes(throttle, ANN)


async def test_tries_at_once_are_decided_one_after_the_other(throttle):
    decided = []

    async def one() -> None:
        async with throttle.turn(ANN):
            await asyncio.sleep(0)  # the hash
            throttle.failed(ANN)
            decided.append(1)

    outcomes = await asyncio.gather(*(one() for _ in range(200)), return_exceptions=True)
    assert len(decided) == Throttle.FREE
    assert sum(isinstance(outcome, TooManyAttemptsError) for outcome in outcomes) == 200 - Throttle.FREE
    assert await passes(throttle, Try("bob", ANN.source)), "the line is empty again"


async def test_it_remembers_a_bounded_number(clock):
    throttle = Throttle(clock, remembered=10)
    for number in range(100):
        for _ in range(Throttle.FREE):
            await wrong(throttle, Try("ann", f"10.0.1.{number}"))
    assert not await passes(throttle, Try("ann", "10.0.1.99"))
    assert await passes(throttle, Try("ann", "10.0.1.0"))


# ---- the flood


class Counting(Passwords):
    """Hashes that cost nothing, counted."""

    def __init__(self) -> None:
        super().__init__(memory_kib=64, rounds=1)
        self.verified = 0

    def verify(self, password: str, stored: str | None) -> bool:
        self.verified += 1
        return super().verify(password, stored)


async def until_done(have: Accounts, task: asyncio.Task[object], asleep: int) -> object:
    """The task's outcome; time passes only while it is asleep, beside `asleep` others."""
    while not task.done():
        await asyncio.sleep(0)
        if have.clock.sleepers > asleep:
            have.clock.advance(0.02)
    return task.exception() or task.result()


@pytest.mark.parametrize("spread", [False, True], ids=["one name", "a name each"])
async def test_ten_thousand_wrong_passwords_cost_few_hashes_and_a_row_a_minute(tmp_path, spread):
    counting = Counting()
    with accounts(tmp_path, counting) as have:
        await have.add("ann")
        await have.add("bob", Role.AUDITOR)
        begun, tally = have.clock.monotonic(), asyncio.create_task(have.tally.run())
        for number in range(10_000):
            name = f"name-{number}" if spread else "ann"
            outcome = await until_done(have, asyncio.create_task(have.log_in(name, f"guess-{number}")), 1)
            assert isinstance(outcome, RefusedError)
        seconds = have.clock.monotonic() - begun
        assert seconds > 10_000 / Throttle.ANSWERS * 0.9, "a source that floods waits for its answers"
        # 0.3 s of a core each, with the hashes of production: a few percent of it, as long as the flood lasts.
        assert counting.verified < (Throttle.BURST + seconds / Throttle.REFILL if spread else 20)

        # The owner elsewhere, and here with a browser that is known, at once; here with another within a minute.
        key, _ = await have.log_in(address="10.0.0.1")
        assert await have.log_ins.by_session(key) is not None
        proof = have.browsers.proof("ann")
        await have.log_ins.log_in("ann", PASSWORD, address="10.0.0.9", agent="", proof=proof)
        if not spread:
            await have.log_in("bob")
        have.clock.advance(Throttle.CEILING)
        await have.log_in("ann")

        await have.tally.flush()
        tally.cancel()
        rows = [row for row in await have.audited() if (row.action, row.outcome) == ("log_in", "refused")]
        assert sum(row.detail.get("count", 1) for row in rows) == 10_000
        assert len(rows) <= seconds / 60 + 2
        gaps = [later.utc_ns - row.utc_ns for later, row in itertools.pairwise(rows)]
        assert all(gap >= 59 * 10**9 for gap in gaps[1:]), "the last one is told when the gateway stops"


# ---- known browsers


def test_a_browser_proves_the_one_name_that_logged_in(tmp_path):
    with accounts(tmp_path) as have:
        proof, again = have.browsers.proof("ann"), have.browsers.proof("ann")
        assert proof != again
        assert have.browsers.known(proof, "ann") not in {None, have.browsers.known(again, "ann")}
        assert have.browsers.known(proof, "bob") is None
        have.clock.advance(KNOWN_SECONDS + 1)
        assert have.browsers.known(proof, "ann") is None


@pytest.mark.parametrize("forged", ["", "x", "AAAA", "ä" * 40, "A" * 5000, "=" * 8, "a b", "\x00"])
def test_a_forged_proof_proves_nothing(tmp_path, forged):
    with accounts(tmp_path) as have:
        assert have.browsers.known(forged, "ann") is None
        genuine = have.browsers.proof("ann")
        assert have.browsers.known(genuine[:-2] + forged[:2], "ann") is None
