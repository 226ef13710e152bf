"""What it costs to hand a camera to NVRs by RTSP, beside relays that others wrote.

The gateway and each relay that is installed (go2rtc, MediaMTX) read the same camera and send it over TCP to the same
counting readers (`rtsp_reader_process`), in turns. The gateway also proves who reads, and writes each view down.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass

from benchmarks.gateway_process import GatewayProcess
from benchmarks.go_servers import Served, go2rtc, mediamtx
from benchmarks.measure import BenchmarkError, Child, Table, folder, percentile, ratio

MBIT = 4.0
READERS = (10, 100)
ROUNDS = 2
SETTLE_SECONDS = 4.0
"""Past the burst that every reader of the gateway starts with."""
PERIOD_SECONDS = 6.0
CAMERA = "cam-00"
NVR, PASSWORD = "nvr", "correct horse battery"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side spent and sent in one turn."""

    reader_ms: float
    """CPU for each reader and second."""
    packet_us: float
    keyframe_ms: list[float]
    """From connecting, of each reader."""
    lost: int
    reader_mb: float
    """Resident memory that each reader added."""


def run() -> Table:
    """Measure and tell."""
    turns: dict[tuple[str, int], list[Turn]] = {}
    installed = [name for name in ("go2rtc", "mediamtx") if shutil.which(name)]
    camera = (sys.executable, "-m", "benchmarks.camera", "1", "--mbit", str(MBIT), "--size", "1280x720")
    with folder() as path, Child(*camera) as source:
        urls = json.loads(source.line(60))["urls"]
        with GatewayProcess(path, record=False) as gateway:
            gateway.watch(urls)
            gateway.post("/api/users", {"name": NVR, "role": "nvr", "password": PASSWORD})
            own = Served(gateway.child, gateway.url, f"rtsp://127.0.0.1:{gateway.rtsp_port}")
            for count in READERS:
                for number in range(ROUNDS):
                    others = {
                        "gateway": nullcontext(own),
                        "go2rtc": go2rtc(path / f"go2rtc-{count}-{number}", urls),
                        "mediamtx": mediamtx(path / f"mediamtx-{count}-{number}", urls, record=False),
                    }
                    for name in ("gateway", *installed):
                        with others[name] as served:
                            turns.setdefault((name, count), []).append(take_turn(served, count))
    return Table(
        f"Handing one camera of {MBIT:g} Mbit/s to NVRs by RTSP over TCP",
        ("readers", "ms a reader-second", "it/gateway", "us a packet", "keyframe ms, median", "worst", "lost", "MB"),
        [_row(name, count, turns[name, count], turns["gateway", count]) for name, count in sorted(turns, key=_order)],
        (
            "ms: CPU for each reader and second, reading the camera included. us: for each RTP packet sent.",
            "it/gateway: how many times the gateway's cost; above 1, it is dearer. MB: what each reader adds.",
            "keyframe: from connecting to its first packet. They come 20 ms apart, at any moment of a GOP of 2 s.",
            "Baselines: go2rtc and MediaMTX, as far as they are on the PATH, without log-ins.",
        ),
    )


def take_turn(served: Served, count: int) -> Turn:
    """Have `count` readers come and read for a while."""
    server = served.child
    resident = server.resident_mb()
    with Child(sys.executable, "-m", "benchmarks.rtsp_reader_process") as readers:
        order = {"url": f"{served.rtsp}/{CAMERA}", "user": NVR, "password": PASSWORD, "count": count}
        if failures := readers.ask(order, timeout=60 + count)["failures"]:
            raise BenchmarkError(f"{len(failures)} readers of {served.rtsp} failed: {failures[0]}")
        time.sleep(SETTLE_SECONDS)
        before = readers.ask("so far")
        start, cpu = time.monotonic(), server.cpu()
        time.sleep(PERIOD_SECONDS)
        seconds, cpu = time.monotonic() - start, server.cpu() - cpu
        after = readers.ask("so far")
        grown = server.resident_mb() - resident
    return Turn(
        reader_ms=cpu * 1e3 / seconds / count,
        packet_us=cpu * 1e6 / max(1, after["packets"] - before["packets"]),
        keyframe_ms=after["keyframe_ms"],
        lost=after["lost"] + count - after["playing"],
        reader_mb=grown / count,
    )


def _row(name: str, count: int, turns: list[Turn], own: list[Turn]) -> tuple[str, ...]:
    ms, ours = (statistics.fmean(turn.reader_ms for turn in some) for some in (turns, own))
    keyframes = [value for turn in turns for value in turn.keyframe_ms]
    return (
        f"{name}, {count}",
        f"{ms:.3f}",
        ratio(ms, ours),
        f"{statistics.fmean(turn.packet_us for turn in turns):.2f}",
        f"{statistics.median(keyframes):.0f}",
        f"{percentile(keyframes, 1):.0f}",
        str(sum(turn.lost for turn in turns)),
        f"{turns[0].reader_mb:.2f}",
    )


def _order(key: tuple[str, int]) -> tuple[int, str]:
    return key[1], "" if key[0] == "gateway" else key[0]
