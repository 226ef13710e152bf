"""A camera's Fixes of a long time as arrays: when, where and how fast, and nothing else.

For what looks at a day of them at once. Reading a block this way takes a tenth of the time that `blocks.decode` takes;
a test holds the two against each other. What a block looks like, `blocks` says.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.media.model import Fix
from gateway.positions.blocks import ALTITUDE, HEAD, SPEED, BlockError, pieces

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Fixes, one each place of all four arrays."""

    utc_ns: NDArray[np.int64]
    lat: Floats
    lon: Floats
    speed_mps: Floats
    """NaN where unknown."""

    def __len__(self) -> int:
        return len(self.utc_ns)

    def where(self, some: NDArray[np.bool_] | NDArray[np.intp]) -> Columns:
        """Those of which a mask is true, or those at these places."""
        return Columns(self.utc_ns[some], self.lat[some], self.lon[some], self.speed_mps[some])


def of_fixes(fixes: Sequence[Fix]) -> Columns:
    """The same as arrays, in their order."""
    return Columns(
        np.array([fix.utc_ns for fix in fixes], np.int64),
        np.array([fix.lat for fix in fixes], np.float64),
        np.array([fix.lon for fix in fixes], np.float64),
        np.array([np.nan if fix.speed_mps is None else fix.speed_mps for fix in fixes], np.float64),
    )


class Gathered:
    """What blocks hold, as arrays, in any order. Blocks of the same shape, as nearly all are, are read together."""

    def __init__(self) -> None:
        self._alike: dict[tuple[int, bool], list[tuple[bytes, ...]]] = {}
        """Of each number of fixes, with or without speeds: utc, lat, lon and speed of each piece, still shuffled."""
        self._others: list[Columns] = []

    def add(self, block: bytes) -> None:
        """Take a block.

        Raises:
            BlockError: it is damaged or of an unknown version.
        """
        try:
            for data in pieces(block):
                self._add_piece(data)
        except (zlib.error, struct.error, ValueError, IndexError, TypeError) as error:
            raise BlockError(f"a block of fixes is damaged: {error}") from error

    def columns(self) -> Columns:
        """All of it."""
        parts = list(self._others)
        for (count, speeds), found in self._alike.items():
            utc, lat, lon, *speed = (
                _unshuffled(b"".join(some), len(found), count) for some in zip(*found, strict=True)
            )
            utc_ns = np.cumsum(utc.view("<u8"), axis=1).view(np.int64).reshape(-1)
            speed_mps = speed[0].reshape(-1) if speeds else np.full(len(utc_ns), np.nan)
            parts.append(Columns(utc_ns, lat.reshape(-1), lon.reshape(-1), speed_mps))
        return joined(parts)

    def _add_piece(self, data: bytes) -> None:
        count, labels = HEAD.unpack_from(data)
        at = HEAD.size + labels + 2 * count
        present = data[at : at + count]
        if not count or present != present[:1] * count:
            self._others.append(_of_piece(data))
            return
        at += count
        size = 8 * count
        places = [at, at + 2 * size, at + 3 * size]  # past the times of arrival
        speeds = bool(present[0] & SPEED)
        if speeds:
            places.append(at + (5 if present[0] & ALTITUDE else 4) * size)
        if places[-1] + size > len(data):
            raise BlockError("a block of fixes ends early")
        self._alike.setdefault((count, speeds), []).append(tuple(data[a : a + size] for a in places))


def of_block(block: bytes) -> Columns:
    """What `blocks.decode` returns, as arrays, in any order.

    Raises:
        BlockError: it is damaged or of an unknown version.
    """
    gathered = Gathered()
    gathered.add(block)
    return gathered.columns()


def joined(parts: Sequence[Columns]) -> Columns:
    """One after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return of_fixes(())
    return Columns(
        np.concatenate([part.utc_ns for part in parts]),
        np.concatenate([part.lat for part in parts]),
        np.concatenate([part.lon for part in parts]),
        np.concatenate([part.speed_mps for part in parts]),
    )


def _of_piece(data: bytes) -> Columns:
    count, labels = HEAD.unpack_from(data)
    at = HEAD.size + labels + 2 * count
    present = np.frombuffer(data, np.uint8, count, at)
    at += count
    utc_ns = np.cumsum(_column(data, count, at).view("<u8")).view(np.int64)
    at += 2 * 8 * count  # past the times of arrival
    lat, lon = _column(data, count, at), _column(data, count, at + 8 * count)
    at += 2 * 8 * count + 8 * int(np.count_nonzero(present & ALTITUDE))
    known = (present & SPEED) != 0
    speed = np.full(count, np.nan)
    speed[known] = _column(data, int(np.count_nonzero(known)), at)
    return Columns(utc_ns, lat, lon, speed)


def _column(data: bytes, count: int, at: int) -> Floats:
    """Numbers of eight bytes from there on."""
    return _unshuffled(data[at : at + 8 * count], 1, count).reshape(count)


def _unshuffled(data: bytes, columns: int, count: int) -> Floats:
    """`columns` columns of `count` numbers, each with the lowest byte of all its numbers first, then the next."""
    shuffled = np.frombuffer(data, np.uint8).reshape(columns, 8, count)
    return np.ascontiguousarray(shuffled.transpose(0, 2, 1)).view("<f8").reshape(columns, count)
