"""The steps that an incident changes by, each inside a transaction of `gateway.incidents.incidents`: an interval of a
camera, its hold, and the audit's row about them are written together or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, update

from gateway.access.audit import Action, Audit, append
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.base.rfc3339 import format_utc
from gateway.incidents.incident import Incident, IncidentCamera
from gateway.media.model import NS, UtcNs
from gateway.recording.holds import Holds
from gateway.store.engine import raise_revision
from gateway.store.tables import incident_cameras as _cameras
from gateway.store.tables import incidents as _incidents

REVISION = "incidents"
AHEAD_NS = 60 * NS
"""So far the clock of somebody's browser may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, for the audit."""

    name: str
    address: str


class IncidentSteps:
    """What to call in a transaction. Load `holds` once that is committed."""

    def __init__(self, holds: Holds, audit: Audit, clock: Clock) -> None:
        self._holds = holds
        self._audit = audit
        self._clock = clock

    def take_in(
        self, connection: Connection, incident: Incident, camera: str, start_ns: UtcNs, end_ns: UtcNs | None, by: By
    ) -> None:
        """Give it a camera, and place its hold."""
        ends = incident.end_ns if end_ns is None else end_ns
        self.check(start_ns, ends)
        hold = self._place(connection, incident, camera, start_ns, ends, by)
        values = {"start_ns": start_ns, "end_ns": end_ns, "added_by": by.name, "added_ns": self._clock.utc_ns()}
        connection.execute(insert(_cameras).values(incident=incident.id, camera=camera, hold=hold, **values))
        self.reach_back(connection, incident, start_ns)

    def _place(
        self, connection: Connection, incident: Incident, camera: str, start_ns: UtcNs, end_ns: UtcNs | None, by: By
    ) -> int:
        # Without a category: rules let go of what is in one.
        reason = f"incident {incident.id}: {incident.title}"
        return self._holds.place_within(
            connection, camera, start_ns, end_ns, reason=reason, by=by.name, address=by.address
        ).id

    def hold_anew(
        self, connection: Connection, before: Incident, after: Incident, by: By, *, let_go: str | None = None
    ) -> None:
        """Have the holds be as the intervals are: of each that changed the new one first, then without the old one.

        `let_go`: why what is left out then is needed no more; None: nothing is.
        """
        for one in after.cameras:
            was = before.camera(one.camera)
            if was is None or (was.start_ns, was.end_ns) == (one.start_ns, one.end_ns):
                continue
            hold = self._place(connection, after, one.camera, one.start_ns, one.end_ns, by)
            mine = (_cameras.c.incident == after.id) & (_cameras.c.camera == one.camera)
            connection.execute(update(_cameras).where(mine).values(hold=hold))
            if let_go is not None:
                self.let_go(connection, before, was, by, let_go)
            else:
                reason = f"hold {hold} of incident {after.id} has taken its place"
                self._holds.release_within(connection, was.hold, by=by.name, reason=reason, address=by.address)

    def let_go(self, connection: Connection, incident: Incident, one: IncidentCamera, by: By, reason: str) -> None:
        """Release its hold; what was in it goes on under the incident's category."""
        if incident.category is not None:
            end_ns = max(one.start_ns + 1, self._clock.utc_ns()) if one.end_ns is None else one.end_ns
            self._holds.place_within(
                connection, one.camera, one.start_ns, end_ns, category=incident.category, reason=reason,
                by=by.name, address=by.address,
            )  # fmt: skip
        self._holds.release_within(connection, one.hold, by=by.name, reason=reason, address=by.address)

    def reach_back(self, connection: Connection, incident: Incident, start_ns: UtcNs) -> None:
        """An incident begins with the first of its cameras."""
        if start_ns < incident.start_ns:
            connection.execute(update(_incidents).where(_incidents.c.id == incident.id).values(start_ns=start_ns))

    def note(
        self,
        connection: Connection,
        action: Action,
        incident: Incident,
        by: By,
        reason: str | None = None,
        *,
        camera: str | None = None,
        **detail: Any,
    ) -> None:
        """Tell the audit, and whoever looks at revisions."""
        raise_revision(connection, REVISION)
        row = self._audit.row(
            action, actor=by.name, address=by.address, camera=camera, reason=reason, incident=incident.id,
            title=incident.title, cameras={one.camera: span(incident, one.camera) for one in incident.cameras},
            **detail,
        )  # fmt: skip
        append(connection, row)

    def check(self, start_ns: UtcNs, end_ns: UtcNs | None) -> None:
        """Raises BadRequestError when an interval lies ahead, or ends before it begins."""
        latest = self._clock.utc_ns() + AHEAD_NS
        if start_ns > latest:
            raise BadRequestError("an incident cannot begin in the future", pointer="/from")
        if end_ns is not None and end_ns <= start_ns:
            raise BadRequestError('"to" must lie after "from"', pointer="/to")
        if end_ns is not None and end_ns > latest:
            raise BadRequestError('what has not ended yet has no "to": leave it out', pointer="/to")


def camera_of(incident: Incident, camera: str) -> IncidentCamera:
    """What it has of a camera.

    Raises:
        NotFoundError: nothing.
    """
    one = incident.camera(camera)
    if one is None:
        raise NotFoundError(f'incident {incident.id} has no camera "{camera[:80]}"')
    return one


def span(incident: Incident, camera: str) -> Mapping[str, str | None]:
    """A camera's interval for the audit."""
    one = camera_of(incident, camera)
    return {"from": format_utc(one.start_ns), "to": None if one.end_ns is None else format_utc(one.end_ns)}
