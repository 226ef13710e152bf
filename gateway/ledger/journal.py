"""The ledgers on disk: one append-only file for each camera, `data_dir/ledger/{camera}.jsonl`.

Any thread of any process may append: a lock on the file (flock) lets them follow one another, and whoever finds that
the file grew reads its end again. What a power cut left of a last row is cut off and told. Files are read from their
end, or row by row: one may hold millions. Which rows there are and when they are written belongs to whoever records,
deletes or assigns; whether a ledger holds, to `gateway.ledger.proof`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.base.clock import Clock
from gateway.base.clock_state import ClockState, clock_state
from gateway.base.names import RESERVED, camera_id
from gateway.ledger.chain import START, Head, link
from gateway.ledger.keys import LEDGER_FOLDER, Signer
from gateway.ledger.lines import MAX_BYTES, Line, lines_back, sync_folder, whole_size, write_all
from gateway.ledger.rows import (
    FRAGMENT,
    KEY,
    Row,
    fragment_body,
    parse,
    signed_body,
    signed_line,
    unsigned_line,
)

log = logging.getLogger(__name__)

SUFFIX = ".jsonl"
SYNC_SECONDS = 10.0
"""Fragment rows are on the disk itself this much later at most; signed rows are when `append` returns. A power cut may
cost the rows of these seconds: the media stays, and counts as unproven."""


class LedgerError(Exception):
    """A line of a ledger is no row: the one that should have this number, at this offset of the file."""

    def __init__(self, camera: str, sequence: int, offset: int, why: str) -> None:
        super().__init__(f"the ledger of {camera}: row {sequence}, at byte {offset}: {why}")
        self.sequence = sequence
        self.offset = offset


class Journals:
    """The ledgers of all cameras. Every method blocks; for any thread."""

    def __init__(
        self, folder: Path, signer: Signer, clock: Clock, *, state: Callable[[], ClockState] = clock_state
    ) -> None:
        """`folder` exists; `state` says how well the machine's clock keeps UTC."""
        self.folder = folder
        self.signer = signer
        self._clock = clock
        self._state = state
        self._lock = threading.Lock()
        self._open: dict[str, _Journal] = {}

    @classmethod
    def open(cls, data_dir: Path, clock: Clock) -> Journals:
        """Those of `data_dir`; makes the folders and the first key when there are none.

        Raises:
            StorageError: the disk refused.
        """
        signer = Signer.open(data_dir, clock)
        return cls(data_dir / LEDGER_FOLDER, signer, clock)

    def cameras(self) -> list[str]:
        """The cameras that have a ledger, in order.

        Raises:
            OSError: the folder cannot be read.
        """
        names = (path.name.removesuffix(SUFFIX) for path in self.folder.glob(f"*{SUFFIX}"))
        return sorted(name for name in names if name not in RESERVED)

    def append(self, camera: str, bodies: Sequence[Mapping[str, Any]]) -> Head:
        """Append rows, all or none. Signed ones are on the disk itself when this returns.

        Each body needs its `kind` and what belongs to it; `camera`, `utc` and, but for fragments, `clock` are added.

        Raises:
            OSError: the disk refused; the ledger is as it was, and the call can be repeated.
            ValueError: a body is no I-JSON.
        """
        return self._journal(camera).append(bodies)

    def head(self, camera: str) -> Head:
        """The newest row; `START` when there is none.

        Raises:
            OSError: the file cannot be read.
        """
        return self._journal(camera).head()

    def lines(self, camera: str, start: int = 0) -> Iterator[Line]:
        """The whole lines that are there now, from the one at byte `start` on; none when there is no ledger.

        A line longer than any row comes in pieces. What stands after the last line's end is `torn`.

        Raises:
            OSError: the file cannot be read.
        """
        return self._journal(camera).lines(start)

    def torn(self, camera: str) -> int:
        """Bytes after the last line's end: of a row that a power cut left, or whose end somebody changed.

        Raises:
            OSError: the file cannot be read.
        """
        return self._journal(camera).torn()

    def read(self, camera: str) -> Iterator[Row]:
        """The rows, from the first. Nothing is proved: see `gateway.ledger.proof`.

        Raises:
            OSError: the file cannot be read.
            LedgerError: a line is no row.
        """
        for sequence, line in enumerate(self.lines(camera), 1):
            yield _row(camera, sequence, line)

    def read_back(self, camera: str) -> Iterator[Row]:
        """The rows, from the newest.

        Raises:
            OSError: the file cannot be read.
            LedgerError: a line is no row; its number is not known then, and given as 0.
        """
        for line in self._journal(camera).lines_back():
            yield _row(camera, 0, line)

    def rotate(self) -> tuple[str, str]:
        """Let a new key sign from now on; returns the old key's id and the new one's.

        Each ledger gets a `key` row: the last that the old key signs. Its private half is deleted then. A running
        gateway takes the new key at its next row. When this fails half way, the rest follows with each ledger's next
        row, and the old key stays.

        Raises:
            OSError: the disk refused.
        """
        old, new = self.signer.renew()
        for camera in self.cameras():
            self.append(camera, [])
        self.signer.retire(old)
        return old, new

    def close(self) -> None:
        """Let go of every file. Each is opened again when it is needed."""
        with self._lock:
            for journal in self._open.values():
                journal.close()
            self._open.clear()

    def _journal(self, camera: str) -> _Journal:
        with self._lock:
            journal = self._open.get(camera)
            if journal is None:
                path = self.folder / f"{camera_id(camera)}{SUFFIX}"
                journal = self._open[camera] = _Journal(path, camera, self.signer, self._clock, self._state)
            return journal


