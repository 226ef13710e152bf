"""A pull point at a camera (ONVIF Core 9.1): its events, asked for, of cameras that put none into a metadata stream.

Only what this gateway reads of events is subscribed to, positions and the battery. What the events say is
`metadata`'s to read, and what follows from them the caller's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from types import TracebackType
from typing import Final, Self

from onvif_protocol.base import OnvifError
from onvif_protocol.camera_media import reachable
from onvif_protocol.channel import Channel
from onvif_protocol.metadata import BATTERY_TOPIC, GEOLOCATION_TOPIC, MetadataDocument, read_notifications
from onvif_protocol.soap import Element, Envelope, FaultError, element, qname, text_of

LIFETIME: Final = "PT60S"
RENEW_NS: Final = 25 * 1_000_000_000
PULL: Final = "PT5S"
"""How long the camera may hold an answer back: less than a call may take."""
MAX_MESSAGES: Final = 100
GOODBYE_SECONDS: Final = 2.0

_CREATE: Final = "http://www.onvif.org/ver10/events/wsdl/EventPortType/CreatePullPointSubscriptionRequest"
_PULL: Final = "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription/PullMessagesRequest"
_RENEW: Final = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/RenewRequest"
_UNSUBSCRIBE: Final = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/UnsubscribeRequest"
_DIALECT: Final = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"


class PullPoint:
    """One subscription. Made by `create`; an async context manager that ends it.

    Every call raises OnvifError or FaultError.
    """

    def __init__(self, channel: Channel, address: str, url: str, parameters: list[Element], others: Collection[str]):
        self._channel = channel
        self._address = address
        """As the camera wrote it: it may want to read it again."""
        self._url = url
        self._parameters = parameters
        self._others = others
        self._renewed_ns = channel.credentials.clock.utc_ns()

    @classmethod
    async def create(cls, channel: Channel, service: str, via: str, others: Collection[str]) -> PullPoint:
        """Subscribe at the event service `service` of the device that was reached at `via`.

        Events of a source whose token is among `others` are passed over: they are of other cameras.
        """
        try:
            answer = await _ask(channel, service, _CREATE, _subscription(filtered=True))
        except FaultError:  # of topics that it does not know, some cameras want to hear nothing
            answer = await _ask(channel, service, _CREATE, _subscription(filtered=False))
        reference = "tev:SubscriptionReference/wsa:"
        address = text_of(answer.body, reference + "Address")
        held = answer.body.find(f"{qname('tev:SubscriptionReference')}/{qname('wsa:ReferenceParameters')}")
        try:
            url = reachable(address, via, channel.peers)
        except ValueError:
            url = service  # some cameras name none: there is one pull point for all
        return cls(channel, address or url, url, [] if held is None else list(held), others)

    async def pull(self) -> MetadataDocument:
        """Wait for what comes next, some seconds at most."""
        now_ns = self._channel.credentials.clock.utc_ns()
        if not 0 <= now_ns - self._renewed_ns < RENEW_NS:
            self._renewed_ns = now_ns
            await self._call(_RENEW, element("wsnt:Renew", element("wsnt:TerminationTime", LIFETIME)))
        wanted = element("tev:Timeout", PULL), element("tev:MessageLimit", str(MAX_MESSAGES))
        answer = await self._call(_PULL, element("tev:PullMessages", *wanted))
        return read_notifications(answer.body.findall(qname("wsnt:NotificationMessage")), self._others)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OnvifError, FaultError, TimeoutError):  # it ends by itself a minute later
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._call(_UNSUBSCRIBE, element("wsnt:Unsubscribe"))

    async def _call(self, action: str, body: Element) -> Envelope:
        return await _ask(self._channel, self._url, action, body, self._address, self._parameters)


def _subscription(*, filtered: bool) -> Element:
    topics = f"{GEOLOCATION_TOPIC}|{BATTERY_TOPIC}"
    wanted = element("tev:Filter", element("wsnt:TopicExpression", topics, Dialect=_DIALECT)) if filtered else None
    return element("tev:CreatePullPointSubscription", wanted, element("tev:InitialTerminationTime", LIFETIME))


async def _ask(
    channel: Channel, url: str, action: str, body: Element, to: str = "", parameters: Collection[Element] = ()
) -> Envelope:
    """Call with the headers of WS-Addressing: many cameras tell subscriptions apart by them."""
    headers = [element("wsa:Action", action), element("wsa:To", to or url)]
    return await channel.call(url, body, headers=[*headers, *parameters])
