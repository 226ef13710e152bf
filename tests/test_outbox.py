"""The outbox: what is written with an alert is delivered, through receivers that fail, restarts and kills."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from gateway.access.audit import Audit
from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.alert_words import Grade, Kind
from gateway.base.clock import ManualClock
from gateway.base.errors import NotFoundError, StorageError
from gateway.incidents import lane as lane_module
from gateway.incidents import outbox as outbox_module
from gateway.incidents.alert import Alert, subject_of
from gateway.incidents.alerts import Alerts
from gateway.incidents.delivery import Delivery, NotDeliveredError
from gateway.incidents.lane import LONGEST_PAUSE, pause_seconds
from gateway.incidents.outbox import Outbox
from gateway.media.model import NS
from gateway.store.engine import Database, open_catalog

DAY_NS = 86_400 * NS
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def hook(name: str, **more) -> dict:
    return {"name": name, "url": f"https://{name}.example.org/", "secret": SECRET} | more


@dataclass
class Receiver:
    """Takes messages, or does what the script says with each: "ok", "down", "slow" (never answers), "gone", "bug"."""

    clock: ManualClock
    script: list[str] = field(default_factory=list)
    """One for each attempt; after its end the last one goes on."""
    most: int = 1
    rest: float = 0.0
    attempts: list[tuple[float, list[int]]] = field(default_factory=list)
    """When, and which alerts."""
    taken: list[Delivery] = field(default_factory=list)
    closed: int = 0

    def wait_seconds(self) -> float:
        return self.rest

    async def send(self, deliveries):
        self.attempts.append((self.clock.monotonic(), [delivery.alert for delivery in deliveries]))
        what = (self.script.pop(0) if len(self.script) > 1 else self.script[0]) if self.script else "ok"
        if what == "slow":
            await asyncio.Event().wait()
        if what == "gone":
            raise NotDeliveredError("410", final=True)
        if what.startswith("wait"):
            raise NotDeliveredError("503", retry_after=float(what.removeprefix("wait")))
        if what == "down":
            raise NotDeliveredError("nobody listens")
        if what == "bug":
            raise KeyError("x")
        self.taken += deliveries
        return what if what != "ok" else None

    async def close(self):
        self.closed += 1

    @property
    def told(self) -> list[tuple[str, int]]:
        return [(str(delivery.message["type"]), delivery.alert) for delivery in self.taken]


@dataclass
class Stage:
    """An outbox on a database, with receivers by the channels' names."""

    database: Database
    clock: ManualClock
    receivers: dict[str, Receiver]
    alerts: Alerts
    outbox: Outbox
    under_way: list[object]
    """Calls of the database that have not ended."""
    task: asyncio.Task[None] | None = None

    async def settings(self, *hooks: dict, mail: tuple[dict, ...] = ()) -> None:
        values = AlertSettings.model_validate({"webhook": hooks, "mail": mail})
        (await self.outbox.prepare(values))()

    def run(self) -> None:
        self.task = asyncio.create_task(self.outbox.run())

    async def kill(self) -> None:
        """The process is gone: nothing comes to its end."""
        for task in asyncio.all_tasks():
            if task.get_name().startswith("outbox: "):
                task.cancel()
        await self.stop()

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def raised(self, camera: str = "unit", kind: Kind = Kind.SOS, **more) -> Alert:
        self.alerts.raise_soon(kind, camera, utc_ns=self.clock.utc_ns(), text="SOS", **more)
        alert = await self.alerts.written(more.get("subject") or subject_of(kind, camera))
        assert alert is not None
        return alert

    async def quiet(self) -> None:
        """Return once all that can be done without time passing is done."""
        rounds = 0
        while rounds < 10:
            await asyncio.sleep(0.0005 if self.under_way else 0)
            rounds = 0 if self.under_way else rounds + 1

    async def until(self, true: Callable[[], object], *, step: float = 0.5, limit: float = 4 * 86400) -> float:
        """Let time pass until something is so; how much did."""
        begun = self.clock.monotonic()
        await self.quiet()
        while not true():
            assert self.clock.monotonic() - begun < limit
            self.clock.advance(step)
            await self.quiet()
        return self.clock.monotonic() - begun


