"""Lets go of alerts that were resolved long ago: where wearers were is not kept for ever. Incidents keep theirs."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import Connection, delete, or_, select

from gateway.access.audit import Action, Audit, append
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.incidents.alert import LASTING
from gateway.media.model import NS, UtcNs
from gateway.store.engine import Database
from gateway.store.tables import alerts as _alerts
from gateway.store.tables import incident_alerts as _incident_alerts

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
TOGETHER = 500
"""Deleted in one transaction at most: others want the database's writer, too."""
BY = "retention"


class OldAlerts:
    """Deletes them, once an hour."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        clock: Clock,
        keep_seconds: Callable[[], int],
        believed_ns: Callable[[], UtcNs],
    ) -> None:
        """`keep_seconds`: how long after they were resolved; `believed_ns`: the UTC by which what is kept grows old."""
        self._database = database
        self._audit = audit
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._believed_ns = believed_ns

    async def run(self) -> None:
        """Look now and every hour. Runs until cancelled."""
        while True:
            try:
                while await self.delete_some() == TOGETHER:
                    pass
            except StorageError as error:
                log.error("old alerts stay: %s", error)
            await self._clock.sleep(LOOK_SECONDS)

    async def delete_some(self) -> int:
        """Delete those that are due, the oldest first; how many. Open ones, those of incidents, and those whose cause
        goes on are never due.

        Raises:
            StorageError: the database refused, and has them still.
        """
        table, before_ns = _alerts.c, self._believed_ns() - self._keep_seconds() * NS
        over = or_(table.ended_ns.is_not(None), table.kind.not_in([kind.value for kind in LASTING]))
        due = (
            select(table.id)
            .where(table.resolved_ns < before_ns, over, table.id.not_in(select(_incident_alerts.c.alert)))
            .order_by(table.resolved_ns)
            .limit(TOGETHER)
        )

        def work(connection: Connection) -> int:
            numbers = [row.id for row in connection.execute(due)]
            if numbers:
                connection.execute(delete(_alerts).where(_alerts.c.id.in_(numbers)))
                row = self._audit.row(Action.ALERT_DELETE, actor=BY, address="gateway", alerts=len(numbers))
                append(connection, row)
            return len(numbers)

        return await self._database.write(work)
