"""What a camera's timeline shows of an interval: what is recorded, missing, hidden or deleted, and what people noted.

One read of the database, in its thread, of rows that touch the interval; a month of other rows costs nothing. What lies
closer together than can be told apart at the interval's scale is told as one, so that an answer is never long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection, func, or_, select

from gateway.media.model import NS, GapReason, TrackKind, UtcNs
from gateway.recording.bookmarks import Bookmark, bookmarks_of
from gateway.recording.catalog import Catalog
from gateway.recording.rows import Growing, Missing, Span
from gateway.store.engine import Database
from gateway.store.tables import deletions as _deletions
from gateway.store.tables import gaps as _gaps
from gateway.store.tables import privacy as _privacy
from gateway.store.tables import recordings as _recordings
from gateway.store.tables import segments as _segments

STEPS = 2000
"""Into how many parts an interval is told: about the width of a screen in pixels."""
MAX_BOOKMARKS = 1000
_REACH_NS = 3600 * NS
"""A deleted Segment that began longer before an interval reaches into it only if none was deleted since."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A wearer's privacy mode. `end_ns` None: it is on."""

    start_ns: UtcNs
    end_ns: UtcNs | None
    position: bool
    stream: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """Segments that are no more, deleted under one rule; `deleted_ns` is when the last of them was."""

    start_ns: UtcNs
    end_ns: UtcNs
    deleted_ns: UtcNs
    rule: str


@dataclass(frozen=True, slots=True)
class Gaps:
    """What is missing for one reason; `count` gaps that lie close together."""

    missing: Missing
    count: int

    @property
    def start_ns(self) -> UtcNs:
        """Where the first one begins."""
        return self.missing.start_ns

    @property
    def end_ns(self) -> UtcNs | None:
        """Where the last one ends; None: it is not over yet."""
        return self.missing.end_ns


@dataclass(frozen=True, slots=True)
class Timeline:
    """All but holds and assignments, whose owners tell of them."""

    recordings: list[Span]
    imported: list[Span]
    """What of the recordings came from a dock or a card."""
    gaps: list[Gaps]
    privacy: list[Hidden]
    bookmarks: list[Bookmark]
    deleted: list[Deleted]
    first_ns: UtcNs | None
    """Where all that there is of the camera begins; None: there is nothing."""
    last_ns: UtcNs | None
    """To where it reaches."""


