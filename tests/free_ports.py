"""Ports for servers that a test has to name before they listen."""

from __future__ import annotations

import random
import socket


def free_ports(count: int) -> int:
    """The first of so many ports that nobody has, below those that the system gives to others."""
    for _ in range(100):
        base = random.randrange(20_000, 32_000)
        try:
            for port in range(base, base + count):
                with socket.socket() as trial:
                    trial.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise AssertionError("no ports")
