"""The incidents of a gateway: opened, grown, closed and let go, each step with its holds in one transaction.

From its first moment each camera's interval is on hold, without a category, so that no rule can delete what is in it;
only the incident itself releases that hold. What an incident lets go of goes on under its category, if it has one.
Who may do what is `web.incidents`' to ask; shares are `gateway.incidents.shares`'.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from gateway.access.audit import Action, Audit
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, SightlineError
from gateway.base.rfc3339 import format_utc
from gateway.incidents.incident import (
    MAX_CAMERAS,
    Incident,
    IncidentCamera,
    Note,
    Opening,
    note_of,
    tags_of,
    title_of,
)
from gateway.incidents.incident_document import incident_document
from gateway.incidents.incident_rows import Word, find, having, select_incidents
from gateway.incidents.incident_steps import By, IncidentSteps, camera_of, span
from gateway.media.model import UtcNs
from gateway.recording.holds import Holds
from gateway.store.engine import Database
from gateway.store.tables import alerts as _alerts
from gateway.store.tables import incident_alerts as _linked
from gateway.store.tables import incident_cameras as _cameras
from gateway.store.tables import incident_notes as _notes
from gateway.store.tables import incidents as _incidents

MAX_NOTES = 5000
"""Of one incident."""
T = TypeVar("T")


class Incidents:
    """Every incident. Each method raises StorageError when the database refuses; then nothing has changed."""

    def __init__(
        self, database: Database, holds: Holds, audit: Audit, clock: Clock, record: Callable[[str, str], None]
    ) -> None:
        """`record` has a camera (by id) recorded that records on an event, on behalf of somebody (by name)."""
        self.on_changed: list[Callable[[Incident], None]] = []
        self.on_removed: list[Callable[[Incident], None]] = []
        self._database = database
        self._holds = holds
        self._clock = clock
        self._record = record
        self._steps = IncidentSteps(holds, audit, clock)

    # ---- finding

    async def find(self, number: int) -> Incident:
        """The one with this number.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda connection: find(connection, number))

    async def search(
        self,
        *,
        camera: str | None = None,
        from_ns: UtcNs | None = None,
        to_ns: UtcNs | None = None,
        is_open: bool | None = None,
        words: Sequence[Word] = (),
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[Incident]:
        """Those that touch [from_ns, to_ns), the newest first; `is_open`: that nobody has closed, or somebody has.

        With `words`: those that have each of them in their title, a tag, a note, or a camera.
        """
        i = _incidents.c
        where: list[ColumnElement[bool]] = []
        if camera is not None:
            where.append(i.id.in_(select(_cameras.c.incident).where(_cameras.c.camera == camera)))
        if from_ns is not None:
            where.append(or_(i.end_ns.is_(None), i.end_ns > from_ns))
        if to_ns is not None:
            where.append(i.start_ns < to_ns)
        if is_open is not None:
            where.append(i.closed_ns.is_(None) if is_open else i.closed_ns.is_not(None))
        if before_id is not None:
            where.append(i.id < before_id)
        where += [having(word) for word in words]
        return await self._database.read(lambda connection: select_incidents(connection, *where, limit=limit))

    async def notes(self, number: int) -> list[Note]:
        """What was written, by the moments that it is about."""
        query = select(_notes).where(_notes.c.incident == number).order_by(_notes.c.utc_ns, _notes.c.id)
        return await self._database.read(
            lambda connection: [
                Note(row.id, row.utc_ns, row.text, row.created_by, row.created_ns) for row in connection.execute(query)
            ]
        )

    async def document(self, number: int, cameras: Collection[str], places: Collection[str]) -> dict[str, Any]:
        """What a package tells of it (`incident_document`).

        Raises:
            NotFoundError: there is none with this number.
        """
        return await self._database.read(lambda connection: incident_document(connection, number, cameras, places))

    # ---- its life

    async def open(self, opening: Opening, by: By) -> Incident:
        """Open one: it, its holds and the audit's rows are written together. An alert that it begins with is linked.

        Raises:
            BadRequestError: it has no title or camera, too much of something, or an interval that cannot be.
            NotFoundError: there is no such alert.
        """
        title, tags = title_of(opening.title), tags_of(list(opening.tags))
        if not 1 <= len(set(opening.cameras)) == len(opening.cameras) <= MAX_CAMERAS:
            raise BadRequestError(f"an incident has 1 to {MAX_CAMERAS} cameras, each once", pointer="/cameras")
        self._steps.check(opening.start_ns, opening.end_ns)
        now = self._clock.utc_ns()

        def work(connection: Connection) -> Incident:
            made = connection.execute(
                insert(_incidents).values(
                    title=title, category=opening.category, tags=list(tags), origin=dict(opening.origin),
                    start_ns=opening.start_ns, end_ns=opening.end_ns, opened_by=by.name, opened_ns=now,
                )
            ).inserted_primary_key  # fmt: skip
            assert made is not None
            number = int(made[0])
            if "alert" in opening.origin:
                _link(connection, number, opening.origin["alert"])
            for camera in opening.cameras:
                self._steps.take_in(connection, find(connection, number), camera, opening.start_ns, None, by)
            incident = find(connection, number)
            self._steps.note(connection, Action.INCIDENT_OPEN, incident, by, origin=incident.origin)
            return incident

        return self._have_recorded(await self._changed(work), opening.cameras, by)

    async def change(
        self,
        number: int,
        by: By,
        *,
        title: str | None = None,
        tags: list[str] | None = None,
        category: str | None = None,
        keep_category: bool = True,
    ) -> Incident:
        """Change what it is called and sorted under; None: as it is. `category` counts unless `keep_category`.

        Raises:
            BadRequestError: as in `open`.
            NotFoundError: there is none with this number.
            ConflictError: it is closed.
        """
        values: dict[str, Any] = {}
        if title is not None:
            values["title"] = title_of(title)
        if tags is not None:
            values["tags"] = list(tags_of(tags))
        if not keep_category:
            values["category"] = category

        def work(connection: Connection) -> Incident:
            before = _open_one(connection, number)
            was = {"title": before.title, "tags": list(before.tags), "category": before.category}
            changed = {name: value for name, value in values.items() if was[name] != value}
            if changed:
                connection.execute(update(_incidents).where(_incidents.c.id == number).values(**changed))
                self._steps.note(connection, Action.INCIDENT_CHANGE, before, by, changed=changed)
            return find(connection, number)

        return await self._changed(work)

    async def close(self, number: int, by: By) -> Incident:
        """People are done with it. What grew ends now, and stays on hold.

        Raises:
            NotFoundError: there is none with this number.
            ConflictError: it is closed already.
        """

        def work(connection: Connection) -> Incident:
            before, now = _open_one(connection, number), self._clock.utc_ns()
            ends = {"end_ns": max(now, *(one.start_ns + 1 for one in before.cameras))} if before.end_ns is None else {}
            this = _incidents.c.id == number
            connection.execute(update(_incidents).where(this).values(closed_by=by.name, closed_ns=now, **ends))
            incident = find(connection, number)
            self._steps.hold_anew(connection, before, incident, by)
            self._steps.note(connection, Action.INCIDENT_CLOSE, incident, by)
            return incident

        return await self._changed(work)

    async def reopen(self, number: int, by: By) -> Incident:
        """Take it up again. What ended because it was closed grows on, without a hole.

        Raises:
            NotFoundError: there is none with this number.
            ConflictError: it is open.
        """

        def work(connection: Connection) -> Incident:
            before = find(connection, number)
            if before.closed_ns is None or before.end_ns is None:
                raise ConflictError(f"incident {number} is open")
            grew = before.end_ns >= before.closed_ns
            values = {"closed_by": None, "closed_ns": None, "end_ns": None if grew else before.end_ns}
            connection.execute(update(_incidents).where(_incidents.c.id == number).values(**values))
            incident = find(connection, number)
            self._steps.hold_anew(connection, before, incident, by)
            self._steps.note(connection, Action.INCIDENT_REOPEN, incident, by)
            return incident

        incident = await self._changed(work)
        return self._have_recorded(incident, [one.camera for one in incident.cameras], by)

    async def remove(self, number: int, by: By, *, reason: str) -> None:
        """Delete it with all that was written about it, and let go of its recordings. The audit keeps what it was.

        Raises:
            NotFoundError: there is none with this number.
        """

        def work(connection: Connection) -> Incident:
            incident = find(connection, number)
            # Its cameras first: as long as one of them names a hold, nobody can release that.
            connection.execute(delete(_incidents).where(_incidents.c.id == number))
            for one in incident.cameras:
                self._steps.let_go(connection, incident, one, by, f"incident {number} was deleted: {reason}")
            self._steps.note(connection, Action.INCIDENT_REMOVE, incident, by, reason)
            return incident

        incident = await self._written(work)
        for listener in self.on_removed:
            listener(incident)

    # ---- its cameras

    async def add_camera(
        self, number: int, camera: str, by: By, *, start_ns: UtcNs | None = None, end_ns: UtcNs | None = None
    ) -> Incident:
        """Take in another camera, from `start_ns` (None: from the incident's beginning) to `end_ns` (None: its end).

        Raises:
            BadRequestError: the interval cannot be.
            NotFoundError: there is no incident with this number.
            ConflictError: it is closed, has this camera already, or as many as it can have.
        """

        def work(connection: Connection) -> Incident:
            before = _open_one(connection, number)
            if before.camera(camera) is not None:
                raise ConflictError(f"incident {number} has {camera} already: change when it begins and ends")
            if len(before.cameras) >= MAX_CAMERAS:
                raise ConflictError(f"an incident has {MAX_CAMERAS} cameras at most: open another one")
            self._steps.take_in(
                connection, before, camera, before.start_ns if start_ns is None else start_ns, end_ns, by
            )
            incident = find(connection, number)
            self._steps.note(
                connection, Action.INCIDENT_CHANGE, incident, by, camera=camera, added=span(incident, camera)
            )
            return incident

        return self._have_recorded(await self._changed(work), [camera], by)

    async def change_camera(
        self,
        number: int,
        camera: str,
        by: By,
        *,
        start_ns: UtcNs | None = None,
        end_ns: UtcNs | None = None,
        follow: bool = False,
        reason: str | None = None,
    ) -> Incident:
        """Have its interval begin or end elsewhere; None: where it does. `follow`: it ends when the incident does.

        Raises:
            BadRequestError: the interval cannot be, or it leaves out what was in it and `reason` does not say why.
            NotFoundError: there is no incident with this number, or it has no such camera.
            ConflictError: it is closed.
        """

        def work(connection: Connection) -> Incident:
            before = _open_one(connection, number)
            was = camera_of(before, camera)
            begins = was.start_ns if start_ns is None else start_ns
            ends = None if follow or (was.follows and end_ns is None) else was.end_ns if end_ns is None else end_ns
            self._steps.check(begins, before.end_ns if ends is None else ends)
            mine = (_cameras.c.incident == number) & (_cameras.c.camera == camera)
            connection.execute(update(_cameras).where(mine).values(start_ns=begins, end_ns=ends))
            self._steps.reach_back(connection, before, begins)
            incident = find(connection, number)
            if incident == before:
                return incident
            let_go = None
            if leaves_out(was, camera_of(incident, camera), self._clock.utc_ns()):
                if reason is None:
                    raise BadRequestError("say why the incident needs less than before", pointer="/reason")
                let_go = f"incident {number} needs less: {reason}"
            self._steps.hold_anew(connection, before, incident, by, let_go=let_go)
            self._steps.note(
                connection, Action.INCIDENT_CHANGE, incident, by, reason, camera=camera,
                was=span(before, camera), becomes=span(incident, camera),
            )  # fmt: skip
            return incident

        return await self._changed(work)

    async def remove_camera(self, number: int, camera: str, by: By, *, reason: str) -> Incident:
        """Take a camera out, and let go of its recordings.

        Raises:
            NotFoundError: there is no incident with this number, or it has no such camera.
            ConflictError: it is closed, or has no other camera.
        """

        def work(connection: Connection) -> Incident:
            before = _open_one(connection, number)
            was = camera_of(before, camera)
            if len(before.cameras) == 1:
                raise ConflictError(f"{camera} is the only one of incident {number}: delete the incident instead")
            mine = (_cameras.c.incident == number) & (_cameras.c.camera == camera)
            connection.execute(delete(_cameras).where(mine))
            self._steps.let_go(connection, before, was, by, f"incident {number} needs it no more: {reason}")
            self._steps.note(
                connection, Action.INCIDENT_CHANGE, before, by, reason, camera=camera, removed=span(before, camera)
            )
            return find(connection, number)

        return await self._changed(work)

    # ---- what belongs to it

    async def link(self, number: int, alert: int, by: By) -> Incident:
        """Say that an alert belongs to it; one that does so already does.

        Raises:
            NotFoundError: there is no incident or alert with this number.
            ConflictError: it is closed.
        """

        def work(connection: Connection) -> Incident:
            before = _open_one(connection, number)
            if alert not in {one.id for one in before.alerts}:
                _link(connection, number, alert)
                self._steps.note(connection, Action.INCIDENT_CHANGE, before, by, alert=alert)
            return find(connection, number)

        return await self._changed(work)

    async def add_note(self, number: int, utc_ns: UtcNs | None, text: str, by: By) -> Note:
        """Write about a moment (None: now); also of one that is closed.

        Raises:
            BadRequestError: it is empty, too long, or has what cannot be shown.
            NotFoundError: there is no incident with this number.
            ConflictError: it has as many as it can have.
        """
        text, now = note_of(text), self._clock.utc_ns()
        note: list[Note] = []

        def work(connection: Connection) -> Incident:
            before = find(connection, number)
            if before.notes >= MAX_NOTES:
                raise ConflictError(f"an incident has {MAX_NOTES} notes at most: open another one")
            about = now if utc_ns is None else utc_ns
            values = {"utc_ns": about, "text": text, "created_by": by.name, "created_ns": now}
            made = connection.execute(insert(_notes).values(incident=number, **values)).inserted_primary_key
            assert made is not None
            note.append(Note(int(made[0]), about, text, by.name, now))
            self._steps.note(
                connection, Action.INCIDENT_NOTE, before, by, note=note[0].id, utc=format_utc(about), text=text
            )
            return find(connection, number)

        await self._changed(work)
        return note[-1]

    # ---- inside

    def _have_recorded(self, incident: Incident, cameras: Iterable[str], by: By) -> Incident:
        """An incident that grows is an event: have those of `cameras` recorded that record on one."""
        for camera in cameras:
            one = incident.camera(camera)
            if one is not None and one.end_ns is None:
                with contextlib.suppress(SightlineError):  # it is always recorded, never, or there no more
                    self._record(camera, f"{by.name}, by incident {incident.id},")
        return incident

    async def _changed(self, work: Callable[[Connection], Incident]) -> Incident:
        incident = await self._written(work)
        for listener in self.on_changed:
            listener(incident)
        return incident

    async def _written(self, work: Callable[[Connection], T]) -> T:
        result = await self._database.write(work)
        await self._holds.load()
        return result


def leaves_out(was: IncidentCamera, becomes: IncidentCamera, now_ns: UtcNs) -> bool:
    """Whether anything that has been in an interval by now is not in it any more."""
    end_ns = now_ns if was.end_ns is None else min(was.end_ns, now_ns)
    return was.start_ns < end_ns and not becomes.covers(was.start_ns, end_ns)


def _open_one(connection: Connection, number: int) -> Incident:
    """An incident that can be changed.

    Raises:
        NotFoundError: there is none with this number.
        ConflictError: it is closed.
    """
    incident = find(connection, number)
    if incident.closed_ns is not None:
        raise ConflictError(f"incident {number} was closed by {incident.closed_by}: reopen it first")
    return incident


def _link(connection: Connection, number: int, alert: int) -> None:
    if connection.scalar(select(_alerts.c.id).where(_alerts.c.id == alert)) is None:
        raise NotFoundError(f"there is no alert {alert}")
    connection.execute(insert(_linked).values(incident=number, alert=alert))
