"""The dispatcher's page in Chromium: sixteen live tiles beside a map on which five hundred units move.

What the page's main thread does is read from Chromium's own trace: each task with how long it took by the clock and
how much CPU of that was its own. On a machine where others work the clock counts their turns, too; the CPU does not.
WebGL is drawn in software (SwiftShader), and all of it, cameras and gateway included, shares the machine.
"""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.browser import chromium
from benchmarks.gateway_process import USER, GatewayProcess
from benchmarks.measure import START_SECONDS, BenchmarkError, Child, Table, folder
from benchmarks.units_peers import source

TILES, UNITS = 16, 500
SECONDS = 20
START_TILES_SECONDS = 120
"""A machine that others work on takes its time."""
SETTLE_SECONDS = 8
"""After the last tile plays: connections, caches and compiled code are new."""
TASK_MS = 50
LOOSE_PORT = 9
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-compositing",
)
TRACED = ("toplevel", "devtools.timeline", "__metadata")
LIBRARIES = ("maplibre", "hls", "countries")
"""Files of the page that are others' work, by what their names begin with."""
STATIC = Path(__file__).resolve().parents[1] / "web/static"

_WATCH = """() => {
  const told = window.told = {frames: [], tasks: []};
  new PerformanceObserver(list => {
    for (const {startTime, duration, attribution} of list.getEntries())
      told.tasks.push([startTime, duration, attribution.map(({containerType}) => containerType).join(' ')]);
  }).observe({type: 'longtask', buffered: true});
  const frame = now => { told.frames.push(now); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
_VIDEOS = """() => {
  const videos = [];
  const look = root => {
    for (const element of root.querySelectorAll('*')) {
      if (element.localName === 'video') videos.push(element.getVideoPlaybackQuality().totalVideoFrames);
      if (element.shadowRoot) look(element.shadowRoot);
    }
  };
  look(document);
  return videos.filter(Boolean);
}"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happened on the page for some seconds."""

    seconds: float
    frames: int
    worst_frame_ms: float
    pictures: int
    tasks: tuple[tuple[float, float], ...]
    """Of each task of the main thread: milliseconds by the clock, and of CPU."""
    observed: int
    """Tasks over 50 ms that the page itself was told of (PerformanceObserver)."""

    @property
    def busy(self) -> float:
        """Share of a core that the main thread took."""
        return sum(cpu for _, cpu in self.tasks) / 1e3 / self.seconds

    def cells(self) -> tuple[str, ...]:
        clock, cpu = zip(*self.tasks, strict=True)
        return (
            f"{self.frames / self.seconds:.0f}",
            f"{self.worst_frame_ms:.0f}",
            f"{self.pictures / self.seconds / TILES:.1f}",
            f"{100 * self.busy:.0f}",
            f"{max(cpu):.0f}",
            f"{sum(part > TASK_MS for part in cpu)}",
            f"{max(clock):.0f}",
            f"{self.observed}",
        )


def run() -> Table:
    """Measure and tell."""
    clip = ("-m", "benchmarks.camera", str(TILES), "--mbit", "0.3", "--size", "320x180")
    with folder() as path, Child(sys.executable, *clip) as cameras:
        urls = json.loads(cameras.line(60))["urls"]
        port = free_port()
        with GatewayProcess(path, record=False, more=settings(urls, port), patience=60) as gateway:
            wait_live(gateway, set(urls))
            with chromium(FLAGS) as browser, Child(sys.executable, "-m", "benchmarks.units_peers", "send") as units:
                page, loading = opened(browser, gateway)
                still = watched(browser, page)
                units.ask({"port": port, "units": UNITS, "seconds": SETTLE_SECONDS + SECONDS + 60})
                page.wait_for_timeout(SETTLE_SECONDS * 1e3)
                moving = watched(browser, page)
                heap = heap_mb(page)
                shown = page.locator("[data-testid=map]").get_attribute("data-units")
    if shown != str(UNITS):
        raise BenchmarkError(f"the map knows {shown} units of {UNITS}")
    own, others = sizes()
    about_tasks = (
        "A task's CPU is what the main thread worked; by the clock others had their turns in it. Observed: long tasks "
        "by the browser's PerformanceObserver."
    )
    about_loading = (
        f"Loading, from the navigation: first paint after {loading['paint']:.0f} ms, the last of {TILES} tiles plays "
        f"after {loading['tiles']:.0f} ms; the longest task until then {loading['longest']:.0f} ms."
    )
    return Table(
        f"The page: {TILES} live tiles, {UNITS} units that say where they are once a second",
        (
            *("", "frames/s", "longest frame ms", "pictures/s of a tile", "main thread, % of a core"),
            *("longest task, ms of CPU", f"over {TASK_MS}", "longest by the clock", "observed"),
        ),
        [("all units move", *moving.cells()), ("baseline: nobody moves", *still.cells())],
        (
            f"{SECONDS} s each, on the same page. Tiles: 320x180, 30 frames a second, 0.3 Mbit/s. SwiftShader.",
            about_tasks,
            about_loading,
            f"The page's own code has {own / 1e3:.0f} kB gzipped; MapLibre, hls.js and coasts {others / 1e3:.0f}.",
            f"JavaScript's heap after a collection: {heap:.0f} MB.",
        ),
    )


