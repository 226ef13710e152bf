"""A thousand sessions that were opened and closed leave nothing behind, and those that just vanish are gone soon."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gateway_process import GatewayProcess
from benchmarks.measure import Child

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

ROUNDS = 10
VIEWERS = 100
"""In each round."""
GONE_SECONDS = 30.0
MOST_GROWN_MB = 10.0


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def watching(gateway: GatewayProcess) -> Child:
    """Viewers that all have a connection. The caller ends them."""
    viewers = Child(sys.executable, "-m", "benchmarks.viewer_process")
    login = {"Authorization": f"Bearer {gateway.token}"}
    whep = f"{gateway.url}/api/cameras/cam-00/whep"
    viewers.ask({"url": whep, "headers": login, "count": VIEWERS, "gro": True}, timeout=120)
    return viewers


def test_nothing_remains(tmp_path: Path, record_property) -> None:
    with (
        Child(sys.executable, "-m", "benchmarks.camera", "1") as source,
        GatewayProcess(tmp_path, record=False) as gateway,
    ):
        gateway.watch(json.loads(source.line(60))["urls"])
        sizes: list[tuple[float, int]] = []
        for _ in range(ROUNDS):
            with watching(gateway) as viewers:
                assert gateway.counters().total("sightline_viewers") == VIEWERS
                viewers.finish()
            assert gateway.counters().total("sightline_viewers") == 0
            sizes.append((gateway.child.resident_mb(), open_files(gateway.child.pid)))
        with watching(gateway):
            pass  # their process is ended, and they cannot say goodbye
        vanished = time.monotonic()
        while gateway.counters().total("sightline_viewers"):
            assert time.monotonic() - vanished < GONE_SECONDS
            time.sleep(0.5)
        vanished = time.monotonic() - vanished
    record_property("MB and open files after each round", sizes)
    record_property("gone after s", round(vanished, 1))
    print(sizes, vanished)
    # What the allocator keeps is there after the first rounds.
    assert sizes[-1][0] - sizes[2][0] < MOST_GROWN_MB
    assert sizes[-1][1] - sizes[2][1] < VIEWERS / 10, "one connection more or less of HTTP is no leak"