@pytest_asyncio.fixture
async def stage(tmp_path, monkeypatch):
    database, clock, receivers = open_catalog(tmp_path), ManualClock(), {}

    async def sender(_, settings):
        return receivers.setdefault(settings.name, Receiver(clock))

    monkeypatch.setattr(Outbox, "_sender", sender)
    monkeypatch.setattr(outbox_module, "LAST_SECONDS", 0.2)
    under_way: list[object] = []
    for name in ("read", "write"):
        monkeypatch.setattr(Database, name, _noted(getattr(Database, name), under_way))
    made = await started(database, clock, receivers, under_way)
    await made.settings(hook("a"), hook("b"))
    yield made
    await made.stop()
    await asyncio.to_thread(database.close)


def _noted(call, under_way):
    async def noted(database, work):
        under_way.append(work)
        try:
            return await call(database, work)
        finally:
            under_way.remove(work)

    return noted


async def started(
    database: Database, clock: ManualClock, receivers: dict[str, Receiver], under_way: list[object]
) -> Stage:
    alerts = Alerts(database, Audit(database, clock), clock, AlertSettings, groups=lambda _: ())
    outbox = Outbox(
        database,
        clock,
        groups=lambda camera: ("north",) if camera == "unit" else (),
        label=lambda camera: f"Unit {camera}",
        page=lambda: "https://sightline.example/",
    )
    alerts.outgoing.append(outbox.write)
    alerts.on_changed.append(outbox.alert_changed)
    await alerts.load()
    return Stage(database, clock, receivers, alerts, outbox, under_way)


async def test_an_alert_is_delivered_to_each_channel_as_it_was_written(stage):
    stage.run()
    alert = await stage.raised(detail={"fix": {"lat": 52.5}, "through": "call"})
    await stage.until(lambda: all(receiver.taken for receiver in stage.receivers.values()))
    (delivery,) = stage.receivers["a"].taken
    assert delivery.message["type"] == "alert.opened"
    assert delivery.message["timestamp"] == delivery.message["data"]["utc"]
    assert delivery.message["unit"] == "Unit unit"
    assert delivery.message["url"] == f"https://sightline.example/#/alerts/{alert.id}"
    assert delivery.message["data"]["detail"] == {"through": "call"}  # where it was is for who asks for it
    await stage.alerts.resolve(alert.id, by="ann", word="false alarm", address="")
    await stage.until(lambda: len(stage.receivers["b"].taken) == 2)
    assert stage.receivers["b"].told == [("alert.opened", alert.id), ("alert.resolved", alert.id)]
    assert stage.receivers["b"].taken[1].message["data"]["resolved"]["word"] == "false alarm"
    assert len({delivery.message_id for delivery in stage.receivers["b"].taken}) == 2


async def test_channels_are_told_what_they_ask_for(stage):
    await stage.settings(
        hook("high", grades=["high"], resolved=False),
        hook("sos", kinds=["sos"], positions=True),
        hook("north", groups=["north"]),
    )
    stage.run()
    sos = await stage.raised(detail={"fix": {"lat": 52.5}})
    lost = await stage.raised(camera="other", kind=Kind.UNIT_LOST)
    await stage.alerts.resolve(sos.id, by="ann", word="helped", address="")
    await stage.until(lambda: len(stage.receivers["sos"].taken) == 2 and len(stage.receivers["north"].taken) == 2)
    assert stage.receivers["high"].told == [("alert.opened", sos.id)]
    assert stage.receivers["sos"].told == [("alert.opened", sos.id), ("alert.resolved", sos.id)]
    assert stage.receivers["sos"].taken[0].message["data"]["detail"]["fix"] == {"lat": 52.5}
    assert stage.receivers["north"].told == [("alert.opened", sos.id), ("alert.resolved", sos.id)]
    assert await stage.outbox.of_alert(lost.id) == []


