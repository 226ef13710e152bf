"""What the same work costs MediaMTX and go2rtc, in the same run: where their programs are on the PATH.

Reading and recording cameras, and sending one to viewers. Each server reads the same camera by RTSP over TCP, alone,
in turns with the others; recording is off where it is not the work. They are run as they come, with what they do not
need for the work turned off.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway_process import GatewayProcess
from benchmarks.measure import START_SECONDS, BenchmarkError, Child, Ratio, Table, folder

ROUNDS = 3
CAMERAS = 20
VIEWERS = 100
VIEWED_MBIT = 4.0
PERIOD_SECONDS = 8.0
SETTLE_SECONDS = 3.0
"""Past what starting costs."""
RECORDED_BYTES = 10_000
"""A server that has written so much of a camera records it."""
OWN = "Sightline"

_MEDIAMTX = """logLevel: error
api: no
rtmp: no
hls: no
srt: no
webrtc: {webrtc}
webrtcAddress: 127.0.0.1:{http}
webrtcLocalUDPAddress: 127.0.0.1:{media}
webrtcIPsFromInterfaces: no
webrtcAdditionalHosts: [127.0.0.1]
rtspTransports: [tcp]
rtspAddress: 127.0.0.1:{rtsp}
pathDefaults:
  recordPath: {folder}/%path/%Y-%m-%d_%H-%M-%S-%f
  recordFormat: fmp4
paths:
"""
_GO2RTC = """log: {{level: error}}
api: {{listen: "127.0.0.1:{http}"}}
rtsp: {{listen: "127.0.0.1:{rtsp}"}}
webrtc: {{listen: ":{media}"}}
streams:
"""


@dataclass(frozen=True, slots=True)
class Served:
    """Another server that runs."""

    child: Child
    http: str
    """Its address for browsers."""
    rtsp: str
    """Its address for NVRs; the camera's name follows."""


