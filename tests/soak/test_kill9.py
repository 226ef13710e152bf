"""kill -9 in mid-recording: every file plays, at most a second of media is missing, catalog and disk agree."""

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
from gateway.store.engine import open_catalog
from tests.recording_rig import CAMERA, frames

ROOT = Path(__file__).resolve().parents[2]
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

async def main(folder):
    clock, hub = SystemClock(), Hub("unit-12")
    hub.open((VIDEO, METADATA))
    catalog = Catalog(open_catalog(folder))
    recorder = Recorder(
        hub, catalog, SystemFiles(folder / "recordings"), Journals.open(folder, clock), Threads("disk", 2), clock,
        rotate_ns=2 * NS,
    )
    asyncio.get_running_loop().create_task(recorder.run())
    units = stream(60, size=4000)
    began, first = clock.utc_ns(), units[0].utc_ns
    for unit in units:
        at = began + unit.utc_ns - first
        await clock.sleep(max(0, at - clock.utc_ns()) / NS)
        hub.publish(replace(unit, utc_ns=at, received_ns=clock.utc_ns()))
        if unit is units[0]:
            print("live", flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.soak)])
async def test_kill_9_costs_a_second_at_most(tmp_path, rounds):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    (tmp_path / "recordings").mkdir()
    for number in range(1, rounds + 1):
        with subprocess.Popen([sys.executable, "-c", CHILD, tmp_path], cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"live\n"
            time.sleep(chance.uniform(1.5, 5.0))  # real time is what this test is about
            killed_ns = time.time_ns()
            child.send_signal(signal.SIGKILL)
        database, threads = open_catalog(tmp_path), Threads("disk", 1)
        try:
            archive = Archive(
                tmp_path / "recordings",
                Catalog(database),
                Journals.open(tmp_path, SystemClock()),
                threads,
                SystemClock(),
            )
            report = await archive.adopt()
            assert report.strange == {}, f"seed {seed}"
            assert report.missing == [], f"seed {seed}"
            spans = await archive.catalog.recordings(CAMERA, None, None)
            gaps = await archive.catalog.gaps(CAMERA, None, None)
            assert killed_ns - spans[-1].end_ns < NS, f"seed {seed}"
            assert len(spans) == number
            assert [(gap.start_ns, gap.end_ns) for gap in gaps] == [
                (before.end_ns, after.start_ns) for before, after in itertools.pairwise(spans)
            ], f"seed {seed}"
            assert {gap.reason for gap in gaps} <= {GapReason.RESTART}
            assert await archive.check() == [], f"seed {seed}"
        finally:
            threads.close()
            database.close()
    for path in (tmp_path / "recordings").rglob("*.mp4"):
        assert frames(path)
