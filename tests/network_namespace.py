"""A network of its own for a program: a namespace, joined to this one by a link of a chosen rate. Takes root.

It is the kernel that queues and drops here (tc-tbf), as a slow access line does. For loss and delay see `lossy_proxy`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE, THERE = "10.213.77.1", "10.213.77.2"
QUEUE_MS = 200
"""What waits longer for its turn is dropped."""
BURST_BYTES = 8000


@dataclass(frozen=True, slots=True)
class SlowNetwork:
    """Another network, at the end of a slow link."""

    namespace: str
    address: str
    """Of this side of the link: where those on the other side reach us."""

    def wrapper(self, folder: Path, program: Path) -> Path:
        """A script that runs `program` there, for those who can only be given a path."""
        script = folder / f"{program.name}-there"
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self.namespace} {program} "$@"\n')
        script.chmod(0o755)
        return script

    def dropped(self) -> int:
        """Packets that the link dropped on their way there."""
        told = _run("tc", "-s", "qdisc", "show", "dev", self.namespace)
        return int(told.partition("dropped ")[2].split(",")[0])


@contextlib.contextmanager
def slow_network(bits_per_second: int) -> Iterator[SlowNetwork]:
    """Limits what goes there; what comes back is not limited. Skips where this cannot be made."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "tc"))):
        pytest.skip("a network namespace takes root, and ip and tc of iproute2")
    name = f"sl{os.getpid()}"
    try:
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "address", "add", f"{HERE}/30", "dev", name)
        _run("ip", "link", "set", name, "up")
        _run("ip", "-n", name, "address", "add", f"{THERE}/30", "dev", "eth0")
        for device in ("eth0", "lo"):
            _run("ip", "-n", name, "link", "set", "dev", device, "up")
        rate = ("rate", f"{bits_per_second}bit", "burst", str(BURST_BYTES), "latency", f"{QUEUE_MS}ms")
        _run("tc", "qdisc", "add", "dev", name, "root", "tbf", *rate)
    except subprocess.CalledProcessError as error:
        _remove(name)
        pytest.skip(f"{' '.join(error.cmd)}: {error.stderr.strip()}")
    try:
        yield SlowNetwork(name, HERE)
    finally:
        _remove(name)


def _remove(name: str) -> None:
    for command in (("link", "delete", name), ("netns", "delete", name)):
        with contextlib.suppress(subprocess.CalledProcessError):
            _run("ip", *command)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
