"""Whatever a client asks of the events and recordings services is answered or refused, and changes nothing else."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.clock import SystemClock
from gateway.base.supervise import TaskOwner
from onvif_protocol.device import Device, Request
from onvif_protocol.event_service import EventService
from onvif_protocol.recording_control import RecordingControl
from onvif_protocol.replay import ReplayService
from onvif_protocol.search import SearchService
from onvif_protocol.soap import NS, Element, build_envelope, element, parse_envelope, qname
from tests.test_onvif_events import ExampleEvents, Webhook
from tests.test_onvif_recordings import ExampleRecordings

CLOCK = SystemClock()
TEXTS = st.one_of(
    st.sampled_from([
        "", "a", "-1", "0", "1", "99999999999999999999", "PT0S", "PT1S", "-PT1S", "P99999Y", "2026-01-31T12:00:00Z",
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-31T12:00:00+99:00", "true", "RTP-Unicast", "RTSP",
        "http://10.0.0.7/", "//Track[", "tns1:Monitoring//.", "NaN", "1e999",
    ]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20),
)  # fmt: skip
NAMES = {
    "tev": ["Timeout", "MessageLimit", "InitialTerminationTime", "Filter", "SubscriptionPolicy"],
    "wsnt": ["TerminationTime", "ConsumerReference", "Filter", "TopicExpression", "MessageContent"],
    "tse": [
        "RecordingToken", "RecordingTokens", "Time", "Scope", "MaxMatches", "KeepAliveTime", "StartPoint", "EndPoint",
        "SearchFilter", "IncludeStartState", "SearchToken", "MinResults", "MaxResults", "WaitTime",
    ],
    "trc": ["RecordingToken", "TrackToken", "JobToken"],
    "trp": ["StreamSetup", "RecordingToken"],
    "tt": [
        "IncludedRecordings", "IncludedSources", "RecordingInformationFilter", "Token", "Stream", "Transport",
        "Protocol",
    ],
}  # fmt: skip


class Trusting:
    """An authenticator that takes everybody for the operator."""

    def authenticate(self, *_: object, **__: object) -> str:
        return "op"

    def challenges(self, *_: object, **__: object) -> list[str]:
        return []


def elements(prefixes: list[str]) -> st.SearchStrategy[Element]:
    names = st.sampled_from([f"{prefix}:{name}" for prefix in prefixes for name in NAMES[prefix]])
    leaf = st.builds(element, names, TEXTS)

    def around(inner: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
        return st.builds(lambda name, more: element(name, *more), names, st.lists(inner, max_size=3))

    return st.recursive(leaf, around, max_leaves=6)


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_nothing_that_is_asked_breaks_a_service(data: st.DataObject) -> None:
    async def ask() -> None:
        tasks = TaskOwner("test")
        events = EventService(ExampleEvents(), Webhook(), CLOCK, tasks)
        model = ExampleRecordings()
        services = [events, SearchService(model, CLOCK), RecordingControl(model), ReplayService(model, 60)]
        device = Device(services, Trusting(), CLOCK)
        tables = [name for service in services for name in service.operations()]
        target = "/onvif/event_service"
        for _ in range(4):
            name = data.draw(st.sampled_from(tables))
            prefix = next(prefix for prefix, uri in NS.items() if name.startswith(f"{{{uri}}}"))
            local = name.partition("}")[2]
            content = data.draw(st.lists(elements([prefix, "tt"]), max_size=5))
            asked = build_envelope(element(f"{prefix}:{local}", *content), keep=("tns1",))
            async with asyncio.timeout(5):
                answer = await device.handle(Request(target, asked, "10.0.0.1", peer="10.0.0.7"))
            body = parse_envelope(answer.body).body
            assert body.tag in {name + "Response", qname("s:Fault")}
            address = body.findtext(f".//{qname('wsa:Address')}")
            target = target if address is None else "/onvif" + address.partition("/onvif")[2]
        events.close()
        await tasks.close()

    asyncio.run(ask())
