"""The book of alerts: raised, counted, ended, and open until somebody resolves them with a word.

Those that are open, and those that somebody resolved while their cause goes on, are in memory; all of them are in the
database. What is new is written at once, all that waits in one transaction; what only adds to an open alert, a flood of
the same, once a second. Whoever raises one or says that it ended does a look-up and waits for nothing. Why an alert is
raised is no concern of this module, nor who is told of it: see `on_changed` and `outgoing`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, or_, select

from gateway.access.audit import Action, Audit, append
from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, StorageError
from gateway.base.metrics import ALERTS_DROPPED, ALERTS_OPEN, ALERTS_RAISED
from gateway.base.rfc3339 import format_utc
from gateway.base.supervise import pause, to_end
from gateway.incidents import alert_rows
from gateway.incidents.alert import LASTING, Alert, Grade, Kind, subject_of
from gateway.media.model import UtcNs
from gateway.store.engine import Database
from gateway.store.tables import alerts as _alerts

log = logging.getLogger(__name__)

MAX_WAITING = 10_000
"""New alerts that wait for the database at most: one for each subject."""
TOGETHER = 200
"""Alerts written in one transaction at most: others want the database's writer, too."""
UPDATE_SECONDS = 1.0
"""How often what adds to open alerts is written at most."""
RETRY_SECONDS = 1.0
MAX_SAID = 10
"""Of an open alert, how much of what people say who raise it again is kept: the newest."""
MAX_WORD = 500
"""Characters of what an alert is resolved with."""

_OF_THIS_ONE = {"count", "last", "by", "said"}
"""What the detail of an alert says of its own raising."""

OPENED, RESOLVED = "opened", "resolved"
Outgoing = Callable[[Connection, Alert, str], None]
"""Called inside the transaction that writes an alert, in the database's thread, with what became of it."""


@dataclass(frozen=True, slots=True)
class _New:
    """An alert that is to be written, with the row of the audit that says who raised it."""

    alert: Alert
    """Without a number yet."""
    audited: dict[str, Any] | None


@dataclass(slots=True)
class _More:
    """What is to be added to an open alert."""

    times: int = 0
    last_ns: UtcNs = 0
    ended_ns: UtcNs | None = None
    """None: its cause goes on."""
    said: list[dict[str, str]] = field(default_factory=list)
    """By people who raised it again."""

    def added_to(self, alert: Alert) -> Alert:
        detail = alert.detail
        if self.times:
            detail = {**detail, "count": detail.get("count", 1) + self.times, "last": format_utc(self.last_ns)}
        if self.said:
            detail = {**detail, "said": [*detail.get("said", ()), *self.said][-MAX_SAID:]}
        return replace(alert, detail=detail, ended_ns=self.ended_ns)


