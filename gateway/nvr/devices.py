"""The ONVIF devices that NVRs find: one of all cameras, and one for each camera, as the settings say.

Here belongs which devices there are, which services each has, and that they are announced. What each offers is
`gateway.nvr.profiles`, who each is `gateway.nvr.identities`; HTTP is `web.onvif`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from gateway.base.clock import Clock
from gateway.base.settings import Address
from gateway.base.supervise import pause
from gateway.ingest.fleet import Camera
from gateway.nvr.identities import ALL, Identities
from gateway.nvr.profiles import Before, CameraModel, Cameras, Facts, GatewayModel
from onvif_protocol.authentication import Authenticator
from onvif_protocol.base import ErrorKind, OnvifError
from onvif_protocol.device import Device, Service
from onvif_protocol.device_io import DeviceIo
from onvif_protocol.device_management import DeviceManagement
from onvif_protocol.device_model import DeviceIdentity
from onvif_protocol.discovery import Responder, Target, find_interfaces
from onvif_protocol.imaging import Imaging
from onvif_protocol.media1 import Media1
from onvif_protocol.media2 import Media2
from onvif_protocol.media_profiles import Profiles

log = logging.getLogger(__name__)

Shape: TypeAlias = Literal["one", "port", "both"]
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 (compared, not bound)
LAST_PORT = 65535
RETRY_SECONDS = 30.0
"""Until a port is tried again that another program has."""


class More(Protocol):
    """Makes services that a device has beside those of this module."""

    def __call__(self, camera: str | None) -> Sequence[Service]:
        """Those of the device of one camera; None: of all."""


@runtime_checkable
class Closing(Protocol):
    """A service that has something to end."""

    def close(self) -> None:
        """End it."""


class Sites(Protocol):
    """Where the devices of single cameras are served."""

    async def serve(self, ports: Mapping[str, int]) -> Mapping[str, int]:
        """Listen for each camera on its port, and for no other; the ports of those that could be had."""


@dataclass(frozen=True, slots=True)
class Served:
    """A device at work."""

    device: Device
    model: GatewayModel
    services: tuple[Service, ...]

    @property
    def identity(self) -> DeviceIdentity:
        """Who it is now."""
        return self.model.identity

    def close(self) -> None:
        """End what its services have running."""
        for service in self.services:
            if isinstance(service, Closing):
                service.close()


def services(model: GatewayModel, more: Sequence[Service], clock: Clock) -> list[Service]:
    """All services of a device. The first announces the others."""
    profiles = Profiles(model)
    others: list[Service] = [
        Media1(model, profiles),
        Media2(model, profiles),
        DeviceIo(profiles),
        Imaging(profiles),
        *more,
    ]
    return [DeviceManagement(model, others, clock), *others]


class Devices:
    """The devices of a gateway. `reconcile` first, then `run`; `close` in the end."""

    def __init__(
        self,
        identities: Identities,
        cameras: Cameras,
        authenticator: Authenticator,
        *,
        shape: Shape,
        base_port: int,
        more: More,
        before: Before,
    ) -> None:
        self.authenticator = authenticator
        self.whole: Served | None = None
        """The device of all cameras, if it is wanted."""
        self.single: dict[str, Served] = {}
        """Those of single cameras, if they are wanted."""
        self._identities = identities
        self._parts = cameras
        self._shape = shape
        self._base_port = base_port
        self._more = more
        self._facts = Facts(cameras.clock, before)
        self._ports: Mapping[str, int] = {}
        self._labels: dict[str, str] = {}
        """What the cameras were called when the devices were made theirs."""
        self._changed = asyncio.Event()
        self._announce: Callable[[], None] = _nobody
        for noticed in (cameras.fleet.on_added, cameras.fleet.on_changed, cameras.fleet.on_removed):
            noticed.append(self._notice)

    @property
    def ports(self) -> Mapping[str, int]:
        """Where the devices of single cameras are served, those that could be had."""
        return self._ports

    @property
    def endpoints(self) -> Collection[str]:
        """What its devices are called in WS-Discovery."""
        return {served.identity.endpoint for served in self._served()}

    async def reconcile(self, sites: Sites) -> None:
        """Make the devices, and where they are served, those of the cameras that there are.

        Raises:
            StorageError: new devices cannot be given a number.
        """
        self._labels = {camera.id: camera.settings.label for camera in self._parts.fleet.cameras.values()}
        wanted = sorted(self._labels)
        await self._identities.learn(wanted)
        if self.whole is None and self._shape != "port":
            model = GatewayModel(self._identities[ALL], self._parts, self._facts)
            self.whole = self._serve(model, self._more(None))
        if self._shape != "one":
            for camera in self.single.keys() - set(wanted):
                self.single.pop(camera).close()
            for camera in wanted:
                if camera not in self.single:
                    model = CameraModel(self._identities[camera], self._parts, self._facts, camera)
                    self.single[camera] = self._serve(model, self._more(camera))
            ports = {camera: self._base_port + self._identities[camera].number for camera in self.single}
            self._ports = await sites.serve({camera: port for camera, port in ports.items() if port <= LAST_PORT})
            if beyond := [camera for camera, port in ports.items() if port > LAST_PORT]:
                log.error("no port is left for the ONVIF devices of %s: lower onvif.base_port", ", ".join(beyond))
        self._facts.keep(wanted)
        self._announce()

    async def run(self, sites: Sites) -> None:
        """Reconcile when a camera comes, goes or is called otherwise, and while a port cannot be had. Never returns."""
        while True:
            await self._facts.remember(list(self._parts.fleet.cameras.values()))
            if self.single.keys() <= self._ports.keys():
                await self._changed.wait()
            else:
                await pause(self._parts.clock, RETRY_SECONDS, self._changed)
            self._changed.clear()
            await self.reconcile(sites)

    def close(self) -> None:
        """End what the devices have running: whoever waits for events is answered."""
        for served in self._served():
            served.close()

    @contextlib.asynccontextmanager
    async def announced(self, interfaces: Sequence[str], listen: Address, scheme: str) -> AsyncIterator[None]:
        """Say hello for each device, answer those who look for one, and say bye in the end, as long as this lasts.

        `listen` is where the device of all cameras is served. Where nobody can be reached this is logged, and NVRs have
        to be told the address.
        """
        try:
            names = _reachable(interfaces, listen.host)
            responder = await Responder(self._targets(listen.port, scheme), names, clock=self._parts.clock).__aenter__()
        except (OnvifError, OSError) as error:
            log.warning("the ONVIF devices are not announced: %s", error)
            yield
            return
        self._announce = lambda: responder.update(self._targets(listen.port, scheme))
        try:
            yield
        finally:
            self._announce = _nobody
            await responder.__aexit__(None, None, None)

    def _notice(self, camera: Camera) -> None:
        known = self._parts.fleet.cameras.get(camera.id)
        if self._labels.get(camera.id) != (None if known is None else known.settings.label):
            self._changed.set()

    def _served(self) -> list[Served]:
        return [*([] if self.whole is None else [self.whole]), *self.single.values()]

    def _serve(self, model: GatewayModel, more: Sequence[Service]) -> Served:
        all_ = services(model, more, self._parts.clock)
        return Served(Device(all_, self.authenticator, self._parts.clock), model, tuple(all_))

    def _targets(self, port: int, scheme: str) -> list[Target]:
        places = [] if self.whole is None else [(self.whole.identity, port)]
        places += [(self.single[camera].identity, own) for camera, own in self._ports.items()]
        return [Target(identity.endpoint, at, identity.scopes, scheme=scheme) for identity, at in places]


def _nobody() -> None:
    """Nothing is announced."""


def _reachable(interfaces: Sequence[str], host: str) -> list[str]:
    """The network interfaces on which whoever listens on `host` is found.

    Raises:
        OnvifError: there is none.
    """
    found = [one.name for one in find_interfaces(interfaces) if host in WILDCARDS or one.address == host]
    if not found:
        raise OnvifError(f"they listen on {host} alone, where nobody looks for them", ErrorKind.INTERFACE)
    return found
