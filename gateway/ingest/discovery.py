"""Finding cameras on the network: WS-Discovery with the gateway's settings, and what it is called here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.base.clock import Clock
from gateway.base.errors import SettingsError
from onvif_protocol.base import OnvifError
from onvif_protocol.discovery import Listener, probe
from onvif_protocol.discovery_messages import Bye, DiscoveredDevice, Hello

log = logging.getLogger(__name__)

PROBE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """An ONVIF device that answered. All of it is what the device says of itself."""

    endpoint: str
    onvif: str
    """Its device service: what a camera's `onvif` setting takes."""
    name: str
    model: str
    location: str
    address: str


def _none() -> Collection[str]:
    return ()


class Finder:
    """Probes for devices, one probe at a time: whoever asks meanwhile gets the same answer.

    `ours` are the endpoints of the gateway's own devices, which are never found.
    """

    def __init__(self, interfaces: Sequence[str], clock: Clock, *, ours: Callable[[], Collection[str]] = _none) -> None:
        self._interfaces = interfaces
        self._clock = clock
        self._ours = ours
        self._probe: asyncio.Task[list[FoundDevice]] | None = None

    async def find(self, timeout: float = PROBE_SECONDS) -> list[FoundDevice]:
        """The devices that answer within `timeout` seconds, by name.

        Raises:
            SettingsError: an interface of `[discovery]` cannot be used.
        """
        if self._probe is None:
            self._probe = asyncio.create_task(self._find(timeout), name="discovery: probe")
            self._probe.add_done_callback(self._done)
        return await asyncio.shield(self._probe)

    def _done(self, _: asyncio.Task[list[FoundDevice]]) -> None:
        self._probe = None

    async def _find(self, timeout: float) -> list[FoundDevice]:
        try:
            devices = await probe(self._interfaces, timeout, clock=self._clock)
        except OnvifError as error:
            raise SettingsError(f"discovery.interfaces: {error.reason}") from error
        ours = self._ours()
        found = [_found(device) for device in devices if device.endpoint not in ours]
        return sorted((device for device in found if device is not None), key=lambda d: (d.name, d.onvif))


@asynccontextmanager
async def hellos(
    interfaces: Sequence[str],
    appeared: Callable[[Iterable[str]], None],
    *,
    ours: Callable[[], Collection[str]] = _none,
) -> AsyncIterator[None]:
    """Call `appeared` with the addresses of each device that says hello, but for `ours`, as long as this context lasts.

    Where that cannot be had (no such interface, the port taken for oneself by another program) it is logged: cameras
    are then found again by their retries alone.
    """

    def announced(message: Hello | Bye) -> None:
        if isinstance(message, Hello) and message.device.endpoint not in ours():
            hosts = (urlsplit(url).hostname for url in message.device.xaddrs)
            appeared([message.device.address, *(host for host in hosts if host)])

    try:
        listener = await Listener(interfaces, announced).__aenter__()
    except (OnvifError, OSError) as error:
        log.warning("devices that say hello are not heard: %s", error)
        yield
        return
    try:
        yield
    finally:
        await listener.__aexit__(None, None, None)


def _found(device: DiscoveredDevice) -> FoundDevice | None:
    usable = [url for url in device.xaddrs if urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname]
    if not usable:
        return None
    # Of several addresses, the one the answer came from is the one that certainly works.
    best = next((url for url in usable if urlsplit(url).hostname == device.address), usable[0])
    return FoundDevice(
        device.endpoint, best, device.name or device.hardware, device.hardware, device.location, device.address
    )