def _row(camera: str, sequence: int, line: Line) -> Row:
    try:
        return parse(line.data)
    except ValueError as error:
        raise LedgerError(camera, sequence, line.offset, str(error)) from None


@dataclass(slots=True)
class _Tail:
    """What the end of a file says."""

    size: int = 0
    """Bytes to the end of the last whole line."""
    head: Head = START
    key: str | None = None
    """Who signed the newest of the signed rows, or whom that introduces; None: there are none."""


class _Journal:
    """One file. The lock keeps the threads of this process apart, flock the processes."""

    def __init__(self, path: Path, camera: str, signer: Signer, clock: Clock, state: Callable[[], ClockState]) -> None:
        self._path = path
        self._camera = camera
        self._signer = signer
        self._clock = clock
        self._state = state
        self._lock = threading.Lock()
        self._descriptor = -1
        self._tail = _Tail()
        self._synced_at = clock.monotonic()

    def append(self, bodies: Sequence[Mapping[str, Any]]) -> Head:
        with self._lock, self._locked(fcntl.LOCK_EX):
            before = self._refresh()
            data, after, signed = self._compose(bodies, before)
            try:
                write_all(self._descriptor, data)
                if signed or self._clock.monotonic() - self._synced_at >= SYNC_SECONDS:
                    os.fdatasync(self._descriptor)
                    self._synced_at = self._clock.monotonic()
            except OSError:
                self._tail = _Tail(size=-1)  # whatever is there now, it is read again
                os.ftruncate(self._descriptor, before.size)
                raise
            self._tail = after
            return after.head

    def head(self) -> Head:
        with self._lock:
            if not self._path.exists():
                return START
            with self._locked(fcntl.LOCK_SH):
                if os.fstat(self._descriptor).st_size != self._tail.size:
                    self._tail = self._find_tail()
                return self._tail.head

    def lines(self, start: int) -> Iterator[Line]:
        size = self._whole_size()
        if size <= start:
            return
        with self._path.open("rb") as file:
            file.seek(offset := start)
            while offset < size:
                data = file.readline(min(MAX_BYTES, size - offset))
                yield Line(offset, data.removesuffix(b"\n"))
                offset += len(data)

    def torn(self) -> int:
        try:
            return self._path.stat().st_size - self._whole_size()
        except FileNotFoundError:
            return 0

    def lines_back(self) -> Iterator[Line]:
        size = self._whole_size()
        if size == 0:
            return
        with self._path.open("rb") as file:
            yield from lines_back(file.fileno(), size)

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                descriptor, self._descriptor = self._descriptor, -1
                os.close(descriptor)

    # ---- inside, with the lock held

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        self._reopen()
        fcntl.flock(self._descriptor, how)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _reopen(self) -> None:
        """Open the file, unless it is; and again when another has taken its place."""
        if self._descriptor >= 0:
            if os.fstat(self._descriptor).st_nlink:
                return
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
        fresh = not self._path.exists()
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        self._tail = _Tail(size=-1)
        if fresh:
            sync_folder(self._path.parent)

    def _refresh(self) -> _Tail:
        """The end of the file as it is now, whole."""
        size = os.fstat(self._descriptor).st_size
        if size != self._tail.size:
            self._tail = self._find_tail()
            if (torn := size - self._tail.size) > 0:
                os.ftruncate(self._descriptor, self._tail.size)
                from gateway.base.metrics import LEDGER_CUT  # worker processes only read, and count nothing

                LEDGER_CUT.labels(self._camera).inc(torn)
                log.error(
                    "the ledger of %s: %d bytes of a row that was never finished were cut off after row %d",
                    self._camera, torn, self._tail.head.sequence,
                )  # fmt: skip
        return self._tail

    def _find_tail(self) -> _Tail:
        """Read from the end back to the newest signed row, which is seldom more than a minute's rows away."""
        size = whole_size(self._descriptor)
        tail: _Tail | None = None
        for line in lines_back(self._descriptor, size):
            try:
                row = parse(line.data)
            except ValueError as error:
                if tail is None and b"\0" in line.data:
                    size = line.offset  # what a power cut leaves of blocks that never reached the disk
                else:
                    log.error("the ledger of %s: what lies at byte %d is no row: %s", self._camera, line.offset, error)
                continue
            tail = tail or _Tail(size, row.head)
            if row.signature is not None:
                tail.key = str(row.body.get("key")) if row.kind == KEY else row.signature.key
                break
        return tail or _Tail(size)

    def _compose(self, bodies: Sequence[Mapping[str, Any]], before: _Tail) -> tuple[bytes, _Tail, bool]:
        """The lines of new rows, what the end says then, and whether one of them is signed."""
        utc_ns = self._clock.utc_ns()
        tail = _Tail(before.size, before.head, before.key)
        lines: list[bytes] = []
        signed = self._rotated(tail, utc_ns, lines)
        for body in bodies:
            if body["kind"] == FRAGMENT:
                self._add_unsigned(fragment_body(self._camera, utc_ns, body), tail, lines)
            else:
                self._add_signed(body, tail, utc_ns, lines)
                signed = True
        data = b"".join(lines)
        tail.size += len(data)
        return data, tail, signed

    def _rotated(self, tail: _Tail, utc_ns: int, lines: list[bytes]) -> bool:
        """The row in which the key that signed so far makes way for another, when it has."""
        if tail.key is None or tail.key == (now := self._signer.current):
            return False
        body = {"kind": KEY, "key": now, "public": b64encode(self._signer.public(now)).decode()}
        try:
            self._add_signed(body, tail, utc_ns, lines, key=tail.key)
        except FileNotFoundError:
            # It was lost, or deleted: keys.jsonl says whether it vouched for the new one.
            self._add_signed(body, tail, utc_ns, lines)
        tail.key = now
        return True

    def _add_unsigned(self, body: bytes, tail: _Tail, lines: list[bytes]) -> None:
        tail.head = link(tail.head, body)
        lines.append(unsigned_line(body, tail.head))

    def _add_signed(
        self, row: Mapping[str, Any], tail: _Tail, utc_ns: int, lines: list[bytes], key: str | None = None
    ) -> None:
        now = self._state()
        clock: dict[str, Any] = {"state": now.synchronisation.value}
        if now.error_ms is not None:
            clock["error_ms"] = now.error_ms
        body = signed_body(self._camera, utc_ns, clock, row)
        head = link(tail.head, body)
        signature = self._signer.sign(head.sha256, key)
        tail.head, tail.key = head, signature.key
        lines.append(signed_line(body, head, signature))

    def _whole_size(self) -> int:
        """Bytes of the file's whole lines, between two appends."""
        if not self._path.exists():
            return 0
        with self._lock, self._locked(fcntl.LOCK_SH):
            return whole_size(self._descriptor)
