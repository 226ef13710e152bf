"""Tells TAK servers and multicast groups where the units are, as Cursor on Target, at most once a second and unit.

Each place has a task of its own. Between two events of a unit only its newest Fix waits, so a server that is slow or
away costs nothing and is told the present when it takes something again. What a privacy mode hides is not sent: on
others' maps the unit grows stale within half a minute.

What an event looks like is `gateway.positions.cot`'s business; the settings are `gateway.base.position_settings`'.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterable

from gateway.access.authority import Authority
from gateway.base.clock import Clock
from gateway.base.errors import SettingsError
from gateway.base.metrics import COT_ERRORS, COT_EVENTS
from gateway.base.position_settings import CotTarget
from gateway.base.settings import Settings
from gateway.base.supervise import Backoff, TaskOwner, cancel_once
from gateway.ingest.fleet import Camera, Fleet
from gateway.media.model import Fix
from gateway.positions.cot import event

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
"""Between two events of a unit."""
TURN_SECONDS = 0.1
"""How often is looked what there is to send: units do not all speak in the same moment, and nor do we."""
CONNECT_SECONDS = 10.0
SEND_SECONDS = 30.0
"""A server that takes nothing for so long is connected to anew."""
HOPS = 4
"""How many routers a multicast may pass (its TTL)."""
_READ_BYTES = 64 << 10


class CotFeed:
    """One place. `run` connects, sends, and connects again, until cancelled."""

    def __init__(
        self, target: CotTarget, tls: ssl.SSLContext | None, hides: Callable[[str], bool], clock: Clock
    ) -> None:
        self.target = target
        self._tls = tls
        self._hides = hides
        self._clock = clock
        self._newest: dict[str, tuple[Camera, Fix]] = {}
        self._sent_at: dict[str, float] = {}
        self._waiting = asyncio.Event()

    def take(self, camera: Camera, fix: Fix) -> None:
        """A position was accepted: it takes the place of one that waits."""
        groups = self.target.groups
        if not groups or not set(groups).isdisjoint(camera.settings.groups):
            self._newest[camera.id] = camera, fix
            self._waiting.set()

    def forget(self, camera: Camera) -> None:
        """The camera was removed."""
        self._newest.pop(camera.id, None)
        self._sent_at.pop(camera.id, None)

    async def run(self) -> None:
        """Send for ever; what goes wrong is logged once until it changes, counted, and tried again."""
        backoff, told = Backoff(self._clock), ""
        while True:
            try:
                if self.target.address.scheme == "udp":
                    await self._send_datagrams(backoff)
                else:
                    await self._send_stream(backoff)
            except (OSError, TimeoutError, EOFError) as error:  # ssl.SSLError is an OSError
                COT_ERRORS.labels(self.target.url).inc()
                why = str(error) or "it does not answer"
                level = logging.DEBUG if why == told else logging.WARNING
                log.log(level, "positions are not taken by %s: %s", self.target.url, why)
                told = why
                await self._clock.sleep(backoff.failed())

    async def _send_datagrams(self, backoff: Backoff) -> None:
        host, port = self.target.address.hostname, self.target.address.port
        loop = asyncio.get_running_loop()
        (family, kind, protocol, _, address), *_ = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        with socket.socket(family, kind, protocol) as sock:
            sock.setblocking(False)
            if self.target.is_multicast and family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, HOPS)
            elif self.target.is_multicast:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOPS)
            sock.connect(address)
            while True:
                for each in await self._next():
                    # What the system has no room for now is lost, as on the way: another comes in a second.
                    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                        sock.send(each)
                        COT_EVENTS.labels(self.target.url).inc()
                backoff.succeeded()

    async def _send_stream(self, backoff: Backoff) -> None:
        parts = self.target.address
        name = (self.target.server_name or parts.hostname) if self._tls is not None else None
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                parts.hostname, parts.port, ssl=self._tls, server_hostname=name, limit=_READ_BYTES
            )
        log.info("positions go to %s", self.target.url)
        # What a server sends is read and dropped: it would wait for us else. Its end ends this.
        hearing = asyncio.create_task(_hear(reader), name=f"cot: {self.target.url}: hear")
        try:
            while True:
                sending = asyncio.create_task(self._next(), name=f"cot: {self.target.url}: next")
                await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
                if hearing.done():
                    cancel_once(sending)
                    await asyncio.wait({sending})
                    hearing.result()
                    raise EOFError("it has closed the connection")
                events = sending.result()
                writer.write(b"".join(each + b"\n" for each in events))
                async with asyncio.timeout(SEND_SECONDS):
                    await writer.drain()
                COT_EVENTS.labels(self.target.url).inc(len(events))
                backoff.succeeded()
        finally:
            cancel_once(hearing)
            writer.transport.abort()
            await asyncio.wait({hearing})

    async def _next(self) -> list[bytes]:
        """Wait until units are due, and return their events."""
        while True:
            await self._waiting.wait()
            now = self._clock.monotonic()
            due = [
                camera_id
                for camera_id in self._newest
                if now - self._sent_at.get(camera_id, float("-inf")) >= EVERY_SECONDS
            ]
            events = []
            for camera_id in due:
                camera, fix = self._newest.pop(camera_id)
                if not self._hides(camera_id):
                    self._sent_at[camera_id] = now
                    events.append(event(camera_id, camera.settings.label, self.target.type, fix))
            if not self._newest:
                self._waiting.clear()
            if events:
                return events
            await self._clock.sleep(TURN_SECONDS)


class CotFeeds:
    """All places of the settings. `start` with those that hold; `prepare` is for settings that change."""

    def __init__(self, fleet: Fleet, authority: Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock
        self._feeds: dict[CotFeed, asyncio.Task[None]] = {}
        self._tasks = TaskOwner("cot")
        fleet.on_fix.append(self._fix)
        fleet.on_removed.append(self._removed)

    async def start(self, settings: Settings) -> None:
        """Begin to send.

        Raises:
            SettingsError: a certificate cannot be read.
        """
        (await self.prepare(settings))()

    async def prepare(self, settings: Settings) -> Callable[[], None]:
        """Read the certificates; the result makes the places those of `settings`, and leaves alone what stays.

        Raises:
            SettingsError: a certificate cannot be read.
        """
        wanted = settings.positions.cot
        fresh = [target for target in wanted if target not in self._targets]
        contexts = await asyncio.to_thread(lambda: {target.url: _context(target) for target in fresh})
        return lambda: self._apply(wanted, contexts)

    async def close(self) -> None:
        """End every task."""
        await self._tasks.close()

    @property
    def _targets(self) -> list[CotTarget]:
        return [feed.target for feed in self._feeds]

    def _apply(self, wanted: Iterable[CotTarget], contexts: dict[str, ssl.SSLContext | None]) -> None:
        wanted = list(wanted)
        for feed, task in list(self._feeds.items()):
            if feed.target not in wanted:
                cancel_once(task)
                del self._feeds[feed]
        for target in wanted:
            if target not in self._targets:
                feed = CotFeed(target, contexts[target.url], self._authority.hides_position, self._clock)
                self._feeds[feed] = self._tasks.start(feed.run(), name=target.url)

    def _fix(self, camera: Camera, fix: Fix) -> None:
        for feed in self._feeds:
            feed.take(camera, fix)

    def _removed(self, camera: Camera) -> None:
        for feed in self._feeds:
            feed.forget(camera)


async def _hear(reader: asyncio.StreamReader) -> None:
    while await reader.read(_READ_BYTES):
        pass


def _context(target: CotTarget) -> ssl.SSLContext | None:
    if target.address.scheme != "tls":
        return None
    try:
        context = ssl.create_default_context(cafile=target.ca)
        if target.certificate is not None:
            context.load_cert_chain(target.certificate, target.key)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"positions.cot of {target.url}: its certificates cannot be used: {error}") from error
    return context
