"""The way a unit went, in few enough points to be drawn, and the document that says it.

A day of positions is 86,400 points, and no screen shows more than a few thousand. Those are left out whose moment and
place follow from the others': the time-ratio variant of Douglas and Peucker's algorithm (TD-TR, Meratnia and de By
2004) measures how far a point lies from where one would have been at its moment, going from one kept point to the next
at constant speed. So a stop stays a stop, and what is drawn for a moment is never further off than `tolerance_m`.

Raw positions are `blocks`' and the writers' business: what is left out here is still there.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.positions.columns import Columns, Floats, joined
from gateway.positions.geodesy import EARTH_RADIUS_M
from gateway.positions.runs import MAX_STEP_NS

LEAST_M = 0.25
"""Nothing is kept for less: receivers are not that good."""
_PIECE = 512
"""Every so many Fixes one stays in any case, a quarter of the points at most: who goes round and round would need as
many levels as rounds otherwise."""
_MAX_LEVELS = 64
_PORTION = 16_384
"""Points that are measured in one go, about: what fits into the processor's cache takes half the time."""
_PLACES = 7  # decimals of a degree: a centimetre

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What is left of the Fixes of an interval."""

    runs: tuple[Columns, ...]
    """Between two of them nothing is known for more than five seconds. Each has its first and its last Fix."""
    fixes: int
    """How many there were."""
    runs_left_out: int
    """Whole runs: there were more of them than points."""
    tolerance_m: float
    """How far at most a Fix that was left out lies from where the runs say the unit was at that moment."""


def trajectory(parts: Sequence[Columns], hidden: Iterable[tuple[int, int | None]], points: int) -> Trajectory:
    """Reduce Fixes, in any order, to at most `points` (2 and more).

    `hidden`: from when (inclusive) to when (exclusive) nothing is told; None: still.
    """
    fixes = _in_order(joined(parts))
    for start_ns, end_ns in hidden:
        fixes = fixes.where(
            (fixes.utc_ns < start_ns) | (fixes.utc_ns >= (np.iinfo(np.int64).max if end_ns is None else end_ns))
        )
    count = len(fixes)
    if not count:
        return Trajectory((), 0, 0, 0.0)
    breaks = np.flatnonzero(np.diff(fixes.utc_ns) > MAX_STEP_NS)
    first, last = np.append(0, breaks + 1), np.append(breaks, count - 1)
    every = max(1, _ends(first, last) // points)
    while _ends(first[::every], last[::every]) > points:
        every += 1
    left_out = len(first) - len(first[::every])
    first, last = first[::every], last[::every]
    kept, tolerance_m = _simplified(fixes, first, last, points - _ends(first, last))
    runs = tuple(
        fixes.where(some)
        for some in (
            kept[np.searchsorted(kept, a) : np.searchsorted(kept, b, "right")] for a, b in zip(first, last, strict=True)
        )
    )
    return Trajectory(runs, count, left_out, tolerance_m)


def trajectory_text(camera: str, name: str, shown: Trajectory) -> str:
    """A GeoJSON Feature (RFC 7946), compact: a MultiLineString with a line for each run.

    `times` and `speeds_mps` (null where unknown) have, for each position, a member at the same place. A run of a single
    Fix is a line that ends where it begins. A run that crosses 180° is cut there (RFC 7946 3.1.9).
    """
    lines = [line for run in shown.runs for line in _lines(run)]
    times = [[f"{text}Z" for text in np.datetime_as_string(line.utc_ns.view("datetime64[ns]"), "us")] for line in lines]
    properties = {
        "name": name,
        "start": times[0][0] if times else None,
        "end": times[-1][-1] if times else None,
        "fixes": shown.fixes,
        "points": sum(len(run) for run in shown.runs),
        "runs_left_out": shown.runs_left_out,
        "tolerance_m": round(shown.tolerance_m, 2),
        "times": times,
        "speeds_mps": [
            [None if math.isnan(speed) else round(speed, 2) for speed in line.speed_mps.tolist()] for line in lines
        ],
    }
    coordinates = [np.column_stack((line.lon, line.lat)).round(_PLACES).tolist() for line in lines]
    geometry = {"type": "MultiLineString", "coordinates": coordinates}
    feature = {"type": "Feature", "id": camera, "geometry": geometry, "properties": properties}
    return json.dumps(feature, separators=(",", ":"), allow_nan=False)


def _in_order(fixes: Columns) -> Columns:
    """By time, and what was found twice (in a block and outside) once."""
    if np.all(np.diff(fixes.utc_ns) > 0):
        return fixes
    order = np.argsort(fixes.utc_ns, kind="stable")
    if not np.all(np.diff(fixes.utc_ns[order]) > 0):
        order = np.lexsort((fixes.lon, fixes.lat, fixes.utc_ns))
    fixes = fixes.where(order)
    new = (np.diff(fixes.utc_ns) != 0) | (np.diff(fixes.lat) != 0) | (np.diff(fixes.lon) != 0)
    return fixes.where(np.append(True, new))


def _ends(first: Indices, last: Indices) -> int:
    """How many points the ends of these runs are."""
    return len(first) + int(np.count_nonzero(first != last))


def _simplified(fixes: Columns, first: Indices, last: Indices, budget: int) -> tuple[Indices, float]:
    """Which points stay: the ends of the runs and at most `budget` others; and how far off the rest is then, metres.

    All pieces between two points are looked at together, level by level: numpy does in milliseconds what would take
    seconds point by point. A point's weight is the distance that made it a corner, or that of the piece it lies in if
    that is less, so that the heaviest are always what the algorithm would have kept with some tolerance.
    """
    seconds = (fixes.utc_ns - fixes.utc_ns[0]) / 1e9
    north = np.radians(fixes.lat) * EARTH_RADIUS_M
    east = (
        np.radians(np.unwrap(fixes.lon, period=360)) * EARTH_RADIUS_M * math.cos(math.radians(float(fixes.lat.mean())))
    )
    weights = np.zeros(len(fixes))
    start, end = _pieces(first, last, max(_PIECE, math.ceil(4 * len(fixes) / max(1, budget))))
    fixed = np.setdiff1d(start, first)
    budget = max(0, budget - len(fixed))
    ceiling = np.full(len(start), np.inf)
    for _ in range(_MAX_LEVELS):
        inside = end - start > 1
        start, end, ceiling = start[inside], end[inside], ceiling[inside]
        if not len(start):
            break
        off, corner = _farthest(seconds, east, north, start, end)
        weight = np.minimum(off, ceiling)
        least = max(LEAST_M, _least_of(weights, budget))
        worth = weight > least
        corner, weight = corner[worth], weight[worth]
        weights[corner] = weight
        start, end = np.concatenate((start[worth], corner)), np.concatenate((corner, end[worth]))
        ceiling = np.concatenate((weight, weight))
    heavy = np.flatnonzero(weights)
    if len(heavy) > budget:
        heavy = heavy[np.argsort(-weights[heavy], kind="stable")[:budget]]
    kept = np.unique(np.concatenate((first, last, fixed, heavy)))
    start, end = kept[:-1], kept[1:]
    within = (end - start > 1) & ~np.isin(start, last)
    off, _ = _farthest(seconds, east, north, start[within], end[within])
    return kept, float(off.max(initial=0.0))


def _pieces(first: Indices, last: Indices, length: int) -> tuple[Indices, Indices]:
    """The runs, cut into pieces of at most `length`: where each starts and ends, the end being the next one's start."""
    start, end = [first[:0]], [first[:0]]
    for a, b in zip(first.tolist(), last.tolist(), strict=True):
        edges = np.append(np.arange(a, b, length), b)
        start.append(edges[:-1])
        end.append(edges[1:])
    return np.concatenate(start), np.concatenate(end)


