"""Five hundred units that say where they are once a second, toward fifty maps and ten pages, and a unit's day.

All of it as people have it: a gateway process, NMEA 0183 by UDP from an address of each unit's own, WebSockets of a
program that follows all of them. The baseline does the same with nothing spared and nothing checked: a row per fix, a
message per fix and client (`units_peers.Baseline`). The day is read over HTTP; its baseline is the way that every
program has: fetch all positions as GeoJSON and draw them.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gateway_process import GatewayProcess, Span, lag_ms
from benchmarks.measure import START_SECONDS, BenchmarkError, Child, Table, folder, percentile, ratio
from benchmarks.units_peers import EARLY, source
from gateway.base.rfc3339 import format_utc
from gateway.media.model import NS
from gateway.positions.blocks import encode
from gateway.positions.store import MINUTE_NS
from gateway.simulator.walk import Walk

UNITS, MAPS, PAGES = 500, 50, 10
SECONDS = 75
"""A whole minute at least, for its blocks are written at its end."""
LATE = 3.0
"""Seconds after which everything that was sent has come."""
LIVE, EVENTS = "/api/positions/live", "/api/events?fixes=together"
DAY = 86_400
ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one of both."""

    cpu: float
    """Share of a core."""
    sent: int
    kept: int
    least: int
    """Positions that the map got that got fewest."""
    lag_ms: float
    """99 of 100 positions were on the map so soon."""


def run() -> Table:
    """Measure and tell."""
    with folder() as path:
        theirs = _baseline(path)
    with folder() as path:
        own, loop_ms, cold, warm, whole, told = _gateway(path)
    about_cpu = (
        f"CPU of the whole process. The gateway's: NMEA by UDP, validated, stored, told to {MAPS} maps and, beside "
        f"them, {PAGES} pages; its event loop was at most {loop_ms:.0f} ms late, 99 of 100 times."
    )
    about_lag = (
        "The gateway waits a quarter of a second for what else a receiver says of a moment, and tells maps four times "
        "a second."
    )
    about_day = (
        f"A day of a unit, {DAY} positions, as {told['points']} points that are nowhere more than "
        f"{told['tolerance_m']} m off: {warm:.0f} ms, and {cold:.0f} ms for the first one, its file out of memory. "
        f"All of it as GeoJSON, to draw it oneself: {whole:.0f} ms."
    )
    return Table(
        f"{UNITS} units, a position a second each, {MAPS} maps",
        ("", "CPU, % of a core", "sent", "stored", "at the map that got fewest", "on the map, 99 of 100, ms"),
        [
            ("gateway", *_cells(own)),
            ("baseline: a row and a message to each client per position", *_cells(theirs)),
            ("gateway/baseline, cost", ratio(own.cpu, theirs.cpu), "", "", "", ""),
        ],
        (
            about_cpu,
            about_lag,
            "Baseline: the same datagrams, split at commas and believed, an INSERT each, a commit a second; no pages.",
            about_day,
        ),
    )


def _baseline(path: Path) -> Outcome:
    port = _free_port()
    with Child(sys.executable, "-m", "benchmarks.units_peers", "baseline") as server:
        url = server.ask({"path": str(path / "fixes.db"), "port": port})["url"]
        return _measured(server, port, url, {}, {"/positions": MAPS}, lambda: server.ask({})["kept"])


def _gateway(path: Path) -> tuple[Outcome, float, float, float, float, dict[str, float]]:
    port = _free_port()
    cameras = "\n".join(
        f'[[cameras]]\nid = "unit-{unit:03}"\nurl = "rtsp://127.0.0.1:9/none"\nconnect = "on_demand"\nrecord = false\n'
        f'position = "udp://127.0.0.1:{port}"\nposition_from = ["{source(unit)}"]'
        for unit in range(UNITS)
    )
    midnight = time.time_ns() // (DAY * NS) * DAY * NS - DAY * NS
    with GatewayProcess(path, record=False, more=cameras) as gateway:
        _fill_day(path / "data" / "positions.db", midnight)
        before = gateway.counters()
        accepted = before.total("sightline_fixes_total")
        headers = {"Authorization": f"Bearer {gateway.token}"}
        paths = {LIVE: MAPS, EVENTS: PAGES}
        own = _measured(gateway.child, port, gateway.url, headers, paths, lambda: _stored(gateway, midnight + DAY * NS))
        after = gateway.counters()
        if after.total("sightline_fixes_total") - accepted != own.sent:
            raise BenchmarkError("the gateway did not accept everything that was sent")
        interval = f"from={format_utc(midnight)}&to={format_utc(midnight + DAY * NS)}"
        call = f"/api/cameras/day/trajectory?{interval}"
        _forget(path / "data")
        cold, told = _timed(gateway, call)
        warm = statistics.median(_timed(gateway, call)[0] for _ in range(ROUNDS))
        whole, _ = _timed(gateway, f"/api/cameras/day/positions?{interval}&format=geojson")
        return own, lag_ms([Span(before, after)]), cold, warm, whole, told["properties"]


def _measured(
    server: Child, port: int, url: str, headers: dict[str, str], paths: dict[str, int], kept: Callable[[], int]
) -> Outcome:
    """Have units send and maps follow."""
    with (
        Child(sys.executable, "-m", "benchmarks.units_peers", "follow") as followers,
        Child(sys.executable, "-m", "benchmarks.units_peers", "send") as units,
    ):
        followers.ask({"url": url, "headers": headers, "paths": paths})
        units.ask({"port": port, "units": UNITS, "seconds": int(EARLY) + SECONDS})
        time.sleep(EARLY)
        began, cpu = time.monotonic(), server.cpu()
        time.sleep(SECONDS - EARLY)
        share = (server.cpu() - cpu) / (time.monotonic() - began)
        sent = json.loads(units.line(SECONDS + START_SECONDS))["sent"]
        time.sleep(LATE)
        told = followers.ask({})
        if told["closed"]:
            raise BenchmarkError(f"{told['closed']} of the maps were cut off")
        least = min(count[0] for count in told["counts"].values())
        return Outcome(share, sent, kept(), least, percentile(told["lags"], 0.99))


def _stored(gateway: GatewayProcess, since_ns: int) -> int:
    """What there is of each unit, asked of the interface that people have."""
    since = format_utc(since_ns)
    return sum(
        len(gateway.get(f"/api/cameras/unit-{unit:03}/positions?from={since}")["fixes"]) for unit in range(UNITS)
    )


def _fill_day(path: Path, midnight_ns: int) -> None:
    """A day of one unit, as the gateway writes it."""
    walk = Walk(3)
    rows = []
    for minute in range(midnight_ns // MINUTE_NS, midnight_ns // MINUTE_NS + DAY // 60):
        fixes = [walk.fix(minute * MINUTE_NS + second * NS) for second in range(60)]
        rows.append(("day", minute, encode(fixes)))
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        database.executemany("INSERT INTO fix_blocks (camera, minute, fixes) VALUES (?, ?, ?)", rows)


def _forget(folder: Path) -> None:
    """Have the system read the positions from the disk again."""
    for path in folder.glob("positions.db*"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _timed(gateway: GatewayProcess, call: str) -> tuple[float, Any]:
    """Milliseconds that a call takes, and its answer."""
    began = time.monotonic()
    answer = gateway.get(call)
    return 1e3 * (time.monotonic() - began), answer


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cells(outcome: Outcome) -> tuple[str, ...]:
    return (
        f"{100 * outcome.cpu:.1f}",
        f"{outcome.sent}",
        f"{outcome.kept}",
        f"{outcome.least}",
        f"{outcome.lag_ms:.0f}",
    )
