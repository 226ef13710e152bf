"""Search, RecordingControl and Replay over a few recordings that are made up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.base.clock import ManualClock
from onvif_protocol.authentication import PasswordAuthenticator
from onvif_protocol.device import Device, Request
from onvif_protocol.device_model import Transport
from onvif_protocol.notification import Notification, PropertyOperation
from onvif_protocol.recording_control import RecordingControl
from onvif_protocol.recordings_model import (
    Asker,
    AudioAttributes,
    MediaAttributes,
    Recording,
    RecordingEvent,
    RecordingTrack,
    TrackType,
    VideoAttributes,
)
from onvif_protocol.replay import ReplayService
from onvif_protocol.search import SearchService
from onvif_protocol.search_sessions import MAX_OF_USER, MIN_KEEP
from onvif_protocol.soap import (
    Element,
    Envelope,
    build_envelope,
    build_username_token,
    element,
    format_utc,
    parse_envelope,
    parse_fault,
    qname,
    text_of,
)
from tests.onvif_schema import violations

NS = 1_000_000_000
HOUR = 3600 * NS
BEGAN = 1_699_900_000 * NS
PASSWORDS = {"op": "secret", "guest": "guest"}


def recording(camera: str, *kinds: TrackType, recording: bool = True) -> Recording:
    tracks = tuple(RecordingTrack(f"{kind.upper()}001", kind, BEGAN, BEGAN + 20 * HOUR) for kind in kinds)
    return Recording(
        camera, f"source-{camera}", f"profile-{camera}", f"Unit {camera}", f"http://h/{camera}", tracks,
        f"job-{camera}", recording, 30 * 86400.0,
    )  # fmt: skip


class ExampleRecordings:
    """Of "a" there are 20 hours with a break of an hour in each third one; "b" has sound alone, "c" nothing."""

    def __init__(self) -> None:
        self.all = [
            recording("a", TrackType.VIDEO, TrackType.METADATA),
            recording("b", TrackType.AUDIO, recording=False),
            recording("c", recording=False),
        ]
        self.looks: list[tuple[int, int]] = []
        self.searches: list[tuple[str, tuple[str, ...], int, int]] = []

    async def recordings(self, asker: Asker) -> Sequence[Recording]:
        return self.all if asker.user == "op" else self.all[1:]

    async def media(self, asker: Asker, recording: Recording, at_ns: int) -> MediaAttributes | None:
        if not BEGAN <= at_ns < BEGAN + 20 * HOUR or not recording.tracks:
            return None
        coded = {
            TrackType.VIDEO: VideoAttributes("H264", 1280, 720, 29.97, 2000),
            TrackType.AUDIO: AudioAttributes("G711", 8, 64),
            TrackType.METADATA: None,
        }
        return MediaAttributes(at_ns, at_ns, tuple((track, coded[track.type]) for track in recording.tracks))

    async def searched(self, asker: Asker, recordings: Sequence[str], from_ns: int, to_ns: int) -> None:
        self.searches.append((asker.user, tuple(recordings), from_ns, to_ns))

    async def events(self, recordings: Sequence[str], from_ns: int, to_ns: int) -> Sequence[RecordingEvent]:
        self.looks.append((from_ns, to_ns))
        times = [(BEGAN + hour * HOUR, hour % 3 != 2) for hour in range(21) if hour % 3 != 1]
        return [event(utc_ns, state) for utc_ns, state in times if from_ns <= utc_ns < to_ns and "a" in recordings]

    async def state(self, recordings: Sequence[str], at_ns: int) -> Sequence[RecordingEvent]:
        return [event(at_ns, at_ns >= BEGAN, start_state=True)] if "a" in recordings else []

    def replay_uri(self, recording: str, transport: Transport, base_url: str) -> str | None:
        return None if transport is Transport.UDP else f"rtsp://10.0.0.1:8554/{recording}/replay"


def event(utc_ns: int, state: bool, *, start_state: bool = False) -> RecordingEvent:
    data = (("IsRecording", str(state).lower()),)
    topic, source = "tns1:RecordingHistory/Recording/State", (("RecordingToken", "a"),)
    told = Notification(topic, utc_ns, source, data, (), PropertyOperation.CHANGED)
    return RecordingEvent("a", "VIDEO001", told, start_state)


class Stage:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.model = ExampleRecordings()
        self.search = SearchService(self.model, self.clock)
        services = [self.search, RecordingControl(self.model), ReplayService(self.model, 60.0)]
        authenticator = PasswordAuthenticator(PASSWORDS.get, realm="Sightline", secret=b"0123456789abcdef")
        self.device = Device(services, authenticator, self.clock)
        self._nonce = 0

    async def post(self, name: str, *content: Element, user: str = "op") -> Envelope:
        self._nonce += 1
        token = build_username_token(user, PASSWORDS[user], nonce=b"%d" % self._nonce, utc_ns=self.clock.utc_ns())
        message = build_envelope(element(name, *content), [token], keep=("tns1",))
        answer = await self.device.handle(Request("/onvif/x", message, "10.0.0.1:8080", peer="10.0.0.7"))
        return parse_envelope(answer.body)

    async def ask(self, name: str, *content: Element, user: str = "op") -> Element:
        """The answer, which is valid."""
        answer = (await self.post(name, *content, user=user)).body
        assert violations(answer) == []
        return answer

    async def fault(self, name: str, *content: Element, user: str = "op") -> tuple[str, ...]:
        fault = parse_fault(await self.post(name, *content, user=user))
        assert fault is not None
        return fault.subcodes

    async def found(self, *scope: Element, user: str = "op") -> list[str]:
        """The recordings that a search finds."""
        started = await self.ask(
            "tse:FindRecordings", element("tse:Scope", *scope), element("tse:KeepAliveTime", "PT10S"), user=user
        )
        token = element("tse:SearchToken", text_of(started, "tse:SearchToken"))
        answer = await self.ask("tse:GetRecordingSearchResults", token, user=user)
        assert text_of(answer, "tse:ResultList/tt:SearchState") == "Completed"
        return [node.text or "" for node in answer.iter(qname("tt:RecordingToken"))]

    async def find_events(
        self, start_ns: int, end_ns: int | None = None, *more: Element, start_state: bool = False
    ) -> str:
        """The token of a search for events of all recordings."""
        end = [] if end_ns is None else [element("tse:EndPoint", format_utc(end_ns))]
        started = await self.ask(
            "tse:FindEvents",
            element("tse:StartPoint", format_utc(start_ns)),
            *end,
            element("tse:Scope"),
            element("tse:SearchFilter", *more),
            element("tse:IncludeStartState", str(start_state).lower()),
            element("tse:KeepAliveTime", "PT10S"),
        )
        return text_of(started, "tse:SearchToken")

    async def results(self, token: str, most: int = 1000) -> tuple[str, list[tuple[float, str]]]:
        """The search's state, and of each result hours since the beginning, and what it says."""
        answer = await self.ask(
            "tse:GetEventSearchResults", element("tse:SearchToken", token), element("tse:MaxResults", str(most))
        )
        found = []
        for result in answer.iter(qname("tt:Result")):
            item = result.find(f".//{qname('tt:Data')}/{qname('tt:SimpleItem')}")
            assert item is not None
            utc = text_of(result, "tt:Time")
            hours = next(h / 2 for h in range(-100, 100) if format_utc(BEGAN + h * HOUR // 2) == utc)
            found.append((hours, item.get("Value", "")))
        return text_of(answer, "tse:ResultList/tt:SearchState"), found


@pytest.fixture
def stage() -> Stage:
    return Stage()


# ---- at once


async def test_what_is_recorded_in_all(stage: Stage) -> None:
    answer = await stage.ask("tse:GetRecordingSummary")
    summary = "tse:Summary/tt:"
    assert text_of(answer, summary + "DataFrom") == format_utc(BEGAN)
    assert text_of(answer, summary + "DataUntil") == format_utc(BEGAN + 20 * HOUR)
    assert text_of(answer, summary + "NumberRecordings") == "3"
    stage.model.all = []
    assert text_of(await stage.ask("tse:GetRecordingSummary"), summary + "NumberRecordings") == "0"


async def test_what_one_recording_is(stage: Stage) -> None:
    token = element("tse:RecordingToken", "a")
    answer = await stage.ask("tse:GetRecordingInformation", token)
    assert text_of(answer, "tse:RecordingInformation/tt:Source/tt:SourceId") == "source-a"
    assert text_of(answer, "tse:RecordingInformation/tt:RecordingStatus") == "Recording"
    answer = await stage.ask("tse:GetRecordingInformation", element("tse:RecordingToken", "c"))
    assert text_of(answer, "tse:RecordingInformation/tt:RecordingStatus") == "Initiated"
    assert await stage.fault("tse:GetRecordingInformation", token, user="guest") == (
        "ter:InvalidArgVal",
        "ter:InvalidToken",
    )


async def test_how_it_is_coded_at_a_moment(stage: Stage) -> None:
    time = element("tse:Time", format_utc(BEGAN + HOUR))
    answer = await stage.ask("tse:GetMediaAttributes", time)
    assert [node.text for node in answer.iter(qname("tt:RecordingToken"))] == ["a", "b"]
    assert text_of(answer, "tse:MediaAttributes/tt:TrackAttributes/tt:VideoAttributes/tt:Width") == "1280"
    only = await stage.ask("tse:GetMediaAttributes", element("tse:RecordingTokens", "b"), time)
    assert [node.text for node in only.iter(qname("tt:RecordingToken"))] == ["b"]
    later = await stage.ask("tse:GetMediaAttributes", element("tse:Time", format_utc(BEGAN + 30 * HOUR)))
    assert len(later) == 0


# ---- FindRecordings


@pytest.mark.parametrize(
    ("scope", "tokens"),
    [
        ([], ["a", "b", "c"]),
        ([element("tt:RecordingInformationFilter", 'boolean(//Track[TrackType = "Video"])')], ["a"]),
        ([element("tt:IncludedRecordings", "c")], ["c"]),
        ([element("tt:IncludedSources", element("tt:Token", "profile-b"))], ["b"]),
        (
            [element("tt:IncludedSources", element("tt:Token", "source-a")), element("tt:IncludedRecordings", "c")],
            ["a", "c"],
        ),
    ],
)
async def test_a_scope_says_which_recordings_are_meant(stage: Stage, scope: list[Element], tokens: list[str]) -> None:
    assert await stage.found(*scope) == tokens


@pytest.mark.parametrize(
    ("scope", "subcode"),
    [
        (element("tt:IncludedRecordings", "nothing"), "ter:InvalidToken"),
        (element("tt:IncludedSources", element("tt:Token", "nothing")), "ter:InvalidSource"),
        (element("tt:RecordingInformationFilter", "document('x')"), "ter:InvalidFilterFault"),
    ],
)
async def test_a_scope_of_nothing_known_is_refused(stage: Stage, scope: Element, subcode: str) -> None:
    content = element("tse:Scope", scope), element("tse:KeepAliveTime", "PT10S")
    assert (await stage.fault("tse:FindRecordings", *content))[-1] == subcode


async def test_nobody_finds_what_is_not_theirs(stage: Stage) -> None:
    assert await stage.found(user="guest") == ["b", "c"]


# ---- FindEvents


async def test_events_come_in_the_order_of_time(stage: Stage) -> None:
    token = await stage.find_events(BEGAN, BEGAN + 6 * HOUR)
    state, found = await stage.results(token)
    assert found == [(0, "true"), (2, "false"), (3, "true"), (5, "false"), (6, "true")]
    assert state == "Completed"
    assert stage.model.searches == [("op", ("a", "b", "c"), BEGAN, BEGAN + 6 * HOUR)]
    assert (await stage.fault("tse:GetEventSearchResults", element("tse:SearchToken", token)))[-1] == "ter:InvalidToken"


async def test_they_come_backwards_from_a_later_start(stage: Stage) -> None:
    token = await stage.find_events(BEGAN + 6 * HOUR, BEGAN + 2 * HOUR, start_state=True)
    _, found = await stage.results(token)
    assert found == [(6, "true"), (6, "true"), (5, "false"), (3, "true"), (2, "false"), (2, "true")]


async def test_they_are_fetched_in_parts(stage: Stage) -> None:
    token = await stage.find_events(BEGAN, BEGAN + 6 * HOUR, start_state=True)
    parts = [await stage.results(token, most=3) for _ in range(2)]
    assert [state for state, _ in parts] == ["Searching", "Completed"]
    assert [hours for _, found in parts for hours, _ in found] == [0, 0, 2, 3, 5, 6]


async def test_years_without_anything_cost_nothing(stage: Stage) -> None:
    token = await stage.find_events(0, None)
    _, found = await stage.results(token)
    assert len(found) == 14
    assert len(stage.model.looks) < 8
    assert min(low for low, _ in stage.model.looks) == BEGAN


async def test_a_filter_by_topic_says_which_events(stage: Stage) -> None:
    dialect = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
    for topic, count in (("tns1:RecordingHistory//.", 3), ("tns1:VideoSource/MotionAlarm", 0)):
        wanted = element("wsnt:TopicExpression", topic, Dialect=dialect)
        token = await stage.find_events(BEGAN, BEGAN + 4 * HOUR, wanted)
        assert len((await stage.results(token))[1]) == count


async def test_a_search_is_ended(stage: Stage) -> None:
    token = await stage.find_events(BEGAN, BEGAN + 6 * HOUR)
    await stage.results(token, most=1)
    answer = await stage.ask("tse:GetSearchState", element("tse:SearchToken", token))
    assert text_of(answer, "tse:State") == "Searching"
    answer = await stage.ask("tse:EndSearch", element("tse:SearchToken", token))
    assert text_of(answer, "tse:Endpoint") == format_utc(BEGAN + HOUR)
    assert (await stage.fault("tse:EndSearch", element("tse:SearchToken", token)))[-1] == "ter:InvalidToken"


async def test_abandoned_searches_expire_and_too_many_are_refused(stage: Stage) -> None:
    for _ in range(MAX_OF_USER):
        await stage.find_events(BEGAN, BEGAN + 6 * HOUR)
    content = element("tse:Scope"), element("tse:KeepAliveTime", "PT10S")
    assert (await stage.fault("tse:FindRecordings", *content))[-1] == "ter:ResourceProblem"
    await stage.found(user="guest")
    stage.clock.advance(MIN_KEEP)
    await stage.found()
    assert len(stage.search.searches) == 0


async def test_nobody_reads_the_search_of_another(stage: Stage) -> None:
    token = element("tse:SearchToken", await stage.find_events(BEGAN, BEGAN + HOUR))
    assert (await stage.fault("tse:GetEventSearchResults", token, user="guest"))[-1] == "ter:InvalidToken"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tse:FindEvents", [element("tse:StartPoint", "yesterday")]),
        ("tse:FindRecordings", [element("tse:MaxMatches", "many")]),
        ("tse:FindRecordings", [element("tse:KeepAliveTime", "long")]),
        ("tse:GetMediaAttributes", [element("tse:Time", "0")]),
    ],
)
async def test_what_cannot_be_read_is_refused(stage: Stage, name: str, content: list[Element]) -> None:
    assert await stage.fault(name, *content) == ("ter:InvalidArgVal", "ter:InvalidArgs")


