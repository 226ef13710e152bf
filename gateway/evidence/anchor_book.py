"""The anchors that were made: read from the archive's own file and from the second place, and held against each other.

Kept small: a year of anchors of fifty cameras has millions of heads. What an anchor is, and what holds about one by
itself, is `gateway.ledger.anchor`'s business; whether its heads are in the chains, each chain's verifier's.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.base.rfc3339 import format_utc
from gateway.evidence.findings import Report, Subject
from gateway.ledger import merkle
from gateway.ledger.anchor import ANCHORS_FILE, CAMERA, Anchor, parse
from gateway.ledger.chain import Head
from gateway.ledger.keys import PublicKeys
from gateway.ledger.timestamp import Certificates, StampError, check
from gateway.media.model import UtcNs

_DIGEST = hashlib.sha256().digest_size


@dataclass(slots=True)
class _Chain:
    """The heads of one chain, each once, in the order they were anchored."""

    rows: array[int] = field(default_factory=lambda: array("q"))
    links: bytearray = field(default_factory=bytearray)

    def add(self, head: Head) -> None:
        if not self.rows or self.rows[-1] != head.sequence or self.links[-_DIGEST:] != head.sha256:
            self.rows.append(head.sequence)
            self.links += head.sha256


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That an anchor holds a chain's head, without the other chains."""

    anchor: Anchor
    chain: str
    head: Head

    @property
    def token(self) -> bytes | None:
        """Another authority's stamp (RFC 3161), if there is one."""
        return self.anchor.token

    def to_json(self) -> dict[str, Any]:
        """As a package holds it."""
        heads = {chain: str(head) for chain, head in self.anchor.heads.items()}
        leaves, place = merkle.leaves_of(heads), sorted(heads).index(self.chain)
        row = json.loads(self.anchor.line())
        return {
            "utc": row["utc"],
            "root": row["root"],
            "key": row["key"],
            "signature": row["signature"],
            "head": str(self.head),
            "path": [[side, other.hex()] for side, other in merkle.path(leaves, place)],
        }


class AnchorBook:
    """All anchors of an archive, by what they hold."""

    def __init__(self) -> None:
        self.count = 0
        self.last_ns: UtcNs | None = None
        """When the newest one that holds was made."""
        self.stamped_ns: UtcNs | None = None
        """When another authority, whose certificates we have, stamped the newest that it did."""
        self.unchecked = 0
        """Stamps of authorities whose certificates we do not have."""
        self._chains: dict[str, _Chain] = {}

    def add(self, anchor: Anchor) -> None:
        """Take an anchor that holds by itself."""
        self.count += 1
        self.last_ns = max(self.last_ns or anchor.utc_ns, anchor.utc_ns)
        for chain, head in anchor.heads.items():
            self._chains.setdefault(chain, _Chain()).add(head)

    def join(self, other: AnchorBook) -> None:
        """Take what another book has beside this one."""
        for chain, known in other._chains.items():
            for row, link in other._pairs(known):
                self._chains.setdefault(chain, _Chain()).add(Head(row, link))

    def chains(self) -> list[str]:
        """Every chain that was ever anchored."""
        return sorted(self._chains)

    def heads(self, chain: str) -> dict[int, bytes]:
        """The chain's links that were anchored, by row; empty where anchors contradict each other."""
        known, heads = self._chains.get(chain, _Chain()), dict[int, bytes]()
        for row, link in self._pairs(known):
            if row:  # 0: nothing was in the chain yet
                heads[row] = link if heads.get(row, link) == link else b""
        return heads

    @staticmethod
    def _pairs(chain: _Chain) -> Iterator[tuple[int, bytes]]:
        links = bytes(chain.links)
        for at, row in enumerate(chain.rows):
            yield row, links[at * _DIGEST : (at + 1) * _DIGEST]

    def rows(self, camera: str) -> list[int]:
        """The rows of a camera's ledger that were anchored, ascending."""
        return sorted(self.heads(f"{CAMERA}{camera}"))


def read_book(ledger: Path, keys: PublicKeys) -> AnchorBook:
    """The anchors in `data_dir/ledger` that hold by themselves.

    Raises:
        OSError: the file cannot be read.
    """
    book = AnchorBook()
    for line in _lines(ledger / ANCHORS_FILE):
        try:
            anchor = parse(line)
        except ValueError:
            continue
        if anchor.fault(keys) is None:
            book.add(anchor)
    return book


