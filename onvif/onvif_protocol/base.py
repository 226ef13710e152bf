"""What every module of this package shares: its error, and its view of time and tasks.

Nothing that speaks a protocol belongs here. The package knows neither the gateway nor the web, so what it needs of them
it declares here, structurally: the gateway's own clock fits `Clock` as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any, Protocol


class Clock(Protocol):
    """What this package asks of time."""

    def utc_ns(self) -> int:
        """Nanoseconds since the Unix epoch. May jump."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin. Never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of monotonic time."""


class Tasks(Protocol):
    """Who owns what runs beside the requests: nobody's task is forgotten."""

    def start(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run `coroutine` as a task of that name."""


async def pause(clock: Clock, seconds: float, until: asyncio.Event) -> None:
    """Return after `seconds`, or as soon as `until` is set."""
    waits = {asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(until.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


class ErrorKind(StrEnum):
    """What went wrong with a device, for metrics and for choosing what to do next."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS = "tls"
    AUTHENTICATION = "authentication"
    NOT_ONVIF = "not_onvif"
    """What answered does not speak SOAP, or not well enough to be used."""
    REFUSED = "refused"
    """A SOAP fault other than a wrong password."""
    NO_PROFILE = "no_profile"
    """The device has no media profile that can be used."""
    INTERFACE = "interface"
    """A network interface that does not exist or has no address."""


class OnvifError(Exception):
    """The device, or the way to it, is at fault.

    `reason` is a sentence a person can act on. It never holds a password or a URL's user information.
    """

    def __init__(self, reason: str, kind: ErrorKind) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
