"""What a position costs from the camera's XML to the disk, beside a row per position in plain sqlite3.

Both take a second's documents of every camera, then commit once, durably (WAL, synchronous=FULL). The baseline reads
JSON, believes everything and checks nothing: the least that a program can do and still have the positions.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import BenchmarkError, Ratio, Table, folder
from gateway.base.clock import ManualClock
from gateway.media.model import NS, Fix
from gateway.positions.from_metadata import fixes
from gateway.positions.store import PositionStore
from gateway.positions.tracker import Tracker
from gateway.simulator.walk import Walk
from gateway.store.engine import open_positions
from onvif_protocol.metadata import Carrier, Position, event_document, navigational_document, parse

CAMERAS = 50
SECONDS = 120
ROUNDS = 3
COLUMNS = ("utc_ns", "lat", "lon", "altitude_m", "speed_mps", "course_deg", "accuracy_m")
START_NS = 1_767_268_800 * NS
_CAMERA_NAMES = [f"cam-{i:03d}" for i in range(CAMERAS)]

Documents = Sequence[Sequence[bytes]]
"""For each second, one of each camera."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one fix."""

    cpu_us: float
    disk_bytes: float
    store_us: float
    """The part of `cpu_us` that is not reading and checking."""


def run() -> Table:
    """Measure and tell."""
    walks = [[walk.fix(START_NS + second * NS) for walk in map(Walk, range(CAMERAS))] for second in range(SECONDS)]
    as_xml = [[_xml(camera, fix) for camera, fix in enumerate(second)] for second in walks]
    as_json = [[_json(fix) for fix in second] for second in walks]
    own, theirs = [], []
    for _ in range(ROUNDS):
        with folder() as path:
            own.append(asyncio.run(_gateway(path, as_xml)))
            theirs.append(_baseline(path / "baseline.db", as_json))
    return Table(
        "Positions from document to disk",
        ("", "fixes/s of one core", "us per fix", "us reading", "us storing", "bytes per fix on disk"),
        [
            ("gateway: XML, validated, in blocks", *_cells(own)),
            ("baseline: JSON, a row per fix", *_cells(theirs)),
            ("gateway/baseline, cost", "", str(_ratio(own, theirs)), "", "", f"{_disk(own) / _disk(theirs):.2f}"),
        ],
        (
            f"CPU of the process, all threads; {CAMERAS} cameras, one fix a second each, one commit a second.",
            "Ratio below 1: the gateway is cheaper; (its range over the rounds).",
            "Baseline: json.loads and one INSERT per fix with Python's sqlite3, indexed by camera and time, unchecked.",
        ),
    )


async def _gateway(path: Path, seconds: Documents) -> Cost:
    clock = ManualClock(START_NS)
    with contextlib.closing(open_positions(path)) as database:
        store = PositionStore(database, clock)
        trackers = {name: Tracker(name) for name in _CAMERA_NAMES}
        await store.flush()
        before = time.process_time()
        storing = 0.0
        for documents in seconds:
            now_ns = clock.utc_ns()
            for (name, tracker), document in zip(trackers.items(), documents, strict=True):
                for fix in fixes(parse(document), utc_ns=now_ns, received_ns=now_ns):
                    if tracker.push(fix, now_ns) is None:
                        store.add(name, fix)
            read = time.process_time()
            await store.flush()
            storing += time.process_time() - read
            clock.advance(1)
        await store.flush()
        cpu = time.process_time() - before
        kept = sum([len(await store.fixes(name)) for name in _CAMERA_NAMES])
    if kept != CAMERAS * SECONDS:
        raise BenchmarkError(f"the gateway kept {kept} of {CAMERAS * SECONDS} fixes")
    return Cost(cpu * 1e6 / kept, _size(path) / kept, storing * 1e6 / kept)


def _baseline(path: Path, seconds: Documents) -> Cost:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute(f"CREATE TABLE fixes (camera, {', '.join(COLUMNS)})")
        database.execute("CREATE INDEX by_camera ON fixes (camera, utc_ns)")
        before = time.process_time()
        storing = 0.0
        for documents in seconds:
            parsed = [json.loads(document) for document in documents]
            read = time.process_time()
            for name, fix in zip(_CAMERA_NAMES, parsed, strict=True):
                values = (fix[column] for column in COLUMNS)
                database.execute("INSERT INTO fixes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (name, *values))
            database.commit()
            storing += time.process_time() - read
        cpu = time.process_time() - before
    kept = CAMERAS * SECONDS
    return Cost(cpu * 1e6 / kept, path.stat().st_size / kept, storing * 1e6 / kept)


def _xml(camera: int, fix: Fix) -> bytes:
    """One of four cameras speaks the standard's own form, as in the simulator."""
    carrier = Carrier.MILESTONE if camera % 4 else Carrier.EVENT
    position = Position(
        lat=fix.lat,
        lon=fix.lon,
        carrier=carrier,
        utc_ns=fix.utc_ns,
        elevation_m=fix.altitude_m,
        speed_mps=fix.speed_mps,
        course_deg=fix.course_deg,
        accuracy_m=fix.accuracy_m,
    )
    return event_document((position,)) if carrier is Carrier.EVENT else navigational_document(position)


def _json(fix: Fix) -> bytes:
    return json.dumps({column: getattr(fix, column) for column in COLUMNS}).encode()


def _size(path: Path) -> int:
    """Of the gateway's positions, after the last connection has folded the log into the file."""
    return sum(file.stat().st_size for file in path.glob("positions.db*"))


def _cells(costs: list[Cost]) -> tuple[str, ...]:
    cpu_us = statistics.fmean(cost.cpu_us for cost in costs)
    store_us = statistics.fmean(cost.store_us for cost in costs)
    return (
        f"{1e6 / cpu_us:,.0f}",
        f"{cpu_us:.1f}",
        f"{cpu_us - store_us:.1f}",
        f"{store_us:.1f}",
        f"{_disk(costs):.0f}",
    )


def _ratio(own: list[Cost], theirs: list[Cost]) -> Ratio:
    return Ratio([cost.cpu_us for cost in own], [cost.cpu_us for cost in theirs])


def _disk(costs: list[Cost]) -> float:
    return statistics.fmean(cost.disk_bytes for cost in costs)
