"""The trail: where the wearer went in the last minutes, drawn without a map, with an arrow to the north and a scale.

Here belong geometry, and drawing with numpy into a picture's planes. A Panel is made anew when a Fix comes, about once
a second, and laid over every picture until the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.media import font
from gateway.media.model import Fix
from gateway.media.stamp import Planes
from gateway.positions.geodesy import offset_m
from gateway.positions.runs import runs

MIN_EXTENT_M = 20.0
"""What a panel shows from side to side at least: who stands still is a dot, not a scribble of the receiver's noise."""
_GROUND, _WHITE, _GREY = 16, 235, 170
_SHADE = 0.6
"""How much of the picture the panel's ground hides."""
_NEUTRAL = 128

_Plane: TypeAlias = npt.NDArray[np.float32]
_Point: TypeAlias = tuple[float, float]
"""Columns from the left, rows from the top."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A square with a trail in it, for the upper right corner of pictures."""

    adds: _Plane
    """What comes to the picture's luma."""
    keeps: _Plane
    """What stays of that, 0 to 1."""

    @property
    def size(self) -> int:
        """Pixels of a side; even."""
        return len(self.adds)

    def draw(self, picture: Planes) -> None:
        """Lay it over `picture`, in place."""
        margin, size = self.size // 32 * 2, self.size
        right = picture.luma.shape[1] // 2 * 2 - margin
        luma = picture.luma[margin : margin + size, right - size : right]
        luma[:] = luma * self.keeps + self.adds
        for plane in (picture.u, picture.v):
            # Of the colours as much stays as of the picture under the ground; lines are thin, and white enough so.
            box = plane[margin // 2 : (margin + size) // 2, (right - size) // 2 : right // 2]
            box[:] = box * np.float32(1 - _SHADE) + np.float32(_NEUTRAL * _SHADE)


def panel(fixes: Sequence[Fix], width: int, height: int) -> Panel | None:
    """The trail of `fixes`, one at least and in order of time, for pictures of this size; None: they are too small.

    The wearer is at the last of them.
    """
    size = min(width, height) // 8 * 2
    if size < 48:
        return None
    canvas = _Canvas(size)
    unit = max(1, size // 90)
    foot = (font.ROWS + 6) * unit
    last = fixes[-1]
    paths = [[offset_m(last.lat, last.lon, fix.lat, fix.lon) for fix in run] for run in runs(fixes)]
    east, north = zip(*(point for path in paths for point in path), strict=True)
    extent = max(MIN_EXTENT_M, max(east) - min(east), max(north) - min(north))
    plot = size - foot - 8 * unit
    pixels = plot / extent
    middle = (min(east) + max(east)) / 2, (min(north) + max(north)) / 2

    def place(metres: _Point) -> _Point:
        return (
            size / 2 + (metres[0] - middle[0]) * pixels,
            (size - foot) / 2 - (metres[1] - middle[1]) * pixels,
        )

    for path in paths:
        points = [place(point) for point in path]
        for start, end in zip(points, points[1:] or points, strict=False):
            canvas.line(start, end, 0.9 * unit, _GREY)
    canvas.line(place((0.0, 0.0)), place((0.0, 0.0)), 2.5 * unit, _WHITE)
    _north(canvas, unit)
    _scale(canvas, unit, extent, pixels)
    return Panel(canvas.adds, canvas.keeps)


def round_length(metres: float) -> int:
    """The longest of 1, 2, 5, 10, 20, … metres that is no longer than `metres`, 1 at least."""
    power = 1
    while power * 10 <= metres:
        power *= 10
    return next(length for length in (5 * power, 2 * power, power) if length <= metres or length == power)


class _Canvas:
    """What `Panel` holds, while it is drawn."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.adds: _Plane = np.full((size, size), _GROUND * _SHADE, np.float32)
        self.keeps: _Plane = np.full((size, size), 1 - _SHADE, np.float32)

    def line(self, start: _Point, end: _Point, radius: float, value: int) -> None:
        """A line with round ends, smoothed; a dot where it starts where it ends."""
        (x0, y0), (x1, y1) = start, end
        reach = radius + 1
        left, right = (max(0, int(min(x0, x1) - reach)), min(self.size, int(max(x0, x1) + reach) + 1))
        top, bottom = (max(0, int(min(y0, y1) - reach)), min(self.size, int(max(y0, y1) + reach) + 1))
        if left >= right or top >= bottom:
            return
        y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        distance = np.hypot(x - x0 - along * dx, y - y0 - along * dy)
        self._cover((slice(top, bottom), slice(left, right)), np.clip(radius + 0.5 - distance, 0, 1), value)

    def text(self, text: str, left: int, top: int, unit: int) -> None:
        """A line of text."""
        pixels = font.line(text, unit)[:, : max(0, self.size - left)]
        place = slice(top, top + pixels.shape[0]), slice(left, left + pixels.shape[1])
        self._cover(place, pixels.astype(np.float32), _WHITE)

    def _cover(self, place: tuple[slice, slice], share: _Plane, value: int) -> None:
        self.adds[place] = self.adds[place] * (1 - share) + value * share
        self.keeps[place] *= 1 - share


def _north(canvas: _Canvas, unit: int) -> None:
    """An arrow to the top, in the upper right corner, with an N beside it."""
    x, top, bottom = canvas.size - 6.0 * unit, 3.0 * unit, 13.0 * unit
    for start, end in (
        ((x, bottom), (x, top)),
        ((x, top), (x - 3 * unit, top + 4 * unit)),
        ((x, top), (x + 3 * unit, top + 4 * unit)),
    ):
        canvas.line(start, end, 0.5 * unit, _WHITE)
    canvas.text("N", canvas.size - 17 * unit, 4 * unit, unit)


def _scale(canvas: _Canvas, unit: int, extent: float, pixels: float) -> None:
    """A bar of a round length, with that length beside it."""
    length = round_length(extent / 3)
    left, y = 4.0 * unit, canvas.size - 5.0 * unit
    right = left + length * pixels
    for start, end in (
        ((left, y), (right, y)),
        ((left, y - 3 * unit), (left, y)),
        ((right, y - 3 * unit), (right, y)),
    ):
        canvas.line(start, end, 0.5 * unit, _WHITE)
    label = f"{length} m" if length < 1000 else f"{length // 1000} km"
    canvas.text(label, round(right) + 4 * unit, canvas.size - (font.ROWS + 3) * unit, unit)
