"""What happens at a device, as ONVIF tells it: topics, notifications, and how both are written.

Here belong the values and their XML, and what is asked of whoever knows what happens (`EventSource`). Who gets what
belongs to `subscriptions`, how it is asked for to `event_service`.

Sources: ONVIF Core Specification 9.4 (notifications, properties), 9.6 (topics); OASIS WS-Topics 1.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol, TypeAlias

from lxml import etree

from onvif_protocol.soap import Element, element, format_utc, qname

Items: TypeAlias = tuple[tuple[str, str], ...]
"""Name and value of each; in a Topic name and type."""

CONCRETE_SET: Final = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
"""The dialect of topics (Core 9.6.3)."""
PREFIXES: Final = ("tns1", "tt", "xs")
"""What occurs in the text of topics and of their descriptions."""

_KEPT_ELEMENTS = 1024


class PropertyOperation(StrEnum):
    """What a notification says of its property (Core 9.4.2)."""

    INITIALIZED = "Initialized"
    CHANGED = "Changed"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of notification, with the names and types of its items (Core 9.4.3)."""

    path: str
    """`tns1:VideoSource/SignalLoss`."""
    source: Items
    """What tells one source from another."""
    data: Items = ()
    elements: Items = ()
    """Items of the data that are XML elements."""
    is_property: bool = True
    """It tells a state that lasts, so that clients can ask for its current value."""


@dataclass(frozen=True, slots=True, eq=False)
class Notification:
    """Something that happened, or the current state of a property. The same one for all who are told."""

    topic: str
    utc_ns: int
    source: Items
    data: Items = ()
    elements: tuple[tuple[str, Element], ...] = ()
    """Nobody changes these."""
    operation: PropertyOperation | None = None
    """None: it is about no property."""
    subject: str = ""
    """What it is about, in the event source's own words. It is not sent."""


class EventSource(Protocol):
    """Who knows what happens at a device. All calls from the event loop's thread; none blocks."""

    async def begin(self, user: str, address: str) -> Callable[[str], None]:
        """`user` will be told, at `address`; what is returned is called in the end with why it ended, as a clause.

        Whatever it raises keeps them from being told.
        """

    def topics(self) -> Iterable[Topic]:
        """Everything it tells of."""

    def current(self, user: str) -> Iterable[Notification]:
        """The properties as they are now, each as `Initialized`, of all that `user` may see."""

    def may_see(self, user: str, notification: Notification) -> bool:
        """Whether `user` may be told this now. Asked often: cheap."""

    def subscribe(self, listener: Callable[[Notification], None]) -> Callable[[], None]:
        """Call `listener` with all that happens from now on, until what is returned here is called."""


@lru_cache(maxsize=_KEPT_ELEMENTS)
def _built(notification: Notification) -> Element:
    message = element("tt:Message", UtcTime=format_utc(notification.utc_ns), PropertyOperation=notification.operation)
    message.append(_items("tt:Source", notification.source))
    if notification.operation is not PropertyOperation.DELETED:
        data = _items("tt:Data", notification.data)
        for name, value in notification.elements:
            data.append(element("tt:ElementItem", deepcopy(value), Name=name))
        message.append(data)
    return element(
        "wsnt:NotificationMessage",
        element("wsnt:Topic", notification.topic, Dialect=CONCRETE_SET),
        element("wsnt:Message", message),
    )


def message_of(notification: Notification, name: str = "wsnt:NotificationMessage") -> Element:
    """A new element that says it: `wsnt:NotificationMessageHolderType` under the name that is wanted.

    What is sent to many is built once, as long as it is recent.
    """
    made = deepcopy(_built(notification))
    made.tag = qname(name)
    return made


def content_of(notification: Notification) -> Element:
    """Its `tt:Message`, to be looked at only: what a message content filter is held against."""
    return _built(notification)[1][0]


def topic_set(topics: Iterable[Topic]) -> Element:
    """The `wstop:TopicSet` that describes them all (Core 9.6.2)."""
    root = element("wstop:TopicSet")
    for topic in topics:
        place = root
        first, *rest = topic.path.split("/")
        for name in (qname(first), *rest):
            child = place.find(name)
            if child is None:
                child = etree.SubElement(place, name)
            place = child
        place.set(qname("wstop:topic"), "true")
        place.append(_description(topic))
    return root


def _description(topic: Topic) -> Element:
    data = _described("tt:Data", topic.data, "tt:SimpleItemDescription")
    for name, kind in topic.elements:
        data.append(element("tt:ElementItemDescription", Name=name, Type=kind))
    source = _described("tt:Source", topic.source, "tt:SimpleItemDescription")
    return element("tt:MessageDescription", source, data, IsProperty=topic.is_property)


def _described(name: str, items: Items, kind: str) -> Element:
    return element(name, *(element(kind, Name=item, Type=type_) for item, type_ in items))


def _items(name: str, items: Items) -> Element:
    return element(name, *(element("tt:SimpleItem", Name=item, Value=value) for item, value in items))
