"""One camera's ledger, its files and its rows in the catalog, held against each other. Blocks: call it from a thread.

It works beside a running gateway: what is being written is known by its lock, and what the gateway wrote or deleted in
the meantime is read before anything is called missing (`follow` again, then `settle`). Anchors and the audit are
proved elsewhere; which files there are of cameras that nobody knows is `verify`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.base.rfc3339 import format_utc_ns
from gateway.evidence.findings import Finding, Subject
from gateway.evidence.ledger_replay import Deleted, LedgerSegment, Missing, Replay, RowError
from gateway.ledger.chain import Break, Head
from gateway.ledger.journal import Journals
from gateway.ledger.keys import PublicKeys
from gateway.ledger.lines import Line
from gateway.ledger.proof import JournalVerifier
from gateway.ledger.rows import Row, parse
from gateway.media.model import GapReason, UtcNs
from gateway.recording.deletion import FOUND_MISSING
from gateway.recording.file_proof import Point, prove_file
from gateway.recording.files import Files

MAX_NAMED = 50
"""Findings of one camera's ledger that are named one by one; the rest is counted."""


@dataclass(frozen=True, slots=True)
class CatalogSegment:
    """A finished Segment, as the catalog says."""

    file: str
    start_ns: UtcNs
    end_ns: UtcNs
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CatalogRows:
    """What the catalog says of a camera."""

    segments: Mapping[str, CatalogSegment]
    missing: frozenset[Missing]
    deleted: frozenset[tuple[str, str]]
    """File and SHA-256."""
    deciding: frozenset[tuple[str, str]]
    """Those whose deletion is decided, and under way or left by a crash."""


@dataclass(slots=True)
class Tail:
    """The rows that no anchor covers yet."""

    rows: int = 0
    since_ns: UtcNs | None = None


