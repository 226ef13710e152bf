"""What it costs to send a camera to viewers, beside the shortest relay that aiortc allows (`aiortc_relay`).

Both read the same camera, encrypt for each viewer and send to the same counting receivers, in turns. Recording is off.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass

from benchmarks.gateway_process import GatewayProcess
from benchmarks.measure import Child, Ratio, Table, folder

ROUNDS = {1: 1, 10: 2, 40: 2}
"""Viewers -> rounds."""
SETTLE_SECONDS = 2.0
"""Past the burst that every viewer starts with."""
PERIOD_SECONDS = 5.0
CAMERA = "cam-00"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side spent and sent in one turn."""

    viewer_ms: float
    """CPU for each viewer and second."""
    packet_us: float
    """CPU for each packet sent."""
    packets_per_second: float
    """To each viewer."""
    lost_percent: float


def run() -> Table:
    """Measure and tell."""
    rows: list[tuple[str, ...]] = []
    with folder() as path, Child(sys.executable, "-m", "benchmarks.camera", "1") as source:
        urls = json.loads(source.line())["urls"]
        with GatewayProcess(path, record=False) as gateway:
            gateway.watch(urls)
            for viewers, rounds in ROUNDS.items():
                own, theirs = [], []
                for _ in range(rounds):
                    whep = f"{gateway.url}/api/cameras/{CAMERA}/whep"
                    own.append(_turn(gateway.child, whep, viewers, {"Authorization": f"Bearer {gateway.token}"}))
                    with Child(sys.executable, "-m", "benchmarks.aiortc_relay", urls[CAMERA]) as baseline:
                        theirs.append(_turn(baseline, baseline.line(), viewers, {}))
                rows.append(_row(viewers, own, theirs))
    return Table(
        "Sending one camera to viewers",
        (
            "viewers",
            "gateway us",
            "aiortc us",
            "ratio by packet",
            "gateway ms",
            "aiortc ms",
            "ratio by viewer",
            "packets/s",
            "lost %",
        ),
        rows,
        (
            "us: CPU for each RTP packet sent; ms: for each viewer and second; reading the camera is part of both.",
            "Ratio gateway/aiortc, below 1: the gateway is cheaper; (its range). The last columns: gateway / aiortc.",
            "Packets differ in size (at most 1200 and 1300 bytes of payload): the ratio by viewer is the fairer one.",
            "Baseline: aiortc's MediaPlayer(decode=False), MediaRelay and one RTCPeerConnection a viewer, on uvloop.",
        ),
    )


def _turn(server: Child, url: str, count: int, headers: dict[str, str]) -> Turn:
    with Child(sys.executable, "-m", "benchmarks.viewers") as viewers:
        viewers.ask({"url": url, "headers": headers, "count": count}, timeout=60)
        time.sleep(SETTLE_SECONDS)
        before = viewers.ask("so far")
        start, cpu = time.monotonic(), server.cpu()
        time.sleep(PERIOD_SECONDS)
        seconds, cpu = time.monotonic() - start, server.cpu() - cpu
        after = viewers.ask("so far")
        viewers.finish()  # so that the gateway knows that they are gone
    packets, lost = after["packets"] - before["packets"], after["lost"] - before["lost"]
    return Turn(
        viewer_ms=cpu * 1e3 / seconds / count,
        packet_us=cpu * 1e6 / (packets + lost),
        packets_per_second=(packets + lost) / seconds / count,
        lost_percent=100 * lost / (packets + lost),
    )


def _row(viewers: int, own: list[Turn], theirs: list[Turn]) -> tuple[str, ...]:
    mean = statistics.fmean
    return (
        str(viewers),
        f"{mean(t.packet_us for t in own):.1f}",
        f"{mean(t.packet_us for t in theirs):.1f}",
        str(Ratio([t.packet_us for t in own], [t.packet_us for t in theirs])),
        f"{mean(t.viewer_ms for t in own):.2f}",
        f"{mean(t.viewer_ms for t in theirs):.2f}",
        str(Ratio([t.viewer_ms for t in own], [t.viewer_ms for t in theirs])),
        f"{mean(t.packets_per_second for t in own):.0f} / {mean(t.packets_per_second for t in theirs):.0f}",
        f"{mean(t.lost_percent for t in own):.2f} / {mean(t.lost_percent for t in theirs):.2f}",
    )
