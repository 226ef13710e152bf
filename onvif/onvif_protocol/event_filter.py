"""Which notifications somebody asked for: topic expressions and message content filters. Sans-IO.

Sources: ONVIF Core Specification 9.4.4 (message content), 9.6.3 (topic expressions); WS-BaseNotification 1.3 4.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from onvif_protocol.notification import CONCRETE_SET, Notification, content_of
from onvif_protocol.soap import NS, Element, qname, resolve_qname
from onvif_protocol.xpath_filter import FilterError, Test, compile_filter

CONCRETE: Final = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
TOPIC_DIALECTS: Final = (CONCRETE, CONCRETE_SET)
ITEM_FILTER: Final = "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"

MAX_FILTERS: Final = 8
"""Expressions of one subscription."""
MAX_TOPICS: Final = 64
"""Alternatives of one topic expression."""

_SEARCH_FILTER: Final = "http://www.onvif.org/ver10/tse/searchFilter"
_SUBTREE: Final = "//."
_NAME: Final = re.compile(r"(?:[^\W\d][\w.-]*:)?[^\W\d][\w.-]*")


class EventFilterError(ValueError):
    """A filter that is refused. `fault` is what WS-BaseNotification calls it, the message a sentence."""

    def __init__(self, fault: str, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class _TopicPath:
    path: str
    subtree: bool

    def holds(self, topic: str) -> bool:
        return topic == self.path or (self.subtree and topic.startswith(self.path + "/"))


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What is wanted: all of these conditions hold. Without any, everything."""

    topics: tuple[tuple[_TopicPath, ...], ...] = ()
    contents: tuple[Test, ...] = ()

    def wants_topic(self, topic: str) -> bool:
        """Whether notifications of this topic can be wanted."""
        return all(any(path.holds(topic) for path in paths) for paths in self.topics)

    def wants(self, notification: Notification) -> bool:
        """Whether this one is."""
        return self.wants_topic(notification.topic) and all(test(content_of(notification)) for test in self.contents)


def parse_event_filter(given: Element | None, offered: Iterable[str] | None) -> EventFilter:
    """The filter that a `wsnt:FilterType` element asks for; None: everything. `offered` are the device's topics; None:
    whatever is asked for may be asked for.

    Raises:
        EventFilterError: it cannot be understood, or nothing could ever fit.
    """
    topics: list[tuple[_TopicPath, ...]] = []
    contents: list[Test] = []
    for part in () if given is None else given.iterchildren(tag="*"):
        if len(topics) + len(contents) == MAX_FILTERS:
            raise EventFilterError("InvalidFilterFault", f"a filter has at most {MAX_FILTERS} expressions")
        text, dialect = (part.text or "").strip(), (part.get("Dialect") or "").strip()
        if part.tag == qname("wsnt:TopicExpression"):
            topics.append(_topics(part, text, dialect))
        elif part.tag == qname("wsnt:MessageContent"):
            contents.append(_content(text, dialect))
        else:
            raise EventFilterError("InvalidFilterFault", "filters by topic and by message content are understood")
    made = EventFilter(tuple(topics), tuple(contents))
    if topics and offered is not None and not any(made.wants_topic(topic) for topic in offered):
        raise EventFilterError("TopicNotSupportedFault", "there are no such topics here: GetEventProperties lists them")
    return made


def _topics(context: Element, text: str, dialect: str) -> tuple[_TopicPath, ...]:
    if dialect and dialect not in TOPIC_DIALECTS:
        raise EventFilterError("TopicExpressionDialectUnknownFault", "topics are asked for as Concrete or ConcreteSet")
    paths = text.split("|")
    if len(paths) > MAX_TOPICS:
        raise EventFilterError("InvalidTopicExpressionFault", f"at most {MAX_TOPICS} topics are joined by |")
    return tuple(_topic_path(context, path.strip()) for path in paths)


def _topic_path(context: Element, text: str) -> _TopicPath:
    names = text.removesuffix(_SUBTREE).split("/")
    if not all(_NAME.fullmatch(name) for name in names):
        raise EventFilterError("InvalidTopicExpressionFault", "a topic is a path of names, as in tns1:Monitoring//.")
    root = resolve_qname(context, names[0])
    if root.startswith(f"{{{NS['tns1']}}}"):
        root = "tns1:" + root.rpartition("}")[2]
    # Children may repeat the prefix of their root, and often do.
    path = "/".join([root, *(name.rpartition(":")[2] for name in names[1:])])
    return _TopicPath(path, text.endswith(_SUBTREE))


def _content(text: str, dialect: str) -> Test:
    if dialect not in {ITEM_FILTER, _SEARCH_FILTER, ""}:
        raise EventFilterError("InvalidFilterFault", "messages are filtered in the dialect ItemFilter")
    try:
        return compile_filter(text)
    except FilterError as error:
        raise EventFilterError("InvalidMessageContentExpressionFault", str(error)) from None