@dataclass(slots=True)
class Work:
    """What is measured. `costs`: server -> CPU for each `unit` of work, round by round; `notes`: what came of it."""

    name: str
    unit: str
    costs: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Each server's, with the gateway's share of it."""
        own = self.costs[OWN]
        for server, costs in self.costs.items():
            share = "1" if server == OWN else str(Ratio(own, costs))
            yield (self.name, server, f"{statistics.fmean(costs):.2f}", self.unit, share, self.notes.get(server, ""))


def run() -> Table:
    """Measure and tell."""
    installed = {name for name in ("mediamtx", "go2rtc") if shutil.which(name)}
    works = [_recording(installed), _viewing(installed)] if installed else []
    missing = sorted({"mediamtx", "go2rtc"} - installed)
    return Table(
        "Beside the Go servers",
        ("work", "server", "CPU", "for each", "Sightline/it", "got"),
        [row for work in works for row in work.rows()],
        (
            "CPU of the whole process, all threads.",
            "Sightline/it: below 1 the gateway is cheaper; (range of the rounds).",
            *([f"Not on the PATH, not measured: {', '.join(missing)}."] if missing else []),
        ),
    )


def _recording(installed: set[str]) -> Work:
    work = Work(f"{CAMERAS} cameras read and recorded", "ms a camera-second")
    camera = (sys.executable, "-m", "benchmarks.camera", str(CAMERAS), "--size", "1280x720")
    with folder() as path, Child(*camera) as source:
        urls = json.loads(source.line())["urls"]
        with GatewayProcess(path, record=True) as gateway:
            for number in range(ROUNDS):
                gateway.watch(urls)
                time.sleep(SETTLE_SECONDS)
                _record(work, OWN, gateway.child)
                gateway.watch({})
                if "mediamtx" in installed:
                    with mediamtx(path / f"mediamtx-{number}", urls, record=True) as served:
                        _record(work, "MediaMTX", served.child)
    return work


def _viewing(installed: set[str]) -> Work:
    work = Work(f"{VIEWERS} viewers by WebRTC of {VIEWED_MBIT:g} Mbit/s", "us a packet")
    camera = (sys.executable, "-m", "benchmarks.camera", "1", "--mbit", str(VIEWED_MBIT), "--size", "1280x720")
    with folder() as path, Child(*camera) as source:
        urls = json.loads(source.line())["urls"]
        (name,) = urls
        with GatewayProcess(path, record=False) as gateway:
            gateway.watch(urls)
            login = {"Authorization": f"Bearer {gateway.token}"}
            for number in range(ROUNDS):
                _serve(work, OWN, gateway.child, f"{gateway.url}/api/cameras/{name}/whep", login)
                if "mediamtx" in installed:
                    with mediamtx(path / f"mediamtx-{number}", urls, record=False) as served:
                        _serve(work, "MediaMTX", served.child, f"{served.http}/{name}/whep", {})
                if "go2rtc" in installed:
                    with go2rtc(path / f"go2rtc-{number}", urls) as served:
                        _serve(work, "go2rtc", served.child, f"{served.http}/api/webrtc?src={name}", {})
    return work


def _record(work: Work, name: str, server: Child) -> None:
    """Note what it costs to go on for a while."""
    seconds, cpu = _spent(server)
    work.costs.setdefault(name, []).append(cpu * 1e3 / seconds / CAMERAS)


def _serve(work: Work, name: str, server: Child, url: str, headers: dict[str, str]) -> None:
    """Have `VIEWERS` watch by WHEP, and note what it costs."""
    with Child(sys.executable, "-m", "benchmarks.viewer_process") as viewers:
        viewers.ask({"url": url, "headers": headers, "count": VIEWERS, "gro": False}, timeout=150)
        time.sleep(SETTLE_SECONDS)
        before = viewers.ask("so far")
        seconds, cpu = _spent(server)
        after = viewers.ask("so far")
        viewers.finish()
    packets, lost, octets = (after[what] - before[what] for what in ("packets", "lost", "bytes"))
    sent = packets + lost
    work.costs.setdefault(name, []).append(cpu * 1e6 / max(1, sent))
    mbit = octets * 8 / 1e6 / seconds / VIEWERS
    work.notes[name] = f"{after['receiving']} x {mbit:.1f} Mbit/s, {100 * lost / max(1, sent):.2f} % lost"


def _spent(server: Child) -> tuple[float, float]:
    """Let a while pass: its seconds, and those of CPU."""
    start, before = time.monotonic(), server.cpu()
    time.sleep(PERIOD_SECONDS)
    return time.monotonic() - start, server.cpu() - before


@contextlib.contextmanager
def mediamtx(path: Path, urls: Mapping[str, str], *, record: bool) -> Iterator[Served]:
    """It, once it records or answers."""
    path.mkdir()
    ports = _ports()
    settings = path / "mediamtx.yml"
    text = _MEDIAMTX.format(webrtc="no" if record else "yes", folder=path, **ports)
    for name, url in urls.items():
        text += f"  {name}:\n    source: {url}\n    rtspTransport: tcp\n    record: {'yes' if record else 'no'}\n"
    settings.write_text(text)
    with Child("mediamtx", settings) as server:
        if record:
            _wait(server, lambda: _recorded(path, urls), "does not record every camera")
        else:
            _wait(server, lambda: _listens(ports["http"]), "does not listen")
        time.sleep(SETTLE_SECONDS)
        yield _served(server, ports)


@contextlib.contextmanager
def go2rtc(path: Path, urls: Mapping[str, str]) -> Iterator[Served]:
    """It, once it answers."""
    path.mkdir()
    ports = _ports()
    settings = path / "go2rtc.yaml"
    streams = "".join(f"  {name}: {url}\n" for name, url in urls.items())
    settings.write_text(_GO2RTC.format(**ports) + streams)
    with Child("go2rtc", "-config", settings) as server:
        _wait(server, lambda: _listens(ports["http"]), "does not listen")
        time.sleep(SETTLE_SECONDS)
        yield _served(server, ports)


def _served(server: Child, ports: Mapping[str, int]) -> Served:
    return Served(server, f"http://127.0.0.1:{ports['http']}", f"rtsp://127.0.0.1:{ports['rtsp']}")


def _recorded(path: Path, urls: Mapping[str, str]) -> bool:
    return all(any(file.stat().st_size > RECORDED_BYTES for file in (path / name).glob("*")) for name in urls)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _wait(server: Child, ready: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + START_SECONDS
    while not ready():
        server.check()
        if time.monotonic() > until:
            raise BenchmarkError(f"{server.name} {otherwise}")
        time.sleep(0.2)


def _ports() -> dict[str, int]:
    """Three that nobody has now: these programs cannot say which they were given."""
    names = ("http", "rtsp", "media")
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: sock.getsockname()[1] for name, sock in zip(names, sockets, strict=True)}