async def test_what_could_not_be_written_with_its_alert_is_no_alert(stage, monkeypatch):
    monkeypatch.setattr(outbox_module, "told", lambda *_, **__: {"not": object()})  # no JSON
    with pytest.raises((StorageError, TypeError)):
        await stage.raised()
    assert await stage.alerts.search() == []


async def test_a_receiver_that_is_down_is_tried_again_and_again_and_then_told_once(stage):
    stage.receivers["a"].script = ["down"] * 6 + ["ok"]
    stage.run()
    alert = await stage.raised()
    await stage.until(lambda: stage.receivers["a"].taken)
    times = [at for at, _ in stage.receivers["a"].attempts]
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) == 7
    for n, pause in enumerate(pauses):
        assert 0.8 * 2**n <= pause <= 2**n + 1.5
    assert stage.receivers["b"].attempts[0][0] == times[0]
    (row, _) = await stage.outbox.of_alert(alert.id)
    assert (row.attempts, row.next_ns, row.error) == (7, None, None)
    assert row.delivered_ns is not None


async def test_a_receiver_that_never_answers_delays_nobody_else(stage):
    stage.receivers["a"].script = ["slow"]
    stage.run()
    for number in range(20):
        await stage.raised(camera=f"unit-{number}")
    await stage.until(lambda: len(stage.receivers["b"].taken) == 20)
    assert [alert for _, alert in stage.receivers["b"].told] == sorted(alert for _, alert in stage.receivers["b"].told)
    assert len(stage.receivers["a"].attempts) == 1


async def test_when_a_receiver_is_back_all_that_waits_is_told_at_once_oldest_first(stage):
    receiver = stage.receivers["a"]
    receiver.script = ["down"]
    stage.run()
    alerts = [await stage.raised(camera=f"unit-{number}") for number in range(5)]
    await stage.until(lambda: len(receiver.attempts) >= 20, step=15)
    receiver.script = ["ok"]
    waited = await stage.until(lambda: len(receiver.taken) == 5, step=15)
    assert waited <= LONGEST_PAUSE + 15
    first, *others = [alert for _, alert in receiver.told]
    assert others == sorted(others)
    assert {first, *others} == {alert.id for alert in alerts}
    taken_at = [at for at, _ in receiver.attempts][-4:]
    assert taken_at[-1] - taken_at[0] <= 5


async def test_a_new_alert_is_tried_at_once_while_a_receiver_is_left_alone(stage):
    receiver = stage.receivers["a"]
    receiver.script = ["down"]
    stage.run()
    await stage.raised()
    await stage.until(lambda: len(receiver.attempts) == 10, step=5)
    receiver.script = ["ok"]
    new = await stage.raised(camera="other")
    assert await stage.until(lambda: len(receiver.taken) == 2) <= 1
    assert receiver.told[0] == ("alert.opened", new.id)


async def test_one_message_that_is_always_refused_holds_up_no_other(stage):
    receiver = stage.receivers["a"]
    poison = await stage.raised()
    send = Receiver.send

    async def refuse_one(self, deliveries):
        if deliveries[0].alert == poison.id:
            self.attempts.append((self.clock.monotonic(), [poison.id]))
            raise NotDeliveredError("500")
        return await send(self, deliveries)

    receiver.send = refuse_one.__get__(receiver)
    for number in range(10):
        await stage.raised(camera=f"unit-{number}")
    stage.run()
    assert await stage.until(lambda: len(receiver.taken) == 10) <= 30
    assert sum(alerts == [poison.id] for _, alerts in receiver.attempts) <= 6


async def test_who_asks_to_be_left_alone_is_within_reason(stage):
    receiver = stage.receivers["a"]
    receiver.script = ["wait120", "wait999999", "ok"]
    stage.run()
    await stage.raised()
    await stage.until(lambda: receiver.taken, step=10)
    first, second, third = (at for at, _ in receiver.attempts)
    assert 120 <= second - first <= 140
    assert 3600 <= third - second <= 3620


