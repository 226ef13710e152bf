"""The way of a day in few points: never further off than it says, whatever the way was; and the call that shows it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.rights import Role
from gateway.base.clock import ManualClock, SystemClock
from gateway.base.rfc3339 import format_utc, parse_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, Fix
from gateway.positions import blocks
from gateway.positions.blocks import BlockError
from gateway.positions.columns import Columns, Gathered, joined, of_block, of_fixes
from gateway.positions.geodesy import distance_m
from gateway.positions.store import PositionStore
from gateway.positions.trajectory import trajectory, trajectory_text
from gateway.simulator.walk import Walk
from gateway.store.engine import open_positions
from tests.running import Running, running
from tests.test_position_blocks import FIXES as ANY_FIXES

START = 1_767_268_800 * NS  # 2026-01-01T12:00:00Z


def walk(seconds: int, *, seed: int = 3) -> list[Fix]:
    unit = Walk(seed)
    return [unit.fix(START + second * NS) for second in range(seconds)]


def fix(seconds: float, north_m: float = 0.0, east_m: float = 0.0, speed: float | None = None) -> Fix:
    return Fix(START + round(seconds * NS), north_m / 111_195, east_m / 111_195, speed_mps=speed)


def off_m(kept: Columns, one: Fix) -> float:
    """How far a Fix lies from where the line is at its moment."""
    at = float(one.utc_ns - START)
    times = (kept.utc_ns - START).astype(float)
    return distance_m(one.lat, one.lon, np.interp(at, times, kept.lat), np.interp(at, times, kept.lon))


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY_FIXES, max_size=8), st.lists(ANY_FIXES, max_size=3))
def test_blocks_are_read_as_by_decode(fixes: list[Fix], more: list[Fix]) -> None:
    block = blocks.encode(fixes) + blocks.encode(more)
    for one, other in zip(sorted_(of_fixes([*fixes, *more])), sorted_(of_block(block)), strict=True):
        np.testing.assert_array_equal(one, other)


def sorted_(columns: Columns) -> tuple[Any, ...]:
    arrays = columns.utc_ns, columns.lat, columns.lon, columns.speed_mps
    order = np.lexsort([array.view(np.int64) for array in arrays])
    return tuple(array[order] for array in arrays)


def test_blocks_of_the_same_shape_are_read_together() -> None:
    fixes = walk(600)
    mixed = [replace(each, speed_mps=None if i % 7 else 1.0) for i, each in enumerate(fixes[:60])]
    bare = [Fix(each.utc_ns, each.lat, each.lon) for each in fixes[60:120]]
    parts = [mixed, bare, *(fixes[i : i + 60] for i in range(120, 600, 60))]
    gathered = Gathered()
    for part in parts:
        gathered.add(blocks.encode(part))
    read = gathered.columns()
    for one, other in zip(sorted_(of_fixes([each for part in parts for each in part])), sorted_(read), strict=True):
        np.testing.assert_array_equal(one, other)


def test_damaged_blocks_are_named() -> None:
    block = blocks.encode(walk(60))
    for damaged in (block[:-1], block[:20], b"\x07" + block[1:], b"\x01\x02\x00\x00\x00ab"):
        with pytest.raises(BlockError):
            of_block(damaged)
    assert len(of_block(b"")) == 0


def test_a_walk_is_never_further_off_than_it_says() -> None:
    fixes = walk(7_200)
    shown = trajectory([of_fixes(fixes[:3_000]), of_fixes(fixes[3_000:])], (), 400)
    (kept,) = shown.runs
    assert shown.fixes == 7_200
    assert len(kept) <= 400
    assert (kept.utc_ns[0], kept.utc_ns[-1]) == (fixes[0].utc_ns, fixes[-1].utc_ns)
    assert shown.tolerance_m < 4
    farthest = max(off_m(kept, each) for each in fixes)
    assert farthest == pytest.approx(shown.tolerance_m, rel=0.02)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 9), st.floats(-300, 300), st.floats(-300, 300)), min_size=1, max_size=60),
    st.integers(2, 40),
)
def test_whatever_the_way_was(steps: list[tuple[float, float, float]], points: int) -> None:
    fixes, at = [], 0.0
    for pause, north, east in steps:
        at += pause
        fixes.append(fix(at, north, east))
    shown = trajectory([of_fixes(fixes)], (), points)
    assert sum(len(run) for run in shown.runs) <= points
    by_time = {each.utc_ns: each for each in fixes}
    for run in shown.runs:
        assert len(run) == 1 or (np.diff(run.utc_ns) > 0).all()
        for utc_ns, lat in zip(run.utc_ns.tolist(), run.lat.tolist(), strict=True):
            assert by_time[utc_ns].lat == lat
        inside = [each for each in fixes if run.utc_ns[0] <= each.utc_ns <= run.utc_ns[-1]]
        assert max(off_m(run, each) for each in inside) <= shown.tolerance_m * 1.001 + 0.01
    if not shown.runs_left_out and len(fixes) <= points:
        assert shown.tolerance_m <= 0.25


def test_a_stop_stays_a_stop() -> None:
    """Out, half an hour at the far end, and on along the same line: by the shape alone, the stop would not be there."""
    there = [fix(t, north_m=1.4 * t) for t in range(100)]
    waiting = [fix(t, north_m=1.4 * 100) for t in range(100, 1_900)]
    onward = [fix(t, north_m=1.4 * (t - 1_800)) for t in range(1_900, 2_000)]
    (kept,) = trajectory([of_fixes([*there, *waiting, *onward])], (), 10).runs
    assert off_m(kept, fix(1_000, north_m=140)) < 5


def test_runs_end_where_more_than_five_seconds_are_missing_and_keep_their_ends() -> None:
    fixes = [fix(t) for t in (0, 1, 2, 7, 12.1, 20, 21)]
    shown = trajectory([of_fixes(fixes)], (), 100)
    assert [[(ns - START) / NS for ns in run.utc_ns.tolist()] for run in shown.runs] == [[0, 7], [12.1], [20, 21]]
    feature = json.loads(trajectory_text("a", "Unit <a>", shown))
    assert [len(line) for line in feature["geometry"]["coordinates"]] == [2, 2, 2]
    assert feature["geometry"]["coordinates"][1] == [[0, 0], [0, 0]]
    assert feature["properties"]["times"][1] == ["2026-01-01T12:00:12.100000Z"] * 2


def test_more_runs_than_points_are_thinned_evenly() -> None:
    fixes = [fix(10 * t, north_m=t) for t in range(1_000)]
    shown = trajectory([of_fixes(fixes)], (), 100)
    assert len(shown.runs) == 100
    assert shown.runs_left_out == 900
    gaps = {b.utc_ns[0] - a.utc_ns[0] for a, b in zip(shown.runs, shown.runs[1:], strict=False)}
    assert gaps == {100 * NS}


def test_what_was_hidden_is_left_out_and_what_is_there_twice_is_there_once() -> None:
    fixes = walk(100)
    hidden = [(START + 40 * NS, START + 60 * NS), (START + 90 * NS, None)]
    shown = trajectory([of_fixes(fixes), of_fixes(fixes[:10])], hidden, 1_000)
    assert shown.fixes == 70
    spans = [((int(run.utc_ns[0]) - START) // NS, (int(run.utc_ns[-1]) - START) // NS) for run in shown.runs]
    assert spans == [(0, 39), (60, 89)]


def test_speeds_stand_beside_their_places() -> None:
    fixes = [fix(0, speed=1.234), fix(1, north_m=50), fix(2, speed=0.0)]
    feature = json.loads(trajectory_text("a", "A", trajectory([of_fixes(fixes)], (), 10)))
    assert feature["properties"]["speeds_mps"] == [[1.23, None, 0.0]]


def test_lines_are_cut_at_180() -> None:
    fixes = [Fix(START + i * NS, 10.0, lon) for i, lon in enumerate((179.99, 179.999, -179.999, -179.99))]
    shown = trajectory([of_fixes(fixes)], (), 10)
    lines = json.loads(trajectory_text("a", "A", shown))["geometry"]["coordinates"]
    assert [[point[0] > 0 for point in line] for line in lines] in ([[True, True], [False, False]],)
    assert shown.tolerance_m < 1_000


def test_nothing_is_a_feature_too() -> None:
    feature = json.loads(trajectory_text("a", "A", trajectory([joined([])], (), 10)))
    assert feature["geometry"] == {"type": "MultiLineString", "coordinates": []}
    assert feature["properties"]["start"] is None


async def test_the_store_finds_them_in_blocks_journal_and_memory(tmp_path: Path) -> None:
    database, clock = open_positions(tmp_path), ManualClock(START)
    store = PositionStore(database, clock)
    fixes = walk(200)
    for each in fixes[:150]:
        store.add("a", each)
    await store.flush()
    clock.advance(130)
    await store.flush()
    for each in fixes[150:]:
        store.add("a", each)

    async def found(store: PositionStore, start: float, end: float) -> list[int]:
        parts = await store.columns("a", START + round(start * NS), START + round(end * NS))
        return sorted({(ns - START) // NS for part in parts for ns in part.utc_ns.tolist()})

    try:
        assert await found(store, 0, 200) == list(range(200))
        assert await found(store, 30.5, 61) == list(range(31, 61))
        assert await found(store, 300, 400) == []
        await store.flush()
        assert await found(PositionStore(database, clock), 0, 1_000) == list(range(200))
    finally:
        database.close()


async def test_a_day_over_http(tmp_path: Path) -> None:
    camera = CameraSettings.model_validate(
        {"id": "unit", "name": "Unit 12", "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
    )
    database = open_positions(tmp_path)
    store = PositionStore(database, SystemClock())
    for each in walk(600):
        store.add("unit", each)
    await store.flush()
    database.close()
    day = {"from": format_utc(START), "to": format_utc(START + 86_400 * NS)}
    async with running(tmp_path, camera) as gateway:
        client = gateway.client()
        status, _, response = await client.call("GET", "/api/cameras/unit/trajectory", params=day | {"points": "50"})
        assert status == 200
        assert response.content_type == "application/geo+json"
        feature = await client.get("/api/cameras/unit/trajectory", params=day | {"points": "50"})
        assert feature["id"] == "unit"
        properties = feature["properties"]
        assert (properties["name"], properties["fixes"], properties["runs_left_out"]) == ("Unit 12", 600, 0)
        assert 2 < properties["points"] <= 50
        assert properties["points"] == len(feature["geometry"]["coordinates"][0]) == len(properties["times"][0])
        assert [parse_utc(properties[key]) for key in ("start", "end")] == [START, START + 599 * NS]
        assert math.isclose(feature["geometry"]["coordinates"][0][0][1], walk(1)[0].lat, abs_tol=1e-6)
        await refusals(gateway, day)
        rows = [row for row in await gateway.audit() if row.action == "positions"]
        assert len(rows) == 3
        assert rows[0].detail["interval"] == {
            "from": "2026-01-01T12:00:00.000000Z",
            "to": "2026-01-02T12:00:00.000000Z",
        }


async def refusals(gateway: Running, day: dict[str, str]) -> None:
    for params in (
        {},
        {"from": day["from"]},
        {"from": day["to"], "to": day["from"]},
        day | {"to": "2026-01-09T12:00:00Z"},
        day | {"points": "1"},
        day | {"points": "-5"},
        day | {"points": "many"},
        day | {"points": "50001"},
    ):
        status, body, _ = await gateway.client().call("GET", "/api/cameras/unit/trajectory", params=params)
        assert status == 400, (params, body)
    assert (await gateway.client().call("GET", "/api/cameras/other/trajectory", params=day))[0] == 404
    auditor = gateway.client(Role.AUDITOR)
    assert (await auditor.call("GET", "/api/cameras/unit/trajectory", params=day))[0] in {403, 404}
