"""Whether the rows of `recordings` fit their Segments, for the check and its repair. In the database's threads.

A Recording is a gapless run of Segments: it begins with the first and ends with the last of them. Recorder, adoption
and deletion keep it so; where a row is wrong all the same, its Segments say what is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from gateway.media.model import NS, UtcNs
from gateway.store.tables import recordings as _recordings
from gateway.store.tables import segments as _segments

SLACK_NS = 2 * NS
"""A Recording may go on so long before its first Segment and after its last."""


@dataclass(frozen=True, slots=True)
class WrongExtent:
    """A Recording that has ended, and where its Segments lie."""

    recording: int
    camera: str
    start_ns: UtcNs
    end_ns: UtcNs
    found: tuple[UtcNs, UtcNs] | None
    """From the start of the first to the end of the last; None: it has none."""


def wrong_extents(connection: Connection) -> list[WrongExtent]:
    """The Recordings that do not reach as far as their Segments, or clearly further."""
    first, last = func.min(_segments.c.start_ns), func.max(_segments.c.end_ns)
    query = (
        select(_recordings.c.id, _recordings.c.camera, _recordings.c.start_ns, _recordings.c.end_ns, first, last)
        .select_from(_recordings.outerjoin(_segments, _segments.c.recording_id == _recordings.c.id))
        .where(_recordings.c.end_ns.is_not(None))
        .group_by(_recordings.c.id)
        .order_by(_recordings.c.camera, _recordings.c.start_ns)
    )
    wrong = []
    for recording, camera, start_ns, end_ns, first_ns, last_ns in connection.execute(query):
        if first_ns is None:
            wrong.append(WrongExtent(recording, camera, start_ns, end_ns, None))
        elif not (0 <= first_ns - start_ns <= SLACK_NS and 0 <= end_ns - last_ns <= SLACK_NS):
            wrong.append(WrongExtent(recording, camera, start_ns, end_ns, (first_ns, last_ns)))
    return wrong


def mend(connection: Connection, extents: Iterable[WrongExtent]) -> None:
    """Let each be what its Segments say; one without any is no Recording."""
    for extent in extents:
        this = _recordings.c.id == extent.recording
        if extent.found is None:
            connection.execute(_recordings.delete().where(this))
        else:
            start_ns, end_ns = extent.found
            connection.execute(_recordings.update().where(this).values(start_ns=start_ns, end_ns=end_ns))