# ---- RecordingControl, Replay


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trc:GetRecordings", []),
        ("trc:GetRecordingConfiguration", [element("trc:RecordingToken", "a")]),
        ("trc:GetRecordingOptions", [element("trc:RecordingToken", "a")]),
        ("trc:GetTrackConfiguration", [element("trc:RecordingToken", "a"), element("trc:TrackToken", "VIDEO001")]),
        ("trc:GetRecordingJobs", []),
        ("trc:GetRecordingJobConfiguration", [element("trc:JobToken", "job-a")]),
        ("trc:GetRecordingJobState", [element("trc:JobToken", "job-a")]),
        ("trc:GetServiceCapabilities", []),
        ("tse:GetServiceCapabilities", []),
        ("trp:GetServiceCapabilities", []),
        ("trp:GetReplayConfiguration", []),
    ],
)
async def test_what_is_told_of_recordings_is_valid(stage: Stage, name: str, content: list[Element]) -> None:
    await stage.ask(name, *content)


async def test_a_job_says_whether_it_is_at_work(stage: Stage) -> None:
    for camera, state in (("a", "Active"), ("b", "Idle")):
        answer = await stage.ask("trc:GetRecordingJobState", element("trc:JobToken", f"job-{camera}"))
        assert text_of(answer, "trc:State/tt:State") == state


