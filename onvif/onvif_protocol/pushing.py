"""Base notification: events are posted to an address that the subscriber named (WS-BaseNotification 1.3 3).

Here belong when something is sent and when a consumer is given up. Which addresses may be posted to, and HTTP itself,
belong to whoever serves the device (`Consumers`): a subscriber must not be able to send the device wherever it likes.
"""

from __future__ import annotations

import logging
from typing import Final, Protocol

from onvif_protocol.base import Clock
from onvif_protocol.notification import PREFIXES, message_of
from onvif_protocol.soap import build_envelope, element
from onvif_protocol.subscriptions import EndedError, Fate, Subscription, Subscriptions

log = logging.getLogger(__name__)

MAX_MESSAGES: Final = 100
"""Notifications in one message."""
PAUSES: Final = (1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to deliver one message; after the last the consumer is given up."""
READ_SECONDS: Final = 60.0

_ACTION: Final = "http://docs.oasis-open.org/wsn/bw-2/NotificationConsumer/Notify"


class Consumers(Protocol):
    """The way to those who are told by HTTP."""

    def refusal(self, url: str, peer: str) -> str | None:
        """Why nothing is posted to `url` for a subscriber at the address `peer`: a sentence; None: it may be."""

    async def post(self, url: str, peer: str, message: bytes) -> None:
        """Post a SOAP message. What is answered does not matter, as long as it is success.

        Raises:
            OSError: it did not arrive, or the address behind the name is not allowed.
        """


async def push(
    subscriptions: Subscriptions, subscription: Subscription, consumers: Consumers, url: str, peer: str, clock: Clock
) -> None:
    """Tell the consumer at `url` what it subscribed to, until the subscription ends or the consumer is given up."""
    while True:
        try:
            found = await subscriptions.read(subscription, MAX_MESSAGES, READ_SECONDS, keeps=False)
        except EndedError:
            return
        if not found:
            subscriptions.find(subscription.id, subscription.user)  # expired ones end, though nothing happens
            continue
        headers = [element("wsa:To", url), element("wsa:Action", _ACTION)]
        body = element("wsnt:Notify", *map(message_of, found))
        if not await _deliver(consumers, url, peer, build_envelope(body, headers, keep=PREFIXES), clock):
            subscriptions.end(subscription, Fate.GIVEN_UP)
            return


async def _deliver(consumers: Consumers, url: str, peer: str, message: bytes, clock: Clock) -> bool:
    for pause in (*PAUSES, None):
        try:
            await consumers.post(url, peer, message)
        except OSError as error:
            if pause is None:
                log.warning("events for %s are given up: %s", peer, error)
                return False
            await clock.sleep(pause)
        else:
            return True
    return False
