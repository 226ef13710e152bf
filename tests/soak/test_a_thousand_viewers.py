"""A thousand people watch one camera, and nobody else notices: it and twenty others are recorded without a flaw.

The gateway, the cameras and the viewers are processes of their own, as in the benchmarks. SOAK_VIEWERS and
SOAK_SECONDS change how many watch, and for how long.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.gateway_process import GatewayProcess, Span, lag_ms
from benchmarks.measure import Child, busy_seconds
from benchmarks.whep_viewer import OVERHEAD
from gateway.media.model import NS
from gateway.store.engine import open_catalog
from gateway.store.tables import segments

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

VIEWERS = int(os.environ.get("SOAK_VIEWERS", "1000"))
SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
OTHERS = 20
FPS = 30
LOST = "sightline_camera_packets_lost_total"
MOST_LAG_MS = 20
MOST_LOST_PERCENT = 1.0
WATCHED = ("-m", "benchmarks.camera", "1", "--mbit", "4", "--size", "1280x720")


def cameras(source: Child, prefix: str) -> tuple[dict[str, str], float]:
    """URLs by id, and the bits a second of each."""
    told = json.loads(source.line(60))
    urls = {f"{prefix}-{number:02d}": url for number, url in enumerate(told["urls"].values())}
    return urls, told["bits_per_second"]


async def missing_frames(data_dir: Path) -> dict[str, int]:
    """Of each camera: how many frames fewer its one recording has than its length takes."""
    database = open_catalog(data_dir)
    try:
        rows = await database.read(lambda c: c.execute(select(segments)).all())
    finally:
        database.close()
    missing = {}
    for camera in {row.camera for row in rows}:
        own = [row for row in rows if row.camera == camera]
        assert len({row.recording_id for row in own}) == 1, f"{camera} was interrupted"
        seconds = (max(row.end_ns for row in own) - min(row.start_ns for row in own)) / NS
        missing[camera] = round(seconds * FPS) - sum(track["units"] for row in own for track in row.tracks)
    return missing


def test_the_recording_misses_nothing_and_the_loop_is_on_time(tmp_path: Path, record_property) -> None:
    with (
        Child(sys.executable, *WATCHED) as one,
        Child(sys.executable, "-m", "benchmarks.camera", str(OTHERS)) as others,
        GatewayProcess(tmp_path, record=True) as gateway,
        Child(sys.executable, "-m", "benchmarks.viewer_process") as viewers,
    ):
        watched, rate = cameras(one, "watched")
        urls = watched | cameras(others, "other")[0]
        gateway.watch(urls)
        time.sleep(3)  # past the first seconds, in which connections and files are opened
        began, idle_mb = dt.datetime.now(dt.UTC), gateway.child.resident_mb()
        before = gateway.counters()
        opening = time.monotonic()
        login = {"Authorization": f"Bearer {gateway.token}"}
        whep = f"{gateway.url}/api/cameras/watched-00/whep"
        answer = viewers.ask({"url": whep, "headers": login, "count": VIEWERS, "gro": True}, timeout=60 + VIEWERS / 4)
        opened = time.monotonic() - opening
        ours = (gateway.child, viewers, one, others)
        at_work, first = gateway.counters(), viewers.ask("so far")
        busy, cpus = busy_seconds(), [child.cpu() for child in ours]
        time.sleep(SECONDS)
        after, last = gateway.counters(), viewers.ask("so far")
        cpus = [child.cpu() - cpu for child, cpu in zip(ours, cpus, strict=True)]
        busy = busy_seconds() - busy - sum(cpus)
        busy_mb = gateway.child.resident_mb()
        viewers.finish()
        gaps = gateway.gaps(urls, began)
    joining, watching = Span(before, at_work), Span(at_work, after)
    packets, lost, octets = (last[name] - first[name] for name in ("packets", "lost", "bytes"))
    cpu, elsewhere = cpus[0], busy / watching.seconds
    told = {
        "viewers": VIEWERS,
        "receiving": last["receiving"],
        "opened in s": round(opened, 1),
        "failed attempts": answer["failures"],
        "whole %": round(100 * (octets - OVERHEAD * packets) * 8 / watching.seconds / VIEWERS / rate, 1),
        "lost %": round(100 * lost / (packets + lost), 3),
        "us a packet": round(cpu * 1e6 / (packets + lost), 2),
        "core %": round(100 * cpu / watching.seconds),
        "viewers' core %": round(100 * cpus[1] / watching.seconds),
        "core % of others on the machine": round(100 * elsewhere),
        "lag p99 ms": lag_ms([watching]),
        "lag p99 ms while they joined": lag_ms([joining]),
        "packets lost by the recording": joining.total(LOST) + watching.total(LOST),
        "gaps": gaps,
        "MB a viewer": round((busy_mb - idle_mb) / VIEWERS, 2),
    }
    for name, value in told.items():
        record_property(name, value)
    print(told)
    assert told["receiving"] == VIEWERS
    assert len(answer["failures"]) <= VIEWERS / 200
    assert (told["packets lost by the recording"], gaps) == (0, 0)
    missing = asyncio.run(missing_frames(tmp_path / "data"))
    assert missing == dict.fromkeys(urls, 0), "frames that are not in the recording"
    assert told["lag p99 ms"] <= MOST_LAG_MS
    assert told["lost %"] < MOST_LOST_PERCENT
    if elsewhere < 0.2:  # else what the viewers miss is the machine's fault
        assert told["whole %"] > 100 - MOST_LOST_PERCENT
