"""Exports as people get them, beside `ffmpeg -c copy -movflags +faststart`, and the memory that a whole day takes.

Both read the same ten minutes, by turns. Ours goes through the queue, the audit, a hold and a worker process that has
to start; it is hashed, and on the disk itself before it is done. ffmpeg has none of that, and steps back as far as the
worker does.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from benchmarks.measure import BenchmarkError, Ratio, Table, folder
from benchmarks.recorded import record
from gateway.access.audit import Audit
from gateway.access.authority import Authority
from gateway.access.privacy import PrivacyModes
from gateway.base.clock import SystemClock
from gateway.base.policy import Policy
from gateway.base.workers import Threads
from gateway.evidence.export import Export, ExportRequest, Kind, Status
from gateway.evidence.export_worker import NICENESS
from gateway.evidence.jobs import Exports
from gateway.evidence.making import Making
from gateway.evidence.parts import ExportParts
from gateway.ledger.journal import Journals
from gateway.media.model import NS
from gateway.positions.store import PositionStore
from gateway.recording.archive import RECORDINGS, Archive
from gateway.recording.catalog import Catalog
from gateway.recording.clip import EVERYTHING, cut
from gateway.recording.download import Download
from gateway.recording.files import SystemFiles
from gateway.recording.footage import Footage
from gateway.recording.holds import Holds
from gateway.store.engine import open_catalog, open_positions
from tests.filmed import CAMERA
from tests.media_samples import T0

MINUTES, DAY_MINUTES = 10, 1440
ROUNDS = 5
KBITS = (1000, 4000)
LOOK_SECONDS = 0.02


def run() -> Table:
    """Measure and tell."""
    if shutil.which("ffmpeg") is None:
        raise BenchmarkError("ffmpeg is not installed")
    rows = []
    for kbits in KBITS:
        with folder() as path:
            record(path, MINUTES, kbits)
            rows.append(asyncio.run(_beside_ffmpeg(path, kbits)))
    with folder() as path:
        record(path, DAY_MINUTES)
        rows += asyncio.run(_of_a_day(path))
    return Table(
        "Ten minutes and a day as one faststart MP4, nothing transcoded",
        ("what", "Sightline", "ffmpeg", "speed by ffmpeg's", "peak memory, ours"),
        rows,
        (
            f"mean of {ROUNDS} rounds by turns, wall clock, from the question to the finished job",
            "memory: all that the worker process has in RAM, libraries included; of the download what it adds",
        ),
    )


async def _beside_ffmpeg(path: Path, kbits: int) -> tuple[str, ...]:
    files = sorted((path / RECORDINGS).rglob("*.mp4"))
    (path / "list").write_text("".join(f"file '{file}'\n" for file in files))
    ours, theirs, peaks = [], [], []
    async with _exports(path) as exports:
        for _ in range(ROUNDS + 1):
            began = time.perf_counter()
            export, peak = await _made(exports, MINUTES, Kind.VIDEO)
            ours.append(time.perf_counter() - began)
            size = max(file.size for file in export.files)
            await exports.cancel_or_remove(export.id, actor="benchmark", address="")
            began = time.perf_counter()
            await asyncio.to_thread(_ffmpeg, path)
            theirs.append(time.perf_counter() - began)
            peaks.append(peak)
            if abs((path / "theirs.mov").stat().st_size / size - 1) > 0.05:
                raise BenchmarkError("the two files are not of the same media")
    ratio = Ratio(theirs[1:], ours[1:])  # of times, the other way round: a speed
    return (
        f"{size / 1e6:.0f} MB, {kbits} kbit/s of video, G.711", f"{statistics.fmean(ours[1:]):.2f} s",
        f"{statistics.fmean(theirs[1:]):.2f} s", str(ratio), f"{max(peaks):.0f} MB",
    )  # fmt: skip


def _ffmpeg(path: Path) -> None:
    subprocess.run(
        ["nice", "-n", str(NICENESS), "ffmpeg", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", path / "list",
         "-map", "0:v", "-map", "0:a", "-c", "copy", "-movflags", "+faststart", path / "theirs.mov"], check=True,
    )  # fmt: skip


async def _of_a_day(path: Path) -> list[tuple[str, ...]]:
    rows = []
    async with _exports(path) as exports:
        for kind, text in ((Kind.VIDEO, "export"), (Kind.PACKAGE, "evidence package")):
            began = time.perf_counter()
            export, peak = await _made(exports, DAY_MINUTES, kind)
            took, size = time.perf_counter() - began, max(file.size for file in export.files)
            await exports.cancel_or_remove(export.id, actor="benchmark", address="")
            rows.append((f"a day, {size / 1e6:.0f} MB: {text}", f"{took:.0f} s", "", "", f"{peak:.0f} MB"))
    footage = await _footage(path)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        size, took, grown = await asyncio.to_thread(pool.apply, _downloaded, (footage, path / RECORDINGS))
    return [*rows, (f"a day, {size / 1e6:.0f} MB: download", f"{took:.0f} s", "", "", f"{grown:.0f} MB")]


@asynccontextmanager
async def _exports(data_dir: Path) -> AsyncIterator[Exports]:
    """The queue of a gateway that does nothing else."""
    clock, threads = SystemClock(), Threads("disk", 4)
    with (
        closing(threads),
        closing(open_catalog(data_dir)) as database,
        closing(open_positions(data_dir)) as places,
        closing(Journals.open(data_dir, clock)) as journals,
    ):
        audit = Audit(database, clock)
        archive = Archive(data_dir / RECORDINGS, Catalog(database), journals, threads, clock)
        privacy = PrivacyModes(database, audit, clock, Authority(Policy()))
        positions = PositionStore(places, clock)
        parts = ExportParts(data_dir, database, archive, positions, privacy, threads, clock, lambda camera: camera)
        making = Making(parts, Holds(database, audit, clock), keep_free=lambda _: 0)
        exports = Exports(
            database, audit, clock, data_dir / "exports", making,
            keep_seconds=lambda: DAY_MINUTES * 60, believed_ns=clock.utc_ns,
        )  # fmt: skip
        await exports.load()
        running = asyncio.create_task(exports.run())
        try:
            yield exports
        finally:
            running.cancel()
            await exports.close()


async def _made(exports: Exports, minutes: int, kind: Kind) -> tuple[Export, float]:
    """An export of the first `minutes`, and the most MB that its worker had."""
    over, everything = asyncio.Event(), frozenset({CAMERA})
    exports.on_changed[:] = [lambda export: over.set() if export.status.over else None]
    with _Watch() as watch:
        asked = await exports.ask(
            ExportRequest(
                (CAMERA,), T0, T0 + minutes * 60 * NS, "benchmark", "", kind, sound=everything, positions=everything
            )
        )
        await over.wait()
    export = exports.export(asked.id)
    if export.status is not Status.DONE:
        raise BenchmarkError(f"the export failed: {export.error}")
    return export, watch.peak


class _Watch:
    """Looks how much memory the worker has, as long as the context lasts."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch")

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        while not self._over.wait(LOOK_SECONDS):
            for pid in children.read_text().split():
                with suppress(OSError):
                    if b"export_worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        said = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2]
                        self.peak = max(self.peak, int(said.split()[0]) * 1024 / 1e6)


async def _footage(data_dir: Path) -> Footage:
    clock, threads = SystemClock(), Threads("disk", 1)
    with (
        closing(threads),
        closing(open_catalog(data_dir)) as database,
        closing(Journals.open(data_dir, clock)) as journals,
    ):
        archive = Archive(data_dir / RECORDINGS, Catalog(database), journals, threads, clock)
        return await archive.footage(CAMERA, T0, T0 + DAY_MINUTES * 60 * NS)


def _downloaded(footage: Footage, recordings: Path) -> tuple[int, float, float]:
    """In a process of its own: bytes, seconds, and MB by which it grew."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    files = SystemFiles(recordings)
    download = Download(cut(footage, files), files, EVERYTHING)
    size = sum(map(len, download.blocks(0, download.size)))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6
    return size, time.perf_counter() - began, grown
