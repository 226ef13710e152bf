"""What it costs to send a camera to viewers, beside the shortest relay that aiortc allows (`aiortc_relay`).

Both read the same camera, encrypt for each viewer and send to the same counting receivers (`whep_viewer`), in turns.
Recording is off. The relay is asked for no more viewers than it can serve without loss.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass

from benchmarks.gateway_process import GatewayProcess
from benchmarks.measure import Child, Table, folder, ratio
from benchmarks.whep_viewer import OVERHEAD

MBIT = 4.0
TURNS = ((10, False), (100, False), (100, True), (500, True), (1000, True))
"""How many watch the gateway, and whether they read with UDP_GRO: without it this machine cannot receive for more."""
BASELINE_TURNS = (40, 40)
"""How many watch the baseline."""
SETTLE_SECONDS = 3.0
"""Past the burst that every viewer starts with."""
PERIOD_SECONDS = 6.0
CAMERA = "cam-00"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side spent and sent in one turn."""

    viewers: int
    gro: bool
    viewer_ms: float
    """CPU for each viewer and second."""
    packet_us: float
    """CPU for each packet sent."""
    whole_percent: float
    """Of what the camera sent, received by each viewer: the rest is lost, or was never sent to them."""
    lost_percent: float
    core_percent: float
    receiver_percent: float
    """Of a core, for receiving and counting."""
    failures: int
    """Attempts to connect that failed and were made again."""
    viewer_mb: float
    """Resident memory that each viewer added."""


def run() -> Table:
    """Measure and tell."""
    own: list[Turn] = []
    theirs: list[Turn] = []
    camera = (sys.executable, "-m", "benchmarks.camera", "1", "--mbit", str(MBIT), "--size", "1280x720")
    with folder() as path, Child(*camera) as source:
        told = json.loads(source.line())
        urls, rate = told["urls"], told["bits_per_second"]
        with GatewayProcess(path, record=False) as gateway:
            gateway.watch(urls)
            whep, login = f"{gateway.url}/api/cameras/{CAMERA}/whep", {"Authorization": f"Bearer {gateway.token}"}
            baseline = list(BASELINE_TURNS)
            for viewers, gro in TURNS:
                own.append(_turn(gateway.child, whep, viewers, login, rate, gro=gro))
                if baseline:
                    with Child(sys.executable, "-m", "benchmarks.aiortc_relay", urls[CAMERA]) as relay:
                        theirs.append(_turn(relay, relay.line(), baseline.pop(0), {}, rate, gro=False))
    named = [turn for turn in theirs if turn.viewers == BASELINE_TURNS[-1]]
    packet_us = statistics.fmean(turn.packet_us for turn in named)
    viewer_ms = statistics.fmean(turn.viewer_ms for turn in named)
    return Table(
        f"Sending one camera of {MBIT:g} Mbit/s to viewers",
        (
            "viewers",
            "us a packet",
            "aiortc/it",
            "ms a viewer-second",
            "aiortc/it",
            "core %",
            "whole %",
            "lost %",
            "MB a viewer",
            "receivers' core %",
            "retried",
        ),
        [
            *(_row("gateway", turn, packet_us, viewer_ms) for turn in own),
            *(_row("aiortc", turn, packet_us, viewer_ms) for turn in theirs),
        ],
        (
            "us: CPU for each RTP packet sent; ms: for each viewer and second; reading the camera is part of both.",
            f"aiortc/it: how many times the baseline at {BASELINE_TURNS[-1]} viewers costs; above 1, it is dearer.",
            "Whole: of what the camera sent, got by the viewers. Lost: of what was sent to them, by sequence numbers.",
            "gro: they take bursts whole (UDP_GRO), so nobody cuts them on the loopback; a network card would.",
            "Baseline: aiortc's MediaPlayer(decode=False), MediaRelay and one RTCPeerConnection a viewer, on uvloop.",
        ),
    )


def _turn(server: Child, url: str, count: int, headers: dict[str, str], bits_per_second: float, *, gro: bool) -> Turn:
    resident = server.resident_mb()
    with Child(sys.executable, "-m", "benchmarks.viewer_process") as viewers:
        order = {"url": url, "headers": headers, "count": count, "gro": gro}
        failures = viewers.ask(order, timeout=150 + count / 4)["failures"]
        time.sleep(SETTLE_SECONDS)
        before = viewers.ask("so far")
        start, cpu = time.monotonic(), server.cpu()
        time.sleep(PERIOD_SECONDS)
        seconds, cpu = time.monotonic() - start, server.cpu() - cpu
        after = viewers.ask("so far")
        grown = server.resident_mb() - resident
        viewers.finish()  # so that the gateway knows that they are gone
    packets, lost, octets = (after[name] - before[name] for name in ("packets", "lost", "bytes"))
    return Turn(
        viewers=count,
        gro=gro,
        viewer_ms=cpu * 1e3 / seconds / count,
        packet_us=cpu * 1e6 / (packets + lost),
        whole_percent=100 * (octets - OVERHEAD * packets) * 8 / seconds / count / bits_per_second,
        lost_percent=100 * lost / (packets + lost),
        core_percent=100 * cpu / seconds,
        receiver_percent=100 * (after["cpu"] - before["cpu"]) / seconds,
        viewer_mb=grown / count,
        failures=len(failures),
    )


def _row(who: str, turn: Turn, packet_us: float, viewer_ms: float) -> tuple[str, ...]:
    return (
        f"{who}, {turn.viewers}{' gro' if turn.gro else ''}",
        f"{turn.packet_us:.2f}",
        ratio(packet_us, turn.packet_us),
        f"{turn.viewer_ms:.2f}",
        ratio(viewer_ms, turn.viewer_ms),
        f"{turn.core_percent:.0f}",
        f"{turn.whole_percent:.1f}",
        f"{turn.lost_percent:.3f}",
        f"{turn.viewer_mb:.2f}",
        f"{turn.receiver_percent:.0f}",
        str(turn.failures),
    )
