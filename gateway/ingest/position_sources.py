"""Where each camera's position comes from, beside the metadata of its stream: one supervised source per camera.

A source knows nothing of the stream: a receiver in a car tells of its place while the camera is off. It makes one
attempt and raises, as the one of the stream does, and `PositionSources` tries again. What the bytes of a receiver say
is `nmea_inlet`'s work, and whose datagrams are whose that of `udp_ports`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, cast
from urllib.parse import urlsplit

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.base.metrics import POSITION_ERRORS
from gateway.base.settings import Address, CameraSettings
from gateway.base.supervise import Backoff, TaskOwner, cancel_once
from gateway.ingest.fleet import Camera, Fleet
from gateway.ingest.nmea_inlet import NmeaInlet
from gateway.ingest.udp_ports import Member, UdpPorts

log = logging.getLogger(__name__)

TICK = 0.1
WELL_AFTER = 5.0
"""Seconds after which an attempt counts as a success, so that the next failure is retried at once."""
CONNECT_SECONDS = 10.0
STALLED_AFTER = 30.0
"""Seconds without a byte until a connection is given up: receivers write every second, also without a fix."""

_GPSD_GREETING = b'{"class":"VERSION"'
_GPSD_WATCH = b'?WATCH={"enable":true,"nmea":true};\n'


class PositionSource(Protocol):
    """Brings the positions of one camera."""

    async def run(self) -> None:
        """Take positions until cancelled, or until it is over: then another one is made, after a pause.

        Raises:
            CameraError: it is over; says why.
        """


class UdpSource:
    """What comes to a UDP port from the camera's receiver."""

    def __init__(self, camera: Camera, sources: PositionSources) -> None:
        settings = camera.settings
        self._address = _address(settings)
        self._sources = sources
        inlet = NmeaInlet(
            camera, sources.clock, f"Nothing comes to UDP port {self._address.port}: have the receiver send there."
        )
        self._member = Member(inlet, tuple(ipaddress.ip_network(text) for text in settings.position_from))

    async def run(self) -> None:
        """Listen until cancelled.

        Raises:
            CameraError: the port cannot be had.
        """
        async with self._sources.udp.joined(self._address, self._member) as port:
            if not self._member.networks:
                log.warning(
                    'camera %s: whoever reaches UDP port %d can say where it is: name its receiver in "position_from"',
                    self._member.inlet.camera.id,
                    port.number,
                )
            with self._sources.ticking(self._member.inlet):
                await asyncio.get_running_loop().create_future()


class TcpSource:
    """What a receiver, a gpsd or a serial server writes to whoever connects."""

    def __init__(self, camera: Camera, sources: PositionSources) -> None:
        self._address = _address(camera.settings)
        self._sources = sources
        self._inlet = NmeaInlet(camera, sources.clock, f"Connected to {self._address}, but nothing comes from there.")

    async def run(self) -> None:
        """Connect, and read until the other side ends it or is silent for too long.

        Raises:
            CameraError: always, with the reason.
        """
        loop = asyncio.get_running_loop()
        connection = _Connection(self._inlet, self._address)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: connection, self._address.host, self._address.port)
        except TimeoutError as error:
            raise CameraError(Fault.TIMEOUT, f"The receiver at {self._address} does not answer.") from error
        except OSError as error:
            raise CameraError(Fault.UNREACHABLE, f"No receiver can be reached at {self._address}: {error}.") from error
        try:
            with self._sources.ticking(self._inlet, connection.tick):
                await connection.over
        finally:
            connection.close()


class _Connection(asyncio.Protocol):
    """One connection to a receiver. A flood is held back by not reading on: TCP tells the other side."""

    def __init__(self, inlet: NmeaInlet, address: Address) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inlet = inlet
        self._address = address
        self._transport: asyncio.Transport | None = None
        self._greeted = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if not self._greeted:
            self._greeted = True
            if data.startswith(_GPSD_GREETING):
                self._transport.write(_GPSD_WATCH)
        self._inlet.feed(data)
        if self._inlet.exhausted and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(CameraError(Fault.ENDED, f"The receiver at {self._address} closed the connection."))

    def tick(self, now: float) -> None:
        """Read on after a pause; give up a silent one."""
        if self._paused:
            if not self._inlet.exhausted and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
        elif now - self._inlet.heard_at >= STALLED_AFTER:
            self._end(CameraError(Fault.STALLED, f"The receiver at {self._address} is connected but sends nothing."))

    def close(self) -> None:
        """Hang up."""
        self.over.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _end(self, error: CameraError) -> None:
        if not self.over.done():
            self.over.set_exception(error)


