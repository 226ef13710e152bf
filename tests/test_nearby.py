"""The last position of many units before a moment, in one read: from blocks, from the journal, and across minutes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from gateway.base.clock import ManualClock
from gateway.media.model import NS, Fix
from gateway.positions.store import MINUTE_NS, PositionStore
from gateway.store.engine import open_positions
from tests.media_samples import T0

START = T0 // MINUTE_NS * MINUTE_NS
UNITS = [f"unit-{number}" for number in range(5)]


def fix(second: float, number: int) -> Fix:
    utc_ns = START + round(second * NS)
    return Fix(utc_ns, 52 + number / 100, 13 + second / 1e6, received_ns=utc_ns)


@pytest_asyncio.fixture
async def store(tmp_path) -> AsyncIterator[PositionStore]:
    """Five minutes: unit 0 each second, unit 1 each 25 s, unit 2 in the first minute, unit 3 in the last, unit 4 never.

    All but the last minute are blocks.
    """
    database = open_positions(tmp_path)
    clock = ManualClock(START)
    made = PositionStore(database, clock)
    for second in range(300):
        clock.advance(1)
        made.add(UNITS[0], fix(second, 0))
        if second % 25 == 0:
            made.add(UNITS[1], fix(second, 1))
        if second < 60:
            made.add(UNITS[2], fix(second, 2))
        if second >= 240:
            made.add(UNITS[3], fix(second, 3))
        if second % 10 == 9:
            await made.flush()
    yield made
    database.close()


async def test_it_is_the_last_of_all_that_is_kept(tmp_path, store):
    database = open_positions(tmp_path)
    again = PositionStore(database, ManualClock(START))  # as of a gateway that starts again
    for first, last in ((0, 60), (59, 119), (61, 121), (180, 240), (239.5, 299.5), (400, 460), (-60, -1)):
        from_ns, to_ns = START + round(first * NS), START + round(last * NS)
        kept = {unit: await store.fixes(unit, from_ns, to_ns + 1) for unit in UNITS}
        expected = {unit: (fixes[-1].utc_ns, fixes[-1].lat, fixes[-1].lon) for unit, fixes in kept.items() if fixes}
        assert await store.places(UNITS, from_ns, to_ns) == expected
        assert await again.places(UNITS, from_ns, to_ns) == expected
    assert await store.places([], START, START + 60 * NS) == {}
    database.close()
