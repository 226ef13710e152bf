"""Where imported Segments go among the rows of the catalog: Recordings of their own, and gaps that make room for them.

That nothing else is recorded of their time is for whoever imports to see to. In the database's threads.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from gateway.media.model import NS, GapReason, UtcNs
from gateway.store.tables import gaps as _gaps
from gateway.store.tables import recordings as _recordings
from gateway.store.tables import segments as _segments

SEAM_NS = NS // 5
"""An imported Segment that begins so close to where another ended goes on in the same Recording."""


def is_own() -> ColumnElement[bool]:
    """Of a row of `recordings`: a recorder made it, nobody imported it."""
    return ~exists().where(_segments.c.recording_id == _recordings.c.id, _segments.c.imported)


def imported_reach(connection: Connection, camera: str, end_ns: UtcNs) -> UtcNs:
    """To where imports reach that lie after a Recording which ended at `end_ns`; without any, that end itself.

    Only for a time of which no gap tells: what lies between has gaps of its own since the import.
    """
    last = select(func.max(_recordings.c.end_ns)).where(
        _recordings.c.camera == camera, ~is_own(), _recordings.c.start_ns >= end_ns
    )
    return connection.execute(last).scalar() or end_ns


def place_import(connection: Connection, camera: str, start_ns: UtcNs, end_ns: UtcNs) -> int:
    """The Recording for an imported Segment of [start_ns, end_ns), which it now reaches to the end of.

    What is missing of that time is missing no more; where nobody has said yet that media before it is missing, because
    no gateway has run since, it is said now.
    """
    query = select(_recordings.c.id, _recordings.c.end_ns).where(
        _recordings.c.camera == camera, ~is_own(), _recordings.c.end_ns.between(start_ns - SEAM_NS, start_ns + SEAM_NS)
    )
    before = connection.execute(query.order_by(_recordings.c.end_ns.desc()).limit(1)).first()
    if before is not None:
        reach = max(before.end_ns, end_ns)
        connection.execute(_recordings.update().where(_recordings.c.id == before.id).values(end_ns=reach))
        _fill(connection, camera, before.end_ns, end_ns)
        return int(before.id)
    _tell_gap_before(connection, camera, start_ns)
    _fill(connection, camera, start_ns, end_ns)
    inserted = connection.execute(_recordings.insert().values(camera=camera, start_ns=start_ns, end_ns=end_ns))
    assert inserted.inserted_primary_key is not None
    return int(inserted.inserted_primary_key[0])


def _tell_gap_before(connection: Connection, camera: str, start_ns: UtcNs) -> None:
    known = select(_gaps.c.id).where(
        _gaps.c.camera == camera, _gaps.c.track.is_(None), _gaps.c.start_ns <= start_ns,
        or_(_gaps.c.end_ns.is_(None), _gaps.c.end_ns >= start_ns),
    )  # fmt: skip
    before = select(func.max(_recordings.c.end_ns)).where(
        _recordings.c.camera == camera, _recordings.c.end_ns <= start_ns
    )
    end_ns = connection.execute(before).scalar()
    if end_ns is not None and end_ns < start_ns and connection.execute(known).first() is None:
        _insert(connection, camera, end_ns, start_ns, GapReason.RESTART.value, "")


def _fill(connection: Connection, camera: str, start_ns: UtcNs, end_ns: UtcNs) -> None:
    """Shorten, split or remove what is said to be missing of [start_ns, end_ns)."""
    touching = and_(
        _gaps.c.camera == camera, _gaps.c.track.is_(None), _gaps.c.start_ns < end_ns,
        or_(_gaps.c.end_ns.is_(None), _gaps.c.end_ns > start_ns),
    )  # fmt: skip
    for gap in connection.execute(select(_gaps).where(touching)).all():
        this = _gaps.c.id == gap.id
        if gap.start_ns < start_ns:
            connection.execute(_gaps.update().where(this).values(end_ns=start_ns))
        else:
            connection.execute(_gaps.delete().where(this))
        if gap.end_ns is None or gap.end_ns > end_ns:
            _insert(connection, camera, end_ns, gap.end_ns, gap.reason, gap.detail)


def _insert(
    connection: Connection, camera: str, start_ns: UtcNs, end_ns: UtcNs | None, reason: str, detail: str
) -> None:
    connection.execute(
        _gaps.insert().values(
            camera=camera, start_ns=start_ns, end_ns=end_ns, reason=reason, track=None, packets=0, detail=detail
        )
    )
