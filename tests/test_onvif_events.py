from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import pytest
from lxml import etree

from gateway.base.clock import ManualClock
from gateway.base.supervise import TaskOwner
from onvif_protocol.authentication import PasswordAuthenticator
from onvif_protocol.device import Device, Request
from onvif_protocol.event_service import MAX_LIFETIME, EventService
from onvif_protocol.notification import Notification, PropertyOperation, Topic
from onvif_protocol.soap import (
    Element,
    Envelope,
    build_envelope,
    build_username_token,
    element,
    parse_envelope,
    parse_fault,
    parse_utc,
    qname,
    text_of,
)
from onvif_protocol.subscriptions import IDLE_SECONDS, MAX_OF_USER, MAX_WAITING, Fate
from tests.onvif_schema import violations

LOSS = Topic("tns1:VideoSource/SignalLoss", (("Source", "tt:ReferenceToken"),), (("State", "xs:boolean"),))
PLACE = Topic(
    "tns1:Monitoring/GeoLocation", (("Token", "tt:ReferenceToken"),), (), (("CurrentLocation", "tt:GeoLocation"),)
)
TRIGGER = Topic("tns1:Device/Trigger/DigitalInput", (("InputToken", "tt:ReferenceToken"),), is_property=False)
NS = 1_000_000_000
PASSWORDS = {"op": "secret", "guest": "guest"}


def loss(camera: str, state: bool = False, operation: PropertyOperation = PropertyOperation.CHANGED) -> Notification:
    data = (("State", str(state).lower()),)
    return Notification(LOSS.path, 1_700_000_000 * NS, (("Source", camera),), data, (), operation, camera)


def place(camera: str, lat: float, operation: PropertyOperation = PropertyOperation.CHANGED) -> Notification:
    where = ("CurrentLocation", element("tt:GeoLocation", lat=str(lat), lon="11.5"))
    return Notification(PLACE.path, 1_700_000_000 * NS, (("Token", camera),), (), (where,), operation, camera)


