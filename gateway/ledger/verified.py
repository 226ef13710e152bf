"""What the last verification of the whole archive found, noted beside the ledgers for whoever looks later.

It proves nothing: who can change the archive can change this note. Verifying belongs to `gateway.evidence.verify`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gateway.base.rfc3339 import format_utc, parse_utc
from gateway.media.model import UtcNs

VERIFIED_FILE = "verified.json"


@dataclass(frozen=True, slots=True)
class Verified:
    """When it ended, and how."""

    utc_ns: UtcNs
    findings: int
    """What does not hold; 0: everything does."""
    anchored_ns: UtcNs | None
    """Up to when the archive was anchored, and that held; None: it was not."""


def note(folder: Path, verified: Verified) -> None:
    """Note it in `data_dir/ledger`.

    Raises:
        OSError: the disk refused.
    """
    fresh = folder / f".{VERIFIED_FILE}.new"
    anchored = None if verified.anchored_ns is None else format_utc(verified.anchored_ns)
    value = {"utc": format_utc(verified.utc_ns), "findings": verified.findings, "anchored": anchored}
    fresh.write_text(json.dumps(value), encoding="utf-8")
    fresh.replace(folder / VERIFIED_FILE)


def last(folder: Path) -> Verified | None:
    """What was noted last; None: nothing, or nothing that can be read.

    Raises:
        OSError: the disk refused.
    """
    try:
        value = json.loads((folder / VERIFIED_FILE).read_text(encoding="utf-8"))
        anchored = value["anchored"]
        return Verified(
            parse_utc(value["utc"]), int(value["findings"]), None if anchored is None else parse_utc(anchored)
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
