"""Whether the audit is as it was written: its chain, held against its rows, whole or between two moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from gateway.access.audit import CHAIN, body
from gateway.ledger import heads
from gateway.ledger.chain import START, Break, Fault, Head, Verifier
from gateway.media.model import UtcNs
from gateway.store.engine import Database
from gateway.store.tables import audit

BATCH = 1000
"""Rows read and proved at a time, in a thread: some milliseconds, and then others have their turn."""

_COLUMNS = (
    audit.c.id,
    audit.c.utc_ns,
    audit.c.actor,
    audit.c.action,
    audit.c.outcome,
    audit.c.camera,
    audit.c.address,
    audit.c.reason,
    audit.c.detail,
    audit.c.sha256,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a proof found. It went over rows `first` to `last`; both 0 when there were none."""

    first: int
    last: int
    broken: Break | None
    """The first row that does not hold; None when all do."""
    head: Head
    """Where the chain stands: kept elsewhere, it proves later that nothing up to here was written anew."""


async def verify(
    database: Database,
    from_ns: UtcNs | None = None,
    to_ns: UtcNs | None = None,
    *,
    kept: Head | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Verdict:
    """Prove the rows from `from_ns` until before `to_ns`, each None: to the end of the chain on that side.

    The row before the interval is taken on trust, as any proof of a part must; the rows beside it are proved with it,
    for one that was moved out of the interval by changing its time stands there. `kept` is a head of an earlier proof,
    which must be in the chain still. `progress` is called with rows proved, and of how many.

    Raises:
        StorageError: the database refused.
    """
    first, last, head, ends = await database.read(lambda connection: _extent(connection, from_ns, to_ns))
    if kept is not None and (broken := await database.read(lambda connection: _keeps(connection, kept))) is not None:
        return Verdict(first, last, broken, head)
    if last == 0:
        return Verdict(0, 0, ends, head)
    start = START if first == 1 else await database.read(lambda connection: _link(connection, first - 1))
    if start is None:
        return Verdict(first, last, Break(first - 1, Fault.MISSING), head)
    verifier = Verifier(start)
    while (done := verifier.reached.sequence) < last:
        broken = await database.read(lambda connection: _prove(connection, verifier, last))
        if broken is not None:
            return Verdict(first, last, broken, head)
        progress(verifier.reached.sequence - first + 1, last - first + 1)
        assert verifier.reached.sequence > done
    if last == head.sequence and verifier.reached != head:
        return Verdict(first, last, Break(last, Fault.CHANGED), head)
    return Verdict(first, last, ends, head)


def _extent(connection: Connection, from_ns: UtcNs | None, to_ns: UtcNs | None) -> tuple[int, int, Head, Break | None]:
    """First and last row to prove (last 0: none), the chain's head, and what is wrong at its end if last is there."""
    head = heads.head(connection, CHAIN)
    newest = connection.execute(select(func.max(audit.c.id))).scalar() or 0
    first, last = 1, newest
    if from_ns is not None or to_ns is not None:
        first, last = _around(connection, from_ns, to_ns, newest)
    ends = None
    if last == newest != head.sequence:
        # A row beyond the head was never appended; a head beyond the rows outlived those that were removed.
        fault = Fault.ADDED if newest > head.sequence else Fault.MISSING
        ends = Break(min(newest, head.sequence) + 1, fault)
    return first, min(last, head.sequence), head, ends


def _around(connection: Connection, from_ns: UtcNs | None, to_ns: UtcNs | None, newest: int) -> tuple[int, int]:
    """The numbers of the interval's rows and of one more on each side. Clocks jump: it is not always one run."""
    bounds = []
    if from_ns is not None:
        bounds.append(audit.c.utc_ns >= from_ns)
    if to_ns is not None:
        bounds.append(audit.c.utc_ns < to_ns)
    first, last = connection.execute(select(func.min(audit.c.id), func.max(audit.c.id)).where(*bounds)).one()
    if first is None:
        before = select(audit.c.id).where(audit.c.utc_ns < (from_ns or 0)).order_by(audit.c.utc_ns.desc()).limit(1)
        first = last = connection.execute(before).scalar() or 0
    return max(1, first - 1), min(newest, last + 1)


def _link(connection: Connection, sequence: int) -> Head | None:
    """The link that a row carries; None: there is no such row."""
    sha256 = connection.execute(select(audit.c.sha256).where(audit.c.id == sequence)).scalar()
    return None if sha256 is None else Head(sequence, bytes(sha256))


def _keeps(connection: Connection, kept: Head) -> Break | None:
    """What is wrong with the row that a kept head names."""
    found = START if kept.sequence == 0 else _link(connection, kept.sequence)
    if found is None:
        return Break(kept.sequence, Fault.MISSING)
    return None if found == kept else Break(kept.sequence, Fault.CHANGED)


def _prove(connection: Connection, verifier: Verifier, last: int) -> Break | None:
    """Prove the next rows up to `last`, some of them."""
    reached = verifier.reached.sequence
    rows = connection.execute(
        select(*_COLUMNS).where(audit.c.id > reached, audit.c.id <= last).order_by(audit.c.id).limit(BATCH)
    ).all()
    if not rows:
        return Break(reached + 1, Fault.MISSING)
    for sequence, utc_ns, actor, action, outcome, camera, address, reason, detail, sha256 in rows:
        try:
            said = body(
                utc_ns=utc_ns,
                actor=actor,
                action=action,
                outcome=outcome,
                camera=camera,
                address=address,
                reason=reason,
                detail=detail,
            )
        except (TypeError, ValueError):  # a value of another type than was written: SQLite stores what it is given
            return Break(verifier.reached.sequence + 1, Fault.CHANGED)
        if (broken := verifier.follow(sequence, said, sha256)) is not None:
            return broken
    return None
