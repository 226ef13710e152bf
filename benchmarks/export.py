"""Exports beside `ffmpeg -c copy -movflags +faststart`: ten minutes of recordings into one file, by turns.

Both read the same Segments. The gateway also hashes what it writes and has it on the disk itself before it is done;
ffmpeg does neither. Memory is that of a process that does nothing else.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import statistics
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import BenchmarkError, Ratio, Table, folder
from gateway.media.model import NS, AccessUnit
from gateway.recording.faststart import write_faststart
from gateway.recording.footage import Footage
from tests.filmed import Film
from tests.media_samples import PCMU, unit
from tests.painted import painted

SECONDS = 600
ROUNDS = 5
PICTURES_PER_SECOND = 30
GROUP_SECONDS = 2
"""From keyframe to keyframe."""
KBITS = (1000, 4000)


def run() -> Table:
    if shutil.which("ffmpeg") is None:
        raise BenchmarkError("ffmpeg is not installed")
    rows = []
    for kbits in KBITS:
        with folder() as path:
            rows.append(_measured(path, kbits))
    return Table(
        "Ten minutes as one faststart MP4, nothing transcoded",
        ("what", "Sightline", "ffmpeg", "speed by ffmpeg's", "peak memory, ours"),
        rows,
        (
            f"mean of {ROUNDS} rounds by turns, wall clock; ours with SHA-256 and fsync, ffmpeg's with its start",
            "memory: what the work added to a process that has Python and the gateway's modules loaded",
        ),
    )


def _measured(path: Path, kbits: int) -> tuple[str, ...]:
    film = Film(path).record(_filmed(kbits))
    footage = film.footage()
    (path / "list").write_text("".join(f"file '{path / piece.path}'\n" for piece in footage.pieces))
    ours, theirs = [], []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        size = write_faststart(footage, film.files, path / "ours.mp4").size
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", path / "list", "-map", "0",
             "-c", "copy", "-movflags", "+faststart", path / "theirs.mov"], check=True,
        )  # fmt: skip
        theirs.append(time.perf_counter() - began)
        if abs((path / "theirs.mov").stat().st_size / size - 1) > 0.05:
            raise BenchmarkError("the two files are not of the same media")
        (path / "ours.mp4").unlink()
    ratio = Ratio(theirs[1:], ours[1:])  # of times, the other way round: a speed
    return (
        f"{size / 1e6:.0f} MB, {kbits} kbit/s of video, G.711", f"{statistics.fmean(ours[1:]):.2f} s",
        f"{statistics.fmean(theirs[1:]):.2f} s", str(ratio), f"{_memory(footage, film, path):.0f} MB",
    )  # fmt: skip


def _filmed(kbits: int) -> list[AccessUnit]:
    """Pictures that can be decoded, brought to one rate with filler data (ITU-T H.264 7.4.2.7), and sound, by time."""
    wanted = kbits * 1000 // 8 // PICTURES_PER_SECOND
    group = []
    for one in painted(GROUP_SECONDS, rate=PICTURES_PER_SECOND, gop=GROUP_SECONDS * PICTURES_PER_SECOND):
        filler = b"\x0c" + b"\xff" * max(1, wanted - one.size) + b"\x80"
        group.append(replace(one, nals=(*one.nals, filler), size=one.size + len(filler)))
    sound = unit(PCMU, 0, payload=bytes(160))
    units = [_at(one, seconds) for seconds in range(0, SECONDS, GROUP_SECONDS) for one in group]
    units += [_at(sound, number / 50) for number in range(SECONDS * 50)]
    return sorted(units, key=lambda one: one.received_ns)


def _at(one: AccessUnit, seconds: float) -> AccessUnit:
    ticks, ns = round(seconds * one.track.clock_rate), round(seconds * NS)
    return replace(
        one, pts=one.pts + ticks, dts=one.dts + ticks, utc_ns=one.utc_ns + ns, received_ns=one.received_ns + ns
    )


def _memory(footage: Footage, film: Film, path: Path) -> float:
    """MB by which the work raised the peak of a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_grown, (footage, film, path))


def _grown(footage: Footage, film: Film, path: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_faststart(footage, film.files, path / "memory.mp4")
    (path / "memory.mp4").unlink()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6
