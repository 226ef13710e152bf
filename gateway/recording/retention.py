"""Which Segments may be deleted, which not, and why: by age, by bytes, by free disk, against holds.

`Retention.ruling` is the one function that decides; whoever deletes anything that is recorded asks it. It is pure and
in memory: policy and holds come from their owners, what is stored and whether room is needed is told by `keeper`.
Finding candidates in the catalog is here too, so that a look costs milliseconds however much is kept; deleting is
`deletion`'s business.

The rules. A Segment is in the category `default`, and in each category of a hold that overlaps it. For each category
the policy has rows (`Authority.retention`), without any: no limit but the disk's. A Segment is deleted when *every* row
lets go of it: after `keep`, or when its camera has more than `max_bytes`, or when the disk needs room; and never before
the longest `keep_at_least`, nor while a hold without category overlaps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, bindparam, select

from gateway.access.authority import Authority
from gateway.base.duration import parse_duration
from gateway.base.policy import DEFAULT_CATEGORY
from gateway.base.policy import Retention as Rule
from gateway.base.rfc3339 import format_utc
from gateway.base.sizes import parse_size
from gateway.media.model import NS, UtcNs
from gateway.recording.catalog import segment_row
from gateway.recording.holds import Holds
from gateway.recording.rows import SegmentRow
from gateway.store.tables import segments as _segments

BEGINNING: UtcNs = -(1 << 62)
END: UtcNs = 1 << 62
ROOM = "room was needed on the disk"
"""The rule under which a disk that is filling up is cleared."""
_NO_ROW = Rule()
"""What holds for a category without a row."""
# Made once: it is asked for each camera, and to make it takes longer than to answer it.
_CANDIDATES = (
    select(_segments)
    .where(
        _segments.c.camera == bindparam("camera"),
        _segments.c.start_ns >= bindparam("from_ns"),
        _segments.c.start_ns < bindparam("to_ns"),
        _segments.c.end_ns <= bindparam("to_ns"),
    )
    .order_by(_segments.c.start_ns)
    .limit(bindparam("most", type_=Integer))
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a Segment is to be deleted now."""

    delete: bool
    why: str
    """The rule that says so, or what keeps it: a clause for people."""


@dataclass(frozen=True, slots=True)
class Interval:
    """[start_ns, end_ns) of a camera."""

    start_ns: UtcNs
    end_ns: UtcNs


