"""Amounts of bytes as people write them: `500 GiB`, `64 MB`, and as a share of a disk: `5 %`."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

UNITS = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}  # fmt: skip
"""Decimal (SI) and binary (IEC 80000-13) ones."""
_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([kKMGT]i?B|B)")
_SHARE = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,3})?) ?%")


def parse_size(text: str) -> int:
    """Bytes.

    Raises:
        ValueError: `text` is no amount of bytes; says what to write.
    """
    found = _SIZE.fullmatch(text)
    unit = UNITS.get(found[2]) if found else None
    if found is None or unit is None or not (size := round(float(found[1]) * unit)):
        raise ValueError(f'write an amount as in "500 GiB" or "64 MB" instead of "{text[:40]}"')
    return size


def bytes_of(text: str, total: int) -> int:
    """Bytes of a disk that has `total`: an amount, or a share of it.

    Raises:
        ValueError: `text` is neither; says what to write.
    """
    if found := _SHARE.fullmatch(text):
        return round(float(found[1]) * total / 100)
    try:
        return parse_size(text)
    except ValueError:
        raise ValueError(f'write a share or an amount, as in "5 %" or "50 GiB", instead of "{text[:40]}"') from None


def written(size: float) -> str:
    """`size` in the unit that people would take, with three digits: `1.46 TiB`."""
    units = ["TiB", "GiB", "MiB", "KiB", "B"]
    while size >= 1000 and len(units) > 1:
        size /= 1024
        units.pop()
    return f"{size:.{0 if units[-1] == 'B' or size >= 100 else 1 if size >= 10 else 2}f} {units[-1]}"


def _size(text: str) -> str:
    parse_size(text)
    return text


def _size_or_share(text: str) -> str:
    bytes_of(text, 0)
    return text


Size: TypeAlias = Annotated[str, AfterValidator(_size)]
SizeOrShare: TypeAlias = Annotated[str, AfterValidator(_size_or_share)]
