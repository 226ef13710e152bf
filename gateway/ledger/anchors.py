"""Anchors at intervals: every chain's head under one signed root, kept where who changes the archive cannot reach.

Each goes to `data_dir/ledger/anchors.jsonl`, to a second place when the settings name one, and to a time stamp
authority (RFC 3161). What fails is logged, counted, shown and tried again, and disturbs nobody: recording knows nothing
of anchors. What an anchor is, `gateway.ledger.anchor` says; whether the chains fit them, `sightline verify`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from gateway.base.clock import Clock
from gateway.base.duration import parse_duration
from gateway.base.errors import SightlineError, StorageError
from gateway.base.metrics import ANCHORED, ANCHORS
from gateway.base.settings import Evidence
from gateway.base.workers import Threads
from gateway.ledger.anchor import ANCHORS_FILE, CAMERA, Anchor, hashed_last, make
from gateway.ledger.chain import Head
from gateway.ledger.journal import Journals
from gateway.ledger.keys import PublicKeys
from gateway.ledger.lines import append, lines_back, whole_size, write_all
from gateway.ledger.timestamp import Certificates, StampError, UnreadableStampError, check_answer, request
from gateway.ledger.verified import Verified, last
from gateway.media.model import NS, UtcNs

log = logging.getLogger(__name__)

RETRY_SECONDS = 300.0
"""After a failure the next anchor is made this much later at most."""
LOOK_SECONDS = 1.0
"""How often it is looked whether one is due: the settings may have changed."""
PLACE_SECONDS = 20.0
"""A second place that takes longer, as a network's file system may, counts as gone."""

Ask = Callable[[str, bytes], Awaitable[bytes]]
"""Sends a time stamp request to a URL; raises SightlineError when no answer comes."""


class ForeignError(Exception):
    """A second place holds what this gateway has not put there."""


@dataclass(slots=True)
class Place:
    """Where anchors go, and how that stands."""

    kind: str
    """`file` or `timestamp`."""
    where: str
    """Path or URL."""
    shown: str
    """The same, without what may be secret in a URL."""
    anchored_ns: UtcNs | None = None
    """Everything written until then is anchored there; None: nothing yet, as far as this process knows."""
    problem: str | None = None
    """Why the last try failed, as a clause."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with everything that can be proved."""

    heads: Mapping[str, Head]
    """Of every chain, as in an anchor."""
    key: str
    """The id of the key that signs now."""
    keys: PublicKeys
    verified: Verified | None


