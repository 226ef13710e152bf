"""The part of a camera's ledger that speaks of some files: runs of whole rows, copied as they stand.

A run begins with the first row about a file and ends with a signed one, or with the first that an anchor holds after
it, so that whoever has the run, the link before it, and the public keys can prove every row of it. Rows about other
files lie in between; they tell names and hashes, no media.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gateway.ledger.chain import START, Head
from gateway.ledger.journal import Journals
from gateway.ledger.lines import Line
from gateway.ledger.rows import parse

JOINED_ROWS = 300
"""Runs with no more rows between them are one."""
REACH_ROWS = 5000
"""How many rows more a run may have so that it ends with an anchored one: an hour's."""
_FILE = re.compile(rb'"file":"([^"\\]+)"')


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that follow one another."""

    after: Head
    """The row before the first one: number and link."""
    to: Head
    """The last row."""
    start: int
    """Where the first one begins in the ledger's file, in bytes."""
    end: int
    """Where the last one ends."""


@dataclass(frozen=True, slots=True)
class Named:
    """The row that says how a file ended."""

    row: int
    imported: bool


@dataclass(slots=True)
class Extract:
    """What was found."""

    runs: list[Run] = field(default_factory=list)
    named: dict[str, Named] = field(default_factory=dict)
    """By file; those that no finishing row names are left out."""


@dataclass(slots=True)
class _Growing:
    after: Head
    start: int
    wanted: int
    """The last row about a file."""
    until: int
    """Where it is meant to end."""
    to: Head
    end: int


def extract(journals: Journals, camera: str, files: Collection[str], stops: Sequence[int]) -> Extract:
    """Find the rows about `files` (paths as in the ledger). `stops`: the rows that anchors hold, ascending. Blocks.

    Raises:
        OSError: the ledger cannot be read.
        ValueError: a row about a file cannot be read.
    """
    wanted = {file.encode() for file in files}
    found = Extract()
    growing: _Growing | None = None
    before: Line | None = None
    for sequence, line in enumerate(journals.lines(camera), 1):
        named = _FILE.search(line.data)
        if named is not None and named[1] in wanted:
            row = parse(line.data)
            if row.kind in {"segment", "imported"}:
                found.named[named[1].decode()] = Named(sequence, row.kind == "imported")
            if growing is None:
                after = START if before is None else parse(before.data).head
                growing = _Growing(after, line.offset, sequence, sequence, row.head, line.offset)
            growing.wanted, growing.until = sequence, _stop(sequence, stops)
        if growing is not None:
            if sequence <= growing.until:
                growing.to, growing.end = parse(line.data).head, line.offset + len(line.data) + 1
            elif sequence > growing.wanted + JOINED_ROWS:
                found.runs.append(_ended(growing))
                growing = None
        before = line
    if growing is not None:
        found.runs.append(_ended(growing))
    return found


def _stop(row: int, stops: Sequence[int]) -> int:
    place = bisect_left(stops, row)
    return stops[place] if place < len(stops) and stops[place] - row <= REACH_ROWS else row


def _ended(growing: _Growing) -> Run:
    return Run(growing.after, growing.to, growing.start, growing.end)