@pytest.mark.parametrize(
    "name",
    [
        "trc:CreateRecording", "trc:DeleteRecording", "trc:SetRecordingJobMode", "trc:DeleteRecordingJob",
        "trc:SetRecordingConfiguration", "trc:DeleteTrack", "trp:SetReplayConfiguration",
    ],
)  # fmt: skip
async def test_nothing_can_be_changed(stage: Stage, name: str) -> None:
    assert await stage.fault(name) == ("ter:OperationProhibited",)


async def test_where_a_recording_is_played(stage: Stage) -> None:
    def setup(protocol: str) -> Element:
        transport = element("tt:Transport", element("tt:Protocol", protocol))
        return element("trp:StreamSetup", element("tt:Stream", "RTP-Unicast"), transport)

    token = element("trp:RecordingToken", "a")
    answer = await stage.ask("trp:GetReplayUri", setup("RTSP"), token)
    assert text_of(answer, "trp:Uri") == "rtsp://10.0.0.1:8554/a/replay"
    assert (await stage.fault("trp:GetReplayUri", setup("UDP"), token))[-1] == "ter:InvalidStreamSetup"
    refused = await stage.fault("trp:GetReplayUri", setup("RTSP"), token, user="guest")
    assert refused == ("ter:InvalidArgVal", "ter:InvalidToken")
