"""Units against geofences: every Fix is judged, sides are kept, and who has crossed raises an alert.

A Fix costs the event loop the judge's few microseconds. Alerts and sides wait for one task: an alert is in the database
before the side that it led to, so that a gateway killed in between tells it again rather than never, and the open alert
of the same subject counts it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection, bindparam, delete, insert, select

from gateway.access.authority import Authority
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.metrics import GEOFENCE_CROSSINGS, GEOFENCE_DROPPED
from gateway.base.supervise import pause, to_end
from gateway.incidents.alert import OF_GEOFENCES, Kind, subject_of
from gateway.incidents.alerts import Alerts
from gateway.incidents.geofence import Geofence
from gateway.incidents.geofence_judge import Crossing, Judge, Key, Side
from gateway.incidents.geofences import Geofences
from gateway.ingest.fleet import Camera, Fleet
from gateway.media.model import Fix
from gateway.positions.formats import fix_json
from gateway.store.engine import Database
from gateway.store.tables import geofence_sides

log = logging.getLogger(__name__)

MAX_WAITING = 10_000
"""Crossings that wait for the database at most."""
SETTLE_SECONDS = 1.0
"""How long sides wait to be written together."""
RETRY_SECONDS = 1.0
TOGETHER = 2000
"""Sides written in one transaction at most."""


class GeofenceWatch:
    """Watches all units. `load` it before the first Fix, then `run` it."""

    def __init__(
        self,
        geofences: Geofences,
        alerts: Alerts,
        fleet: Fleet,
        authority: Authority,
        database: Database,
        clock: Clock,
    ) -> None:
        self._geofences = geofences
        self._alerts = alerts
        self._database = database
        self._clock = clock
        self._authority = authority
        self._judge = Judge(lambda geofence, camera: geofence.concerns(camera, authority.groups(camera)))
        self._crossings: deque[Crossing] = deque()
        self._unwritten: dict[Key, Side | None] = {}
        self._wake = asyncio.Event()
        geofences.on_loaded.append(self._geofences_changed)
        geofences.on_removed.append(self._geofence_removed)
        authority.on_changed.append(self._judge.look_again)  # cameras may be in other groups
        fleet.on_fix.append(self.fix)
        fleet.on_removed.append(lambda camera: self._judge.forget(camera.id))

    async def load(self) -> None:
        """Know the sides of before a restart. After the geofences were loaded.

        Raises:
            StorageError: the database refused.
        """
        self._judge.remember(await self._database.read(_sides))

    def fix(self, camera: Camera, fix: Fix) -> None:
        """A position was accepted. While a privacy mode hides where the wearer is, nobody looks."""
        if fix is not camera.fix or self._authority.hides_position(camera.id):
            return  # one that came out of order is not where the unit is
        for crossing in self._judge.push(camera.id, fix):
            if len(self._crossings) >= MAX_WAITING:
                GEOFENCE_DROPPED.inc()
                log.error("a crossing of the geofence %s is lost: too many wait for the database", crossing.geofence.id)
                continue
            self._crossings.append(crossing)
            self._wake.set()

    async def run(self) -> None:
        """Raise alerts as units cross, and write sides once in a while. Runs until cancelled."""
        while True:
            self._wake.clear()
            try:
                await to_end(self.flush())
            except StorageError as error:
                log.error("crossings of geofences wait to be written: %s", error)
                await self._clock.sleep(RETRY_SECONDS)
            else:
                await pause(self._clock, SETTLE_SECONDS, self._wake)

    async def flush(self) -> None:
        """Raise what waits, then write the sides.

        Raises:
            StorageError: the database refused; what could not be written waits on.
        """
        self._unwritten |= self._judge.take_decided()
        while self._crossings:
            # Once it is raised it waits there: `Alerts` tries again, and the sides are written after that.
            await self._tell(self._crossings.popleft())
        while self._unwritten:
            some = dict(list(self._unwritten.items())[:TOGETHER])
            await self._database.write(partial(_write, sides=some))
            for key in some:
                del self._unwritten[key]

    # ---- inside

    async def _tell(self, crossing: Crossing) -> None:
        """End the alert of the way back, and raise this one where the geofence tells of it."""
        geofence, utc_ns = crossing.geofence, crossing.fix.utc_ns
        kind, back = Kind.GEOFENCE_ENTER, Kind.GEOFENCE_LEAVE
        if not crossing.entered:
            kind, back = back, kind
        GEOFENCE_CROSSINGS.labels("enter" if crossing.entered else "leave").inc()
        self._alerts.ended(subject_of(back, crossing.camera, geofence.id), utc_ns)
        if not geofence.tells.of(crossing.entered):
            return
        subject = subject_of(kind, crossing.camera, geofence.id)
        self._alerts.raise_soon(
            kind,
            crossing.camera,
            utc_ns=utc_ns,
            text=f"{'Entered' if crossing.entered else 'Left'} {geofence.name}",
            detail={"geofence": {"id": geofence.id, "name": geofence.name}, "fix": fix_json(crossing.fix)},
            subject=subject,
            grade=geofence.grade,
        )
        await self._alerts.written(subject)

    def _geofences_changed(self) -> None:
        self._judge.apply(self._geofences.all())

    def _geofence_removed(self, geofence: Geofence) -> None:
        """Nobody can tell any more when what its alerts tell of ends."""
        now_ns = self._clock.utc_ns()
        for alert in self._alerts.open():
            is_of_one = alert.kind in OF_GEOFENCES
            if is_of_one and alert.subject == subject_of(alert.kind, alert.camera, geofence.id):
                self._alerts.ended(alert.subject, now_ns)


def _sides(connection: Connection) -> Mapping[Key, Side]:
    rows = connection.execute(select(geofence_sides))
    return {(row.geofence, row.camera): Side(row.inside, row.since_ns) for row in rows}


def _write(connection: Connection, sides: Mapping[Key, Side | None]) -> None:
    """Replace these sides."""
    table = geofence_sides
    keys = [{"of": geofence, "who": camera} for geofence, camera in sides]
    connection.execute(
        delete(table).where(table.c.geofence == bindparam("of"), table.c.camera == bindparam("who")), keys
    )
    rows = [
        {"geofence": geofence, "camera": camera, "inside": side.inside, "since_ns": side.since_ns}
        for (geofence, camera), side in sides.items()
        if side is not None
    ]
    if rows:
        connection.execute(insert(table), rows)