class Timelines:
    """Answers for the timeline page."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog

    async def of(self, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> Timeline:
        """Everything that touches [from_ns, to_ns), by start.

        Raises:
            StorageError: the database refused.
        """
        growing = self._catalog.growing(camera)
        return await self._database.read(lambda connection: _read(connection, camera, from_ns, to_ns, growing))


def _read(connection: Connection, camera: str, from_ns: UtcNs, to_ns: UtcNs, growing: Growing | None) -> Timeline:
    close_ns = (to_ns - from_ns) // STEPS
    first_ns, last_ns = _extent(connection, camera, growing)
    spans = list(_spans(connection, camera, from_ns, to_ns, growing))
    return Timeline(
        _merged((span for span, _ in spans), close_ns, _joined_spans),
        _merged((span for span, imported in spans if imported), close_ns, _joined_spans),
        list(_gaps_of(connection, camera, from_ns, to_ns, close_ns)),
        _privacy_of(connection, camera, from_ns, to_ns),
        bookmarks_of(connection, camera, from_ns, to_ns, MAX_BOOKMARKS),
        _deleted(connection, camera, from_ns, to_ns, close_ns),
        first_ns,
        last_ns,
    )


# ---- Recordings


def _spans(
    connection: Connection, camera: str, from_ns: UtcNs, to_ns: UtcNs, growing: Growing | None
) -> Iterator[tuple[Span, bool]]:
    """Each with whether it was imported."""
    table = _recordings.c
    # What is imported makes Recordings of its own: one Segment tells for all of them.
    imported = select(_segments.c.imported).where(_segments.c.recording_id == table.id).limit(1).scalar_subquery()
    query = select(table.id, table.start_ns, table.end_ns, imported.label("imported")).where(
        table.camera == camera, table.start_ns < to_ns,
        or_(table.end_ns.is_(None), table.end_ns > from_ns, table.start_ns >= from_ns),
    )  # fmt: skip
    for row in connection.execute(query.order_by(table.start_ns)):
        end_ns = row.end_ns
        if end_ns is None:
            end_ns = _reach(connection, camera, row.id, row.start_ns, growing)
        if end_ns > from_ns:
            yield Span(row.start_ns, end_ns), bool(row.imported)


def _reach(connection: Connection, camera: str, recording: int, start_ns: UtcNs, growing: Growing | None) -> UtcNs:
    """To where a Recording without an end is on disk."""
    if growing is not None and growing.start_ns == start_ns:
        return growing.end_ns
    # By the camera's last ones: counting through the Recording's own may mean a month.
    table = _segments.c
    query = select(table.end_ns).where(table.camera == camera, table.recording_id == recording)
    return connection.execute(query.order_by(table.start_ns.desc()).limit(1)).scalar() or start_ns


def _extent(connection: Connection, camera: str, growing: Growing | None) -> tuple[UtcNs | None, UtcNs | None]:
    table = _segments.c
    of_camera = select(table.start_ns, table.end_ns).where(table.camera == camera)
    first = connection.execute(of_camera.order_by(table.start_ns).limit(1)).first()
    last = connection.execute(of_camera.order_by(table.start_ns.desc()).limit(1)).first()
    starts = [] if first is None else [first.start_ns]
    ends = [] if last is None else [last.end_ns]
    if growing is not None:
        starts.append(growing.start_ns if first is None else first.start_ns)
        ends.append(growing.end_ns)
    return min(starts, default=None), max(ends, default=None)


def _joined_spans(before: Span, after: Span) -> Span:
    return Span(before.start_ns, max(before.end_ns, after.end_ns))


# ---- what is missing, hidden, deleted


def _gaps_of(connection: Connection, camera: str, from_ns: UtcNs, to_ns: UtcNs, close_ns: int) -> Iterator[Gaps]:
    table = _gaps.c
    query = select(_gaps).where(
        table.camera == camera, table.start_ns < to_ns,
        or_(table.end_ns.is_(None), table.end_ns > from_ns, table.start_ns >= from_ns),
    )  # fmt: skip
    by_kind: dict[tuple[str, str | None], list[Gaps]] = {}
    for row in connection.execute(query.order_by(table.start_ns, table.id)):
        kind = None if row.track is None else TrackKind(row.track)
        missing = Missing(row.start_ns, row.end_ns, GapReason(row.reason), kind, row.packets, row.detail)
        by_kind.setdefault((row.reason, row.track), []).append(Gaps(missing, 1))
    merged = (one for found in by_kind.values() for one in _merged(found, close_ns, _joined_gaps))
    yield from sorted(merged, key=lambda gaps: gaps.start_ns)


def _joined_gaps(before: Gaps, after: Gaps) -> Gaps:
    first, second = before.missing, after.missing
    open_ended = first.end_ns is None or second.end_ns is None
    end_ns = None if open_ended else max(first.end_ns or 0, second.end_ns or 0)
    joined = replace(first, end_ns=end_ns, packets=first.packets + second.packets)
    return Gaps(joined, before.count + after.count)


def _privacy_of(connection: Connection, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> list[Hidden]:
    table = _privacy.c
    query = select(_privacy).where(
        table.camera == camera, table.start_ns < to_ns, or_(table.end_ns.is_(None), table.end_ns > from_ns)
    )
    return [
        Hidden(row.start_ns, row.end_ns, row.hides_position, row.hides_stream)
        for row in connection.execute(query.order_by(table.start_ns))
    ]


def _deleted(connection: Connection, camera: str, from_ns: UtcNs, to_ns: UtcNs, close_ns: int) -> list[Deleted]:
    table = _deletions.c
    last = select(func.max(table.start_ns)).where(table.camera == camera, table.start_ns <= from_ns).scalar_subquery()
    query = select(table.start_ns, table.end_ns, table.deleted_ns, table.rule).where(
        table.camera == camera, table.start_ns < to_ns, table.end_ns > from_ns, table.deleted_ns.is_not(None),
        or_(table.start_ns >= from_ns - _REACH_NS, table.start_ns == last),
    )  # fmt: skip
    by_rule: dict[str, list[Deleted]] = {}
    for row in connection.execute(query.order_by(table.start_ns)):
        by_rule.setdefault(row.rule, []).append(Deleted(row.start_ns, row.end_ns, row.deleted_ns, row.rule))
    merged = (one for found in by_rule.values() for one in _merged(found, close_ns, _joined_deletions))
    return sorted(merged, key=lambda deleted: deleted.start_ns)


def _joined_deletions(before: Deleted, after: Deleted) -> Deleted:
    return replace(before, end_ns=max(before.end_ns, after.end_ns), deleted_ns=max(before.deleted_ns, after.deleted_ns))


# ---- merging

T = TypeVar("T", Span, Gaps, Deleted)


def _merged(values: Iterable[T], close_ns: int, join: Callable[[T, T], T]) -> list[T]:
    """By start; what begins at most `close_ns` after another ends is joined with it."""
    result: list[T] = []
    for value in values:
        end_ns = result[-1].end_ns if result else None
        if end_ns is not None and value.start_ns - end_ns <= close_ns:
            result[-1] = join(result[-1], value)
        else:
            result.append(value)
    return result
