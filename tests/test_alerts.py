"""The book of alerts: one open alert for each subject, counted, ended and resolved; written before it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from sqlalchemy import Connection, insert, select

from gateway.access.audit import Action, Audit
from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.clock import ManualClock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, StorageError
from gateway.incidents.alert import Alert, Grade, Kind, subject_of
from gateway.incidents.alerts import MAX_SAID, OPENED, RESOLVED, Alerts
from gateway.media.model import NS
from gateway.store import tables
from gateway.store.engine import Database, open_catalog

T0 = ManualClock().utc_ns()


@dataclass
class Book:
    """A book that runs, and what it told."""

    alerts: Alerts
    audit: Audit
    clock: ManualClock
    database: Database
    settings: list[AlertSettings]
    told: list[Alert] = field(default_factory=list)

    async def rows(self) -> list[Alert]:
        return await self.alerts.search()

    async def settle(self) -> None:
        """Let a second pass, and what waits be written."""
        self.clock.advance(1)
        await self.alerts.flush()


@pytest_asyncio.fixture
async def book(tmp_path) -> AsyncIterator[Book]:
    database = open_catalog(tmp_path)
    yield await again(database, ManualClock())
    database.close()


async def again(database: Database, clock: ManualClock) -> Book:
    """The book as a start of the gateway opens it."""
    settings = [AlertSettings()]
    audit = Audit(database, clock)
    made = Book(Alerts(database, audit, clock, lambda: settings[-1]), audit, clock, database, settings)
    made.alerts.on_changed.append(made.told.append)
    await made.alerts.load()
    return made


async def raised(book: Book, kind: Kind = Kind.SOS, camera: str | None = "unit-1", **more) -> Alert | None:
    book.alerts.raise_soon(kind, camera, utc_ns=book.clock.utc_ns(), text="Something is wrong.", **more)
    return await book.alerts.written(more.get("subject") or subject_of(kind, camera))


async def test_an_alert_is_in_the_database_when_it_is_told(book):
    alert = await raised(book, detail={"through": "call"}, by="ann", address="10.0.0.1")
    assert alert is not None
    assert (alert.kind, alert.grade, alert.camera, alert.utc_ns) == (Kind.SOS, Grade.HIGH, "unit-1", T0)
    assert alert.detail == {"through": "call", "by": "ann"}
    assert book.told == book.alerts.open() == await book.rows() == [alert] == [await book.alerts.find(alert.id)]
    row = (await book.audit.entries())[0]
    assert (row.action, row.actor, row.address, row.camera) == (Action.ALERT_RAISE, "ann", "10.0.0.1", "unit-1")
    assert row.detail["alert"] == alert.id


async def test_nobody_audits_what_the_gateway_finds_itself(book):
    await raised(book, Kind.CAMERA_OFFLINE)
    assert await book.audit.entries() == []


async def test_the_same_while_it_is_open_is_counted_at_most_once_a_second(book):
    first = await raised(book)
    assert first is not None
    running = asyncio.create_task(book.alerts.run())
    for _ in range(1000):
        book.clock.advance(0.001)
        book.alerts.raise_soon(Kind.SOS, "unit-1", utc_ns=book.clock.utc_ns(), text="Something is wrong.")
        await asyncio.sleep(0)
    book.clock.advance(1)
    while book.alerts.open()[0].detail.get("count") != 1001:
        await asyncio.sleep(0)
    running.cancel()
    (row,) = await book.rows()
    assert (row.id, row.detail["count"], row.detail["last"]) == (first.id, 1001, "2023-11-14T22:13:21.000000Z")
    assert len(book.told) <= 4  # it was raised, and what came in about two seconds


async def test_what_people_say_who_raise_it_again_is_kept_the_newest_of_it(book):
    await raised(book, by="ann")
    for number in range(MAX_SAID + 1):
        book.clock.advance(1)
        await raised(book, by=f"bob {number}")
    await book.settle()
    (row,) = await book.rows()
    assert [said["by"] for said in row.detail["said"]] == [f"bob {number}" for number in range(1, MAX_SAID + 1)]
    assert row.detail["said"][0] == {
        "by": "bob 1", "utc": "2023-11-14T22:13:22.000000Z", "text": "Something is wrong.",
    }  # fmt: skip
    await book.alerts.resolve(row.id, by="ann", word="a drill", address="")
    assert "said" not in (await raised(book, by="ann")).detail


async def test_another_camera_or_kind_is_another_alert(book):
    await raised(book)
    await raised(book, camera="unit-2")
    await raised(book, Kind.BATTERY_LOW)
    await raised(book, Kind.NOT_RECORDING, camera=None)
    assert len(book.alerts.open()) == 4
    assert [alert.camera for alert in await book.rows()] == [None, "unit-1", "unit-2", "unit-1"]


async def test_a_kind_that_is_off_is_not_raised_whatever_grade_it_is_given(book):
    book.settings.append(AlertSettings(sos=Grade.OFF))
    assert await raised(book) is None
    assert await raised(book, grade=Grade.HIGH) is None
    assert await raised(book, Kind.GEOFENCE_ENTER, grade=Grade.HIGH) is not None
    assert await raised(book, Kind.BATTERY_LOW, grade=Grade.OFF) is None
    assert [alert.kind for alert in await book.rows()] == [Kind.GEOFENCE_ENTER]


async def test_an_alert_whose_cause_has_ended_stays_open_until_somebody_resolves_it(book):
    alert = await raised(book, Kind.CAMERA_OFFLINE)
    assert alert is not None
    assert book.alerts.goes_on(alert.subject)
    book.alerts.ended(alert.subject, T0 + 5 * NS)
    assert not book.alerts.goes_on(alert.subject)
    await book.settle()
    (open_now,) = book.alerts.open()
    assert (open_now.ended_ns, open_now.resolved_ns) == (T0 + 5 * NS, None)
    resolved = await book.alerts.resolve(alert.id, by="ann", word=" the  tunnel ", address="10.0.0.1")
    assert (resolved.resolved_by, resolved.resolution, resolved.ended_ns) == ("ann", "the tunnel", T0 + 5 * NS)
    assert book.alerts.open() == []
    assert book.told[-1] == resolved == (await book.rows())[0]
    row = (await book.audit.entries())[0]
    assert (row.action, row.actor, row.detail["word"]) == (Action.ALERT_RESOLVE, "ann", "the tunnel")


async def test_a_cause_that_begins_again_before_anybody_looked_is_the_same_alert(book):
    alert = await raised(book, Kind.CAMERA_OFFLINE)
    assert alert is not None
    book.alerts.ended(alert.subject, T0 + NS)
    await book.settle()
    await raised(book, Kind.CAMERA_OFFLINE)
    assert book.alerts.goes_on(alert.subject)
    await book.settle()
    (row,) = await book.rows()
    assert (row.id, row.ended_ns, row.detail["count"]) == (alert.id, None, 2)


async def test_what_is_resolved_while_its_cause_goes_on_is_raised_only_once_that_has_ended(book):
    alert = await raised(book, Kind.CAMERA_OFFLINE)
    assert alert is not None
    await book.alerts.resolve(alert.id, by="ann", word="known", address="")
    assert await raised(book, Kind.CAMERA_OFFLINE) is None
    assert list(book.alerts.lasting()) == [alert.subject]
    book.alerts.ended(alert.subject, T0 + 9 * NS)
    another = await raised(book, Kind.CAMERA_OFFLINE)
    assert another is not None
    assert another.id != alert.id
    await book.settle()
    assert (await book.alerts.find(alert.id)).ended_ns == T0 + 9 * NS


async def test_a_call_for_help_is_raised_anew_as_soon_as_the_last_is_resolved(book):
    alert = await raised(book)
    assert alert is not None
    await book.alerts.resolve(alert.id, by="ann", word="a drill", address="")
    another = await raised(book)
    assert another is not None
    assert another.id != alert.id


async def test_a_restart_knows_what_is_open_and_what_goes_on(book):
    lost = await raised(book, Kind.UNIT_LOST)
    resolved = await raised(book, Kind.CAMERA_OFFLINE)
    assert lost is not None
    assert resolved is not None
    await book.alerts.resolve(resolved.id, by="ann", word="known", address="")
    later = await again(book.database, book.clock)
    assert later.alerts.open() == [lost]
    assert set(later.alerts.lasting()) == {lost.subject, resolved.subject}
    assert await raised(later, Kind.UNIT_LOST) == lost
    assert await raised(later, Kind.CAMERA_OFFLINE) is None
    await later.settle()
    assert len(await later.rows()) == 2


async def test_what_goes_out_with_an_alert_is_in_its_transaction(book):
    seen = []

    def note(connection: Connection, alert: Alert, what: str) -> None:
        found = connection.execute(select(tables.alerts.c.resolution).where(tables.alerts.c.id == alert.id)).scalar()
        seen.append((alert.id, what, found))

    book.alerts.outgoing.append(note)
    alert = await raised(book)
    assert alert is not None
    await raised(book)
    await book.settle()
    await book.alerts.resolve(alert.id, by="ann", word="a drill", address="")
    assert seen == [(alert.id, OPENED, None), (alert.id, RESOLVED, "a drill")]


async def test_neither_is_kept_when_what_goes_out_with_an_alert_cannot_be_written(book):
    def fail(connection: Connection, _: Alert, __: str) -> None:
        connection.execute(insert(tables.position_keys).values(camera=None))  # breaks a constraint

    book.alerts.outgoing.append(fail)
    with pytest.raises(StorageError):
        await raised(book)
    assert book.told == book.alerts.open() == await book.rows() == []
    book.alerts.outgoing.clear()
    await book.alerts.flush()  # it was not lost
    assert book.told == book.alerts.open() == await book.rows()
    assert len(book.told) == 1


async def test_an_alert_that_cannot_be_resolved_stays_open(book):
    alert = await raised(book)
    assert alert is not None
    for word in ("", "  ", "x" * 501, "a\u0007b"):
        with pytest.raises(BadRequestError):
            await book.alerts.resolve(alert.id, by="ann", word=word, address="")
    with pytest.raises(NotFoundError):
        await book.alerts.resolve(alert.id + 1, by="ann", word="nothing", address="")
    assert book.alerts.open() == [alert]
    await book.alerts.resolve(alert.id, by="ann", word="a drill", address="")
    with pytest.raises(ConflictError, match="ann has resolved this already: a drill"):
        await book.alerts.resolve(alert.id, by="bob", word="no drill", address="")


async def test_a_call_that_comes_while_the_last_is_being_resolved_is_not_resolved_with_it(book):
    alert = await raised(book)
    assert alert is not None

    def press_again(_: Connection, __: Alert, what: str) -> None:
        assert what == RESOLVED
        loop.call_soon_threadsafe(
            lambda: book.alerts.raise_soon(Kind.SOS, "unit-1", utc_ns=T0 + NS, text="Something is wrong.")
        )
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()

    loop = asyncio.get_running_loop()
    book.alerts.outgoing.append(press_again)
    await book.alerts.resolve(alert.id, by="ann", word="a drill", address="")
    book.alerts.outgoing.clear()
    await book.alerts.flush()
    (another,) = book.alerts.open()
    assert another.id != alert.id
    assert another.utc_ns == T0 + NS


async def test_a_stop_in_the_middle_of_a_write_neither_repeats_nor_loses_anything(book):
    """What is being written when the gateway stops is written, and known to be, when the last of it is."""
    running = asyncio.create_task(book.alerts.run())

    def stop(*_: object) -> None:
        loop.call_soon_threadsafe(running.cancel)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()

    loop = asyncio.get_running_loop()
    book.alerts.outgoing.append(stop)
    for second in range(3):
        book.alerts.raise_soon(Kind.SOS, "unit-1", utc_ns=T0 + second * NS, text="Something is wrong.")
    with pytest.raises(asyncio.CancelledError):
        await running
    await book.alerts.flush()
    (alert,) = await book.rows()
    assert alert.detail["count"] == 3
    assert book.alerts.open() == [alert]


async def test_what_a_callback_raises_costs_no_input_or_output(book):
    writes = []
    book.database.write = writes.append  # type: ignore[method-assign]
    for number in range(10_000):
        book.alerts.raise_soon(Kind.SOS, f"unit-{number}", utc_ns=T0, text="Something is wrong.")
        book.alerts.ended(f"sos:unit-{number}", T0)
    assert writes == []
    assert not book.told
    book.alerts.raise_soon(Kind.SOS, "unit-10000", utc_ns=T0, text="Something is wrong.")  # no room: told in the log
    assert not book.alerts.goes_on("sos:unit-10000")


async def test_high_priority_goes_first(book):
    for number in range(300):
        book.alerts.raise_soon(Kind.BATTERY_LOW, f"unit-{number}", utc_ns=T0, text="Its battery is low.")
    await raised(book, camera="unit-7")
    assert book.told[0].kind is Kind.SOS


async def test_pages_of_a_search_follow_each_other(book):
    for number in range(7):
        book.clock.advance(60)
        await raised(book, Kind.SOS if number % 2 else Kind.BATTERY_LOW, camera=f"unit-{number}")
    first = await book.alerts.search(limit=3)
    second = await book.alerts.search(limit=3, before_id=first[-1].id)
    assert [alert.camera for alert in (*first, *second)] == [f"unit-{number}" for number in range(6, 0, -1)]
    assert {alert.camera for alert in await book.alerts.search(kind=Kind.SOS)} == {"unit-1", "unit-3", "unit-5"}
    between = await book.alerts.search(T0 + 120 * NS, T0 + 240 * NS)
    assert [alert.camera for alert in between] == ["unit-2", "unit-1"]
    assert [alert.camera for alert in await book.alerts.search(cameras=["unit-4", "nobody"])] == ["unit-4"]
    await book.alerts.resolve(first[0].id, by="ann", word="a drill", address="")
    assert len(await book.alerts.search(open_only=True)) == 6
