"""What every benchmark needs: child processes and their CPU time, ratios over interleaved rounds, tables.

Nothing here knows what is measured. CPU time is that of whole processes, all threads, user and system: on a shared
machine it says more than the wall clock, and a ratio of two that took turns says more than either.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import selectors
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_SECONDS = 30.0
STOP_SECONDS = 10.0
FINISH_SECONDS = 60.0
_CPUCLOCK_SCHED = 2


class BenchmarkError(Exception):
    """A part did not do what it was to be measured at."""


def cpu_seconds(pid: int) -> float:
    """CPU time a process has used so far, all threads that live or lived, user and system.

    The same sum as in /proc/PID/stat, in nanoseconds instead of ticks of 10 ms: clock_getcpuclockid(3) makes the
    clock's number of the process's in this way.
    """
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


class Child:
    """A process that is ended, by its id, when the `with` block is left, however that comes about.

    What it prints is read line by line; what it says on standard error is shown when it fails.

    Raises:
        BenchmarkError: there is no such program.
    """

    def __init__(self, *command: str | Path) -> None:
        self.name = " ".join(Path(str(part)).name for part in command[:3])
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        try:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for the parent, which ends its children in order
            )
        except OSError as error:
            self._errors.close()
            raise BenchmarkError(f"{command[0]} cannot be run: {error.strerror}") from error
        self._pending = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """CPU seconds so far.

        Raises:
            BenchmarkError: it has ended.
        """
        self.check()
        return cpu_seconds(self.pid)

    def resident_mb(self) -> float:
        """Memory that it has in RAM, with what it shares with others, and without its child processes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def line(self, timeout: float = START_SECONDS) -> str:
        """The next line it prints.

        Raises:
            BenchmarkError: it ended, or said nothing for `timeout` seconds.
        """
        assert self._process.stdout is not None
        until = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._pending:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise self._failure(f"said nothing for {timeout:.0f} s")
                data = os.read(self._process.stdout.fileno(), 1 << 16)
                if not data:
                    raise self._failure("ended")
                self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def ask(self, question: object, timeout: float = START_SECONDS) -> Any:
        """Write a line of JSON to it and read one back."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("ended") from None
        return json.loads(self.line(timeout))

    def check(self) -> None:
        """Raise BenchmarkError if it has ended."""
        if self._process.poll() is not None:
            raise self._failure("ended")

    def finish(self, timeout: float = FINISH_SECONDS) -> None:
        """Close its standard input and wait until it has ended by itself.

        Raises:
            BenchmarkError: it does not, or not well.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            if self._process.wait(timeout):
                raise self._failure("failed")
        except subprocess.TimeoutExpired:
            raise self._failure("does not end") from None

    def stop(self) -> None:
        """End it and wait for that. Idempotent."""
        process = self._process
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pipe in (process.stdin, process.stdout, self._errors):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _failure(self, what: str) -> BenchmarkError:
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()[-8:]
        return BenchmarkError("\n  ".join([f"{self.name} {what}", *said]))


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A directory that is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as path:
        yield Path(path)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Cost of the gateway by that of the baseline over rounds that took turns. Below 1: the gateway is cheaper."""

    gateway: Sequence[float]
    baseline: Sequence[float]

    def __str__(self) -> str:
        rounds = [a / b for a, b in zip(self.gateway, self.baseline, strict=True)]
        whole = statistics.fmean(self.gateway) / statistics.fmean(self.baseline)
        return f"{whole:.2f} ({min(rounds):.2f} to {max(rounds):.2f})" if len(rounds) > 1 else f"{whole:.2f}"


def busy_seconds() -> float:
    """CPU time that the whole machine has been busy for, all processes on all cores."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]))
    user, nice, system, _idle, _waiting, interrupts, soft = fields[:7]
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def ratio(a: float, b: float) -> str:
    """`a` by `b`, with as many digits as mean something."""
    return f"{a / b:.1f}" if a / b >= 10 else f"{a / b:.2f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under `columns`, and sentences that belong to them."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """For a terminal."""
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        first, *others = widths
        body = [
            "  ".join([line[0].ljust(first), *(cell.rjust(w) for cell, w in zip(line[1:], others, strict=True))])
            for line in lines
        ]
        body.insert(1, "-" * len(body[0]))
        return "\n".join([self.title, "", *body, *(f"  {note}" for note in self.notes)])

    def markdown(self) -> str:
        """For a document."""
        rule = ("---", *("---:" for _ in self.columns[1:]))
        body = ["| " + " | ".join(line) + " |" for line in (self.columns, rule, *self.rows)]
        return "\n".join([f"### {self.title}", "", *body, "", *(f"- {note}" for note in self.notes)])


def machine() -> str:
    """What this ran on, in a line."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}, load {load}"
    )
