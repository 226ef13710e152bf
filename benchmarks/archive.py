"""How fast a month's archive answers over HTTP: a day's timeline, and the picture of any moment, as retention deletes.

50 cameras recorded for 30 days, a Segment a minute and a gap an hour, with a fix a second in the positions database.
The hours before are due, and the gateway, a process of its own, deletes them meanwhile by its own rule. Each question
comes on a connection of its own, with a token, and is written into the audit. The baseline reads the day's Segments by
their index and nothing else: the least that a program can do and still have a picture of the day.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import statistics
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway_process import GatewayProcess
from benchmarks.measure import START_SECONDS, BenchmarkError, Ratio, Table, folder, percentile
from benchmarks.month import CAMERAS, DAY_NS, DAYS, DUE_HOURS, FILMED, HOUR_NS, NAMES, Month, make
from gateway.base.rfc3339 import format_utc
from gateway.media.model import NS, UtcNs

ROUNDS = 60
AFTER_SECONDS = (0.0, 6.0)
"""The gateway is started for each, and so long after it is ready its first picture is asked for."""
PATIENCE = 300.0
"""Seconds that a start may take: two million files are looked for."""
KEEP = f'[[policy.retention]]\nkeep = "{DAYS}d"\n'
DAY = "SELECT start_ns, end_ns FROM segments WHERE camera = ? AND start_ns >= ? AND start_ns < ? ORDER BY start_ns"


@dataclass(slots=True)
class Times:
    """Seconds that each answer took."""

    timelines: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)
    pictures: list[float] = field(default_factory=list)
    nearest: list[float] = field(default_factory=list)
    """Of pictures far from a keyframe."""
    first: dict[float, float] = field(default_factory=dict)
    """Of the first picture after a start, by how long after it."""
    starts: list[float] = field(default_factory=list)
    """Of the gateway, until it is ready."""


def run() -> Table:
    """Make the month, measure and tell."""
    with folder() as path:
        began = time.perf_counter()
        month = make(path / "data")
        made = time.perf_counter() - began
        times = Times()
        with _serving(path, times) as gateway:
            deleted = _measure(path / "data", gateway, month, times)
        chosen = random.Random(7)
        for after in AFTER_SECONDS:
            with _serving(path, times, gateway.token) as again:
                time.sleep(after)
                times.first[after] = _picture(again, _moment(chosen, month, 2), "exact")
    if deleted == 0:
        raise BenchmarkError("retention deleted nothing meanwhile")
    return Table(
        f"A month's archive over HTTP: {CAMERAS} cameras, {DAYS} days",
        ("", "median ms", "95 % ms", "worst ms"),
        [
            ("a day's timeline", *_cells(times.timelines)),
            ("baseline: the day's Segments by index", *_cells(times.baseline)),
            ("gateway/baseline", str(Ratio(times.timelines, times.baseline)), "", ""),
            ("picture of a moment, keyframes every 2 s", *_cells(times.pictures)),
            ("the nearest keyframe, keyframes every 10 s", *_cells(times.nearest)),
            *(
                (f"the first picture, {after:.0f} s after the start", *_cells([taken]))
                for after, taken in times.first.items()
            ),
            ("the gateway's start", *_cells(times.starts)),
        ],
        (
            f"{month.segments:,} Segments, {CAMERAS * DAYS * 86_400:,} fixes; made in {made:.0f} s.",
            f"{deleted:,} Segments were deleted meanwhile.",
            f"Wall clock, connection, log-in and audit included; {ROUNDS} of each, at random; pictures of 1280x720.",
        ),
    )


def _cells(times: list[float]) -> tuple[str, ...]:
    return tuple(f"{value * 1000:.1f}" for value in (statistics.median(times), percentile(times, 0.95), max(times)))


@contextlib.contextmanager
def _serving(path: Path, times: Times, token: str = "") -> Iterator[GatewayProcess]:
    starting = GatewayProcess(path, record=False, more=KEEP, token=token, patience=PATIENCE)
    began = time.perf_counter()
    with starting as gateway:
        times.starts.append(time.perf_counter() - began)
        yield gateway


def _measure(data_dir: Path, gateway: GatewayProcess, month: Month, times: Times) -> int:
    """All but the first pictures; how many Segments were deleted meanwhile."""
    chosen = random.Random(6)
    with contextlib.closing(sqlite3.connect(data_dir / "sightline.db", timeout=10)) as plain:
        before = _deleted(plain)
        for _ in range(ROUNDS):
            camera, day = chosen.choice(NAMES), month.start_ns + DUE_HOURS * HOUR_NS + chosen.randrange(DAYS) * DAY_NS
            interval = urllib.parse.urlencode({"from": format_utc(day), "to": format_utc(day + DAY_NS)})
            taken, _, body = _ask(gateway, f"/api/cameras/{camera}/timeline?{interval}")
            times.timelines.append(taken)
            if body.count(b'"reason"') < 24:
                raise BenchmarkError(f"{camera} has no gaps on the day that begins at {format_utc(day)}")
            began = time.perf_counter()
            rows = plain.execute(DAY, (camera, day, day + DAY_NS)).fetchall()
            times.baseline.append(time.perf_counter() - began)
            if len(rows) != 1440:
                raise BenchmarkError(f"{camera} has {len(rows)} Segments on that day")
            times.pictures.append(_picture(gateway, _moment(chosen, month, 2), "exact"))
            times.nearest.append(_picture(gateway, _moment(chosen, month, 10), "nearest keyframe"))
        return _deleted(plain) - before


def _deleted(plain: sqlite3.Connection) -> int:
    count: int = plain.execute("SELECT count(*) FROM deletions").fetchone()[0]
    return count


def _moment(chosen: random.Random, month: Month, seconds: int) -> UtcNs:
    """One of those that are on disk, with so many seconds between keyframes; of ten, one far from them."""
    second = chosen.randrange(60) if seconds == 2 else 10 * chosen.randrange(6) + chosen.randrange(3, 7)
    return chosen.choice(month.filmed[seconds]) + second * NS + chosen.randrange(NS)


def _picture(gateway: GatewayProcess, at_ns: UtcNs, kind: str) -> float:
    """How long the picture of a moment took, which must be there and be `kind`."""
    taken, label, body = _ask(gateway, f"/api/cameras/{FILMED}/snapshot.jpg?at={format_utc(at_ns)}")
    if label != kind or not body.startswith(b"\xff\xd8"):
        raise BenchmarkError(f"the picture of {format_utc(at_ns)} is {label}, not {kind}")
    return taken


def _ask(gateway: GatewayProcess, path: str) -> tuple[float, str, bytes]:
    """Seconds, what kind of picture it is, and the answer's bytes."""
    request = urllib.request.Request(gateway.url + path, headers={"Authorization": f"Bearer {gateway.token}"})
    began = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=START_SECONDS) as response:
            body = response.read()
    except OSError as error:
        raise BenchmarkError(f"the gateway does not answer {path}: {error}") from error
    return time.perf_counter() - began, response.headers.get("X-Picture", ""), body