@dataclass
class CameraProof:
    """`heads`: what anchors say the chain's links were, by row. `progress` is called with bytes read."""

    camera: str
    files: Files
    journals: Journals
    keys: PublicKeys
    heads: Mapping[int, bytes]
    progress: Callable[[int], None] = lambda _: None
    findings: list[Finding] = field(default_factory=list)
    """What does not hold, whatever a running gateway does."""
    unproven: list[str] = field(default_factory=list)
    """What no row vouches for, as sentences."""
    tail: Tail = field(default_factory=Tail)

    def __post_init__(self) -> None:
        self.replay = Replay(self._finished, self._deleted)
        self._verifier = JournalVerifier(self.keys)
        self._offset = 0
        self._lost = False
        self._named = 0
        self._absent: dict[str, LedgerSegment] = {}
        self._deletions: dict[tuple[str, str], int] = {}
        self._faulty: set[str] = set()
        self._old: set[str] = set()
        """Files from before the ledger that were held against the catalog."""
        self._past = max(self.heads, default=0)

    @property
    def reached(self) -> Head:
        """The last row that was followed."""
        return self._verifier.reached

    # ---- the ledger, and the files it speaks of

    def follow(self) -> None:
        """Follow the rows that came since the last call, and prove each file they tell of.

        Raises:
            OSError: the ledger cannot be read.
        """
        for line in self.journals.lines(self.camera, self._offset):
            self._offset = line.offset + len(line.data) + 1
            found = self._verifier.follow(line.data)
            if isinstance(found, Break):
                self._broken(found, line)
            else:
                self._take(found)
        for file, points in list(self.replay.growing.items()):
            self._prove(file, points)

    def _take(self, row: Row) -> None:
        known = self.heads.get(row.sequence)
        if known is not None and known != row.sha256:
            self._found(f"row {row.sequence} is not the one that was anchored: the ledger was written anew")
        try:
            self.replay.take(row)
        except RowError as error:
            self._found(str(error))
        if row.sequence > self._past:
            self.tail.rows += 1
            self.tail.since_ns = self.tail.since_ns or self.replay.last_utc_ns

    def _broken(self, found: Break, line: Line) -> None:
        """Name the row, and go on behind what stands in its place. What it says is not believed."""
        try:
            row = parse(line.data)
        except ValueError:
            row = None
        if not self._lost:
            self._found(f"{found} (byte {line.offset} of the file)")
        self._lost = row is None
        if row is not None:
            self._verifier.resume(row.head)

    def _found(self, what: str) -> None:
        self._named += 1
        if self._named <= MAX_NAMED:
            self.findings.append(Finding(Subject.LEDGER, f"ledger of {self.camera}", what, self.camera))

    def _finished(self, segment: LedgerSegment, points: list[Point]) -> None:
        try:
            size = self.files.size(segment.file)
        except FileNotFoundError:
            self._absent[segment.file] = segment
            return
        except OSError as error:
            self._file(segment.file, f"it cannot be read: {error.strerror or error}")
            return
        if self._prove(segment.file, points) and size > segment.bytes:
            self._file(segment.file, f"bytes {segment.bytes} to {size - 1} were added: row {segment.row} ends before")
        if segment.proven_bytes is not None and segment.proven_bytes < segment.bytes:
            why = f": {segment.why}" if segment.why else ""
            self.unproven.append(
                f"{segment.file}: recovered, unproven: bytes {segment.proven_bytes} to {segment.bytes - 1} were hashed "
                f"only after a crash{why}"
            )

    def _deleted(self, row: Deleted) -> None:
        self._absent.pop(row.file, None)
        self._deletions[row.file, row.sha256] = row.row
        if row.rule == FOUND_MISSING:
            self._file(row.file, f"it is missing, and no rule deleted it: row {row.row} of the ledger found it so")

    def _prove(self, file: str, points: Sequence[Point]) -> bool:
        """Whether a file that is there is as `points` say; where not, it is a finding."""
        try:
            with self.files.reader(file) as read_at:
                fault = prove_file(read_at, points, self.progress)
        except FileNotFoundError:
            return False  # deleted meanwhile, or missing: `settle` says
        except OSError as error:
            self._file(file, f"it cannot be read: {error.strerror or error}")
            return False
        if fault is not None and file not in self._faulty:
            self._faulty.add(file)
            self._file(file, str(fault))
        return fault is None

    def _file(self, file: str, what: str) -> None:
        self.findings.append(Finding(Subject.FILE, file, what, self.camera))

    # ---- what must agree once everything was followed

    def settle(self, catalog: CatalogRows, present: Iterable[str]) -> list[Finding]:
        """What ledger, disk and catalog say of each other now; call `follow` and this again before believing it.

        `present`: the files of this camera that are on the disk.

        Raises:
            OSError: the disk refused.
        """
        there = set(present)
        found = list(self._ends())
        found += [
            Finding(
                Subject.FILE, file, f"the file is missing: row {segment.row} of the ledger knows it, from "
                f"{format_utc_ns(segment.start_ns)} to {format_utc_ns(segment.end_ns)}", self.camera,
            )
            for file, segment in self._absent.items()
            if file not in there
        ]  # fmt: skip
        for (file, _), row in self._deletions.items():
            if file in there and file not in self.replay.segments and file not in self.replay.growing:
                found.append(
                    self._says(Subject.FILE, file, f"it is there, although row {row} of the ledger says it was deleted")
                )
        known = self.replay.segments.keys() | self.replay.growing.keys() | catalog.segments.keys()
        for file in sorted(there - known - {name for name, _ in self._deletions}):
            if not self._is_open(file):
                found.append(self._says(Subject.FILE, file, "neither ledger nor catalog knows this file"))
        for file in sorted(self.replay.growing):
            if file not in there:
                found.append(self._says(Subject.FILE, file, "the file is missing, although it was never finished"))
        found += self._compare_segments(catalog, there)
        found += self._compare_missing(catalog)
        found += self._compare_deleted(catalog)
        return found

    def left_by_a_crash(self, catalog: CatalogRows) -> list[str]:
        """Files that were never finished and that nobody writes: the next start of the gateway adopts them."""
        return [
            f"{file}: a crash left it; bytes up to {points[-1].bytes - 1} are proven, and the next start adopts it"
            for file, points in sorted(self.replay.growing.items())
            if file not in catalog.segments and not self._is_open(file)
        ]

    def _ends(self) -> Iterable[Finding]:
        if self._named > MAX_NAMED:
            yield self._says(
                Subject.LEDGER, f"ledger of {self.camera}", f"{self._named - MAX_NAMED} more rows do not hold"
            )
        if self._lost:
            yield self._says(Subject.LEDGER, f"ledger of {self.camera}", "its end cannot be read")
        if torn := self.journals.torn(self.camera):
            yield self._says(
                Subject.LEDGER, f"ledger of {self.camera}",
                f"row {self.reached.sequence + 1} is not whole: {torn} bytes of it are there",
            )  # fmt: skip
        if self._past > self.reached.sequence:
            yield self._says(
                Subject.LEDGER, f"ledger of {self.camera}",
                f"it was cut off: it ends with row {self.reached.sequence}, but row {self._past} was anchored",
            )  # fmt: skip

    def _compare_segments(self, catalog: CatalogRows, there: set[str]) -> Iterable[Finding]:
        old = 0
        for file, row in sorted(catalog.segments.items()):
            segment = self.replay.segments.get(file)
            if segment is None:
                if self._is_older(row):
                    old += 1
                    yield from self._prove_old(row, there)
                else:
                    yield self._says(Subject.CATALOG, file, "the catalog knows it, but no row of the ledger that holds")
            elif (row.bytes, row.sha256, row.start_ns, row.end_ns) != (
                segment.bytes, segment.sha256, segment.start_ns, segment.end_ns,
            ):  # fmt: skip
                yield self._says(
                    Subject.CATALOG, file, f"the catalog says otherwise than row {segment.row} of the ledger"
                )
        for file in sorted(self.replay.segments.keys() - catalog.segments.keys()):
            if file not in there or not self._is_open(file):
                row_number = self.replay.segments[file].row
                yield self._says(
                    Subject.CATALOG, file, f"the catalog's row is missing: row {row_number} of the ledger knows it"
                )
        if old:
            note = f"{self.camera}: {old} files are older than the ledger; only the catalog vouches for them"
            if note not in self.unproven:
                self.unproven.append(note)

    def _is_older(self, row: CatalogSegment) -> bool:
        began = self.replay.first_utc_ns
        return began is None or row.end_ns <= began

    def _prove_old(self, row: CatalogSegment, there: set[str]) -> Iterable[Finding]:
        if row.file not in there:
            yield self._says(Subject.FILE, row.file, "the file is missing: the catalog knows it")
        elif row.file not in self._old:
            self._old.add(row.file)
            self._prove(row.file, [Point(row.bytes, row.sha256, "the catalog")])

    def _compare_missing(self, catalog: CatalogRows) -> Iterable[Finding]:
        """Gaps: each of the ledger's, from the first file that is left on, and each of the catalog's."""
        begins = min((segment.start_ns for segment in self.replay.segments.values()), default=None)
        for gap in sorted(self.replay.missing - catalog.missing, key=_by_start):
            if begins is not None and gap.start_ns >= begins and not self._filled(gap.start_ns):
                yield self._says(
                    Subject.CATALOG, "catalog", f"the gap at {_moment(gap)} is missing: the ledger knows it"
                )
        first = self.replay.first_utc_ns
        for gap in sorted(catalog.missing - self.replay.missing, key=_by_start):
            told = gap.reason == GapReason.RESTART or any(end == gap.start_ns for _, end in self.replay.imported)
            if first is not None and gap.start_ns >= first and not told:
                yield self._says(Subject.CATALOG, "catalog", f"the ledger knows no gap at {_moment(gap)}")

    def _filled(self, start_ns: UtcNs) -> bool:
        return any(begin <= start_ns < end for begin, end in self.replay.imported)

    def _compare_deleted(self, catalog: CatalogRows) -> Iterable[Finding]:
        ledger = self._deletions.keys()
        for file, _ in sorted(ledger - catalog.deleted - catalog.deciding):
            yield self._says(Subject.CATALOG, file, "it was deleted, says the ledger, but the catalog does not")
        if self.replay.first_utc_ns is not None:
            for file, _ in sorted(catalog.deleted - ledger):
                yield self._says(Subject.CATALOG, file, "it was deleted, says the catalog, but the ledger does not")

    def _is_open(self, file: str) -> bool:
        try:
            return self.files.is_open(file)
        except FileNotFoundError:
            return False

    def _says(self, subject: Subject, where: str, what: str) -> Finding:
        return Finding(subject, where, what, self.camera)


def _by_start(gap: Missing) -> UtcNs:
    return gap.start_ns


def _moment(gap: Missing) -> str:
    of = f" of the {gap.track}" if gap.track else ""
    return f"{format_utc_ns(gap.start_ns)} ({gap.reason}{of})"
