"""The `sightline` command as a person types it: in this process, or as `sightline serve` in one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from gateway.command_line import main

SIGHTLINE = (sys.executable, "-m", "gateway")
START_SECONDS = 40.0
STOP_SECONDS = 10.0
"""What the architecture promises for SIGTERM."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def sightline(*arguments: object, stdin: str = "") -> Ran:
    """Run a command here and now. It makes an event loop of its own: from a coroutine, call `beside`."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in (("stdin", io.StringIO(stdin)), ("stdout", out), ("stderr", err)):
            patch.setattr(sys, name, stream)
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())


async def beside(*arguments: object, stdin: str = "") -> Ran:
    """Run a command in a thread, while this loop goes on."""
    return await asyncio.to_thread(sightline, *arguments, stdin=stdin)


async def apart(*arguments: object) -> Ran:
    """Run a command in a process of its own: for those that handle signals."""
    command = [*SIGHTLINE, *map(str, arguments)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=START_SECONDS)
    return Ran(done.returncode, done.stdout, done.stderr)


@dataclass
class Served:
    """`sightline serve` in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    log: list[str]
    """Its standard error, line by line, as far as it has come."""

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def end(self, timeout: float = STOP_SECONDS) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.to_thread(self.process.wait, timeout)

    async def cameras(self, http: aiohttp.ClientSession, token: str) -> dict[str, dict[str, object]]:
        """What `/api/cameras` lists, by id."""
        headers = {"Authorization": f"Bearer {token}"}
        async with http.get(f"{self.url}/api/cameras", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return {camera["id"]: camera for camera in (await answer.json())["cameras"]}


@contextlib.asynccontextmanager
async def serving(
    config: Path, *, command: Sequence[str] = SIGHTLINE, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[Served]:
    """`sightline serve --config CONFIG`, ready; killed at the end if it still runs."""
    process = subprocess.Popen(
        [*command, "serve", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    log: list[str] = []
    reader = threading.Thread(target=log.extend, args=(_lines(process.stderr),), daemon=True)
    reader.start()
    try:
        async with asyncio.timeout(START_SECONDS):
            ready = await asyncio.to_thread(process.stdout.readline)
        assert ready.startswith("Sightline listens on http://"), (ready, log)
        yield Served(process, ready.split()[-1], log)
    finally:
        if process.poll() is None:
            process.kill()
        await asyncio.to_thread(process.wait)
        reader.join()
        process.stdout.close()
        process.stderr.close()


def _lines(stream: io.TextIOBase) -> Iterator[str]:
    """Line by line, so that `extend` shows each as it comes."""
    yield from iter(stream.readline, "")