class Anchors:
    """Makes anchors as long as `run` runs."""

    def __init__(
        self,
        journals: Journals,
        audit_head: Callable[[], Awaitable[Head]],
        threads: Threads,
        ask: Ask,
        clock: Clock,
        settings: Callable[[], Evidence],
    ) -> None:
        """`threads` read and write the ledgers; `settings` says what holds now."""
        self.last: Anchor | None = None
        """The newest one."""
        self.outside: Anchor | None = None
        """The newest one that a place outside has."""
        self._journals = journals
        self._audit_head = audit_head
        self._threads = threads
        self._elsewhere = Threads("anchors", 1, limit=1)
        """Apart from all others: a second place may hang."""
        self._ask = ask
        self._clock = clock
        self._settings = settings
        self._places: dict[str, Place] = {}
        self._lock = asyncio.Lock()

    def close(self) -> None:
        """Let go of the thread. Blocks."""
        self._elsewhere.close()

    @property
    def places(self) -> list[Place]:
        """The places that the settings name now."""
        settings = self._settings()
        places = []
        if settings.anchor_file is not None:
            places.append(self._place("file", str(settings.anchor_file)))
        if settings.timestamp_url is not None:
            places.append(self._place("timestamp", settings.timestamp_url))
        return places

    @property
    def anchored_ns(self) -> UtcNs | None:
        """Everything written until then is anchored in some place outside; None: nothing is."""
        return max((place.anchored_ns for place in self.places if place.anchored_ns is not None), default=None)

    async def standing(self) -> Standing:
        """How it stands now.

        Raises:
            StorageError: the database or the disk refused.
        """
        audit = await self._audit_head()
        try:
            return await self._threads.run(self._standing, audit)
        except OSError as error:
            raise StorageError(f"the ledgers cannot be read: {error.strerror or error}") from error

    async def run(self) -> None:
        """Make an anchor now, and whenever one is due. Runs until cancelled."""
        while True:
            await self.anchor()
            made = self._clock.monotonic()
            while self._clock.monotonic() - made < self._pause():
                await self._clock.sleep(LOOK_SECONDS)

    async def anchor(self, *, stamped: bool = True) -> Anchor | None:
        """Make an anchor now; None when not even that could be done. Never raises but when cancelled.

        `stamped`: ask the time stamp authority, too, which may take seconds.
        """
        async with self._lock:
            utc_ns = self._clock.utc_ns()  # before the heads: what was written until then is under them
            try:
                heads = await self._threads.run(self._heads, await self._audit_head())
                token = await self._stamp(heads, utc_ns) if stamped else None
                anchor = await self._threads.run(self._write, heads, utc_ns, token)
            except (OSError, StorageError) as error:
                log.error("no anchor could be made: %s", error)
                ANCHORS.labels("archive", "failed").inc()
                return None
            self.last = anchor
            ANCHORS.labels("archive", "done").inc()
            await self._carry(utc_ns)
            if self.anchored_ns == utc_ns:
                self.outside = anchor
                ANCHORED.set(utc_ns / NS)
            return anchor

    # ---- inside

    def _pause(self) -> float:
        every = float(parse_duration(self._settings().anchor_every))
        failed = any(place.problem for place in self.places)
        return min(every, RETRY_SECONDS) if failed else every

    def _place(self, kind: str, where: str) -> Place:
        return self._places.setdefault(where, Place(kind, where, _without_secrets(where)))

    @contextmanager
    def _trying(self, place: Place, utc_ns: UtcNs) -> Iterator[None]:
        """Note whether what is done here with `place` succeeds, and go on either way."""
        problem = None
        try:
            yield
        except (OSError, SightlineError, StampError, ForeignError) as error:  # a timeout is an OSError
            problem = _why(error, place).replace(place.where, place.shown) or "it does not answer"
        if problem is None:
            place.anchored_ns = utc_ns
        if problem != place.problem and problem is not None:
            log.error("anchors do not reach %s: %s", place.shown, problem)
        elif problem is None and place.problem is not None:
            log.info("anchors reach %s again", place.shown)
        place.problem = problem
        ANCHORS.labels(place.kind, "done" if problem is None else "failed").inc()

    async def _stamp(self, heads: dict[str, Head], utc_ns: UtcNs) -> bytes | None:
        """What the time stamp authority answers, checked; None when there is none, or it cannot be had."""
        settings = self._settings()
        if settings.timestamp_url is None:
            return None
        answer = None
        with self._trying(self._place("timestamp", settings.timestamp_url), utc_ns):
            certificates = await self._threads.run(_certificates, settings.timestamp_certificates)
            hashed = hashed_last(heads)
            asked = request(hashed)
            given = await self._ask(settings.timestamp_url, asked.data)
            try:
                check_answer(given, asked, certificates)
            except UnreadableStampError:
                asked = request(hashed, with_certificates=False)
                given = await self._ask(settings.timestamp_url, asked.data)
                check_answer(given, asked, certificates)
            answer = given
        return answer

    async def _carry(self, utc_ns: UtcNs) -> None:
        """Bring the second place up to date."""
        second = self._settings().anchor_file
        if second is None:
            return
        with self._trying(self._place("file", str(second)), utc_ns):
            async with asyncio.timeout(PLACE_SECONDS):
                await self._elsewhere.run(_carry, self._journals.folder / ANCHORS_FILE, second)

    def _heads(self, audit: Head) -> dict[str, Head]:
        cameras = {f"{CAMERA}{camera}": self._journals.head(camera) for camera in self._journals.cameras()}
        return {"audit": audit, **cameras}

    def _standing(self, audit: Head) -> Standing:
        folder = self._journals.folder
        return Standing(self._heads(audit), self._journals.signer.current, PublicKeys.read(folder), last(folder))

    def _write(self, heads: dict[str, Head], utc_ns: UtcNs, token: bytes | None) -> Anchor:
        anchor = make(heads, utc_ns, self._journals.signer, token)
        descriptor = os.open(self._journals.folder / ANCHORS_FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            append(descriptor, anchor.line())
        finally:
            os.close(descriptor)
        return anchor


def _why(error: Exception, place: Place) -> str:
    """For people, who know already which place it is about."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        named = str(error.filename)
        return error.strerror if named == place.where else f"{named}: {error.strerror}"
    return str(error)


def _without_secrets(where: str) -> str:
    """Without the user, password, query and fragment that a URL may have."""
    parts = urlsplit(where)
    if not parts.scheme:
        return where
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _certificates(path: Path | None) -> Certificates:
    if path is None:
        return Certificates()
    try:
        return Certificates.parse(path.read_bytes())
    except ValueError as error:
        raise StampError(f"{path} cannot be used: {error}") from error


def _carry(source: Path, target: Path) -> None:
    """Append to `target` the lines of `source` that it does not have. Nothing in it is ever changed: it may be a file
    that can only be appended to.

    Raises:
        OSError: one of them refuses.
        ForeignError: what `target` has is not from here; the newest line was appended.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        with source.open("rb") as lines, target.open("rb") as there:
            whole = whole_size(there.fileno())
            last = next(lines_back(there.fileno(), whole), None)
            size = whole_size(lines.fileno())
            start, known = 0, last is None
            newest = None
            for line in lines_back(lines.fileno(), size):
                newest = line if newest is None else newest
                if last is not None and line.data == last.data:
                    start, known = line.offset + len(line.data) + 1, True
                    break
            if not known and newest is not None:
                start = newest.offset
            torn = os.fstat(there.fileno()).st_size - whole
            if torn and start < size:
                write_all(descriptor, b"\n")
            lines.seek(start)
            while data := lines.read(min(1 << 20, size - lines.tell())):
                write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not known:
        raise ForeignError("its last line is none of this gateway's: it was changed, or another gateway writes there")
