"""Which alerts are let go of, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy import insert

from gateway.access.audit import Action
from gateway.incidents.alert import Alert, Kind, subject_of
from gateway.incidents.old_alerts import LOOK_SECONDS, TOGETHER, OldAlerts
from gateway.store import tables
from tests.desk_rig import Rig

KEEP = 7 * 86400


@pytest_asyncio.fixture
async def rig(tmp_path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    await rig.close()


def old(rig: Rig) -> OldAlerts:
    return OldAlerts(rig.database, rig.audit, rig.clock, lambda: KEEP, rig.clock.utc_ns)


async def raised(rig: Rig, kind: Kind, camera: str, *, resolved: bool = True, ended: bool = False) -> Alert:
    rig.alerts.raise_soon(kind, camera, utc_ns=rig.clock.utc_ns(), text="Something is wrong.")
    alert = await rig.alerts.written(subject_of(kind, camera))
    assert alert is not None
    if ended:
        rig.alerts.ended(alert.subject, rig.clock.utc_ns())
    if resolved:
        await rig.alerts.resolve(alert.id, by="ann", word="a drill", address="")
    return alert


async def left(rig: Rig) -> set[int]:
    return {alert.id for alert in await rig.alerts.search(limit=10_000)}


async def test_what_was_resolved_long_ago_is_deleted_and_the_audit_says_how_much(rig):
    gone = [await raised(rig, Kind.SOS, "unit-1"), await raised(rig, Kind.CAMERA_OFFLINE, "unit-1", ended=True)]
    rig.clock.advance(KEEP)
    assert await old(rig).delete_some() == 0
    recent = await raised(rig, Kind.SOS, "unit-1")
    rig.clock.advance(1)
    assert await old(rig).delete_some() == len(gone)
    assert await left(rig) == {recent.id}
    row = (await rig.audit.entries())[0]
    assert (row.action, row.actor, row.detail) == (Action.ALERT_DELETE, "retention", {"alerts": 2})


async def test_what_is_open_goes_on_or_belongs_to_an_incident_stays(rig):
    stays = [
        await raised(rig, Kind.SOS, "unit-1", resolved=False),
        await raised(rig, Kind.CAMERA_OFFLINE, "unit-1"),
        await raised(rig, Kind.SOS, "unit-2"),
    ]
    incident = {"title": "a", "tags": [], "origin": {}, "start_ns": 0, "opened_by": "ann", "opened_ns": 0}

    def link(connection):
        connection.execute(insert(tables.incidents).values(id=1, **incident))
        connection.execute(insert(tables.incident_alerts).values(incident=1, alert=stays[2].id))

    await rig.database.write(link)
    rig.clock.advance(10 * KEEP)
    assert await old(rig).delete_some() == 0
    assert await left(rig) == {alert.id for alert in stays}


async def test_many_are_deleted_in_several_transactions_and_each_hour_anew(rig):
    now = rig.clock.utc_ns()
    values = {
        "kind": "sos", "subject": "sos:x", "grade": "high", "text": "x", "detail": {}, "utc_ns": now, "created_ns": now,
        "resolved_ns": now,
    }  # fmt: skip
    rows = [values] * (TOGETHER + 1)
    await rig.database.write(lambda connection: connection.execute(insert(tables.alerts), rows))
    running = asyncio.create_task(old(rig).run())
    while not rig.clock.sleepers:
        await asyncio.sleep(0)
    assert len(await left(rig)) == TOGETHER + 1
    rig.clock.advance(KEEP + LOOK_SECONDS)
    while await left(rig):
        await asyncio.sleep(0)
    running.cancel()