class Retention:
    """Decides. What it is told changes what it says from then on."""

    def __init__(self, authority: Authority, holds: Holds) -> None:
        self.stored: Mapping[tuple[str, str], int] = {}
        """Bytes that are kept of each camera and category."""
        self.room_needed = False
        """Whether the disk needs room: then whatever may be deleted is."""
        self._authority = authority
        self._holds = holds

    def ruling(self, segment: SegmentRow, now_ns: UtcNs) -> Verdict:
        """Whether `segment` is to be deleted at `now_ns`, and under which rule, or what keeps it.

        Of what goes beyond `max_bytes`, or when room is needed, delete the oldest first, and tell `stored` and
        `room_needed` what became of it.
        """
        holding = [h for h in self._holds.active(segment.camera) if h.touches(segment.start_ns, segment.end_ns)]
        for hold in holding:
            if hold.category is None:
                return Verdict(False, f"held by {hold.placed_by} since {format_utc(hold.placed_ns)}: {hold.reason}")
        rules = self._rules(segment.camera, [DEFAULT_CATEGORY, *(h.category for h in holding if h.category)])
        age_ns = now_ns - segment.end_ns
        for category, rule in rules:
            if rule.keep_at_least and age_ns < _ns(rule.keep_at_least):
                return Verdict(False, f"{category}: kept for at least {rule.keep_at_least}")
        letting_go = ""
        for category, rule in sorted(rules, key=lambda named: _ns(named[1].keep)):
            if rule.keep and age_ns >= _ns(rule.keep):
                letting_go = f"{category}: deleted after {rule.keep}"
            elif self._is_over(segment.camera, category, rule):
                letting_go = f"{category}: more than {rule.max_bytes} of {segment.camera}"
            elif self.room_needed:
                letting_go = ROOM
            else:
                until = f"for {rule.keep}" if rule.keep else "until its room is needed"
                return Verdict(False, f"{category}: kept {until}")
        return Verdict(True, letting_go)

    def let_go(self, camera: str, now_ns: UtcNs, shed_ns: UtcNs) -> list[Interval]:
        """When positions of `camera` are kept no longer: out of the reach of `keep` and of holds.

        They take little room: what bytes and the disk say does not count. Without a `keep` they go with the media,
        which has been deleted up to `shed_ns`.
        """
        return self._open(camera, now_ns, shed_ns)

    def categories(self, segment: SegmentRow) -> set[str]:
        """The categories of holds that a Segment is in, beside the default."""
        holds = self._holds.active(segment.camera)
        return {h.category for h in holds if h.category and h.touches(segment.start_ns, segment.end_ns)}

    @property
    def limited_categories(self) -> set[str]:
        """The categories, beside the default, of which the policy says how many bytes are kept."""
        rows = self._authority.policy.retention
        return {row.category for row in rows if row.max_bytes and row.category != DEFAULT_CATEGORY}

    def keep_seconds(self, camera: str) -> int | None:
        """How long recordings of `camera` are kept, without any hold; None: until their room is needed."""
        longest = max(_ns(rule.keep) for _, rule in self._rules(camera, [DEFAULT_CATEGORY]))
        return None if longest == END else longest // NS

    def max_bytes(self, camera: str) -> int | None:
        """How much of `camera` is kept, without any hold; None: as much as fits."""
        sizes = [rule.max_bytes for _, rule in self._rules(camera, [DEFAULT_CATEGORY])]
        return None if None in sizes else max(parse_size(size) for size in sizes if size)

    # ---- in the database's threads

    def candidates(self, connection: Connection, camera: str, now_ns: UtcNs, limit: int) -> list[SegmentRow]:
        """The oldest Segments of `camera` for which `ruling` says that they are to be deleted, at most `limit`."""
        found: list[SegmentRow] = []
        for interval in self._open(camera, now_ns):
            values = {
                "camera": camera, "from_ns": interval.start_ns, "to_ns": interval.end_ns, "most": limit - len(found),
            }  # fmt: skip
            found += [segment_row(row) for row in connection.execute(_CANDIDATES, values)]
            if len(found) >= limit:
                break
        return found

    # ---- inside

    def _rules(self, camera: str, categories: Iterable[str]) -> list[tuple[str, Rule]]:
        """The rows that hold, each with its category."""
        found = [row for category in categories for _, row in self._authority.retention(camera, category)]
        return [(row.category, row) for row in found] or [(DEFAULT_CATEGORY, _NO_ROW)]

    def _is_over(self, camera: str, category: str, rule: Rule) -> bool:
        return rule.max_bytes is not None and self.stored.get((camera, category), 0) > parse_size(rule.max_bytes)

    def _open(self, camera: str, now_ns: UtcNs, shed_ns: UtcNs | None = None) -> list[Interval]:
        """The intervals in which nothing of `camera` is kept at `now_ns`, of media, or with `shed_ns` of positions."""
        blocked = []
        for hold in self._holds.active(camera):
            due_ns = BEGINNING if hold.category is None else self._due(camera, hold.category, now_ns, shed_ns)
            blocked.append(Interval(max(hold.start_ns, due_ns), END if hold.end_ns is None else hold.end_ns))
        due_ns = self._due(camera, DEFAULT_CATEGORY, now_ns, shed_ns)
        return list(_without(Interval(BEGINNING, due_ns), blocked))

    def _due(self, camera: str, category: str, now_ns: UtcNs, shed_ns: UtcNs | None) -> UtcNs:
        """What ends by then is let go by the rows of one category."""
        due_ns = now_ns
        for named, rule in self._rules(camera, [category]):
            if shed_ns is not None and not rule.keep:
                due_ns = min(due_ns, shed_ns)
            elif shed_ns is not None or not (self.room_needed or self._is_over(camera, named, rule)):
                due_ns = min(due_ns, now_ns - _ns(rule.keep))
            if rule.keep_at_least:
                due_ns = min(due_ns, now_ns - _ns(rule.keep_at_least))
        return due_ns


def _ns(span: str | None) -> int:
    """Nanoseconds; without a span longer than any."""
    return END if span is None else parse_duration(span) * NS


def _without(whole: Interval, blocked: Sequence[Interval]) -> Iterator[Interval]:
    """What is left of `whole`, by start."""
    start_ns = whole.start_ns
    for block in sorted(blocked, key=lambda interval: interval.start_ns):
        if block.end_ns <= block.start_ns:
            continue
        if block.start_ns > start_ns:
            yield Interval(start_ns, min(block.start_ns, whole.end_ns))
        start_ns = max(start_ns, block.end_ns)
        if start_ns >= whole.end_ns:
            return
    if start_ns < whole.end_ns:
        yield Interval(start_ns, whole.end_ns)
