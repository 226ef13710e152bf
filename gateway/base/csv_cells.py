"""CSV that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the wide ones are read as formulas, too


def csv_lines(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV (RFC 4180); None is an empty cell.

    A text that begins like a formula gets an apostrophe before it: what a cell holds may have been written by anybody,
    a name that did not log in for one. Numbers stay numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in row])
    return text.getvalue()
