"""Views that last: a row of the audit before the picture flows, another when it has ended, with how long it was.

A view whose end is not in the audit yet stands in the table `open_views`. What a gateway that was killed leaves there
gets its end when the next one starts, with a duration nobody knows. What is shown at once and in whole (a snapshot, a
list) has no end and belongs in `Audit.record`.

Each row is on disk before anything is shown. Those that come while one is being written go together: when a hundred
viewers come at once, as after a start, they do not wait for a hundred turns of the disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from gateway.access.audit import Action, Audit, Outcome, append_rows
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.supervise import TaskOwner, to_end
from gateway.store.engine import Database
from gateway.store.tables import audit, open_views

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
KILLED = "the gateway was killed"
GIVEN_UP = "nothing was shown: nobody waited for it any more"


@dataclass(frozen=True, slots=True)
class View:
    """One that has begun."""

    id: int
    """The number of the audit's row that says so."""
    action: Action
    actor: str
    address: str
    camera: str | None
    reason: str | None
    began: float
    """Monotonic seconds."""


@dataclass(frozen=True, slots=True)
class _Beginning:
    """One whose row waits for the disk."""

    row: dict[str, Any]
    view: Callable[[int], View]
    """Made of the row's number."""
    begun: asyncio.Future[View]


class Views:
    """Begins and ends views. Call `close_left` first, run `run`, and end with `flush`."""

    def __init__(self, database: Database, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ended: dict[int, dict[str, Any]] = {}
        """Ends that are not written yet. No more than have begun: none begins while the database refuses."""
        self._wake = asyncio.Event()
        self._beginning: list[_Beginning] = []
        self._writing = False
        self._tasks = TaskOwner("views")

    async def begin(
        self,
        action: Action,
        *,
        actor: str,
        address: str,
        camera: str | None = None,
        reason: str | None = None,
        **detail: Any,
    ) -> View:
        """Write that a view begins; on disk when this returns.

        Raises:
            StorageError: it could not be written; nothing must be shown then.
        """
        row = self._audit.row(action, actor=actor, address=address, camera=camera, reason=reason, **detail)

        def view(number: int) -> View:
            return View(number, action, actor, address, camera, reason, self._clock.monotonic())

        one = _Beginning(row, view, asyncio.get_running_loop().create_future())
        self._beginning.append(one)
        if not self._writing:
            self._writing = True
            self._tasks.start(self._write_beginnings(), name="begin")
        return await one.begun

    def end(self, view: View, why: str, *, shown: bool = True) -> None:
        """A view has ended, or `shown` False: never came about. `why` is a sentence.

        Written soon. Whatever comes after the first call changes nothing.
        """
        if view.id in self._ended:
            return
        nothing: dict[str, Any] = {} if shown else {"shown": False}
        self._ended[view.id] = self._audit.row(
            view.action,
            actor=view.actor,
            address=view.address,
            outcome=Outcome.ENDED,
            camera=view.camera,
            reason=view.reason,
            view=view.id,
            seconds=round(self._clock.monotonic() - view.began, 1),
            why=why,
            **nothing,
        )
        self._wake.set()

    async def run(self) -> None:
        """Write the ends as they come. Never returns."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await to_end(self.flush())
            except StorageError as error:
                log.error("%d ends of views wait to be written: %s", len(self._ended), error)
                await self._clock.sleep(RETRY_SECONDS)
                self._wake.set()

    async def flush(self) -> None:
        """Write every end that waits.

        Raises:
            StorageError: they could not be written. They wait on; the next start finds them if this process ends.
        """
        await self._tasks.join()
        if rows := dict(self._ended):
            await self._database.write(lambda connection: _write(connection, rows))
            for number in rows:
                self._ended.pop(number, None)

    async def _write_beginnings(self) -> None:
        try:
            while self._beginning:
                some, self._beginning = self._beginning, []
                try:
                    numbers = await self._database.write(partial(_begin, rows=[one.row for one in some]))
                except Exception as error:  # whatever it is, those who wait for it must hear of it
                    for one in some:
                        if not one.begun.done():
                            one.begun.set_exception(error)
                    continue
                for one, number in zip(some, numbers, strict=True):
                    if one.begun.done():  # who asked was cancelled
                        self.end(one.view(number), GIVEN_UP, shown=False)
                    else:
                        one.begun.set_result(one.view(number))
        finally:
            self._writing = False

    async def close_left(self) -> int:
        """End what an earlier process left open; how many that were. Before the first `begin`.

        Raises:
            StorageError: the database refused.
        """

        def work(connection: Connection) -> int:
            left = connection.execute(select(audit).join(open_views, open_views.c.id == audit.c.id)).all()
            rows = {
                row.id: self._audit.row(
                    Action(row.action),
                    actor=row.actor,
                    address=row.address,
                    outcome=Outcome.ENDED,
                    camera=row.camera,
                    reason=row.reason,
                    view=row.id,
                    seconds=None,
                    why=KILLED,
                )
                for row in left
            }
            _write(connection, rows)
            return len(rows)

        return await self._database.write(work)


def _begin(connection: Connection, rows: list[dict[str, Any]]) -> list[int]:
    """Begin views; the numbers of their rows."""
    numbers = append_rows(connection, rows)
    connection.execute(insert(open_views), [{"id": number} for number in numbers])
    return numbers


def _write(connection: Connection, rows: dict[int, dict[str, Any]]) -> None:
    """End views: their numbers, and the rows that say so. One that has ended already is left alone."""
    ended = delete(open_views).where(open_views.c.id == bindparam("number"))
    if due := [row for number, row in rows.items() if connection.execute(ended, {"number": number}).rowcount]:
        append_rows(connection, due)
