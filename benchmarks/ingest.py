"""What it costs to read and record cameras, beside one ffmpeg for each that copies the stream into fragmented MP4.

Both read the same cameras by RTSP over TCP and write to the same disk, in turns: the gateway is told to watch them
(SIGHUP), then to watch none while ffmpeg records, and again. What starting costs is left out on both sides.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway_process import GatewayProcess, Span, lag_ms
from benchmarks.measure import START_SECONDS, BenchmarkError, Child, Ratio, Table, folder

ROUNDS = {1: 2, 20: 2, 100: 1}
"""Cameras -> rounds."""
SETTLE_SECONDS = 1.5
PERIOD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """How the gateway was, over all its turns."""

    fps: float
    """Frames published for each camera and second."""
    lag_ms: float
    """99th percentile, the upper bound of its bucket."""
    lost: int
    """RTP packets that never came, by their numbers."""
    gaps: int
    recorded_mbit: float
    """For each camera and second."""
    camera_mb: float
    """Resident memory that each camera added, at the end of a turn: the ring still grows."""


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU ms for each camera and second, turn by turn; `idle` for each second of a gateway without cameras."""

    gateway: list[float] = field(default_factory=list)
    ffmpeg: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)


def run() -> Table:
    """Measure and tell."""
    rows: list[tuple[str, ...]] = []
    idle: list[float] = []
    mean = statistics.fmean
    for cameras, rounds in ROUNDS.items():
        with folder() as path, Child(sys.executable, "-m", "benchmarks.camera", str(cameras)) as source:
            urls = json.loads(source.line())["urls"]
            with GatewayProcess(path, record=True) as gateway:
                costs, health = _take_turns(gateway, urls, rounds, path)
        idle += costs.idle
        rows.append(
            (
                str(cameras),
                f"{mean(costs.gateway):.2f}",
                f"{mean(costs.ffmpeg):.2f}",
                str(Ratio(costs.gateway, costs.ffmpeg)),
                f"{health.recorded_mbit:.2f}",
                f"{health.fps:.1f}",
                f"{health.lost}",
                f"{health.gaps}",
                f"{health.lag_ms:.0f}",
                f"{health.camera_mb:.1f}",
            )
        )
    return Table(
        "Reading and recording cameras",
        (
            "cameras",
            "gateway ms",
            "ffmpeg ms",
            "gateway/ffmpeg",
            "Mbit/s recorded",
            "frames/s",
            "packets lost",
            "gaps",
            "lag p99 <= ms",
            "MB a camera",
        ),
        rows,
        (
            "ms: CPU for each camera and second, all threads. Ratio below 1: the gateway is cheaper; (its range).",
            "Baseline: ffmpeg -rtsp_transport tcp -i URL -c copy -f mp4 -movflags frag_keyframe, one process a camera.",
            "The columns from Mbit/s on are the gateway's; frames and Mbit are for each camera and second.",
            f"The gateway itself, running without cameras: {mean(idle):.1f} ms a second. It is part of its figures.",
            f"MB: resident memory by the end of a turn of {PERIOD_SECONDS:.0f} s. The ring, for a quick start,",
            "goes on growing to 30 s: 3.75 MB at this bit rate.",
        ),
    )


def _take_turns(gateway: GatewayProcess, urls: Mapping[str, str], rounds: int, path: Path) -> tuple[Costs, Health]:
    costs = Costs()
    spans: list[Span] = []
    gaps, grown = 0, 0.0
    for number in range(rounds):
        resident = gateway.child.resident_mb()
        gateway.watch(urls)
        time.sleep(SETTLE_SECONDS)
        began = dt.datetime.now(dt.UTC)
        before = gateway.counters()
        with _cpu_ms([gateway.child], costs.gateway, cameras=len(urls)):
            time.sleep(PERIOD_SECONDS)
        spans.append(Span(before, gateway.counters()))
        gaps += gateway.gaps(urls, began)
        grown = max(grown, gateway.child.resident_mb() - resident)
        gateway.watch({})
        with (
            _ffmpeg(urls, path / f"ffmpeg-{number}") as children,
            _cpu_ms(children, costs.ffmpeg, cameras=len(urls)),
            _cpu_ms([gateway.child], costs.idle),
        ):
            time.sleep(PERIOD_SECONDS)
    camera_seconds = sum(span.seconds for span in spans) * len(urls)
    health = Health(
        fps=sum(span.total("sightline_camera_units_total") for span in spans) / camera_seconds,
        lag_ms=lag_ms(spans),
        lost=round(sum(span.total("sightline_camera_packets_lost_total") for span in spans)),
        gaps=gaps,
        recorded_mbit=sum(span.total("sightline_recorded_bytes_total") for span in spans) * 8 / 1e6 / camera_seconds,
        camera_mb=grown / len(urls),
    )
    return costs, health


@contextlib.contextmanager
def _ffmpeg(urls: Mapping[str, str], path: Path) -> Iterator[list[Child]]:
    """One process a camera, all recording. It writes 256 KiB at a time: the file says when it does."""
    path.mkdir()
    files = [path / f"{name}.mp4" for name in urls]
    with contextlib.ExitStack() as stack:
        children = [
            stack.enter_context(
                Child(
                    *("ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url),
                    *("-c", "copy", "-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof", file),
                )
            )
            for url, file in zip(urls.values(), files, strict=True)
        ]
        until = time.monotonic() + START_SECONDS + len(urls) / 2
        while not all(file.exists() and file.stat().st_size > 10_000 for file in files):
            for child in children:
                child.check()
            if time.monotonic() > until:
                raise BenchmarkError("ffmpeg does not record every camera")
            time.sleep(0.2)
        yield children


@contextlib.contextmanager
def _cpu_ms(children: list[Child], into: list[float], *, cameras: int = 1) -> Iterator[None]:
    """Append to `into` the CPU ms for each camera and second that `children` use within the block."""
    start, before = time.monotonic(), sum(child.cpu() for child in children)
    yield
    after, end = sum(child.cpu() for child in children), time.monotonic()
    into.append((after - before) * 1e3 / (end - start) / cameras)
