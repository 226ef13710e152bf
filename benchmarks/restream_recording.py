"""Whether the recording of a camera and of twenty others notices a hundred NVRs who read that camera.

The gateway records all of them, first alone and then with the readers, who come 20 ms apart and read over TCP
(`rtsp_reader_process`). MediaMTX, where it is installed, does the same in its turn; go2rtc does not record.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Mapping

from benchmarks.gateway_process import GatewayProcess, Span, lag_ms
from benchmarks.go_servers import Served, mediamtx
from benchmarks.measure import Child, Table, folder, percentile
from benchmarks.restream import MBIT, NVR, PASSWORD, take_turn

OTHERS = 20
READERS = 100
SETTLE_SECONDS = 5.0
ALONE_SECONDS = 10.0
NOT_TOLD = "-"


def run() -> Table:
    """Measure and tell."""
    camera = (sys.executable, "-m", "benchmarks.camera")
    read = Child(*camera, "1", "--mbit", str(MBIT), "--size", "1280x720")
    with folder() as path, read, Child(*camera, str(OTHERS)) as beside:
        others = json.loads(beside.line(60))["urls"]
        urls = json.loads(read.line(60))["urls"] | {f"beside-{name}": url for name, url in others.items()}
        with GatewayProcess(path, record=True) as gateway:
            rows = [*_gateway(gateway, urls)]
            gateway.watch({})
        if shutil.which("mediamtx"):
            with mediamtx(path / "mediamtx", urls, record=True) as served:
                rows.append(("mediamtx", "0", f"{_alone(served.child):.0f}", *[NOT_TOLD] * 6))
                rows.append(("mediamtx", *_readers(served), *[NOT_TOLD] * 3))
    return Table(
        f"NVRs that read a camera of {MBIT:g} Mbit/s, while it and {OTHERS} others of 1 Mbit/s are recorded",
        (
            *("", "readers", "ms a second", "lost to them", "keyframe ms, median", "worst"),
            *("lost of cameras", "gaps", "lag p99 <= ms"),
        ),
        rows,
        (
            "ms: CPU of the server in each second, for all that it does. Lost: RTP packets, by their numbers.",
            "keyframe: from connecting to its first packet. The columns after it are read from the gateway's counters",
            "and catalog, from before the first reader connects on.",
        ),
    )


def _gateway(gateway: GatewayProcess, urls: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """What it tells of itself, alone and with the readers."""
    gateway.watch(urls)
    gateway.post("/api/users", {"name": NVR, "role": "nvr", "password": PASSWORD})
    served = Served(gateway.child, gateway.url, f"rtsp://127.0.0.1:{gateway.rtsp_port}")
    time.sleep(SETTLE_SECONDS)
    for readers in (0, READERS):
        began, before = dt.datetime.now(dt.UTC), gateway.counters()
        measured = _readers(served) if readers else ("0", f"{_alone(served.child):.0f}", *[NOT_TOLD] * 3)
        span = Span(before, gateway.counters())
        yield (
            "gateway",
            *measured,
            f"{span.total('sightline_camera_packets_lost_total'):.0f}",
            str(gateway.gaps(urls, began)),
            f"{lag_ms([span]):.0f}",
        )


def _alone(server: Child) -> float:
    """CPU ms in each second, without readers."""
    start, cpu = time.monotonic(), server.cpu()
    time.sleep(ALONE_SECONDS)
    return (server.cpu() - cpu) * 1e3 / (time.monotonic() - start)


def _readers(served: Served) -> tuple[str, ...]:
    turn = take_turn(served, READERS)
    keyframes = turn.keyframe_ms
    return (
        str(READERS),
        f"{turn.reader_ms * READERS:.0f}",
        str(turn.lost),
        f"{statistics.median(keyframes):.0f}",
        f"{percentile(keyframes, 1):.0f}",
    )