def inclusion(ledger: Path, camera: str, head: Head) -> Inclusion | None:
    """The first anchor that holds this head of a camera's ledger, one with a stamp of another authority if there is.

    Raises:
        OSError: the file cannot be read.
    """
    chain, found = f"{CAMERA}{camera}", None
    sought = f'"{chain}":"{head}"'.encode()
    for line in _lines(ledger / ANCHORS_FILE):
        if sought in line:
            try:
                anchor = parse(line)
            except ValueError:
                continue
            found = found or Inclusion(anchor, chain, head)
            if anchor.token is not None:
                return Inclusion(anchor, chain, head)
        elif found is not None:
            break
    return found


def prove_anchors(
    ledger: Path, elsewhere: Path | None, keys: PublicKeys, certificates: Certificates, report: Report
) -> AnchorBook:
    """Read the anchors of both places and say what does not hold about them. `elsewhere`: the second file.

    Raises:
        OSError: a file is there and cannot be read.
    """
    prove = _Prover(keys, certificates, report)
    outside: dict[bytes, UtcNs] = {}
    second = AnchorBook()
    if elsewhere is not None:
        for line, anchor in prove.all(elsewhere, str(elsewhere), second):
            outside[_short(line)] = anchor.utc_ns
    # Only then: a gateway that runs beside adds to this one first.
    book = AnchorBook()
    for line, _ in prove.all(ledger / ANCHORS_FILE, ANCHORS_FILE, book):
        outside.pop(_short(line), None)
    if book.count and elsewhere is not None and not elsewhere.exists():
        report.add(Subject.ANCHOR, str(elsewhere), "the second place of the anchors is not there")
    if outside:
        first, last = (format_utc(moment) for moment in (min(outside.values()), max(outside.values())))
        report.add(
            Subject.ANCHOR, ANCHORS_FILE,
            f"{len(outside)} anchors from {first} to {last} are missing: {elsewhere} has them",
        )  # fmt: skip
    book.join(second)
    if book.unchecked:
        report.notes.append(
            f"{book.unchecked} time stamps were not checked: name their authority's certificates in "
            "evidence.timestamp_certificates"
        )
    report.anchored_ns = max((ns for ns in (second.last_ns, book.stamped_ns) if ns is not None), default=None)
    return book


@dataclass(frozen=True, slots=True)
class _Prover:
    keys: PublicKeys
    certificates: Certificates
    report: Report

    def all(self, path: Path, name: str, book: AnchorBook) -> Iterator[tuple[bytes, Anchor]]:
        """The lines of a file that are anchors and hold; `book` takes them, and the report what does not."""
        torn: tuple[int, bytes] | None = None
        for number, line in enumerate(_lines(path), 1):
            if torn is not None and not line.startswith(torn[1]):
                self.report.add(Subject.ANCHOR, f"row {torn[0]} of {name}", "it is no anchor")
            torn = None
            try:
                anchor = parse(line)
            except ValueError:
                torn = number, line  # where a power cut tore a row, the whole one follows
                continue
            fault = anchor.fault(self.keys) or self._stamp_fault(anchor, book)
            if fault is not None:
                self.report.add(Subject.ANCHOR, f"row {number} of {name}", fault)
                continue
            book.add(anchor)
            yield line, anchor
        if torn is not None:
            self.report.add(Subject.ANCHOR, f"row {torn[0]} of {name}", "it is no anchor")

    def _stamp_fault(self, anchor: Anchor, book: AnchorBook) -> str | None:
        if anchor.token is None:
            return None
        try:
            stamped_ns = check(anchor.token, anchor.root, self.certificates)
        except StampError as error:
            return f"its time stamp does not hold: {error}"
        if self.certificates.roots:
            book.stamped_ns = max(book.stamped_ns or stamped_ns, stamped_ns)
        else:
            book.unchecked += 1
        return None


def _lines(path: Path) -> Iterator[bytes]:
    """Whole lines; of one that is being written, what stands there is left for the next time."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]


def _short(line: bytes) -> bytes:
    return hashlib.sha256(line).digest()[:16]