class Alerts:
    """Keeps them. `load` it once, then `run` it; all calls from the event loop's thread."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        clock: Clock,
        settings: Callable[[], AlertSettings],
        groups: Callable[[str], Collection[str]] = lambda _: (),
    ) -> None:
        """`settings` are those that hold now, `groups` says which ones a camera is in."""
        self.on_changed: list[Callable[[Alert], None]] = []
        """Called with an alert that was raised, counted again, ended or resolved, once that is in the database."""
        self.outgoing: list[Outgoing] = []
        """What is written together with an alert, so that both are kept or neither is."""
        self._database = database
        self._audit = audit
        self._clock = clock
        self._settings = settings
        self._groups = groups
        self._open: dict[str, Alert] = {}
        self._outlasting: dict[str, Alert] = {}
        """Resolved while their cause goes on."""
        self._urgent: set[str | None] = set()
        """The cameras about which one of high priority is open."""
        self._new: dict[str, _New] = {}
        self._more: dict[str, _More] = {}
        """By the subject of an alert that is open or waits in `_new`."""
        self._over: dict[int, UtcNs] = {}
        """When the cause of one that is resolved ended."""
        self._updated_at = float("-inf")
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()

    async def load(self) -> None:
        """Know what is open.

        Raises:
            StorageError: the database refused.
        """
        table = _alerts.c
        lasting = table.ended_ns.is_(None) & table.kind.in_([kind.value for kind in LASTING])
        query = select(_alerts).where(or_(table.resolved_ns.is_(None), lasting)).order_by(table.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        for alert in map(alert_rows.alert_of, rows):
            (self._open if alert.resolved_ns is None else self._outlasting)[alert.subject] = alert
        self._count()

    # ---- what is asked of it

    def open(self) -> list[Alert]:
        """Those that nobody has resolved, newest first. From memory."""
        return sorted(self._open.values(), key=lambda alert: alert.id, reverse=True)

    def is_open(self, subject: str) -> bool:
        """Whether nobody has resolved the alert of this subject."""
        return subject in self._open

    def is_urgent(self, camera: str) -> bool:
        """Whether an alert of high priority about this camera is open."""
        return camera in self._urgent

    def lasting(self) -> dict[str, Alert]:
        """Those of the kinds `LASTING` whose cause goes on, resolved or not, by subject."""
        going_on = {s: a for s, a in self._open.items() if a.kind in LASTING and self.goes_on(s)}
        return going_on | self._outlasting

    def grade(self, kind: Kind, camera: str | None) -> Grade:
        """What the settings say of this kind, and camera."""
        return self._settings().grade(kind, camera, () if camera is None else self._groups(camera))

    def goes_on(self, subject: str) -> bool:
        """Whether this has been raised, and has not ended since."""
        if (more := self._more.get(subject)) is not None:
            return more.ended_ns is None
        alert = self._open.get(subject)
        return subject in self._new or subject in self._outlasting or (alert is not None and alert.ended_ns is None)

    async def find(self, number: int) -> Alert:
        """The one with this number, resolved or not.

        Raises:
            NotFoundError: there is none.
            StorageError: the database refused.
        """
        return await self._database.read(lambda connection: alert_rows.find(connection, number))

    async def search(
        self,
        from_ns: UtcNs | None = None,
        to_ns: UtcNs | None = None,
        *,
        cameras: Collection[str] | None = None,
        kind: Kind | None = None,
        open_only: bool = False,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[Alert]:
        """Those that happened in [from_ns, to_ns), newest first; at most `limit`, and numbered below `before_id`.

        `cameras` None: of all cameras and of the gateway.

        Raises:
            StorageError: the database refused.
        """
        table = _alerts.c
        query = select(_alerts).order_by(table.id.desc()).limit(limit)
        if from_ns is not None:
            query = query.where(table.utc_ns >= from_ns)
        if to_ns is not None:
            query = query.where(table.utc_ns < to_ns)
        if cameras is not None:
            query = query.where(table.camera.in_(list(cameras)))
        if kind is not None:
            query = query.where(table.kind == kind.value)
        if open_only:
            query = query.where(table.resolved_ns.is_(None))
        if before_id is not None:
            query = query.where(table.id < before_id)
        return await self._database.read(
            lambda connection: [alert_rows.alert_of(row) for row in connection.execute(query)]
        )

    # ---- what happens

    async def written(self, subject: str) -> Alert | None:
        """Wait until what was raised of this subject is in the database; what is open of it then.

        Raises:
            StorageError: it could not be written. It is not lost: the gateway tries again by itself.
        """
        while subject in self._new:
            await self._write()
        return self._open.get(subject)

    def raise_soon(
        self,
        kind: Kind,
        camera: str | None,
        *,
        utc_ns: UtcNs,
        text: str,
        detail: Mapping[str, Any] | None = None,
        subject: str | None = None,
        grade: Grade | None = None,
        by: str | None = None,
        address: str = "",
    ) -> bool:
        """Raise an alert: it waits for the database, and `written` for it. Whether it will be a new one.

        While one of the same subject is open, that one is counted again. `grade` is that of its kind unless given; a
        kind that is off stays so. With `by` the audit says who raised it. What finds no room is counted and told in the
        log.
        """
        subject = subject or subject_of(kind, camera)
        of_kind = self.grade(kind, camera)
        grade = of_kind if grade is None or of_kind is Grade.OFF else grade
        if grade is Grade.OFF:
            return False
        if subject in self._open or subject in self._new:
            more = self._more_of(subject)
            more.times, more.last_ns, more.ended_ns = more.times + 1, max(more.last_ns, utc_ns), None
            if by is not None:
                more.said = [*more.said, {"by": by, "utc": format_utc(utc_ns), "text": text}][-MAX_SAID:]
            return False
        if subject in self._outlasting:
            return False
        if len(self._new) >= MAX_WAITING:
            ALERTS_DROPPED.labels(kind.value).inc()
            log.error("an alert is lost, %d wait for the database: %s", MAX_WAITING, text)
            return False
        found = dict(detail or {}) | ({"by": by} if by is not None else {})
        alert = Alert(0, kind, subject, grade, camera, text, found, utc_ns, self._clock.utc_ns())
        row = None
        if by is not None:
            row = self._audit.row(Action.ALERT_RAISE, actor=by, address=address, camera=camera, kind=kind, text=text)
        self._new[subject] = _New(alert, row)
        self._wake.set()
        return True

    def ended(self, subject: str, utc_ns: UtcNs) -> None:
        """The cause of the alert of this subject has ended; when there is none, nothing happens. Waits for nothing."""
        if (resolved := self._outlasting.pop(subject, None)) is not None:
            self._over[resolved.id] = utc_ns
            self._wake.set()
        elif (subject in self._open or subject in self._new) and self.goes_on(subject):
            self._more_of(subject).ended_ns = utc_ns

    async def resolve(self, number: int, *, by: str, word: str, address: str) -> Alert:
        """Somebody has dealt with it. It is in the audit when this returns.

        Raises:
            BadRequestError: there is no word, it is too long, or has what cannot be shown.
            NotFoundError: there is no such alert.
            ConflictError: it is resolved already.
            StorageError: it could not be written, and is open.
        """
        word = " ".join(word.split())
        if not 1 <= len(word) <= MAX_WORD or not word.isprintable():
            raise BadRequestError(
                f"say in a word what came of it, in 1 to {MAX_WORD} printable characters", pointer="/word"
            )
        async with self._writing:
            before = next((alert for alert in self._open.values() if alert.id == number), None)
            if before is None:
                found = await self.find(number)
                raise ConflictError(f"{found.resolved_by} has resolved this already: {found.resolution}")
            more = self._more.pop(before.subject, None)
            after = replace(
                before if more is None else more.added_to(before),
                resolved_by=by, resolved_ns=self._clock.utc_ns(), resolution=word,
            )  # fmt: skip
            row = self._audit.row(
                Action.ALERT_RESOLVE, actor=by, address=address, camera=after.camera, alert=number, kind=after.kind,
                word=word,
            )  # fmt: skip

            def work(connection: Connection) -> None:
                alert_rows.update(connection, after)
                for outgoing in self.outgoing:
                    outgoing(connection, after, RESOLVED)
                append(connection, row)

            try:
                await self._database.write(work)
            except StorageError:
                if more is not None:
                    self._more[before.subject] = _joined(more, self._more.get(before.subject))
                raise
            del self._open[before.subject]
            if after.kind in LASTING and after.ended_ns is None:
                self._outlasting[after.subject] = after
        self._tell([after])
        if (late := self._more.pop(after.subject, None)) is not None:  # while it was being written
            self._after_all(after, late)
        return after

    # ---- writing

    async def run(self) -> None:
        """Write what was raised from callbacks, what adds to open alerts, and what ended. Runs until cancelled."""
        while True:
            while self._new or self._more or self._over:
                rest = self._updated_at + UPDATE_SECONDS - self._clock.monotonic()
                if not self._new and rest > 0:
                    await pause(self._clock, rest, self._wake)
                    self._wake.clear()
                    continue
                try:
                    await to_end(self._write())
                except StorageError as error:
                    log.error("alerts wait to be written: %s", error)
                    await self._clock.sleep(RETRY_SECONDS)
            await self._wake.wait()
            self._wake.clear()

    async def flush(self) -> None:
        """Write all that waits, and wait for what is being written.

        Raises:
            StorageError: the database refused.
        """
        while self._new or self._more or self._over or self._writing.locked():
            self._updated_at = float("-inf")
            await self._write()

    async def _write(self) -> None:
        """Write some of what waits, high priority first, and tell it."""
        async with self._writing:
            waiting = sorted(self._new.values(), key=lambda new: new.alert.grade is not Grade.HIGH)[:TOGETHER]
            updated, over, more = self._due()

            def work(connection: Connection) -> list[Alert]:
                written = [alert_rows.insert(connection, new.alert) for new in waiting]
                for alert in written:
                    for outgoing in self.outgoing:
                        outgoing(connection, alert, OPENED)
                for alert in updated:
                    alert_rows.update(connection, alert)
                for number, utc_ns in over.items():
                    alert_rows.end(connection, number, utc_ns)
                for new, alert in zip(waiting, written, strict=True):
                    if (row := new.audited) is not None:
                        append(connection, row | {"detail": row["detail"] | {"alert": alert.id}})
                return written

            try:
                written = await self._database.write(work)
            except StorageError:
                for subject, one in more.items():
                    self._more[subject] = _joined(one, self._more.get(subject))
                self._over = over | self._over
                raise
            for alert in written:
                del self._new[alert.subject]
                ALERTS_RAISED.labels(alert.kind.value).inc()
            for alert in (*written, *updated):
                self._open[alert.subject] = alert
        self._tell([*written, *updated])

    def _due(self) -> tuple[list[Alert], dict[int, UtcNs], dict[str, _More]]:
        """What adds to open alerts and is to be written now, taken from what waits: the alerts as they become."""
        now = self._clock.monotonic()
        if now - self._updated_at < UPDATE_SECONDS or not (self._more or self._over):
            return [], {}, {}
        self._updated_at = now
        over, self._over = self._over, {}
        more = {s: self._more.pop(s) for s in [s for s in self._more if s in self._open][:TOGETHER]}
        return [one.added_to(self._open[subject]) for subject, one in more.items()], over, more

    def _more_of(self, subject: str) -> _More:
        """What is to be added to that alert."""
        more = self._more.get(subject)
        if more is None:
            alert = self._open.get(subject)
            more = self._more[subject] = _More(ended_ns=None if alert is None else alert.ended_ns)
            self._wake.set()
        return more

    def _after_all(self, resolved: Alert, late: _More) -> None:
        """What came while somebody resolved an alert was not known to them: it counts as after that."""
        if late.times:
            detail = {name: value for name, value in resolved.detail.items() if name not in _OF_THIS_ONE}
            self.raise_soon(
                resolved.kind, resolved.camera, utc_ns=late.last_ns, text=resolved.text, detail=detail,
                subject=resolved.subject, grade=resolved.grade,
            )  # fmt: skip
        if late.ended_ns is not None:
            self.ended(resolved.subject, late.ended_ns)

    def _tell(self, changed: list[Alert]) -> None:
        self._count()
        for alert in changed:
            for listener in self.on_changed:
                listener(alert)

    def _count(self) -> None:
        for grade in (Grade.HIGH, Grade.ACTIVITY):
            ALERTS_OPEN.labels(grade.value).set(sum(alert.grade is grade for alert in self._open.values()))
        self._urgent = {alert.camera for alert in self._open.values() if alert.grade is Grade.HIGH}


def _joined(before: _More, after: _More | None) -> _More:
    if after is None:
        return before
    last_ns, said = max(before.last_ns, after.last_ns), [*before.said, *after.said][-MAX_SAID:]
    return _More(before.times + after.times, last_ns, after.ended_ns, said)
