"""kill -9 in mid-recording of four cameras: every file plays, a second is lost at most, ledger and catalog agree."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.base.clock import SystemClock
from gateway.base.workers import Threads
from gateway.ledger.journal import Journals
from gateway.media.model import NS, GapReason
from gateway.recording.archive import Archive
from gateway.recording.catalog import Catalog
from gateway.recording.files import SystemFiles
from gateway.store.engine import open_catalog
from tests.ledger_agreement import disagreements
from tests.recording_rig import frames

ROOT = Path(__file__).resolve().parents[2]
CAMERAS = ("unit-1", "unit-2", "unit-3", "unit-4")
CHILD = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from gateway.base.clock import SystemClock
from gateway.base.workers import Threads
from gateway.hub import Hub
from gateway.ledger.journal import Journals
from gateway.media.model import NS
from gateway.recording.catalog import Catalog
from gateway.recording.files import SystemFiles
from gateway.recording.recorder import Recorder
from gateway.store.engine import open_catalog
from tests.media_samples import METADATA, VIDEO, stream

async def main(folder, *cameras):
    clock = SystemClock()
    catalog, files = Catalog(open_catalog(folder)), SystemFiles(folder / "recordings")
    journals, threads = Journals.open(folder, clock), Threads("disk", 4, together=8)
    hubs, tasks = [Hub(camera) for camera in cameras], []
    for hub in hubs:
        hub.open((VIDEO, METADATA))
        recorder = Recorder(hub, catalog, files, journals, threads, clock, rotate_ns=2 * NS)
        tasks.append(asyncio.create_task(recorder.run()))
    units = stream(60, size=4000)
    began, first = clock.utc_ns(), units[0].utc_ns
    for unit in units:
        at = began + unit.utc_ns - first
        await clock.sleep(max(0, at - clock.utc_ns()) / NS)
        for hub in hubs:
            hub.publish(replace(unit, utc_ns=at, received_ns=clock.utc_ns()))
        if unit is units[0]:
            print("live", flush=True)

asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
"""


@pytest.mark.timely
@pytest.mark.parametrize(
    "rounds", [1, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])], ids=["once", "50 times"]
)
async def test_kill_9_costs_a_second_at_most(tmp_path, rounds):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    files = SystemFiles(tmp_path / "recordings")
    files.root.mkdir()
    played: set[Path] = set()
    for number in range(1, rounds + 1):
        command = [sys.executable, "-c", CHILD, tmp_path, *CAMERAS]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"live\n"
            time.sleep(chance.uniform(1.5, 5.0))  # real time is what this test is about
            killed_ns = time.time_ns()
            child.send_signal(signal.SIGKILL)
        database, threads, clock = open_catalog(tmp_path), Threads("disk", 1), SystemClock()
        journals = Journals.open(tmp_path, clock)
        try:
            archive = Archive(files.root, Catalog(database), journals, threads, clock)
            report = await archive.adopt()
            assert (report.strange, report.missing, report.changed) == ({}, [], {}), f"seed {seed}"
            for camera in CAMERAS:
                spans = await archive.catalog.recordings(camera, None, None)
                gaps = await archive.catalog.gaps(camera, None, None)
                assert killed_ns - spans[-1].end_ns < NS, f"seed {seed}"
                assert len(spans) == number, f"seed {seed}: {spans}"
                assert [(gap.start_ns, gap.end_ns) for gap in gaps] == [
                    (before.end_ns, after.start_ns) for before, after in itertools.pairwise(spans)
                ], f"seed {seed}"
                assert {gap.reason for gap in gaps} <= {GapReason.RESTART}
                assert await disagreements(journals, archive.catalog, files, camera) == [], f"seed {seed}"
            assert await archive.check() == [], f"seed {seed}"
        finally:
            threads.close()
            journals.close()
            database.close()
        for path in set(files.root.rglob("*.mp4")) - played:
            assert frames(path), f"seed {seed}"
            played.add(path)
