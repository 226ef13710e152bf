"""Downloads in the audit: one view for the many requests of a player, however they come and end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from gateway.access.audit import Audit
from gateway.access.portion import Portion
from gateway.access.views import Views
from gateway.base.clock import ManualClock
from gateway.base.errors import StorageError
from gateway.store.engine import Database, open_catalog
from tests.media_samples import T0
from web.download_views import IDLE_SECONDS, LOOK_SECONDS, DownloadViews, Fetching

ANN = Fetching(b"a", "ann", "10.0.0.7", "unit-12", T0, T0 + 60_000_000_000, "a complaint", Portion(True, False))
SIZE = 1000


@dataclass
class Rig:
    downloads: DownloadViews
    views: Views
    audit: Audit
    clock: ManualClock
    database: Database

    async def fetch(self, start: int, end: int, *, who: Fetching = ANN, sent: int | None = None) -> None:
        async with self.downloads.request(who, start, end, SIZE) as request:
            request.sent = end - start if sent is None else sent
            request.ended = "all of it was sent"

    async def wait(self, seconds: float) -> None:
        """Let time pass, and let it be noticed."""
        self.clock.advance(seconds)
        while not self.clock.sleepers:
            await asyncio.sleep(0)

    async def told(self) -> list[tuple[str, object]]:
        """Who began to fetch which bytes, and why it ended, oldest first."""
        await self.views.flush()
        rows = reversed(await self.audit.entries())
        return [(row.actor, row.detail["why"] if row.outcome == "ended" else row.detail["bytes"]) for row in rows]


@pytest_asyncio.fixture
async def rig(tmp_path) -> AsyncIterator[Rig]:
    clock, database = ManualClock(T0), open_catalog(tmp_path)
    audit = Audit(database, clock)
    views = Views(database, audit, clock)
    downloads = DownloadViews(views, clock)
    task = asyncio.create_task(downloads.run())
    await asyncio.sleep(0)
    yield Rig(downloads, views, audit, clock, database)
    task.cancel()
    database.close()


def piece(start: int, end: int) -> dict[str, int]:
    return {"from": start, "to": end, "of": SIZE}


async def test_hundreds_of_pieces_are_one_view_that_ends_some_minutes_after_the_last(rig):
    for start in range(0, 900, 3):
        await rig.fetch(start, start + 3)
        await rig.wait(LOOK_SECONDS)
    assert await rig.told() == [("ann", piece(0, 3))]
    await rig.wait(IDLE_SECONDS)
    why = "300 requests, 900 bytes in all; the last: all of it was sent (3 of 3 bytes)"
    assert await rig.told() == [("ann", piece(0, 3)), ("ann", why)]
    await rig.fetch(0, 3)
    assert (await rig.told())[2:] == [("ann", piece(0, 3))], "whoever comes back later begins another"


async def test_requests_side_by_side_are_one_view_that_lasts_as_long_as_one_of_them(rig):
    async with rig.downloads.request(ANN, 0, 500, SIZE) as first:
        await asyncio.gather(rig.fetch(500, 600), rig.fetch(600, 700))
        await rig.wait(IDLE_SECONDS + LOOK_SECONDS)
        assert await rig.told() == [("ann", piece(0, 500))]
        first.sent = 20
    await rig.wait(IDLE_SECONDS)
    assert (await rig.told())[1:] == [
        ("ann", "3 requests, 220 bytes in all; the last: the client went away (20 of 500 bytes)")
    ]


async def test_what_was_fetched_whole_is_over_at_once_and_so_is_what_cannot_go_on(rig):
    await rig.fetch(0, SIZE)
    assert await rig.told() == [("ann", piece(0, SIZE)), ("ann", "all of it was sent (1000 of 1000 bytes)")]
    async with rig.downloads.request(ANN, 0, SIZE, SIZE) as request:
        request.sent, request.ended, request.failed = 10, "the log-in has ended", True
    assert (await rig.told())[2:] == [("ann", piece(0, SIZE)), ("ann", "the log-in has ended (10 of 1000 bytes)")]


@pytest.mark.parametrize(
    "other",
    [
        replace(ANN, log_in=b"b"), replace(ANN, address="10.0.0.8"), replace(ANN, camera="unit-13"),
        replace(ANN, to_ns=T0 + 1), replace(ANN, reason="a theft"), replace(ANN, portion=Portion(False, False)),
    ],
)  # fmt: skip
async def test_another_person_place_camera_interval_reason_or_right_is_another_view(rig, other):
    await rig.fetch(0, 3)
    await rig.fetch(0, 4, who=other)
    assert await rig.told() == [("ann", piece(0, 3)), ("ann", piece(0, 4))]


async def test_nothing_is_shown_when_the_audit_cannot_be_written_and_the_next_request_tries_again(rig, monkeypatch):
    async def refuse(*_: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(rig.database, "write", refuse)
        with pytest.raises(StorageError):
            await rig.fetch(0, 3)
    assert await rig.told() == []
    await rig.fetch(0, 3)
    assert await rig.told() == [("ann", piece(0, 3))]


async def test_the_stop_of_the_gateway_ends_them(rig):
    await rig.fetch(0, 3)
    rig.downloads.close()
    assert (await rig.told())[1:] == [("ann", "all of it was sent (3 of 3 bytes)")]