def _least_of(weights: Floats, budget: int) -> float:
    """What is lighter than this is not among the heaviest `budget`."""
    heavy = weights[weights > 0]
    if budget <= 0:
        return math.inf
    return float(np.partition(heavy, -budget)[-budget]) if len(heavy) >= budget else 0.0


def _farthest(seconds: Floats, east: Floats, north: Floats, start: Indices, end: Indices) -> tuple[Floats, Indices]:
    """For each piece [start, end] the inner point that lies farthest from where one would be at its moment.

    Its distance in metres, and which it is. Each piece has an inner point.
    """
    portions = np.cumsum(end - start - 1) // _PORTION
    cuts = np.flatnonzero(np.diff(portions)) + 1
    found = [
        _farthest_of_portion(seconds, east, north, *piece)
        for piece in zip(np.split(start, cuts), np.split(end, cuts), strict=True)
    ]
    return np.concatenate([off for off, _ in found]), np.concatenate([corner for _, corner in found])


def _farthest_of_portion(
    seconds: Floats, east: Floats, north: Floats, start: Indices, end: Indices
) -> tuple[Floats, Indices]:
    counts = end - start - 1
    if not len(counts):
        return np.zeros(0), start
    offsets = np.cumsum(counts) - counts
    piece = np.repeat(np.arange(len(start)), counts)
    index = np.arange(len(piece)) + (start + 1 - offsets)[piece]
    duration = seconds[end] - seconds[start]
    rate = np.divide(1.0, duration, out=np.zeros(len(duration)), where=duration > 0)
    share = (seconds[index] - seconds[start][piece]) * rate[piece]
    off_east = east[index] - east[start][piece] - share * (east[end] - east[start])[piece]
    off_north = north[index] - north[start][piece] - share * (north[end] - north[start])[piece]
    squared = off_east * off_east + off_north * off_north
    most = np.maximum.reduceat(squared, offsets)
    candidates = np.flatnonzero(squared == most[piece])
    chosen = candidates[np.searchsorted(piece[candidates], np.arange(len(start)))]
    return np.sqrt(most), index[chosen]


def _lines(run: Columns) -> list[Columns]:
    """What is drawn of a run: cut at 180°, and a single point twice."""
    cuts = np.flatnonzero(np.abs(np.diff(run.lon)) > 180) + 1
    edges = [0, *cuts.tolist(), len(run)]
    lines = []
    for a, b in itertools.pairwise(edges):
        some = np.arange(a, b) if b - a > 1 else np.array([a, a])
        lines.append(run.where(some))
    return lines