async def test_after_three_days_a_message_is_given_up_and_that_is_told(stage, caplog, monkeypatch):
    assert lane_module.GIVE_UP_NS == 3 * DAY_NS
    monkeypatch.setattr(lane_module, "GIVE_UP_NS", DAY_NS // 10)  # or hundreds of attempts
    stage.receivers["a"].script = ["down"]
    stage.run()
    alert = await stage.raised()
    await stage.until(lambda: "is not told of alert" in caplog.text, step=60)
    (row, other) = await stage.outbox.of_alert(alert.id)
    assert (row.next_ns, row.delivered_ns) == (None, None)
    assert row.error == f"given up after {row.attempts} attempts: nobody listens"
    assert other.delivered_ns is not None
    assert 8640 <= stage.clock.monotonic() - stage.receivers["a"].attempts[0][0] <= 8640 + LONGEST_PAUSE + 60
    (state, _) = await stage.outbox.states()
    assert (state.name, state.waiting, state.delivered, state.given_up, state.error) == ("a", 0, 0, 1, "nobody listens")


async def test_a_receiver_that_wants_no_more_of_it_is_asked_no_more(stage):
    stage.receivers["a"].script = ["gone", "ok"]
    stage.run()
    alert = await stage.raised()
    new = await stage.raised(camera="other")
    await stage.until(lambda: stage.receivers["a"].taken)
    assert stage.receivers["a"].told == [("alert.opened", new.id)]
    assert (await stage.outbox.of_alert(alert.id))[0].error == "given up after 1 attempts: 410"


async def test_an_error_of_our_own_is_an_attempt_that_failed(stage, caplog):
    stage.receivers["a"].script = ["bug", "ok"]
    stage.run()
    await stage.raised()
    await stage.until(lambda: stage.receivers["a"].taken)
    assert "unforeseen way" in caplog.text


async def test_killed_between_an_alert_and_its_delivery_it_is_delivered_after_the_start_once(stage):
    stage.receivers["a"].script = ["slow"]
    stage.run()
    alert = await stage.raised()
    await stage.until(lambda: stage.receivers["a"].attempts)
    await stage.kill()
    assert not stage.receivers["a"].taken
    stage.receivers["a"].script = ["ok"]
    again = await started(stage.database, stage.clock, stage.receivers, stage.under_way)
    await again.settings(hook("a"), hook("b"))
    again.run()
    await again.until(lambda: again.receivers["a"].taken)
    again.clock.advance(7200)
    await again.quiet()
    assert stage.receivers["a"].told == [("alert.opened", alert.id)] == stage.receivers["b"].told
    await again.stop()


async def test_killed_between_delivery_and_note_it_is_sent_again_with_the_same_id(stage, monkeypatch):
    await stage.settings(hook("a"))
    stage.run()
    noted = asyncio.Event()
    write = Database.write

    async def hang(database, work):
        if "_delivered" in work.__qualname__:
            noted.set()
            await asyncio.Event().wait()
        return await write(database, work)

    monkeypatch.setattr(Database, "write", hang)
    await stage.raised()
    await noted.wait()
    await stage.kill()
    monkeypatch.setattr(Database, "write", write)
    (before,) = stage.receivers["a"].taken
    again = await started(stage.database, stage.clock, stage.receivers, stage.under_way)
    await again.settings(hook("a"), hook("b"))
    again.run()
    await again.until(lambda: len(again.receivers["a"].taken) == 2)
    assert again.receivers["a"].taken[1].message_id == before.message_id
    assert again.receivers["a"].taken[1].message == before.message
    await again.stop()


async def test_a_stop_lets_what_is_being_sent_come_to_its_end(stage):
    release = asyncio.Event()

    async def send(deliveries):
        stage.receivers["a"].attempts.append((0, []))
        await release.wait()
        stage.receivers["a"].taken += deliveries

    stage.receivers["a"].send = send
    stage.run()
    alert = await stage.raised()
    await stage.until(lambda: stage.receivers["a"].attempts)
    stage.task.cancel()
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(stage.task, return_exceptions=True)
    assert (await stage.outbox.of_alert(alert.id))[0].delivered_ns is not None
    assert stage.receivers["a"].closed


async def test_a_database_that_refuses_repeats_nothing(stage, monkeypatch, caplog):
    write, refused = Database.write, []

    async def refuse(database, work):
        if "_delivered" in work.__qualname__ and len(refused) < 5:
            refused.append(1)
            raise StorageError("the disk is full")
        return await write(database, work)

    monkeypatch.setattr(Database, "write", refuse)
    await stage.settings(hook("a"))
    stage.run()
    alert = await stage.raised()
    await stage.until(lambda: len(refused) == 5)
    stage.clock.advance(60)
    await stage.quiet()
    assert stage.receivers["a"].told == [("alert.opened", alert.id)]
    assert "cannot be written yet" in caplog.text


async def test_a_clock_that_is_set_back_strands_nothing(stage):
    stage.receivers["a"].script = ["down", "ok"]
    stage.run()
    await stage.raised()
    await stage.until(lambda: len(stage.receivers["a"].attempts) == 1)
    stage.clock.set_utc_ns(stage.clock.utc_ns() - 30 * 86400 * 10**9)
    assert await stage.until(lambda: stage.receivers["a"].taken) <= 70


async def test_settings_change_channels_while_it_runs(stage):
    stage.receivers["a"].script = ["down"]
    stage.run()
    first = await stage.raised()
    await stage.until(lambda: len(stage.receivers["a"].attempts) > 3)
    old, stage.receivers["a"] = stage.receivers["a"], Receiver(stage.clock)
    await stage.settings(hook("a", grades=["high"]), hook("c"))
    assert await stage.until(lambda: stage.receivers["a"].taken) <= 1  # tried at once by what is new
    await stage.until(lambda: old.closed and stage.receivers["b"].closed)
    second = await stage.raised(camera="other")
    await stage.until(lambda: stage.receivers["c"].taken)
    assert stage.receivers["c"].told == [("alert.opened", second.id)]
    assert stage.receivers["b"].told == [("alert.opened", first.id)]
    assert [state.name for state in await stage.outbox.states()] == ["a", "c"]


async def test_what_waits_for_a_channel_that_is_gone_waits_for_it_three_days(stage, caplog):
    stage.receivers["b"].script = ["down"]
    stage.run()
    alert = await stage.raised()
    await stage.until(lambda: stage.receivers["b"].attempts)
    await stage.settings(hook("a"))
    await stage.until(lambda: stage.receivers["b"].closed)
    (_, row) = await stage.outbox.of_alert(alert.id)
    assert row.next_ns is not None
    await stage.until(lambda: "given up: their channels" in caplog.text, step=7200)
    (_, row) = await stage.outbox.of_alert(alert.id)
    assert (row.next_ns, row.error) == (None, "given up: it is not in the settings any more")


async def test_a_sender_that_may_not_send_yet_is_waited_for_and_takes_many_at_a_time(stage):
    receiver = stage.receivers["a"]
    receiver.most, receiver.rest = 100, 30.0
    stage.run()
    for number in range(7):
        await stage.raised(camera=f"unit-{number}")
    await stage.until(lambda: len(stage.receivers["b"].taken) == 7)
    assert receiver.attempts == []
    receiver.rest = 0.0
    await stage.until(lambda: receiver.taken)
    assert [len(alerts) for _, alerts in receiver.attempts] == [7]


async def test_a_test_tells_what_came_of_it(stage):
    assert await stage.outbox.test("a", by="ann") is None
    (sent,) = stage.receivers["a"].taken
    assert sent.message["type"] == "alert.test"
    stage.receivers["a"].script = ["down"]
    assert await stage.outbox.test("a", by="ann") == "nobody listens"
    with pytest.raises(NotFoundError):
        await stage.outbox.test("nobody", by="ann")


def test_pauses_grow_with_jitter_to_ten_minutes():
    assert [pause_seconds(n, random_=lambda: 0.0) for n in (1, 2, 3, 10, 11, 99)] == [1, 2, 4, 512, 600, 600]
    assert pause_seconds(3, random_=lambda: 1.0) == pytest.approx(3.2)
    assert pause_seconds(1, asked=90, random_=lambda: 0.0) == 90
    assert Grade.HIGH in AlertSettings.model_validate({"webhook": [hook("a")]}).webhook[0].grades
