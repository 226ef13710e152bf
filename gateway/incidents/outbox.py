"""The outbox: who outside is to be told of which alert, and the Lanes by which they are told.

What is to be told is written in the transaction of its alert, so that neither is kept without the other, and waits in
the database until somebody took it. Each channel of the settings has a Lane with a task of its own: a receiver that is
down, slow or refuses delays nothing but its own messages. How a Lane goes about it is `lane`'s, how something is sent
the Senders'.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection

from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.channel_settings import Mail, Webhook
from gateway.base.clock import Clock
from gateway.base.errors import NotFoundError, SettingsError, StorageError
from gateway.base.rfc3339 import format_utc
from gateway.base.supervise import TaskOwner
from gateway.incidents import delivery_rows
from gateway.incidents.alert import Alert
from gateway.incidents.alerts import RESOLVED
from gateway.incidents.delivery import Delivery, NotDeliveredError, Sender
from gateway.incidents.formats import told
from gateway.incidents.lane import Lane
from gateway.incidents.mail import MailSender
from gateway.incidents.webhooks import WebHook
from gateway.media.model import UtcNs
from gateway.store.engine import Database

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0
LAST_SHOWN = 5
"""Of each channel's messages as many are shown beside its state."""
LAST_SECONDS = 2.0
"""How long what is being sent may take when the gateway ends: cut off, it would be sent again after the start."""

