"""What a simulated body-worn camera sees: a walk down a street at dusk, with the unit's name and a clock burnt in.

Only drawing belongs here: a picture is a function of the scene's seed and of UTC, nothing is read from a clock and
nothing is encoded. One picture costs about a millisecond at 640x360, because perspective is a table made once: for each
pixel the place of what it shows in the street's textures, which merely slide by as the wearer walks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gateway.media import font
from gateway.media.model import NS, UtcNs
from gateway.media.stamp import Plane, Planes, planes

TEXELS_PER_METRE = 12
STREET_METRES = 72
"""How long the street is before it repeats."""
VIEW_METRES = 70
"""What lies further away is fog."""
HEIGHT_METRES = 20
HALF_STREET_METRES = 7.0
EYE_METRES = 1.5
WALKING_MPS = 1.4
LAMP_SPACING_METRES = 16.0
LAMP_METRES = 4.6
"""Of a lamp, its distance from the middle of the street and its height alike."""

SWAY_PIXELS = 6
BOB_PIXELS = 4

_ROWS = HEIGHT_METRES * TEXELS_PER_METRE
_LOOP = STREET_METRES * TEXELS_PER_METRE
_COLUMNS = (STREET_METRES + VIEW_METRES + 2) * TEXELS_PER_METRE  # one view beyond the loop's end
# Each band of distance has its own copy of the textures with that much fog in it: fog then costs nothing per picture.
_BANDS = (9.0, 12.0, 16.0, 21.0, 28.0, 37.0, 50.0, float(VIEW_METRES))
_SKY = 0
"""Texel value that lets the sky through. No wall is that dark."""
_SURFACES = 3  # left wall, right wall, ground


@dataclass(frozen=True, slots=True)
class Tint:
    """The light of one scene: luma and chroma of the sky at the horizon, and what the fog fades into."""

    luma: int
    u: int
    v: int


TINTS = (Tint(112, 128, 150), Tint(96, 144, 122), Tint(120, 116, 138), Tint(84, 146, 136))
"""Rose dusk, blue hour, yellow haze, violet night."""


@dataclass(frozen=True, slots=True)
class _Perspective:
    """For each pixel, with a margin for sway and bob, where its texel is: an index into the flat textures.

    Chroma has half the pixels and half the texels in either direction.
    """

    luma: npt.NDArray[np.int32]
    chroma: npt.NDArray[np.int32]
    focal: float
    horizon: int


@lru_cache(maxsize=4)
def _perspective(width: int, height: int) -> _Perspective:
    focal = 0.7 * width
    rows, columns = height + 2 * BOB_PIXELS, width + 2 * SWAY_PIXELS
    horizon = rows // 2
    right = np.arange(columns, dtype=np.float64)[None, :] - columns / 2 + 0.5
    down = np.arange(rows, dtype=np.float64)[:, None] - horizon + 0.5
    wall = HALF_STREET_METRES * focal / np.abs(right)
    ground = np.where(down > 0, EYE_METRES * focal / np.maximum(down, 1e-9), np.inf)
    is_ground = ground < wall
    depth = np.minimum(np.minimum(wall, ground), VIEW_METRES)
    above = EYE_METRES - down * depth / focal
    across = right * depth / focal + HALF_STREET_METRES
    row = np.clip(np.where(is_ground, across, above) * TEXELS_PER_METRE, 0, _ROWS - 1).astype(np.int32)
    column = (depth * TEXELS_PER_METRE).astype(np.int32)
    surface = np.where(is_ground, 2, np.where(right > 0, 1, 0)).astype(np.int32)
    band = np.searchsorted(np.array(_BANDS[:-1]), depth).astype(np.int32)
    sheet = band * _SURFACES + surface
    luma = (sheet * _COLUMNS + column) * _ROWS + row
    chroma = ((sheet * (_COLUMNS // 2) + column // 2) * (_ROWS // 2) + row // 2)[::2, ::2]
    return _Perspective(luma.astype(np.int32), np.ascontiguousarray(chroma.astype(np.int32)), focal, horizon)


class Scene:
    """One camera's view. Scenes of one size share their perspective; each has its own street and light.

    `width` and `height` in pixels, both even.
    """

    def __init__(self, name: str, seed: int, *, width: int = 640, height: int = 360) -> None:
        if width % 4 or height % 4:
            raise ValueError(f"width and height must be multiples of 4, not {width}x{height}")
        self.name = name
        self.width = width
        self.height = height
        self._tint = TINTS[seed % len(TINTS)]
        self._perspective = _perspective(width, height)
        luma, u, v = _street(seed)
        self._luma = _with_fog(luma, self._tint.luma)
        self._u = _with_fog(u[:, ::2, ::2], self._tint.u)
        self._v = _with_fog(v[:, ::2, ::2], self._tint.v)
        fall = np.linspace(0.45, 1.0, height // 2 + 2 * BOB_PIXELS)
        sky = np.concatenate([fall * self._tint.luma, np.full(height, float(self._tint.luma))])[:height]
        self._sky = sky.astype(np.uint8)[:, None]
        self._scale = max(1, width // 320)
        self._start_metres = seed * 17.0

    def picture(self, utc_ns: UtcNs) -> Plane:
        """The picture at `utc_ns`, as planar YUV 4:2:0 in one array of (height * 3 / 2) rows and `width` columns."""
        width, height = self.width, self.height
        seconds = utc_ns / NS
        metres = (self._start_metres + seconds * WALKING_MPS) % STREET_METRES
        # Two steps a second and a half: the body rises with each step and leans to the side of every other one.
        x = SWAY_PIXELS + round((SWAY_PIXELS - 1) * math.sin(seconds * math.tau * 0.85) / 2) * 2
        y = BOB_PIXELS + round((BOB_PIXELS - 1) * math.sin(seconds * math.tau * 1.7) / 2) * 2
        step = int(metres * TEXELS_PER_METRE)
        luma_start, chroma_start = step * _ROWS, step // 2 * (_ROWS // 2)
        picture = np.empty((height * 3 // 2, width), dtype=np.uint8)
        drawn = planes(picture)
        full, half = self._perspective.luma, self._perspective.chroma
        np.take(self._luma[luma_start:], full[y : y + height, x : x + width], out=drawn.luma, mode="clip")
        np.copyto(drawn.luma, self._sky, where=drawn.luma == _SKY)
        part = half[y // 2 : y // 2 + height // 2, x // 2 : x // 2 + width // 2]
        np.take(self._u[chroma_start:], part, out=drawn.u, mode="clip")
        np.take(self._v[chroma_start:], part, out=drawn.v, mode="clip")
        self._lamps(drawn, metres, x, y)
        self._burn_in(drawn, utc_ns)
        return picture

    def _lamps(self, drawn: Planes, metres: float, x: int, y: int) -> None:
        """Street lamps on either kerb, the far ones first."""
        focal = self._perspective.focal
        centre = self.width / 2 + SWAY_PIXELS - x
        horizon = self._perspective.horizon - y
        nearest = LAMP_SPACING_METRES - metres % LAMP_SPACING_METRES
        for depth in (nearest + LAMP_SPACING_METRES * i for i in (3, 2, 1, 0)):
            if depth < 4:
                continue
            size = focal / depth
            top, foot = round(horizon - (LAMP_METRES - EYE_METRES) * size), round(horizon + EYE_METRES * size)
            thick, head = max(1, round(0.07 * size)), max(2, round(0.28 * size))
            for side in (-1, 1):
                at = round(centre + side * LAMP_METRES * size)
                arm = round(at - side * 0.9 * size)
                _fill(drawn.luma, (top, foot), (at - thick, at + thick), 28)
                _fill(drawn.luma, (top - thick, top + thick), (min(at, arm), max(at, arm)), 28)
                _fill(drawn.luma, (top, top + head), (arm - head, arm + head), 225)
                for plane, value in ((drawn.u, 96), (drawn.v, 148)):
                    _fill(plane, (top // 2, (top + head) // 2 + 1), ((arm - head) // 2, (arm + head) // 2 + 1), value)

    def _burn_in(self, drawn: Planes, utc_ns: UtcNs) -> None:
        """The unit's name and UTC to the millisecond, white on a darkened strip at the top."""
        scale = self._scale
        margin = 3 * scale
        bottom = font.ROWS * scale + 2 * margin
        drawn.luma[:bottom] //= 3
        text = f"{datetime.fromtimestamp(utc_ns // NS, UTC):%Y-%m-%d %H:%M:%S}.{utc_ns // 1_000_000 % 1000:03d} UTC"
        for pixels, right in ((font.line(self.name, scale), False), (font.line(text, scale), True)):
            columns = min(pixels.shape[1], self.width - 2 * margin)
            left = self.width - margin - columns if right else margin
            drawn.luma[margin : margin + font.ROWS * scale, left : left + columns][pixels[:, :columns]] = 235
        drawn.u[: bottom // 2] = 128
        drawn.v[: bottom // 2] = 128


def _fill(plane: Plane, rows: tuple[int, int], columns: tuple[int, int], value: int) -> None:
    """A rectangle, clipped to the plane: each pair is the first and the one after the last."""
    plane[max(0, rows[0]) : max(0, rows[1]), max(0, columns[0]) : max(0, columns[1])] = value


def _street(seed: int) -> tuple[Plane, Plane, Plane]:
    """The street's three surfaces as luma, U and V: each (surface, metres along, metres up or across) in texels."""
    rng = np.random.default_rng(seed)
    luma, u, v = (np.full((_SURFACES, _LOOP, _ROWS), value, dtype=np.uint8) for value in (_SKY, 128, 128))
    for side in (0, 1):
        _buildings(rng, luma[side], u[side], v[side])
    _ground(rng, luma[2])
    return _repeated(luma), _repeated(u), _repeated(v)


def _repeated(plane: Plane) -> Plane:
    """The surfaces with their beginning again after their end, so that a view never runs off it."""
    return np.concatenate([plane, plane[:, : _COLUMNS - _LOOP]], axis=1)


def _buildings(rng: np.random.Generator, luma: Plane, u: Plane, v: Plane) -> None:
    """House after house along one wall: brick, a shop front, storeys of windows of which some are lit, a cornice."""
    metre = TEXELS_PER_METRE
    start = 0
    while start < _LOOP:
        end = min(_LOOP, start + int(rng.integers(6, 13)) * metre)
        if _LOOP - end < 4 * metre:
            end = _LOOP
        storeys = int(rng.integers(2, 6))
        top = (4 + 3 * storeys) * metre
        brick = int(rng.integers(42, 88))
        luma[start:end, :top] = brick
        u[start:end, :top] = int(rng.integers(112, 130))
        v[start:end, :top] = int(rng.integers(128, 148))
        luma[start:end, top - metre // 2 : top] = brick + 30
        luma[start : start + 2, :top] = brick - 20
        # The shop front: a bright window under a sign in a colour of its own.
        shop = slice(start + metre, end - metre)
        luma[shop, metre // 2 : 5 * metre // 2] = int(rng.integers(90, 170))
        u[shop, metre // 2 : 5 * metre // 2] = 108
        v[shop, metre // 2 : 5 * metre // 2] = 138
        sign = slice(11 * metre // 4, 13 * metre // 4)
        luma[shop, sign] = 120
        u[shop, sign], v[shop, sign] = rng.integers(70, 190, 2)
        for storey in range(storeys):
            sill = (4 + 3 * storey) * metre
            for left in range(start + metre, end - 2 * metre, 5 * metre // 2):
                lit = rng.random() < 0.4
                window = (slice(left, left + 5 * metre // 4), slice(sill, sill + 7 * metre // 4))
                luma[window] = int(rng.integers(150, 215)) if lit else 26
                u[window], v[window] = (100, 146) if lit else (136, 124)
        start = end


def _ground(rng: np.random.Generator, luma: Plane) -> None:
    """Asphalt with a dashed line, kerbs, and pavement in slabs."""
    metre = TEXELS_PER_METRE
    width = round(2 * HALF_STREET_METRES * metre)
    kerb = round(2.8 * metre)
    luma[:] = 58 + rng.integers(0, 6, luma.shape, dtype=np.uint8)
    for edge in (slice(0, kerb), slice(width - kerb, None)):
        luma[:, edge] = 92
        luma[:: 2 * metre, edge] = 66
    for at in (kerb, width - kerb - 2):
        luma[:, at : at + 3] = 130
    middle = width // 2
    for start in range(0, _LOOP, 6 * metre):
        luma[start : start + 3 * metre, middle - 1 : middle + 2] = 190


def _with_fog(surfaces: Plane, fog: int) -> Plane:
    """Flat copies of the surfaces, one for each band of distance, faded toward `fog`; sky stays sky."""
    bands = []
    for far in _BANDS:
        clear = math.exp(-max(0.0, far - _BANDS[0]) / 30.0)
        table = np.array([fog + (value - fog) * clear for value in range(256)]).round().astype(np.uint8)
        table[_SKY] = _SKY
        bands.append(table[surfaces])
    return np.concatenate([band.ravel() for band in bands])
