"""Whether a camera's ledger is as it was written: links, numbers and signatures, row by row. Sans-IO.

What the rows say is not looked at here, nor are anchors: a ledger that was cut off at its end still holds by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.ledger.chain import START, Break, Fault, Head, Verifier
from gateway.ledger.keys import PublicKeys
from gateway.ledger.lines import Line
from gateway.ledger.rows import FRAGMENT, Row, parse


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found."""

    head: Head
    """The last row that holds."""
    signed: Head
    """The last signed row that holds: who can write the file, but has no key, can have changed only what follows."""
    broken: Break | None
    """The first row that does not hold; None: all do."""
    offset: int
    """Where in the file that row begins, or the file ends."""


class JournalVerifier:
    """Follows the lines of one ledger from its first row."""

    def __init__(self, keys: PublicKeys) -> None:
        self.signed = START
        """The last signed row that holds."""
        self._keys = keys
        self._chain = Verifier()

    @property
    def reached(self) -> Head:
        """The last row that holds."""
        return self._chain.reached

    def resume(self, after: Head) -> None:
        """Go on behind a row that did not hold, whose link is taken on trust from what stands in its place."""
        self._chain = Verifier(after)

    def follow(self, line: bytes) -> Row | Break:
        """The next row, if it holds."""
        sequence = self.reached.sequence + 1
        try:
            row = parse(line)
        except ValueError:
            return Break(sequence, Fault.UNREADABLE)
        if (broken := self._chain.follow(row.sequence, row.canonical, row.sha256)) is not None:
            return broken
        if row.signature is not None and self._keys.holds(row.signature, row.sha256):
            self.signed = row.head
        elif row.signature is not None or row.kind != FRAGMENT:
            return Break(sequence, Fault.UNSIGNED)
        return row


def prove(lines: Iterable[Line], keys: PublicKeys, look: Callable[[Row], None] = lambda _: None) -> Proof:
    """Follow a ledger to its end or to the first row that does not hold; `look` is called with each that does."""
    verifier = JournalVerifier(keys)
    offset = 0
    for line in lines:
        found = verifier.follow(line.data)
        if isinstance(found, Break):
            return Proof(verifier.reached, verifier.signed, found, line.offset)
        look(found)
        offset = line.offset + len(line.data) + 1
    return Proof(verifier.reached, verifier.signed, None, offset)
