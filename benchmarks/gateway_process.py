"""A gateway as its users run it: a process of its own, with a settings file, a user and a token.

What is read from it here is what anybody can read: its HTTP interface and its counters.
"""

from __future__ import annotations

import datetime as dt
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.measure import START_SECONDS, BenchmarkError, Child

USER = "benchmark"
COMMAND_SECONDS = 60.0


class Counters:
    """What /metrics said at one moment."""

    def __init__(self, text: str) -> None:
        self.at = time.monotonic()
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def total(self, name: str) -> float:
        """The sum over all labels."""
        return sum(sample.value for sample in self._samples if sample.name == name)

    def buckets(self, name: str) -> dict[float, float]:
        """Of a histogram: upper bound -> how many were at most that."""
        return {float(s.labels["le"]): s.value for s in self._samples if s.name == f"{name}_bucket"}


@dataclass(frozen=True, slots=True)
class Span:
    """What happened between two readings of the counters."""

    before: Counters
    after: Counters

    @property
    def seconds(self) -> float:
        return self.after.at - self.before.at

    def total(self, name: str) -> float:
        """How much a counter grew, over all labels."""
        return self.after.total(name) - self.before.total(name)


def lag_ms(spans: Sequence[Span]) -> float:
    """The bound below which 99 of 100 measurements of the event loop's lag stayed."""
    name = "sightline_loop_lag_seconds"
    counts: dict[float, float] = {}
    for span in spans:
        earlier = span.before.buckets(name)
        for bound, count in span.after.buckets(name).items():
            counts[bound] = counts.get(bound, 0) + count - earlier[bound]
    return 1e3 * next(bound for bound, count in sorted(counts.items()) if count >= 0.99 * max(counts.values()))


class GatewayProcess:
    """`with GatewayProcess(folder, record=True) as gateway:` runs one without cameras; `watch` gives it some.

    `more`: what the settings file says besides. `token`: that of another that ran in the folder before. `patience`: so
    many seconds may the start take.
    """

    def __init__(
        self, folder: Path, *, record: bool, more: str = "", token: str = "", patience: float = START_SECONDS
    ) -> None:
        self._record = record
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.rtsp_port: int = probe.getsockname()[1]
            """Nobody's a moment ago, the gateway's in a moment."""
        self._patience = patience
        self._more = more
        self._data_dir = folder / "data"
        self._config = folder / "sightline.toml"
        self._configure({})
        self.password = ""
        """Of the user, where it was made here."""
        if not token:
            self.password = self._command("user", "add", USER, "--role", "administrator")
            token = self._command("token", "create", USER, "--user", USER)
        self.token = token
        self.child = Child(sys.executable, "-m", "gateway", "serve", "--config", self._config)
        self.url = ""

    def __enter__(self) -> Self:
        try:
            self.url = self.child.line(self._patience).rpartition(" ")[2]
        except BaseException:
            self.child.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.stop()

    def watch(self, urls: Mapping[str, str]) -> None:
        """Have exactly these cameras, and wait until all are live.

        Raises:
            BenchmarkError: one does not come up.
        """
        self._configure(urls)
        self.child.signal(signal.SIGHUP)
        until = time.monotonic() + START_SECONDS + len(urls) / 2
        while True:
            cameras = self.get("/api/cameras")["cameras"]
            if {camera["id"]: camera["status"] for camera in cameras} == dict.fromkeys(urls, "live"):
                return
            if time.monotonic() > until:
                reasons = {camera["id"]: camera["reason"] or camera["status"] for camera in cameras}
                raise BenchmarkError(f"not all cameras are live: {reasons}")
            time.sleep(0.2)

    def counters(self) -> Counters:
        return Counters(self._fetch("/metrics").decode())

    def gaps(self, names: Iterable[str], began: dt.datetime) -> int:
        """How many gaps the catalog tells of since `began`, of all these cameras."""
        ended = dt.datetime.now(dt.UTC)
        span = "&".join(f"{key}={at:%Y-%m-%dT%H:%M:%S.%fZ}" for key, at in (("from", began), ("to", ended)))
        return sum(len(self.get(f"/api/cameras/{name}/recordings?{span}")["gaps"]) for name in names)

    def get(self, path: str) -> Any:
        return json.loads(self._fetch(path))

    def post(self, path: str, told: object) -> None:
        self._fetch(path, json.dumps(told).encode())

    def _fetch(self, path: str, told: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, told, headers)
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS) as response:
                body: bytes = response.read()
        except OSError as error:
            raise BenchmarkError(f"the gateway does not answer {path}: {error}") from error
        return body

    def _configure(self, urls: Mapping[str, str]) -> None:
        lines = [
            f"data_dir = {json.dumps(str(self._data_dir))}",
            '[http]\nlisten = "127.0.0.1:0"',
            '[webrtc]\nlisten = "127.0.0.1:0"',
            f'[rtsp]\nlisten = "127.0.0.1:{self.rtsp_port}"',
            '[discovery]\ninterfaces = ["lo"]',
        ]
        for name, url in urls.items():
            lines.append(f'[[cameras]]\nid = "{name}"\nurl = "{url}"\nrecord = {str(self._record).lower()}')
        self._config.write_text("\n".join([*lines, self._more]) + "\n")

    def _command(self, *words: str) -> str:
        command = [sys.executable, "-m", "gateway", *words, "--config", str(self._config)]
        try:
            done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMMAND_SECONDS)
        except subprocess.SubprocessError as error:
            said = (getattr(error, "stderr", None) or str(error)).strip()
            raise BenchmarkError(f"sightline {' '.join(words)}: {said}") from error
        return done.stdout.strip()
