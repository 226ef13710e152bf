"""How long one waits for the first picture, in Chromium, beside the shortest relay that aiortc allows.

People join at any moment of a group of pictures: the joins of a round are spread evenly over it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

from benchmarks.browser import Browser, Join, browser
from benchmarks.gateway_process import GatewayProcess
from benchmarks.measure import Child, Table, folder, percentile, ratio

GOPS = (1, 4, 10)
JOINS = 12
BASELINE_JOINS = 3
CAMERA = "cam-00"


def run() -> Table:
    """Measure and tell."""
    rows: list[tuple[str, ...]] = []
    with browser() as chromium:
        for gop in GOPS:
            camera = ("-m", "benchmarks.camera", "1", "--mbit", "4", "--size", "1280x720", "--gop", str(gop))
            with folder() as path, Child(sys.executable, *camera) as source:
                urls = json.loads(source.line(60))["urls"]
                with GatewayProcess(path, record=False) as gateway:
                    gateway.watch(urls)
                    whep, login = (
                        f"{gateway.url}/api/cameras/{CAMERA}/whep",
                        {"Authorization": f"Bearer {gateway.token}"},
                    )
                    own = _joins(chromium, whep, login, gop, JOINS)
                with Child(sys.executable, "-m", "benchmarks.aiortc_relay", urls[CAMERA]) as relay:
                    theirs = _joins(chromium, relay.line(), {}, gop, BASELINE_JOINS)
            rows += [_row("gateway", gop, own, theirs), _row("aiortc", gop, theirs, theirs)]
    return Table(
        "From the click to the first picture",
        ("", "GOP s", "joins", "median ms", "p95 ms", "worst ms", "aiortc/it", "of that gathering ms"),
        rows,
        (
            "A 1280x720 camera of 4 Mbit/s; each join at another moment of its group of pictures (GOP).",
            "Gathering: what the browser takes to find its own candidates before it asks, whoever serves it.",
            "aiortc/it: the medians. Baseline: as for the viewers; it starts at the next keyframe.",
        ),
    )


def _joins(chromium: Browser, url: str, headers: dict[str, str], gop: int, count: int) -> list[Join]:
    chromium.join(url, headers, 0.5)  # the browser loads its codecs once, the relay opens the camera
    return spread(lambda: chromium.join(url, headers), gop, count)


def spread(join: Callable[[], Join], period: float, count: int) -> list[Join]:
    """Call `join` at `count` moments that lie evenly within `period` seconds, in as many periods as that takes."""
    begun, apart = time.monotonic(), period / count
    joins = []
    for number in range(count):
        late = time.monotonic() - begun - number * apart
        # Too late by more than a part: then in the next period.
        time.sleep(-late % period if late < 0 or late > apart / 2 else 0.0)
        joins.append(join())
    return joins


def _row(who: str, gop: int, joins: list[Join], baseline: list[Join]) -> tuple[str, ...]:
    first = [join.first for join in joins]
    median = statistics.median(first)
    return (
        who,
        str(gop),
        str(len(joins)),
        f"{median:.0f}",
        f"{percentile(first, 0.95):.0f}",
        f"{max(first):.0f}",
        ratio(statistics.median(join.first for join in baseline), median),
        f"{statistics.median(join.asked for join in joins):.0f}",
    )
