"""The Event service (`tev`) of a served device: pull points, base notification, and which events there are.

Here belongs what is asked and answered. Subscriptions themselves belong to `subscriptions`, delivery to `pushing`.

Sources: ONVIF Core Specification 9, events.wsdl; WS-BaseNotification 1.3. Each subscription has an address of its own
under `/onvif/`, which its operations are posted to, as WS-Addressing's references want it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from onvif_protocol.base import Clock, Tasks
from onvif_protocol.device import Call, Operation, Operations, invalid_argument
from onvif_protocol.duration import format_duration, parse_duration
from onvif_protocol.event_filter import ITEM_FILTER, TOPIC_DIALECTS, EventFilter, EventFilterError, parse_event_filter
from onvif_protocol.notification import PREFIXES, EventSource, message_of, topic_set
from onvif_protocol.pushing import Consumers, push
from onvif_protocol.soap import NS, Element, Fault, FaultError, element, format_utc, parse_utc, qname, text_of
from onvif_protocol.subscriptions import (
    MAX_SUBSCRIPTIONS,
    EndedError,
    Fate,
    Subscription,
    Subscriptions,
    SupersededError,
    TooManyError,
)

DEFAULT_LIFETIME: Final = 60.0
"""Seconds a subscription lasts whose client does not say."""
MAX_LIFETIME: Final = 86_400.0
"""Whoever asks for longer gets so much, and is told."""
DEFAULT_TIMEOUT: Final = 60.0
MAX_TIMEOUT: Final = 600.0
"""Seconds that PullMessages is held at most (Core 9.1.2: at least a minute)."""
MAX_MESSAGES: Final = 200
"""Notifications in one answer."""

_NS: Final = 1_000_000_000
_TOPIC_NAMESPACE: Final = "http://www.onvif.org/onvif/ver10/topics/topicns.xml"
_SCHEMA: Final = "http://www.onvif.org/onvif/ver10/schema/onvif.xsd"
_ADDRESS: Final = re.compile(r"/onvif/subscription-([0-9a-f]{1,64})(?:[?#].*)?")


class EventService:
    """The Event service of a device. Close it in the end."""

    namespace = NS["tev"]
    path = "/onvif/event_service"
    version = (2, 60)

    def __init__(
        self,
        source: EventSource,
        consumers: Consumers,
        clock: Clock,
        tasks: Tasks,
        count: Callable[[Fate], None] = lambda _: None,
    ) -> None:
        self.subscriptions = Subscriptions(source, clock, count)
        self._source = source
        self._consumers = consumers
        self._clock = clock
        self._tasks = tasks

    def operations(self) -> Operations:  # noqa: D102
        return {
            qname("tev:GetServiceCapabilities"): Operation(self._get_service_capabilities, open=True),
            qname("tev:GetEventProperties"): Operation(self._get_event_properties, prefixes=PREFIXES),
            qname("tev:CreatePullPointSubscription"): Operation(self._create_pull_point_subscription),
            qname("tev:PullMessages"): Operation(self._pull_messages, prefixes=PREFIXES),
            qname("tev:SetSynchronizationPoint"): Operation(self._set_synchronization_point),
            qname("wsnt:Subscribe"): Operation(self._subscribe),
            qname("wsnt:Renew"): Operation(self._renew),
            qname("wsnt:Unsubscribe"): Operation(self._unsubscribe),
        }

    def capabilities(self) -> Element:  # noqa: D102
        return element(
            "tev:Capabilities",
            WSSubscriptionPolicySupport=True,
            WSPullPointSupport=True,
            WSPausableSubscriptionManagerInterfaceSupport=False,
            MaxNotificationProducers=MAX_SUBSCRIPTIONS,
            MaxPullPoints=MAX_SUBSCRIPTIONS,
            PersistentNotificationStorage=False,
        )

    def close(self) -> None:
        """End every subscription: whoever waits for events is answered."""
        self.subscriptions.close()

    # ---- what there is

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("tev:GetServiceCapabilitiesResponse", self.capabilities())

    def _get_event_properties(self, _: Call) -> Element:
        return element(
            "tev:GetEventPropertiesResponse",
            element("tev:TopicNamespaceLocation", _TOPIC_NAMESPACE),
            element("wsnt:FixedTopicSet", "true"),
            topic_set(self._source.topics()),
            *(element("wsnt:TopicExpressionDialect", dialect) for dialect in TOPIC_DIALECTS),
            element("tev:MessageContentFilterDialect", ITEM_FILTER),
            element("tev:MessageContentSchemaLocation", _SCHEMA),
        )

    # ---- subscribing

    async def _create_pull_point_subscription(self, call: Call) -> Element:
        request = call.request
        policy = request.find(qname("tev:SubscriptionPolicy"))
        changed_only = policy is not None and policy.find(qname("tev:ChangedOnly")) is not None
        subscription = await self._open(
            call,
            self._filter(request.find(qname("tev:Filter"))),
            self._lifetime(request, "tev:InitialTerminationTime", "UnacceptableInitialTerminationTimeFault"),
            changed_only=changed_only,
        )
        return element(
            "tev:CreatePullPointSubscriptionResponse",
            _reference("tev:SubscriptionReference", call, subscription),
            *self._times("wsnt", subscription),
        )

    async def _subscribe(self, call: Call) -> Element:
        request = call.request
        url = text_of(request, "wsnt:ConsumerReference/wsa:Address")
        refusal = self._consumers.refusal(url, call.peer)
        if refusal is not None:
            raise self._fault("wsnt:SubscribeCreationFailedFault", refusal)
        subscription = await self._open(
            call,
            self._filter(request.find(qname("wsnt:Filter"))),
            self._lifetime(request, "wsnt:InitialTerminationTime", "UnacceptableInitialTerminationTimeFault"),
        )
        work = push(self.subscriptions, subscription, self._consumers, url, call.peer, self._clock)
        subscription.pushed = True
        self._tasks.start(work, name=f"notify {call.peer}")
        return element(
            "wsnt:SubscribeResponse",
            _reference("wsnt:SubscriptionReference", call, subscription),
            *self._times("wsnt", subscription),
        )

    async def _open(
        self, call: Call, event_filter: EventFilter, lifetime: float | None, *, changed_only: bool = False
    ) -> Subscription:
        user = call.user or ""
        ended = await self._source.begin(user, call.peer)
        try:
            made = self.subscriptions.open(user, event_filter, lifetime or DEFAULT_LIFETIME, changed_only=changed_only)
        except TooManyError:
            reason = "there are too many subscriptions: end those that are not needed"
            ended(reason)
            raise self._fault("wsnt:SubscribeCreationFailedFault", reason) from None
        made.on_end = ended
        return made

    # ---- with a subscription

    async def _pull_messages(self, call: Call) -> Element:
        subscription = self._subscription(call)
        if subscription.pushed:
            raise self._fault("wsnt:UnableToGetMessagesFault", "the events of this subscription are pushed")
        timeout = _duration(call.request, "tev:Timeout", DEFAULT_TIMEOUT)
        if timeout > MAX_TIMEOUT:
            raise self._pull_fault()
        limit = max(1, min(_integer(call.request, "tev:MessageLimit", MAX_MESSAGES), MAX_MESSAGES))
        try:
            found = await self.subscriptions.read(subscription, limit, max(0.0, timeout))
        except SupersededError:
            raise self._fault("wsnt:UnableToGetMessagesFault", "another call pulls these messages now") from None
        except EndedError:
            raise self._unknown() from None
        return element(
            "tev:PullMessagesResponse", *self._times("tev", subscription), *(message_of(each) for each in found)
        )

    def _set_synchronization_point(self, call: Call) -> Element:
        self.subscriptions.synchronize(self._subscription(call))
        return element("tev:SetSynchronizationPointResponse")

    def _renew(self, call: Call) -> Element:
        subscription = self._subscription(call)
        lifetime = self._lifetime(call.request, "wsnt:TerminationTime", "UnacceptableTerminationTimeFault")
        self.subscriptions.renew(subscription, lifetime or subscription.lifetime)
        return element("wsnt:RenewResponse", *reversed(self._times("wsnt", subscription)))

    def _unsubscribe(self, call: Call) -> Element:
        self.subscriptions.end(self._subscription(call))
        return element("wsnt:UnsubscribeResponse")

    def _subscription(self, call: Call) -> Subscription:
        named = _ADDRESS.fullmatch(call.target)
        found = self.subscriptions.find(named[1], call.user or "") if named is not None else None
        if found is None:
            raise self._unknown()
        return found

    # ---- what requests say

    def _filter(self, given: Element | None) -> EventFilter:
        try:
            return parse_event_filter(given, (topic.path for topic in self._source.topics()))
        except EventFilterError as error:
            unknown = [element("wsnt:UnknownFilter", "wsnt:Filter")] if error.fault == "InvalidFilterFault" else []
            raise self._fault(f"wsnt:{error.fault}", str(error), unknown) from None

    def _lifetime(self, request: Element, name: str, fault: str) -> float | None:
        """Seconds from now; None when the client leaves it to the device."""
        text = text_of(request, name)
        if not text:
            return None
        now_ns = self._clock.utc_ns()
        try:
            seconds = parse_duration(text) if text.lstrip("-").startswith("P") else (parse_utc(text) - now_ns) / _NS
        except ValueError:
            raise invalid_argument("the termination time is neither a time nor a duration", "ter:InvalidArgs") from None
        if seconds <= 0:
            times = element("wsnt:MinimumTime", format_utc(now_ns + _NS))
            raise self._fault(f"wsnt:{fault}", "the termination time has passed", [times])
        return min(seconds, MAX_LIFETIME)

    # ---- what answers say

    def _times(self, prefix: str, subscription: Subscription) -> list[Element]:
        now_ns = self._clock.utc_ns()
        ends_ns = now_ns + round((subscription.expires_at - self._clock.monotonic()) * _NS)
        current, end = f"{prefix}:CurrentTime", f"{prefix}:TerminationTime"
        return [element(current, format_utc(now_ns)), element(end, format_utc(ends_ns))]

    def _unknown(self) -> FaultError:
        return self._fault("wsrf-r:ResourceUnknownFault", "there is no such subscription, or it has ended")

    def _pull_fault(self) -> FaultError:
        detail = element(
            "tev:PullMessagesFaultResponse",
            element("tev:MaxTimeout", format_duration(MAX_TIMEOUT)),
            element("tev:MaxMessageLimit", str(MAX_MESSAGES)),
        )
        reason = f"messages are waited for at most {MAX_TIMEOUT:.0f} seconds"
        return FaultError(Fault("Receiver", reason, ("ter:InvalidArgVal",), detail))

    def _fault(self, name: str, reason: str, more: Iterable[Element] = ()) -> FaultError:
        """A fault of WS-BaseNotification; ONVIF wants all of them to be the receiver's (Core 9.9)."""
        said = [
            element("wsrf-bf:Timestamp", format_utc(self._clock.utc_ns())),
            element("wsrf-bf:Description", reason),
        ]
        return FaultError(Fault("Receiver", reason, (name,), element(name, *said, *more)))


def _reference(name: str, call: Call, subscription: Subscription) -> Element:
    return element(name, element("wsa:Address", f"{call.base_url}/onvif/subscription-{subscription.id}"))


def _duration(request: Element, name: str, default: float) -> float:
    text = text_of(request, name)
    try:
        return parse_duration(text) if text else default
    except ValueError as error:
        raise invalid_argument(str(error), "ter:InvalidArgs") from None


def _integer(request: Element, name: str, default: int) -> int:
    text = text_of(request, name)
    try:
        return int(text[:20]) if text else default
    except ValueError:
        raise invalid_argument(f"{name.partition(':')[2]} is no number", "ter:InvalidArgs") from None