class PositionSources:
    """The sources of all cameras of a fleet. `inside` makes those of ways without an address of their own (`onvif`);
    a way that is in neither list needs nothing to run.
    """

    def __init__(
        self, fleet: Fleet, clock: Clock, inside: Mapping[str, Callable[[Camera], PositionSource]] | None = None
    ) -> None:
        self.clock = clock
        self.udp = UdpPorts(clock)
        self._inside = dict(inside or {})
        self._tasks = TaskOwner("position")
        self._running: dict[str, tuple[tuple[object, ...], asyncio.Task[None]]] = {}
        """How the source of each camera was set, and its task."""
        self._ticking: dict[NmeaInlet, Callable[[float], None]] = {}
        fleet.on_added.append(self._look)
        fleet.on_changed.append(self._look)
        fleet.on_removed.append(self._removed)

    async def run(self) -> None:
        """Let time pass for what was opened. Runs until cancelled."""
        while True:
            await self.clock.sleep(TICK)
            self.tick()

    def tick(self) -> None:
        """A tenth of a second has passed."""
        now = self.clock.monotonic()
        for inlet, also in list(self._ticking.items()):
            inlet.tick(now)
            also(now)
        self.udp.tick(now)

    @contextlib.contextmanager
    def ticking(self, inlet: NmeaInlet, also: Callable[[float], None] = lambda _: None) -> Iterator[None]:
        """Have time pass for `inlet`, and call `also` with it, for as long as the context lasts."""
        self._ticking[inlet] = also
        try:
            yield
        finally:
            del self._ticking[inlet]
            inlet.end()

    async def close(self) -> None:
        """End every source. What they read by then has been taken."""
        self._running.clear()
        await self._tasks.close()

    # ---- inside

    def _look(self, camera: Camera) -> None:
        """Run what the camera's settings say by now. Called at each change of its status, too: cheap."""
        settings = camera.settings
        way = _way(settings)
        known = self._running.get(camera.id)
        if known is not None and known[0] == way:
            return
        before = self._stop(camera.id)
        make = self._maker(settings.position)
        if make is not None:
            work = self._supervise(camera, make, before)
            self._running[camera.id] = way, self._tasks.start(work, name=camera.id)

    def _removed(self, camera: Camera) -> None:
        self._stop(camera.id)

    def _stop(self, camera_id: str) -> asyncio.Task[None] | None:
        known = self._running.pop(camera_id, None)
        if known is None:
            return None
        cancel_once(known[1])
        return known[1]

    def _maker(self, position: str) -> Callable[[Camera], PositionSource] | None:
        if position.startswith("udp://"):
            return lambda camera: UdpSource(camera, self)
        if position.startswith("tcp://"):
            return lambda camera: TcpSource(camera, self)
        return self._inside.get(position)

    async def _supervise(
        self, camera: Camera, make: Callable[[Camera], PositionSource], before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        backoff = Backoff(self.clock)
        told: str | None = None
        while True:
            began = self.clock.monotonic()
            error = await self._attempt(camera, make)
            if self.clock.monotonic() - began >= WELL_AFTER:
                backoff.succeeded()
            camera.position_problem = error.reason
            # Told once, not at each retry: a receiver may be away for days.
            log.log(logging.DEBUG if error.reason == told else logging.WARNING, "camera %s: %s", camera.id, error)
            told = error.reason
            POSITION_ERRORS.labels(camera.id, error.fault.value).inc()
            if seconds := backoff.failed():
                await self.clock.sleep(seconds)

    async def _attempt(self, camera: Camera, make: Callable[[Camera], PositionSource]) -> CameraError:
        try:
            await make(camera).run()
        except CameraError as error:
            return error
        except Exception:
            log.exception("camera %s: its position source failed by a fault of the gateway", camera.id)
            return CameraError(Fault.BAD_STREAM, "The gateway failed on the receiver's data; its log says where.")
        return CameraError(Fault.ENDED, "The receiver ended its report.")


def _way(settings: CameraSettings) -> tuple[object, ...]:
    """What a source depends on: when it changes, another one is needed."""
    if settings.position == "onvif":
        return settings.position, settings.onvif, settings.username, settings.password
    return settings.position, settings.position_from


def _address(settings: CameraSettings) -> Address:
    parts = urlsplit(settings.position)
    assert parts.hostname is not None, "the settings were checked"
    assert parts.port is not None
    return Address(parts.hostname, parts.port)
