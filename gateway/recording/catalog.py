"""What is recorded and what is missing: the rows of `recordings`, `segments` and `gaps`.

The extent of a Recording that still grows is known only to its recorder, which says so here in memory; everything else
is in the database. What is found is in `gateway.recording.rows`, how entries become rows in `storing`. Files are not
looked at: that is what `check` is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, Update, and_, func, or_, select

from gateway.media.model import NS, GapReason, TrackKind, UtcNs
from gateway.recording import storing
from gateway.recording.entries import Entry, RecordingClosed, SegmentFinished, TrackContent
from gateway.recording.extents import WrongExtent, mend, wrong_extents
from gateway.recording.placing import imported_reach, is_own
from gateway.recording.rows import Growing, Missing, SegmentRow, Span, StoredSegment
from gateway.store import tables
from gateway.store.engine import Database

_LONGEST_NS = 3600 * NS
"""A Segment that began longer ago touches an interval only if none has begun since."""

LAST_NS = NS // 1000
"""Before its end a Segment has a picture, at its end none."""

_recordings, _segments, _gaps = tables.recordings, tables.segments, tables.gaps


class Catalog:
    """Queries and changes, as coroutines. All from the event loop's thread.

    Every method raises StorageError when the database refuses; nothing was changed then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._growing: dict[str, Growing] = {}

    # ---- questions

    async def recordings(self, camera: str, from_ns: UtcNs | None, to_ns: UtcNs | None) -> list[Span]:
        """The Recordings that touch the interval, by start, with what is on disk of the one that grows."""
        reach = (
            select(func.max(_segments.c.end_ns)).where(_segments.c.recording_id == _recordings.c.id).scalar_subquery()
        )
        query = (
            select(_recordings.c.start_ns, _recordings.c.end_ns, reach.label("reach"))
            .where(_touching(_recordings, camera, from_ns, to_ns))
            .order_by(_recordings.c.start_ns)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        growing = self._growing.get(camera)
        spans = []
        for start_ns, end_ns, reach_ns in rows:
            # Its beginning may have been deleted meanwhile.
            if end_ns is None and growing is not None and growing.start_ns <= start_ns:
                end_ns = growing.end_ns
            end_ns = end_ns or reach_ns or start_ns
            if from_ns is None or end_ns > from_ns:
                spans.append(Span(start_ns, end_ns))
        return spans

    async def gaps(self, camera: str, from_ns: UtcNs | None, to_ns: UtcNs | None) -> list[Missing]:
        """What is missing in the interval, between Recordings and inside them, by start."""
        query = select(_gaps).where(_touching(_gaps, camera, from_ns, to_ns)).order_by(_gaps.c.start_ns, _gaps.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [
            Missing(
                row.start_ns, row.end_ns, GapReason(row.reason),
                None if row.track is None else TrackKind(row.track), row.packets, row.detail,
            )
            for row in rows
        ]  # fmt: skip

    async def segments(self, camera: str, from_ns: UtcNs | None, to_ns: UtcNs | None) -> list[SegmentRow]:
        """The finished Segments that touch the interval, by start."""
        query = select(_segments).where(_segments_touching(camera, from_ns, to_ns)).order_by(_segments.c.start_ns)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [segment_row(row) for row in rows]

    async def stored(self, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> list[StoredSegment]:
        """The finished Segments that touch the interval, by start, as `segments`."""
        query = select(*_STORED).where(_segments_touching(camera, from_ns, to_ns))
        query = query.order_by(_segments.c.start_ns, _segments.c.id)
        # In the reader's thread: a day has more than a thousand.
        return await self._database.read(lambda connection: [_stored_segment(row) for row in connection.execute(query)])

    async def nearest(self, camera: str, at_ns: UtcNs) -> tuple[UtcNs | None, UtcNs | None]:
        """The last moment before `at_ns` and the first one after it at which something was recorded; None: none was."""
        own = _segments.c.camera == camera
        start = _segments.c.start_ns
        before = select(_segments.c.end_ns).where(own, start <= at_ns).order_by(start.desc()).limit(1)
        after = select(start).where(own, start > at_ns).order_by(start).limit(1)

        def work(connection: Connection) -> tuple[UtcNs | None, UtcNs | None]:
            return connection.execute(before).scalar(), connection.execute(after).scalar()

        end_ns, start_ns = await self._database.read(work)
        growing = self._growing.get(camera)
        if growing is not None and growing.start_ns <= at_ns:
            end_ns = max(end_ns or 0, growing.end_ns)
        return None if end_ns is None else min(at_ns, end_ns) - LAST_NS, start_ns

    async def stored_as(self, path: str) -> StoredSegment | None:
        """The finished Segment whose file this is."""
        query = select(*_STORED).where(_segments.c.path == path)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else _stored_segment(row)

    async def open_recording(self, camera: str) -> tuple[int, UtcNs] | None:
        """The Recording that has no end yet: its number, and to when its finished Segments reach, or its start."""

        def work(connection: Connection) -> tuple[int, UtcNs] | None:
            number = storing.open_recording(connection, camera)
            if number is None:
                return None
            start = select(_recordings.c.start_ns).where(_recordings.c.id == number)
            return number, storing.reach(connection, number) or connection.execute(start).scalar_one()

        return await self._database.read(work)

    async def all_segments(self) -> list[SegmentRow]:
        """Every finished Segment, by path."""
        query = select(_segments).order_by(_segments.c.path)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [segment_row(row) for row in rows]

    async def wrong_extents(self) -> list[WrongExtent]:
        """The Recordings that do not fit their Segments."""
        return await self._database.read(wrong_extents)

    async def knows(self, path: str) -> bool:
        """Whether there is a row for this file."""
        query = select(_segments.c.id).where(_segments.c.path == path)
        return await self._database.read(lambda connection: connection.execute(query).first()) is not None

    async def paths(self) -> set[str]:
        """The paths of all finished Segments."""
        query = select(_segments.c.path)
        return set(await self._database.read(lambda connection: connection.scalars(query).all()))

    async def cameras(self, from_ns: UtcNs, to_ns: UtcNs) -> set[str]:
        """The cameras with a Recording or a gap that touches the interval."""

        def work(connection: Connection) -> set[str]:
            found: set[str] = set()
            for table in (_recordings, _gaps):
                within = or_(table.c.end_ns.is_(None), table.c.end_ns > from_ns), table.c.start_ns < to_ns
                found.update(connection.scalars(select(table.c.camera).where(*within).distinct()))
            return found

        return await self._database.read(work)

    # ---- changes

    async def keep_chunks(self, segment: int, chunks: bytes) -> None:
        """Keep what a look at the file of this Segment found."""
        await self._change(_segments.update().where(_segments.c.id == segment).values(chunks=chunks))

    async def store(self, camera: str, entries: Sequence[Entry]) -> None:
        """Store what a recorder tells, all of it or nothing."""

        def work(connection: Connection) -> None:
            for entry in entries:
                storing.store(connection, camera, entry)

        await self._database.write(work)

    async def resume(self, camera: str) -> None:
        """A recorder starts: unless a gap is open already, one runs from the end of the last Recording on."""

        def work(connection: Connection) -> None:
            is_open = select(_gaps.c.id).where(_gaps.c.camera == camera, _gaps.c.end_ns.is_(None))
            if connection.execute(is_open).first() is not None:
                return
            last = select(_recordings.c.end_ns).where(_recordings.c.camera == camera, is_own())
            end_ns = connection.execute(last.order_by(_recordings.c.id.desc()).limit(1)).scalar()
            if end_ns is not None:
                end_ns = imported_reach(connection, camera, end_ns)
                storing.open_gap(connection, camera, RecordingClosed(end_ns, GapReason.RESTART))

        await self._database.write(work)

    async def rest(self, camera: str, now_ns: UtcNs) -> bool:
        """Nothing triggers this camera's recording from now on: what is missing then is no loss.

        Returns False, and changes nothing, when its last Recording was ended by the stop of the gateway.
        """

        def work(connection: Connection) -> bool:
            last = select(_recordings.c.id).where(_recordings.c.camera == camera, is_own()).limit(1)
            gap = select(_gaps).where(_gaps.c.camera == camera, _gaps.c.end_ns.is_(None)).limit(1)
            missing = connection.execute(gap).first()
            if missing is None:
                return connection.execute(last).first() is None
            if missing.reason != GapReason.IDLE.value:
                end_ns = max(missing.start_ns, now_ns)
                connection.execute(_gaps.update().where(_gaps.c.id == missing.id).values(end_ns=end_ns))
                storing.open_gap(connection, camera, RecordingClosed(end_ns, GapReason.IDLE))
            return True

        return await self._database.write(work)

    async def adopt(self, camera: str, entries: Sequence[Entry]) -> None:
        """Store what a crash kept from the catalog, in order, and end the Recording that is open then.

        What is stored already is passed over; a Segment goes to the Recording that it goes on from.
        """

        def work(connection: Connection) -> None:
            stored = storing.stored(connection, camera, entries)
            for place, entry in enumerate(entries):
                if place >= stored or isinstance(entry, SegmentFinished):
                    storing.store_late(connection, camera, entry)
            while (left := storing.open_recording(connection, camera)) is not None:
                reach_ns = storing.reach(connection, left)
                this = _recordings.c.id == left
                if reach_ns is None:
                    connection.execute(_recordings.delete().where(this))
                else:
                    connection.execute(_recordings.update().where(this).values(end_ns=reach_ns))

        await self._database.write(work)

    async def place(self, camera: str, segments: Sequence[SegmentFinished]) -> None:
        """Store imported Segments, all of them or none; what is stored already is passed over."""

        def work(connection: Connection) -> None:
            for segment in segments:
                there = select(_segments.c.id).where(_segments.c.path == segment.path)
                if connection.execute(there).first() is None:
                    storing.store_late(connection, camera, segment)

        await self._database.write(work)

    async def replace(self, segment: SegmentFinished) -> None:
        """Keep of a Segment's file what it is now; of which Recording it is part stays."""
        values = storing.segment_values(segment)
        change = _segments.update().where(_segments.c.path == segment.path).values(**values)
        await self._change(change)

    async def recut(self, path: str, chunks: bytes) -> None:
        """Keep what a look at this file found."""
        await self._change(_segments.update().where(_segments.c.path == path).values(chunks=chunks))

    async def mend_extents(self) -> None:
        """Let Recordings that have ended begin and end with their Segments."""
        await self._database.write(lambda connection: mend(connection, wrong_extents(connection)))

    async def open_cameras(self) -> set[str]:
        """The cameras with a Recording that has no end yet."""
        query = select(_recordings.c.camera).where(_recordings.c.end_ns.is_(None)).distinct()
        return set(await self._database.read(lambda connection: connection.scalars(query).all()))

    async def _change(self, change: Update) -> None:
        def work(connection: Connection) -> None:
            connection.execute(change)

        await self._database.write(work)

    # ---- what grows

    def grow(self, camera: str, growing: Growing | None) -> None:
        """What is on disk of the Recording that a recorder of this process writes; None: none is open."""
        if growing is None:
            self._growing.pop(camera, None)
        else:
            self._growing[camera] = growing

    def growing(self, camera: str) -> Growing | None:
        """What `grow` was told last."""
        return self._growing.get(camera)


def _touching(table: Table, camera: str, from_ns: UtcNs | None, to_ns: UtcNs | None) -> ColumnElement[bool]:
    """Of this camera, and not wholly outside the interval. What has no end yet reaches beyond any."""
    start, end = table.c.start_ns, table.c.end_ns
    conditions = [table.c.camera == camera]
    if to_ns is not None:
        conditions.append(start < to_ns)
    if from_ns is not None:
        conditions.append(or_(end.is_(None), end > from_ns, start >= from_ns))
    return and_(*conditions)


def _segments_touching(camera: str, from_ns: UtcNs | None, to_ns: UtcNs | None) -> ColumnElement[bool]:
    """As `_touching`, without a look at all that began before: no Segment reaches further than `_LONGEST_NS`, or
    beyond the start of the next, unless a clock was set back.
    """
    touching = _touching(_segments, camera, from_ns, to_ns)
    if from_ns is None:
        return touching
    last = select(func.max(_segments.c.start_ns)).where(_segments.c.camera == camera, _segments.c.start_ns <= from_ns)
    earliest = func.coalesce(last.scalar_subquery(), from_ns)
    return and_(touching, or_(_segments.c.start_ns >= from_ns - _LONGEST_NS, _segments.c.start_ns == earliest))


def segment_row(row: Row[tuple[object, ...]]) -> SegmentRow:
    """A row of `segments` as a value."""
    return SegmentRow(
        row.camera, row.path, row.start_ns, row.end_ns, row.bytes, bytes(row.sha256), row.adopted,
        None if row.chunks is None else bytes(row.chunks),
    )  # fmt: skip


_STORED = (
    _segments.c.id, _segments.c.recording_id, _segments.c.path, _segments.c.start_ns, _segments.c.end_ns,
    _segments.c.bytes, _segments.c.tracks, _segments.c.chunks,
)  # fmt: skip


def _stored_segment(row: Any) -> StoredSegment:
    tracks = tuple(TrackContent(t["id"], TrackKind(t["kind"]), t["codec"], t["units"]) for t in row.tracks)
    chunks = None if row.chunks is None else bytes(row.chunks)
    return StoredSegment(row.id, row.recording_id, row.path, row.start_ns, row.end_ns, row.bytes, tracks, chunks)
