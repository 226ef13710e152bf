"""The stamp: unit, UTC and position, drawn into a decoded picture.

Here belong what it says and how it is drawn with numpy; decoding, encoding and where a position comes from do not.
Drawing is done in place and costs well under a millisecond, so that every picture of an export can have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.media import font
from gateway.media.model import NS, Fix, UtcNs

Plane = npt.NDArray[np.uint8]

NO_POSITION = "no position"
_WHITE = 235
_NEUTRAL = 128
_FITTING = 43
"""Characters of the longest line that one reads at its full size."""


class Planes(NamedTuple):
    """Views of one picture's three planes (YUV 4:2:0); chroma has half the rows and columns."""

    luma: Plane
    u: Plane
    v: Plane


def planes(picture: Plane) -> Planes:
    """The planes of a picture of (height * 3 / 2) rows and `width` columns, both sizes even, as PyAV's
    `to_ndarray(format="yuv420p")` has them. Writing into them changes the picture.
    """
    rows, width = picture.shape
    height = rows * 2 // 3
    chroma = height * width // 4
    flat = picture.reshape(-1)
    u, v = flat[4 * chroma : 5 * chroma], flat[5 * chroma :]
    half = (height // 2, width // 2)
    return Planes(picture[:height], u.reshape(half), v.reshape(half))


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is said of one picture."""

    unit: str
    """The camera's name."""
    utc_ns: UtcNs
    """When the picture was captured."""
    fix: Fix | None = None
    """Where the wearer was: the newest at the time."""
    tells_position: bool = True
    """False: there is no line for it, also not one that says that it is not known."""
    note: str = ""
    """What else must be known of the picture; nothing: no line."""

    def lines(self) -> tuple[str, ...]:
        """Unit, UTC to the millisecond, position with its accuracy and age, and the note."""
        clock = datetime.fromtimestamp(self.utc_ns // NS, UTC)
        said = [self.unit, f"{clock:%Y-%m-%d %H:%M:%S}.{self.utc_ns // 1_000_000 % 1000:03d} UTC"]
        if self.tells_position:
            said.append(NO_POSITION if self.fix is None else _where(self.fix, self.utc_ns))
        if self.note:
            said.append(self.note)
        return tuple(said)


def draw(picture: Planes, lines: Sequence[str]) -> None:
    """Draw `lines`, white in a darkened box at the bottom left, into `picture`, in place.

    What is wider than the picture is cut off; lines that do not fit above each other are left out, the last ones first.
    """
    height, width = picture.luma.shape
    scale = max(1, min(round(height / 240), width // (6 * _FITTING)))
    margin, step = 3 * scale, (font.ROWS + 3) * scale
    rows = [_set(line, scale)[:, : max(0, width - 2 * margin)] for line in lines[: max(0, height - margin) // step]]
    if not rows:
        return
    top = (height - margin - step * len(rows)) // 2 * 2  # chroma has a row for two of luma
    right = min(width, max(row.shape[1] for row in rows) + 2 * margin)
    box = picture.luma[top:, :right]
    box >>= 2
    for plane in (picture.u, picture.v):
        plane[top // 2 :, : right // 2] = _NEUTRAL
    for number, row in enumerate(rows):
        above = margin + number * step
        place = box[above : above + row.shape[0], margin : margin + row.shape[1]]
        np.maximum(place, row, out=place)


@lru_cache(maxsize=64)
def _set(text: str, scale: int) -> Plane:
    """A line's pixels, white or 0: from picture to picture most lines stay as they are."""
    return font.line(text, scale) * np.uint8(_WHITE)


def _where(fix: Fix, utc_ns: UtcNs) -> str:
    """`52.52001 N 13.40495 E ±4 m, 2 s old`."""
    accuracy = "" if fix.accuracy_m is None else f" ±{fix.accuracy_m:.0f} m"
    age_s = max(0, utc_ns - fix.utc_ns) / NS
    age = f"{age_s:.1f} s" if age_s < 10 else f"{age_s:.0f} s" if age_s < 600 else f"{age_s / 60:.0f} min"
    lat, lon = f"{abs(fix.lat):.5f} {'NS'[fix.lat < 0]}", f"{abs(fix.lon):.5f} {'EW'[fix.lon < 0]}"
    return f"{lat} {lon}{accuracy}, {age} old"
