"""How the catalog writes what happened: entries become rows of `recordings`, `segments` and `gaps`.

Everything here runs in a transaction of `gateway.recording.catalog`, whose business is when, and in a thread of the
database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select

from gateway.media.model import NS, GapReason, UtcNs
from gateway.recording.entries import Entry, LossFound, RecordingClosed, RecordingOpened, SegmentFinished
from gateway.recording.placing import is_own, place_import
from gateway.store import tables

ADJACENT_NS = 2 * NS
"""A Segment found on disk that begins this soon after another ended belongs to the same Recording."""

_recordings, _segments, _gaps = tables.recordings, tables.segments, tables.gaps


def open_recording(connection: Connection, camera: str) -> int | None:
    """The number of the Recording that has no end yet."""
    query = select(_recordings.c.id).where(_recordings.c.camera == camera, _recordings.c.end_ns.is_(None))
    return connection.execute(query.order_by(_recordings.c.id.desc())).scalar()


def reach(connection: Connection, recording: int) -> UtcNs | None:
    """To when the finished Segments of a Recording reach; None: it has none."""
    query = select(func.max(_segments.c.end_ns)).where(_segments.c.recording_id == recording)
    return connection.execute(query).scalar()


def _home(connection: Connection, camera: str, segment: SegmentFinished) -> int | None:
    """The Recording that holds the start of `segment`, or ends just before it."""
    query = select(_recordings.c.id, _recordings.c.start_ns, _recordings.c.end_ns).where(
        _recordings.c.camera == camera, _recordings.c.start_ns <= segment.start_ns, is_own()
    )
    row = connection.execute(query.order_by(_recordings.c.start_ns.desc(), _recordings.c.id.desc()).limit(1)).first()
    if row is None:
        return None
    end_ns = row.end_ns or reach(connection, row.id) or row.start_ns
    return row.id if segment.start_ns <= end_ns + ADJACENT_NS else None


def _late_recording(connection: Connection, camera: str, segment: SegmentFinished) -> int:
    """A Recording of its own for `segment`, and the gap before it where none is known."""
    before = select(func.max(_recordings.c.end_ns)).where(
        _recordings.c.camera == camera, _recordings.c.end_ns <= segment.start_ns
    )
    end_ns = connection.execute(before).scalar()
    gap = select(_gaps.c.id, _gaps.c.end_ns).where(
        _gaps.c.camera == camera, _gaps.c.track.is_(None), _gaps.c.start_ns <= segment.start_ns,
        or_(_gaps.c.end_ns.is_(None), _gaps.c.end_ns >= segment.start_ns),
    )  # fmt: skip
    known = connection.execute(gap).first()
    if known is not None and known.end_ns is None:
        connection.execute(_gaps.update().where(_gaps.c.id == known.id).values(end_ns=segment.start_ns))
    elif known is None and end_ns is not None:
        open_gap(connection, camera, RecordingClosed(end_ns, GapReason.RESTART), segment.start_ns)
    inserted = connection.execute(
        _recordings.insert().values(camera=camera, start_ns=segment.start_ns, end_ns=segment.end_ns)
    )
    assert inserted.inserted_primary_key is not None
    return int(inserted.inserted_primary_key[0])


def _insert_segment(connection: Connection, camera: str, recording: int, segment: SegmentFinished) -> None:
    values = segment_values(segment) | {"imported": segment.original is not None}
    connection.execute(_segments.insert().values(recording_id=recording, camera=camera, path=segment.path, **values))


def segment_values(segment: SegmentFinished) -> dict[str, Any]:
    """Its columns, but for what it belongs to."""
    return {
        "start_ns": segment.start_ns, "end_ns": segment.end_ns, "bytes": segment.size, "sha256": segment.sha256,
        "tracks": [{"id": t.id, "kind": t.kind.value, "codec": t.codec, "units": t.units} for t in segment.tracks],
        "adopted": segment.adopted, "chunks": segment.chunks,
    }  # fmt: skip


def stored(connection: Connection, camera: str, entries: Sequence[Entry]) -> int:
    """How many of these are there for sure: those up to the last Recording that is, for they came in this order."""
    begun = select(_recordings.c.start_ns).where(_recordings.c.camera == camera)
    for place in range(len(entries) - 1, -1, -1):
        entry = entries[place]
        if isinstance(entry, RecordingOpened) and (
            connection.execute(begun.where(_recordings.c.start_ns == entry.start_ns)).first() is not None
        ):
            return place + 1
    return 0


def store_late(connection: Connection, camera: str, entry: Entry) -> None:
    """Store an entry, unless it is there."""
    match entry:
        case SegmentFinished() if entry.original is not None:
            recording = place_import(connection, camera, entry.start_ns, entry.end_ns)
            _insert_segment(connection, camera, recording, entry)
            return
        case SegmentFinished():
            recording = _home(connection, camera, entry) or _late_recording(connection, camera, entry)
            _insert_segment(connection, camera, recording, entry)
            connection.execute(
                _recordings.update()
                .where(_recordings.c.id == recording, _recordings.c.end_ns < entry.end_ns)
                .values(end_ns=entry.end_ns)
            )
            return
        case RecordingOpened():
            there = False
        case RecordingClosed():
            there = open_recording(connection, camera) is None
        case LossFound():
            there = connection.execute(_same_loss(camera, entry)).first() is not None
    if not there:
        store(connection, camera, entry)


def _same_loss(camera: str, loss: LossFound) -> Select[tuple[int]]:
    track = _gaps.c.track.is_(None) if loss.kind is None else _gaps.c.track == loss.kind.value
    return select(_gaps.c.id).where(
        _gaps.c.camera == camera, _gaps.c.start_ns == loss.start_ns, _gaps.c.end_ns == loss.end_ns,
        _gaps.c.reason == loss.reason.value, _gaps.c.packets == loss.packets, track,
    )  # fmt: skip


def open_gap(connection: Connection, camera: str, closed: RecordingClosed, end_ns: UtcNs | None = None) -> None:
    """Media is missing from the end of a Recording on, to `end_ns` or until there is some again."""
    assert closed.reason is not None
    connection.execute(
        _gaps.insert().values(
            camera=camera, start_ns=closed.end_ns, end_ns=end_ns, reason=closed.reason.value, track=None, packets=0,
            detail=closed.detail,
        )
    )  # fmt: skip


def store(connection: Connection, camera: str, entry: Entry) -> None:
    """Store an entry that has just happened."""
    match entry:
        case RecordingOpened():
            # A clock set back makes media begin before the gap did: then nothing is missing, and it lasts no time.
            later = func.max if connection.dialect.name == "sqlite" else func.greatest
            connection.execute(
                _gaps.update()
                .where(_gaps.c.camera == camera, _gaps.c.end_ns.is_(None))
                .values(end_ns=later(_gaps.c.start_ns, entry.start_ns))
            )
            connection.execute(_recordings.insert().values(camera=camera, start_ns=entry.start_ns, end_ns=None))
        case SegmentFinished():
            recording = open_recording(connection, camera)
            assert recording is not None, "a Segment belongs to an open Recording"
            _insert_segment(connection, camera, recording, entry)
        case RecordingClosed():
            connection.execute(
                _recordings.update()
                .where(_recordings.c.camera == camera, _recordings.c.end_ns.is_(None))
                .values(end_ns=entry.end_ns)
            )
            if entry.reason is not None:
                open_gap(connection, camera, entry)
        case LossFound():
            connection.execute(
                _gaps.insert().values(
                    camera=camera, start_ns=entry.start_ns, end_ns=entry.end_ns, reason=entry.reason.value,
                    track=None if entry.kind is None else entry.kind.value, packets=entry.packets, detail=entry.detail,
                )
            )  # fmt: skip
