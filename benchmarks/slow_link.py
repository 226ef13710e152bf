"""The supervisor's page on a phone, over a link of 1 Mbit/s, 200 ms and 2 % loss: how long until something is seen.

The link (`tests.slow_link`) carries everything: page, calls, the WebSocket and the pictures. The baseline is the same
phone on the loopback. Times are from the navigation, respectively from the touch that opens a unit; a picture moves
with the third frame that is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.browser import CHROMIUM
from benchmarks.gateway_process import USER, GatewayProcess
from benchmarks.measure import BenchmarkError, Child, Table, folder
from tests.lossy_proxy import Weather
from tests.slow_link import LEAD, PHONE, slow_link

ROUNDS = 5
FAR = Weather(loss=PHONE.loss, delay=0.2, bits_per_second=PHONE.bits_per_second)
"""Two hundred milliseconds each way."""
LOOPBACK = Weather()
MBIT = 3.0
PHONE_SIZE = {"width": 390, "height": 844}
SECONDS = 30
UNIT = "cam-00"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
_MOVES = """async seconds => {
  const began = performance.now();
  const find = root => {
    for (const element of root.querySelectorAll('*')) {
      if (element.localName === 'video') return element;
      const inside = element.shadowRoot && find(element.shadowRoot);
      if (inside) return inside;
    }
    return null;
  };
  let video = null;
  while (!(video = find(document))) await new Promise(requestAnimationFrame);
  return await new Promise((resolve, reject) => {
    let shown = 0;
    const frame = () => {
      if (++shown === 3) resolve({moves: performance.now() - began, width: video.videoWidth});
      else video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
    setTimeout(() => reject(new Error('no picture moves')), seconds * 1000);
  });
}"""


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at the page, in milliseconds."""

    paint: float
    listed: float
    moves: float
    width: int
    """Of the first picture."""
    kilobytes: float
    """What the page's files and calls took, until the list was there."""


def run() -> Table:
    """Measure and tell."""
    return asyncio.run(_run())


async def _run() -> Table:
    rows = []
    with folder() as path, Child(sys.executable, "-m", "benchmarks.camera", "1", "--mbit", str(MBIT)) as cameras:
        urls = json.loads(cameras.line(60))["urls"]
        with GatewayProcess(path, record=False) as gateway:
            gateway.watch(urls)
            gateway.post("/api/incidents", {"title": "Disturbance", "origin": {"camera": UNIT}})
            for name, weather in (("baseline: loopback", LOOPBACK), ("200 ms there and back", PHONE), ("400 ms", FAR)):
                for again in (False, True):
                    visits = [await _visit(gateway, weather, seed, again=again) for seed in range(1, ROUNDS + 1)]
                    rows.append((f"{name}, {'again' if again else 'first visit'}", *_cells(visits)))
    return Table(
        "A phone's link: 1 Mbit/s, 2 % loss",
        ("", "first paint ms", "list ms", "longest", "a picture moves ms", "longest", "its width", "kB until the list"),
        rows,
        (
            f"{ROUNDS} visits each, medians and the longest.",
            f"The camera sends {MBIT:.0f} Mbit/s, 640x360, a keyframe every 2 s, and has no second profile.",
            "A picture: from the touch that opens the unit until its third frame is on the screen.",
        ),
    )


def _cells(visits: list[Visit]) -> tuple[str, ...]:
    listed, moves = [visit.listed for visit in visits], [visit.moves for visit in visits]
    return (
        f"{statistics.median(visit.paint for visit in visits):.0f}",
        f"{statistics.median(listed):.0f}",
        f"{max(listed):.0f}",
        f"{statistics.median(moves):.0f}",
        f"{max(moves):.0f}",
        "/".join(sorted({str(visit.width) for visit in visits})),
        f"{statistics.median(visit.kilobytes for visit in visits):.0f}",
    )


async def _visit(gateway: GatewayProcess, weather: Weather, seed: int, *, again: bool) -> Visit:
    """Open the page, then the unit. `again`: a browser that was here before has what it keeps."""
    async with slow_link(gateway.url, LOOPBACK if again else weather, seed=seed) as link, _phone() as context:
        answer = await context.request.post(
            f"{link.url}/api/session", data={"username": USER, "password": gateway.password}
        )
        if not answer.ok:
            raise BenchmarkError(f"the gateway does not let {USER} in: {await answer.text()}")
        page = await context.new_page()
        page.on("pageerror", lambda error: print(error, file=sys.stderr))
        await page.expose_function("throughSlowLink", link.through)
        await page.add_init_script(LEAD)
        if again:
            await page.goto(link.url)
            await page.wait_for_timeout(3000)
            await page.goto("about:blank")
            link.change(weather)
        await page.goto(link.url, wait_until="commit")
        await page.get_by_test_id("duty-incident").first.wait_for()
        listed = await page.evaluate("performance.now()")
        told = await page.evaluate(
            "({paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,"
            " octets: performance.getEntries().reduce((sum, {transferSize}) => sum + (transferSize ?? 0), 0)})"
        )
        await page.evaluate(f"location.hash = '#/unit/{UNIT}'")
        seen = await page.evaluate(_MOVES, SECONDS)
        return Visit(told["paint"], listed, seen["moves"], seen["width"], told["octets"] / 1e3)


@contextlib.asynccontextmanager
async def _phone() -> AsyncIterator[Any]:
    """A phone's browser that was never here.

    Raises:
        BenchmarkError: there is none, or playwright is missing.
    """
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise BenchmarkError("playwright is not installed: run make setup") from None
    if not CHROMIUM.exists():
        raise BenchmarkError(f"{CHROMIUM} is not installed")
    with tempfile.TemporaryDirectory() as profile:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                Path(profile),
                executable_path=CHROMIUM,
                args=list(FLAGS),
                viewport=PHONE_SIZE,
                has_touch=True,
                is_mobile=True,
            )
            context.set_default_timeout(SECONDS * 1e3)
            try:
                yield context
            finally:
                await context.close()
