"""How fast a day's timeline opens in a month's catalog, beside a plain query of the same rows in sqlite3.

50 cameras recorded for 30 days, a Segment a minute and a gap an hour, with a fix a second in the positions database;
meanwhile the oldest Segments are being deleted, as retention does. The baseline reads the day's Segments by their index
and nothing else: the least that a program can do and still have a picture of the day.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import BenchmarkError, Ratio, Table, folder
from gateway.media.model import NS, Fix
from gateway.positions.blocks import encode
from gateway.recording.catalog import Catalog
from gateway.recording.chunks import CHUNK_NS, Cuts
from gateway.recording.timeline import Timelines
from gateway.store.engine import open_catalog, open_positions

CAMERAS, DAYS, ROUNDS = 50, 30, 40
MINUTES = DAYS * 24 * 60
DAY_NS, MINUTE_NS, HOUR_NS = 86_400 * NS, 60 * NS, 3600 * NS
START_NS = 1_767_268_800 * NS
TRACKS = json.dumps([{"id": 0, "kind": "video", "codec": "H264", "units": 1800}])
DAY = "SELECT start_ns, end_ns FROM segments WHERE camera = ? AND start_ns >= ? AND start_ns < ? ORDER BY start_ns"


def run() -> Table:
    """Measure and tell."""
    with folder() as path:
        _fill(path)
        ours, theirs = asyncio.run(_measure(path))
    if not ours:
        raise BenchmarkError("nothing was measured")
    return Table(
        "A day's timeline in a month's archive",
        ("", "median ms", "worst ms"),
        [
            ("gateway: recordings, gaps, privacy, bookmarks, deletions", *_cells(ours)),
            ("baseline: the day's Segments by index", *_cells(theirs)),
            ("gateway/baseline", str(Ratio(ours, theirs)), ""),
        ],
        (
            f"{CAMERAS} cameras, {DAYS} days, {CAMERAS * MINUTES:,} Segments, a fix a second; Segments being deleted.",
            "Wall clock, from the question to the answer's values; days and cameras at random.",
        ),
    )


def _cells(times: list[float]) -> tuple[str, str]:
    return f"{statistics.median(times) * 1000:.1f}", f"{max(times) * 1000:.1f}"


def _fill(path: Path) -> None:
    """A month as recorders and trackers would have written it: minute by minute, of all cameras."""
    open_catalog(path).close()
    open_positions(path).close()
    names = [f"cam-{number:03d}" for number in range(CAMERAS)]
    with contextlib.closing(sqlite3.connect(path / "sightline.db")) as catalog, catalog:
        hours = range(DAYS * 24)
        catalog.executemany(
            "INSERT INTO recordings (id, camera, start_ns, end_ns) VALUES (?, ?, ?, ?)",
            (
                (hour * CAMERAS + n + 1, name, START_NS + hour * HOUR_NS, START_NS + (hour + 1) * HOUR_NS - 10 * NS)
                for hour in hours
                for n, name in enumerate(names)
            ),
        )
        catalog.executemany(
            "INSERT INTO gaps (camera, start_ns, end_ns, reason, track, packets, detail) "
            "VALUES (?, ?, ?, 'camera disconnected', NULL, 0, '')",
            (
                (name, START_NS + (hour + 1) * HOUR_NS - 10 * NS, START_NS + (hour + 1) * HOUR_NS)
                for hour in hours
                for name in names
            ),
        )
        catalog.executemany(
            "INSERT INTO segments "
            "(recording_id, camera, path, start_ns, end_ns, bytes, sha256, tracks, adopted, chunks) "
            "VALUES (?, ?, ?, ?, ?, 7500000, ?, ?, 0, ?)",
            _segments(names),
        )
    fixes = [
        Fix(START_NS + second * NS, 52.5 + second / 1e5, 13.4, speed_mps=1.4, course_deg=90) for second in range(60)
    ]
    block = encode(fixes)
    with contextlib.closing(sqlite3.connect(path / "positions.db")) as positions, positions:
        positions.executemany(
            "INSERT INTO fix_blocks (camera, minute, fixes) VALUES (?, ?, ?)",
            ((name, START_NS // MINUTE_NS + minute, block) for minute in range(MINUTES) for name in names),
        )


def _segments(names: list[str]) -> Iterator[tuple[object, ...]]:
    for minute in range(MINUTES):
        start_ns = START_NS + minute * MINUTE_NS
        starts = tuple((1200 + n * 500_000, start_ns + n * CHUNK_NS) for n in range(15))
        chunks = Cuts(1200, bytes(8), starts).pack()
        end_ns = start_ns + (50 if minute % 60 == 59 else 60) * NS
        for n, name in enumerate(names):
            recording = minute // 60 * CAMERAS + n + 1
            yield recording, name, f"{name}/{minute}.mp4", start_ns, end_ns, bytes(32), TRACKS, chunks


async def _measure(path: Path) -> tuple[list[float], list[float]]:
    chosen, stop = random.Random(6), threading.Event()
    deleting = threading.Thread(target=_delete, args=(path, stop), name="deleting")
    ours, theirs = [], []
    with contextlib.closing(open_catalog(path)) as database, contextlib.closing(_reader(path)) as plain:
        timelines = Timelines(database, Catalog(database))
        deleting.start()
        try:
            for _ in range(ROUNDS):
                camera = f"cam-{chosen.randrange(CAMERAS):03d}"
                from_ns = START_NS + chosen.randrange(1, DAYS) * DAY_NS
                before = time.perf_counter()
                found = await timelines.of(camera, from_ns, from_ns + DAY_NS)
                between = time.perf_counter()
                rows = plain.execute(DAY, (camera, from_ns, from_ns + DAY_NS)).fetchall()
                theirs.append(time.perf_counter() - between)
                ours.append(between - before)
                if len(rows) != 1440 or sum(gaps.count for gaps in found.gaps) < 24:
                    raise BenchmarkError(f"{camera} has {len(rows)} Segments that day and {len(found.gaps)} gaps")
        finally:
            stop.set()
            deleting.join()
    return ours, theirs


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path / "sightline.db")


def _delete(path: Path, stop: threading.Event) -> None:
    """Delete the first day's Segments in the order of their age, each in a transaction of its own, until `stop`."""
    with contextlib.closing(sqlite3.connect(path / "sightline.db", timeout=10, isolation_level=None)) as connection:
        for number in range(1, CAMERAS * 24 * 60):
            if stop.is_set():
                return
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "INSERT INTO deletions (camera, path, start_ns, end_ns, bytes, sha256, deleted_ns, rule) "
                "SELECT camera, path, start_ns, end_ns, bytes, sha256, end_ns, 'default: kept for 30 days' "
                "FROM segments WHERE id = ?",
                (number,),
            )
            connection.execute("DELETE FROM segments WHERE id = ?", (number,))
            connection.execute("COMMIT")
