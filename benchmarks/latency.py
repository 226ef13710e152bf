"""From the camera to the screen: a clock burnt into the picture, read back in Chromium, beside the aiortc relay."""

from __future__ import annotations

import statistics
import sys
from itertools import pairwise

from benchmarks.browser import Join, browser
from benchmarks.gateway_process import GatewayProcess
from benchmarks.measure import Child, Table, folder, percentile, ratio

SECONDS = 10.0
JOINS = 3
CAMERA = "clock"


def run() -> Table:
    """Measure and tell."""
    own: list[Join] = []
    theirs: list[Join] = []
    with browser() as chromium, folder() as path, Child(sys.executable, "-m", "benchmarks.clock_camera") as source:
        url = source.line()
        with (
            GatewayProcess(path, record=True) as gateway,
            Child(sys.executable, "-m", "benchmarks.aiortc_relay", url) as relay,
        ):
            gateway.watch({CAMERA: url})
            whep, login = f"{gateway.url}/api/cameras/{CAMERA}/whep", {"Authorization": f"Bearer {gateway.token}"}
            relayed = relay.line()
            chromium.join(whep, login)  # the browser loads its codecs once
            for _ in range(JOINS):
                own.append(chromium.join(whep, login, SECONDS))
                theirs.append(chromium.join(relayed, {}, SECONDS))
    return Table(
        "From the camera to the screen",
        ("", "median ms", "p95 ms", "median to aiortc's", "live after ms, median", "worst", "longest still ms"),
        [_row("gateway", own, theirs), _row("aiortc", theirs, theirs)],
        (
            "A 1280x720 camera of 4 Mbit/s, 30 frames a second, a keyframe every ten seconds, with the time in its",
            f"picture, read from the canvas: {JOINS} sessions of {SECONDS:.0f} s each, in turns. The camera's coding",
            "is part of it, and the wait for the browser's next frame. The gateway records meanwhile.",
            "Live: from the click until no picture is 100 ms later than usual.",
        ),
    )


def _row(who: str, joins: list[Join], baseline: list[Join]) -> tuple[str, ...]:
    ages = [age for join in joins for age in join.latencies]
    theirs = statistics.median(age for join in baseline for age in join.latencies)
    live = [join.live for join in joins]
    still = max(b - a for join in joins for (a, _), (b, _) in pairwise(join.shown))
    return (
        who,
        f"{statistics.median(ages):.0f}",
        f"{percentile(ages, 0.95):.0f}",
        ratio(statistics.median(ages), theirs),
        f"{statistics.median(live):.0f}",
        f"{max(live):.0f}",
        f"{still:.0f}",
    )