class ExampleEvents:
    """Two cameras; "op" sees both, "guest" the first one only, and no positions."""

    def __init__(self, cameras: Iterable[str] = ("unit-1", "unit-2")) -> None:
        self.cameras = list(cameras)
        self.listeners: list[Callable[[Notification], None]] = []
        self.hidden: set[str] = set()
        self.views: list[str] = []
        """Who began to be told, and why they are not told any more."""

    async def begin(self, user: str, address: str) -> Callable[[str], None]:
        self.views.append(f"{user} at {address}")
        return self.views.append

    def topics(self) -> Iterable[Topic]:
        return (LOSS, PLACE, TRIGGER)

    def current(self, user: str) -> Iterable[Notification]:
        initial = PropertyOperation.INITIALIZED
        every = [
            made for camera in self.cameras for made in (loss(camera, False, initial), place(camera, 48.1, initial))
        ]
        return [notification for notification in every if self.may_see(user, notification)]

    def may_see(self, user: str, notification: Notification) -> bool:
        if notification.subject in self.hidden:
            return False
        return user == "op" or (notification.subject == "unit-1" and notification.topic != PLACE.path)

    def subscribe(self, listener: Callable[[Notification], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def tell(self, notification: Notification) -> None:
        for listener in list(self.listeners):
            listener(notification)


class Webhook:
    """A consumer that notes what is posted, unless it is out of order."""

    def __init__(self) -> None:
        self.posted: list[bytes] = []
        self.works = True
        self.attempts = 0

    def refusal(self, url: str, peer: str) -> str | None:
        return None if peer in url else "events are only sent to where they were asked for from"

    async def post(self, url: str, peer: str, message: bytes) -> None:
        self.attempts += 1
        if not self.works:
            raise OSError("refused")
        self.posted.append(message)


class Stage:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.source = ExampleEvents()
        self.webhook = Webhook()
        self.tasks = TaskOwner("test")
        self.fates: list[Fate] = []
        self.service = EventService(self.source, self.webhook, self.clock, self.tasks, self.fates.append)
        authenticator = PasswordAuthenticator(PASSWORDS.get, realm="Sightline", secret=b"0123456789abcdef")
        self.device = Device([self.service], authenticator, self.clock)
        self._nonce = 0

    async def post(self, body: Element, target: str = "/onvif/event_service", user: str = "op") -> Envelope:
        self._nonce += 1
        token = build_username_token(user, PASSWORDS[user], nonce=b"%d" % self._nonce, utc_ns=self.clock.utc_ns())
        message = build_envelope(body, [token], keep=("tns1",))
        answer = await self.device.handle(Request(target, message, "10.0.0.1:8080", peer="10.0.0.7"))
        return parse_envelope(answer.body)

    async def ask(self, body: Element, target: str = "/onvif/event_service", user: str = "op") -> Element:
        """The answer, which is valid, but that these schemas are older than `tt:GeoLocation`."""
        answer = (await self.post(body, target, user)).body
        assert [wrong for wrong in violations(answer) if "GeoLocation" not in wrong] == [], etree.tostring(answer)
        return answer

    async def fault(self, body: Element, target: str = "/onvif/event_service", user: str = "op") -> str:
        """The innermost code of the fault that answers."""
        fault = parse_fault(await self.post(body, target, user))
        assert fault is not None
        return fault.subcodes[-1]

    async def open(self, *content: Element, user: str = "op") -> str:
        """The path of a new pull point."""
        answer = await self.ask(element("tev:CreatePullPointSubscription", *content), user=user)
        address = text_of(answer, "tev:SubscriptionReference/wsa:Address")
        assert address.startswith("http://10.0.0.1:8080/onvif/")
        return address.removeprefix("http://10.0.0.1:8080")

    async def pull(self, target: str, limit: int = 100, timeout: str = "PT0S", user: str = "op") -> list[str]:
        """What comes, each as `operation camera data`."""
        body = element("tev:PullMessages", element("tev:Timeout", timeout), element("tev:MessageLimit", str(limit)))
        return _said(await self.ask(body, target, user))


def _said(answer: Element) -> list[str]:
    said = []
    for message in answer.iter(qname("tt:Message")):
        items = [item.get("Value", "") for item in message.iter(qname("tt:SimpleItem"))]
        places = [f"{item.get('lat')}" for item in message.iter(qname("tt:GeoLocation"))]
        said.append(" ".join(map(str, [message.get("PropertyOperation"), *items, *places])))
    return said


def topic_filter(text: str, dialect: str = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet") -> Element:
    return element("tev:Filter", element("wsnt:TopicExpression", text, Dialect=dialect))


def content_filter(text: str) -> Element:
    dialect = "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"
    return element("tev:Filter", element("wsnt:MessageContent", text, Dialect=dialect))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    made.service.close()
    await made.tasks.close()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


# ---- pull points


async def test_a_pull_point_begins_with_all_properties(stage: Stage) -> None:
    target = await stage.open()
    initial = [
        "Initialized unit-1 false",
        "Initialized unit-1 48.1",
        "Initialized unit-2 false",
        "Initialized unit-2 48.1",
    ]
    assert await stage.pull(target) == initial
    stage.source.tell(loss("unit-2", True))
    assert await stage.pull(target) == ["Changed unit-2 true"]
    await stage.ask(element("tev:SetSynchronizationPoint"), target)
    assert await stage.pull(target) == initial


async def test_who_wants_changes_only_gets_no_more(stage: Stage) -> None:
    target = await stage.open(element("tev:SubscriptionPolicy", element("tev:ChangedOnly")))
    stage.source.tell(loss("unit-2", True))
    stage.source.tell(loss("unit-2", operation=PropertyOperation.DELETED))
    assert await stage.pull(target) == ["Changed unit-2 true"]


async def test_a_pull_is_held_until_something_happens(stage: Stage) -> None:
    target = await stage.open(topic_filter("tns1:Monitoring//."))
    await stage.pull(target)
    held = asyncio.ensure_future(stage.pull(target, timeout="PT1M"))
    await settle()
    stage.source.tell(loss("unit-1", True))  # not what was asked for
    await settle()
    assert not held.done()
    stage.source.tell(place("unit-1", 48.2))
    assert await held == ["Changed unit-1 48.2"]


async def test_a_pull_ends_with_nothing_when_its_time_is_over(stage: Stage) -> None:
    target = await stage.open()
    await stage.pull(target)
    held = asyncio.ensure_future(stage.pull(target, timeout="PT50S"))
    await settle()
    stage.clock.advance(49)
    await settle()
    assert not held.done()
    stage.clock.advance(1)
    assert await held == []


async def test_no_more_is_told_at_once_than_was_asked_for(stage: Stage) -> None:
    target = await stage.open()
    assert len(await stage.pull(target, limit=3)) == 3
    assert await stage.pull(target, limit=0) == ["Initialized unit-2 48.1"]


async def test_the_newest_pull_takes_over_from_one_whose_connection_may_be_gone(stage: Stage) -> None:
    target = await stage.open()
    await stage.pull(target)
    body = element("tev:PullMessages", element("tev:Timeout", "PT1M"), element("tev:MessageLimit", "1"))
    first = asyncio.ensure_future(stage.fault(body, target))
    await settle()
    second = asyncio.ensure_future(stage.pull(target, timeout="PT1M"))
    await settle()
    assert await first == "wsnt:UnableToGetMessagesFault"
    stage.source.tell(loss("unit-1", True))
    assert await second == ["Changed unit-1 true"]


async def test_a_pull_of_more_than_ten_minutes_is_told_the_limits(stage: Stage) -> None:
    target = await stage.open()
    answer = await stage.post(element("tev:PullMessages", element("tev:Timeout", "PT11M")), target)
    detail = answer.body.find(".//" + qname("tev:PullMessagesFaultResponse"))
    assert detail is not None
    assert violations(detail) == []
    assert text_of(detail, "tev:MaxTimeout") == "PT600S"


async def test_times_are_told_in_utc(stage: Stage) -> None:
    answer = await stage.ask(
        element("tev:CreatePullPointSubscription", element("tev:InitialTerminationTime", "PT3M")),
    )
    now, end = text_of(answer, "wsnt:CurrentTime"), text_of(answer, "wsnt:TerminationTime")
    assert now.endswith("Z")
    assert parse_utc(end) - parse_utc(now) == 180 * NS


# ---- how long they last


async def test_a_pull_point_ends_when_nobody_pulls(stage: Stage) -> None:
    target = await stage.open(element("tev:InitialTerminationTime", "PT30S"))
    for _ in range(3):  # pulling keeps it alive
        stage.clock.advance(29)
        await stage.pull(target)
    stage.clock.advance(31)
    body = element("tev:PullMessages", element("tev:Timeout", "PT0S"), element("tev:MessageLimit", "1"))
    assert await stage.fault(body, target) == "wsrf-r:ResourceUnknownFault"
    assert len(stage.service.subscriptions) == 0
    assert stage.source.listeners == []
    assert stage.source.views == ["op at 10.0.0.7", "the subscription was not renewed"]


async def test_it_is_renewed_and_ended(stage: Stage) -> None:
    target = await stage.open()
    answer = await stage.ask(element("wsnt:Renew", element("wsnt:TerminationTime", "PT5M")), target)
    end, now = (parse_utc(text_of(answer, f"wsnt:{name}")) for name in ("TerminationTime", "CurrentTime"))
    assert end - now == 300 * NS
    absolute = "2023-11-14T22:23:20Z"  # ten minutes after the clock's beginning
    answer = await stage.ask(element("wsnt:Renew", element("wsnt:TerminationTime", absolute)), target)
    assert parse_utc(text_of(answer, "wsnt:TerminationTime")) == parse_utc(absolute)
    answer = await stage.ask(element("wsnt:Renew", element("wsnt:TerminationTime", "P1Y")), target)
    end, now = (parse_utc(text_of(answer, f"wsnt:{name}")) for name in ("TerminationTime", "CurrentTime"))
    assert end - now == MAX_LIFETIME * NS
    past = element("wsnt:Renew", element("wsnt:TerminationTime", "2001-01-01T00:00:00Z"))
    assert await stage.fault(past, target) == "wsnt:UnacceptableTerminationTimeFault"
    await stage.ask(element("wsnt:Unsubscribe"), target)
    assert await stage.fault(element("wsnt:Unsubscribe"), target) == "wsrf-r:ResourceUnknownFault"


async def test_who_waits_is_told_when_it_ends(stage: Stage) -> None:
    target = await stage.open()
    await stage.pull(target)
    body = element("tev:PullMessages", element("tev:Timeout", "PT1M"), element("tev:MessageLimit", "1"))
    held = asyncio.ensure_future(stage.fault(body, target))
    await settle()
    stage.service.close()
    assert await held == "wsrf-r:ResourceUnknownFault"


async def test_hundreds_of_abandoned_subscriptions_make_room(stage: Stage) -> None:
    for _ in range(MAX_OF_USER):
        await stage.open(element("tev:InitialTerminationTime", "P1D"))
    body = element("tev:CreatePullPointSubscription")
    assert await stage.fault(body) == "wsnt:SubscribeCreationFailedFault"  # all of them may be in use
    await stage.open(user="guest")  # nobody else is kept out
    stage.clock.advance(IDLE_SECONDS)
    for _ in range(2 * MAX_OF_USER):
        stage.clock.advance(IDLE_SECONDS)
        await stage.post(element("tev:CreatePullPointSubscription", element("tev:InitialTerminationTime", "P1D")))
        assert len(stage.service.subscriptions) <= MAX_OF_USER + 1
    assert stage.fates.count(Fate.REFUSED) == 1


async def test_one_that_nobody_reads_keeps_little_and_begins_anew_when_it_is_read(stage: Stage) -> None:
    target = await stage.open(element("tev:InitialTerminationTime", "P1D"))
    for number in range(MAX_WAITING + 10):
        stage.source.tell(place("unit-1", number))
    assert stage.fates.count(Fate.OVERRUN) == 1
    stage.source.tell(loss("unit-1", True))
    assert (await stage.pull(target))[0] == "Initialized unit-1 false"  # as it is now, says the source
    stage.source.tell(loss("unit-1", True))
    assert await stage.pull(target) == ["Changed unit-1 true"]


async def test_properties_of_any_number_of_cameras_are_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onvif_protocol.subscriptions.MAX_WAITING", 100)
    stage.source.cameras = [f"unit-{number}" for number in range(MAX_WAITING // 4)]
    target = await stage.open()
    told = []
    while found := await stage.pull(target, limit=1000):
        told += found
        if len(told) == 200:
            stage.source.tell(loss("unit-1", True))
    assert len(told) == MAX_WAITING // 2 + 1
    assert told[-1] == "Changed unit-1 true"


async def test_a_synchronization_stands_for_what_waited_to_be_told_of_properties(stage: Stage) -> None:
    target = await stage.open(topic_filter("tns1:VideoSource//.|tns1:Device//."))
    stage.source.tell(loss("unit-1", True))
    stage.source.tell(Notification(TRIGGER.path, 0, (("InputToken", "1"),), (), (), None, "unit-1"))
    await stage.ask(element("tev:SetSynchronizationPoint"), target)
    assert await stage.pull(target) == ["Initialized unit-1 false", "Initialized unit-2 false", "None 1"]


# ---- rights


async def test_each_is_told_of_what_they_may_see(stage: Stage) -> None:
    guest = await stage.open(user="guest")
    assert await stage.pull(guest, user="guest") == ["Initialized unit-1 false"]
    stage.source.tell(loss("unit-2", True))
    stage.source.tell(place("unit-1", 48.2))
    stage.source.tell(loss("unit-1", True))
    assert await stage.pull(guest, user="guest") == ["Changed unit-1 true"]


async def test_what_may_not_be_seen_any_more_is_not_told_though_it_waits(stage: Stage) -> None:
    target = await stage.open()
    stage.source.hidden.add("unit-1")
    assert await stage.pull(target) == ["Initialized unit-2 false", "Initialized unit-2 48.1"]


async def test_a_subscription_is_its_users_own(stage: Stage) -> None:
    target = await stage.open()
    assert await stage.fault(element("wsnt:Unsubscribe"), target, user="guest") == "wsrf-r:ResourceUnknownFault"
    assert await stage.fault(element("wsnt:Unsubscribe"), "/onvif/event_service") == "wsrf-r:ResourceUnknownFault"


# ---- filters and topics


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (topic_filter("tns1:VideoSource/SignalLoss"), ["Changed unit-1 true"]),
        (topic_filter("tns1:VideoSource/tns1:SignalLoss"), ["Changed unit-1 true"]),
        (topic_filter("tns1:RuleEngine//.|tns1:VideoSource//."), ["Changed unit-1 true"]),
        (content_filter('boolean(//tt:SimpleItem[@Name="Source" and @Value="unit-1"])'), ["Changed unit-1 true"]),
        (content_filter('not(boolean(//tt:SimpleItem[@Name="Source"]))'), ["Changed unit-2 48.3"]),
    ],
)
async def test_a_filter_says_what_is_wanted(stage: Stage, given: Element, told: list[str]) -> None:
    target = await stage.open(given)
    stage.service.subscriptions.find(target.rpartition("-")[2], "op")
    await stage.pull(target)
    stage.source.tell(loss("unit-1", True))
    stage.source.tell(place("unit-2", 48.3))
    assert await stage.pull(target) == told


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (topic_filter("tns1:VideoSource//"), "wsnt:InvalidTopicExpressionFault"),
        (topic_filter("tns1:RuleEngine/CellMotionDetector"), "wsnt:TopicNotSupportedFault"),
        (topic_filter("tns1:Monitoring", "urn:other"), "wsnt:TopicExpressionDialectUnknownFault"),
        (content_filter("//tt:SimpleItem["), "wsnt:InvalidMessageContentExpressionFault"),
        (element("tev:Filter", element("wsnt:ProducerProperties", "x", Dialect="y")), "wsnt:InvalidFilterFault"),
    ],
)
async def test_a_filter_that_means_nothing_here_is_refused(stage: Stage, given: Element, fault: str) -> None:
    body = element("tev:CreatePullPointSubscription", given)
    answer = await stage.post(body)
    found = parse_fault(answer)
    assert found is not None
    assert found.subcodes == (fault,)
    detail = answer.body.find(qname("s:Detail"))
    assert detail is not None
    assert violations(detail[0]) == []


async def test_the_topics_are_described(stage: Stage) -> None:
    answer = await stage.ask(element("tev:GetEventProperties"))
    description = answer.find(f".//{qname('tns1:VideoSource')}/SignalLoss")
    assert description is not None
    assert description.get(qname("wstop:topic")) == "true"
    assert b'Type="tt:ReferenceToken"' in etree.tostring(description)


async def test_the_capabilities_are_open(stage: Stage) -> None:
    body = build_envelope(element("tev:GetServiceCapabilities"))
    answer = parse_envelope((await stage.device.handle(Request("/onvif/event_service", body, "h"))).body)
    assert violations(answer.body) == []


# ---- base notification


def subscribe(address: str, *content: Element) -> Element:
    return element("wsnt:Subscribe", element("wsnt:ConsumerReference", element("wsa:Address", address)), *content)


async def test_events_are_posted_to_who_asked_for_that(stage: Stage) -> None:
    answer = await stage.ask(subscribe("http://10.0.0.7/hook"))
    target = text_of(answer, "wsnt:SubscriptionReference/wsa:Address").removeprefix("http://10.0.0.1:8080")
    await settle()
    stage.source.tell(loss("unit-2", True))
    await settle()
    first, second = map(parse_envelope, stage.webhook.posted)
    assert len(_said(first.body)) == 4
    assert violations(second.body) == []
    assert _said(second.body) == ["Changed unit-2 true"]
    assert second.header_text("wsa:To") == "http://10.0.0.7/hook"
    pull = element("tev:PullMessages", element("tev:Timeout", "PT0S"), element("tev:MessageLimit", "1"))
    assert await stage.fault(pull, target) == "wsnt:UnableToGetMessagesFault"
    await stage.ask(element("wsnt:Unsubscribe"), target)
    await settle()
    assert stage.tasks.running == 0


async def test_nothing_is_posted_elsewhere(stage: Stage) -> None:
    assert await stage.fault(subscribe("http://169.254.169.254/")) == "wsnt:SubscribeCreationFailedFault"
    assert len(stage.service.subscriptions) == 0


async def test_a_consumer_that_does_not_answer_is_given_up(stage: Stage) -> None:
    stage.webhook.works = False
    await stage.ask(subscribe("http://10.0.0.7/hook"))
    for _ in range(6):
        await settle()
        stage.clock.advance(10)
    assert stage.webhook.attempts == 5
    assert stage.fates == [Fate.OPENED, Fate.GIVEN_UP]
    assert (stage.tasks.running, len(stage.service.subscriptions)) == (0, 0)


async def test_a_message_that_could_not_be_posted_is_posted_again(stage: Stage) -> None:
    stage.webhook.works = False
    await stage.ask(subscribe("http://10.0.0.7/hook"))
    await settle()
    stage.webhook.works = True
    stage.clock.advance(1)
    await settle()
    assert [len(_said(parse_envelope(message).body)) for message in stage.webhook.posted] == [4]


async def test_a_pushed_subscription_ends_with_its_time(stage: Stage) -> None:
    await stage.ask(subscribe("http://10.0.0.7/hook", element("wsnt:InitialTerminationTime", "PT10S")))
    await settle()
    stage.clock.advance(11)
    stage.source.tell(loss("unit-1", True))
    await settle()
    assert stage.tasks.running == 0
    assert len(stage.webhook.posted) == 1