def settings(urls: dict[str, str], port: int) -> str:
    """Five hundred units, the first of which have pictures; each is known by the address it sends positions from."""
    names = [*urls, *(f"unit-{number:03}" for number in range(len(urls), UNITS))]
    silent = f"rtsp://127.0.0.1:{LOOSE_PORT}/none"
    return "\n".join(
        f'[[cameras]]\nid = "{name}"\nurl = "{urls.get(name, silent)}"\nrecord = false\n'
        f'position = "udp://127.0.0.1:{port}"\nposition_from = ["{source(number)}"]'
        + ("" if name in urls else '\nconnect = "on_demand"')
        for number, name in enumerate(names)
    )


def wait_live(gateway: GatewayProcess, names: set[str]) -> None:
    """Until all that have pictures send them.

    Raises:
        BenchmarkError: one does not.
    """
    until = time.monotonic() + START_SECONDS
    while names - {camera["id"] for camera in gateway.get("/api/cameras")["cameras"] if camera["status"] == "live"}:
        if time.monotonic() > until:
            raise BenchmarkError("not all cameras are live")
        time.sleep(0.2)


def opened(browser: Any, gateway: GatewayProcess) -> tuple[Any, dict[str, float]]:
    """The wall with all its tiles and the map, and how long that took in milliseconds.

    Who looks is logged in; nothing of the page is cached.
    """
    size = {"width": 1920, "height": 1080}
    entrance = browser.new_context(viewport=size)
    answer = entrance.request.post(f"{gateway.url}/api/session", data={"username": USER, "password": gateway.password})
    if not answer.ok:
        raise BenchmarkError(f"the gateway does not let {USER} in: {answer.text()}")
    context = browser.new_context(viewport=size, storage_state=entrance.storage_state())
    entrance.close()
    page = context.new_page()
    page.add_init_script(f"({_WATCH})()")
    page.goto(gateway.url)
    page.get_by_test_id("search").fill("cam-")
    page.locator("[data-testid=found][data-kind=filter]").click()
    playing = 0
    until = time.monotonic() + START_TILES_SECONDS
    while playing < TILES:
        if time.monotonic() > until:
            raise BenchmarkError(f"only {playing} of {TILES} tiles play")
        page.wait_for_timeout(50)
        playing = len(page.evaluate(_VIDEOS))
    tiles = page.evaluate("performance.now()")
    page.locator("[data-testid=map][data-ready=yes]").wait_for()
    page.wait_for_timeout(SETTLE_SECONDS * 1e3)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    tasks = page.evaluate("window.told.tasks.map(([, duration]) => duration)")
    return page, {"paint": paint, "tiles": tiles, "longest": max(tasks, default=0.0)}


def watched(browser: Any, page: Any) -> Stretch:
    """Look on for `SECONDS`."""
    page.evaluate("window.told.frames.length = window.told.tasks.length = 0")
    before, began = sum(page.evaluate(_VIDEOS)), time.monotonic()
    browser.start_tracing(page=page, categories=list(TRACED))
    page.wait_for_timeout(SECONDS * 1e3)
    trace = json.loads(browser.stop_tracing())
    seconds, pictures = time.monotonic() - began, sum(page.evaluate(_VIDEOS)) - before
    told = page.evaluate("window.told")
    frames = told["frames"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(frames)]
    return Stretch(seconds, len(frames), max(gaps), pictures, main_thread(trace["traceEvents"]), len(told["tasks"]))


def main_thread(events: list[dict[str, Any]]) -> tuple[tuple[float, float], ...]:
    """The tasks of the page's main thread: of the process that has most of them."""
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks: dict[tuple[int, int], list[tuple[float, float]]] = {thread: [] for thread in threads}
    for event in events:
        thread = event["pid"], event["tid"]
        if event["name"].endswith("RunTask") and thread in tasks and "tdur" in event:
            tasks[thread].append((event["dur"] / 1e3, event["tdur"] / 1e3))
    return max(map(tuple, tasks.values()), key=len)


def heap_mb(page: Any) -> float:
    """What JavaScript holds on to."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    return float(devtools.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def sizes() -> tuple[int, int]:
    """Bytes of what the page is made of, gzipped: its own scripts and styles, and what others wrote or drew."""
    own = others = 0
    for path in (STATIC / "assets").iterdir():
        if path.suffix in {".js", ".css", ".json"}:
            size = len(gzip.compress(path.read_bytes(), 9))
            if path.name.startswith(LIBRARIES):
                others += size
            else:
                own += size
    return own, others


def free_port() -> int:
    """Nobody's a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