Settings: TypeAlias = Webhook | Mail


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel of the settings, and how it does."""

    name: str
    kind: str
    """`webhook` or `mail`."""
    waiting: int
    delivered: int
    given_up: int
    delivered_ns: UtcNs | None
    """When it was told something last."""
    failed_ns: UtcNs | None
    """When an attempt failed last, since the gateway started."""
    error: str | None
    """Why the last attempt failed, a sentence; None: it did not."""
    told: Settings
    """As the settings have it: what it is told of. Where it leads, and its secrets, are for nobody to see."""
    last: Sequence[Delivery]
    """Its newest messages, the newest first."""


class Outbox:
    """Tells all channels. `apply` the settings, then `run` it; `close` it last."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        groups: Callable[[str], Sequence[str]],
        label: Callable[[str], str],
        page: Callable[[], str],
    ) -> None:
        """`groups` are those of a camera, `label` its name; both are asked in the database's thread, too. `page`: where
        people reach the page, empty when the settings do not say."""
        self._database = database
        self._clock = clock
        self._groups = groups
        self._label = label
        self._page = page
        self._channels: dict[str, Settings] = {}
        self._lanes: dict[str, Lane] = {}
        self._written = False
        self._tasks: TaskOwner | None = None

    # ---- settings

    async def prepare(self, settings: AlertSettings) -> Callable[[], None]:
        """Make what these settings take; what is returned lets it take effect.

        Raises:
            SettingsError: a certificate cannot be read.
        """
        channels = {key_of(channel): channel for channel in settings.channels}
        fresh = {key: one for key, one in channels.items() if self._channels.get(key) != one}
        senders = {key: await self._sender(channel) for key, channel in fresh.items()}
        return lambda: self._apply(channels, senders)

    async def _sender(self, settings: Settings) -> Sender:
        tls = await asyncio.to_thread(_tls, settings)
        if isinstance(settings, Webhook):
            return WebHook(settings, tls, self._clock)
        return MailSender(settings, tls, self._clock)

    def _apply(self, channels: dict[str, Settings], senders: dict[str, Sender]) -> None:
        for key in self._lanes.keys() - channels.keys():
            self._lanes.pop(key).end()
        for key, sender in senders.items():
            if key in self._lanes:
                self._lanes[key].change(sender)
            else:
                lane = self._lanes[key] = Lane(key, sender, self._database, self._clock)
                if self._tasks is not None:
                    self._start(self._tasks, lane)
        self._channels = channels

    # ---- alerts

    def write(self, connection: Connection, alert: Alert, event: str) -> None:
        """Note in the transaction of an alert who is to be told of it. In the database's thread."""
        groups = () if alert.camera is None else self._groups(alert.camera)
        now_ns = self._clock.utc_ns()
        for key, channel in self._channels.items():
            if not channel.wants(alert.kind, alert.grade, groups) or (event == RESOLVED and not channel.resolved):
                continue
            message = self._message(alert, event, places=channel.positions)
            delivery_rows.insert(connection, alert.id, key, message, now_ns)
            self._written = True

    def alert_changed(self, _: Alert) -> None:
        """An alert was written, and with it maybe something to be told."""
        if self._written:
            self._written = False
            for lane in self._lanes.values():
                lane.wake()

    def _message(self, alert: Alert, event: str, *, places: bool) -> dict[str, Any]:
        happened_ns = alert.resolved_ns if event == RESOLVED and alert.resolved_ns is not None else alert.utc_ns
        page = self._page().rstrip("/")
        return {
            "type": f"alert.{event}",
            "timestamp": format_utc(happened_ns),
            "data": told(alert, places=places),
            "unit": None if alert.camera is None else self._label(alert.camera),
            "url": f"{page}/#/alerts/{alert.id}" if page else None,
        }

    # ---- what is asked of it

    async def of_alert(self, alert: int) -> list[Delivery]:
        """Who is told of an alert, and how far that got.

        Raises:
            StorageError: the database refused.
        """
        return await self._database.read(lambda connection: delivery_rows.of_alert(connection, alert))

    async def states(self) -> list[ChannelState]:
        """The channels of the settings, in their order.

        Raises:
            StorageError: the database refused.
        """
        keys = list(self._channels)

        def read(connection: Connection) -> tuple[dict[str, delivery_rows.Count], dict[str, list[Delivery]]]:
            newest = {key: delivery_rows.newest(connection, key, LAST_SHOWN) for key in keys}
            return delivery_rows.counts(connection), newest

        counts, last = await self._database.read(read)
        found = []
        for key, channel in self._channels.items():
            lane, count = self._lanes[key], counts.get(key, delivery_rows.Count(0, 0, 0, None))
            found.append(
                ChannelState(
                    channel.name, key.partition(":")[0], count.waiting, count.delivered, count.given_up,
                    count.delivered_ns, lane.failed_ns, lane.error, channel, last.get(key, ()),
                )
            )  # fmt: skip
        return found

    async def test(self, name: str, *, by: str) -> str | None:
        """Send a message that says it is a test. None: it was taken; else why not, a sentence.

        Raises:
            NotFoundError: there is no such channel.
        """
        key = next((key for key, channel in self._channels.items() if channel.name == name), None)
        if key is None:
            raise NotFoundError(f'there is no channel "{name[:40]}" in the settings')
        now_ns = self._clock.utc_ns()
        message = {
            "type": "alert.test",
            "timestamp": format_utc(now_ns),
            "data": {"text": f"A test by {by}: whoever reads this is told of alerts."},
            "unit": None,
            "url": self._page() or None,
        }
        try:
            return await self._lanes[key].sender.send([Delivery(0, 0, key, message, now_ns)])
        except NotDeliveredError as error:
            return str(error)

    # ---- running

    async def run(self) -> None:
        """Send what waits. When cancelled, it lets what is being sent come to its end, within reason."""
        tasks = self._tasks = TaskOwner("outbox")
        try:
            for lane in self._lanes.values():
                self._start(tasks, lane)
            while True:
                await self._sweep()
                await self._clock.sleep(SWEEP_SECONDS)
        finally:
            self._tasks = None
            for lane in self._lanes.values():
                lane.end()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await tasks.join()
            await tasks.close()

    async def close(self) -> None:
        """Let go of all connections."""
        for lane in self._lanes.values():
            await lane.sender.close()

    def _start(self, tasks: TaskOwner, lane: Lane) -> None:
        tasks.start(lane.run(), name=lane.channel)

    async def _sweep(self) -> None:
        """Give up what nobody sends any more."""
        try:
            now_ns, known = self._clock.utc_ns(), list(self._channels)
            left = await self._database.write(
                lambda connection: delivery_rows.give_up_others(connection, known, now_ns)
            )
        except StorageError as error:
            log.error("what waits for channels that are gone stays: %s", error)
        else:
            if left:
                log.error("%d messages are given up: their channels are not in the settings any more", left)


def key_of(channel: Settings) -> str:
    """What a channel is called in the rows of `deliveries`."""
    return f"{'webhook' if isinstance(channel, Webhook) else 'mail'}:{channel.name}"


def _tls(channel: Settings) -> ssl.SSLContext:
    """What a channel's certificate is checked with. Blocks.

    Raises:
        SettingsError: the authorities cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=channel.certificates)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f'"{channel.name}": certificates {channel.certificates} cannot be read: {error}') from error
