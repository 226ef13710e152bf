"""The Search service (`tse`) of a served device: which recordings there are, and what happened to them.

Here belongs what is asked and answered, and which recordings are meant. Searches under way belong to
`search_sessions`; what is recorded is asked of the `RecordingsModel`.

Sources: ONVIF Recording Search Specification, search.wsdl. Metadata and PTZ positions are not searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from onvif_protocol.base import Clock
from onvif_protocol.device import Call, Operation, Operations, invalid_argument
from onvif_protocol.duration import parse_duration
from onvif_protocol.event_filter import EventFilter, EventFilterError, parse_event_filter
from onvif_protocol.notification import PREFIXES, message_of
from onvif_protocol.recordings_model import (
    Asker,
    AudioAttributes,
    MediaAttributes,
    Recording,
    RecordingEvent,
    RecordingsModel,
    RecordingTrack,
    TrackType,
    VideoAttributes,
    source_information,
    track_information,
)
from onvif_protocol.search_sessions import EventSearch, RecordingSearch, Search, Searches, TooManySearchesError
from onvif_protocol.soap import NS, Element, Fault, FaultError, element, format_utc, parse_utc, qname, text_of
from onvif_protocol.xpath_filter import FilterError, compile_filter

MAX_RESULTS: Final = 1000
"""In one answer."""
DEFAULT_RESULTS: Final = 200
MAX_WAIT: Final = 10.0
"""Seconds that an answer is waited for at most; whoever asks again goes on."""
DEFAULT_WAIT: Final = 5.0

LAST_NS: Final = 9 * 10**18
"""In the year 2255: later times mean no more than that, as those before 1970 mean its beginning. They fit 64 bits."""

_ENCODINGS: Final = {"H264"}
"""Of pictures, those that the schema has a word for."""


class SearchService:
    """The Search service of a device."""

    namespace = NS["tse"]
    path = "/onvif/search_service"
    version = (2, 42)

    def __init__(self, model: RecordingsModel, clock: Clock) -> None:
        self.searches = Searches(clock)
        self._model = model
        self._clock = clock

    def operations(self) -> Operations:  # noqa: D102
        return {
            qname("tse:GetServiceCapabilities"): Operation(self._get_service_capabilities, open=True),
            qname("tse:GetRecordingSummary"): Operation(self._get_recording_summary),
            qname("tse:GetRecordingInformation"): Operation(self._get_recording_information),
            qname("tse:GetMediaAttributes"): Operation(self._get_media_attributes),
            qname("tse:FindRecordings"): Operation(self._find_recordings),
            qname("tse:GetRecordingSearchResults"): Operation(self._get_recording_search_results),
            qname("tse:FindEvents"): Operation(self._find_events),
            qname("tse:GetEventSearchResults"): Operation(self._get_event_search_results, prefixes=PREFIXES),
            qname("tse:GetSearchState"): Operation(self._get_search_state),
            qname("tse:EndSearch"): Operation(self._end_search),
        }

    def capabilities(self) -> Element:  # noqa: D102
        return element("tse:Capabilities", MetadataSearch=False, GeneralStartEvents=False)

    # ---- at once

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("tse:GetServiceCapabilitiesResponse", self.capabilities())

    async def _get_recording_summary(self, call: Call) -> Element:
        recordings = await self._model.recordings(asker(call))
        now_ns = self._clock.utc_ns()
        starts = [one.from_ns for one in recordings if one.from_ns is not None]
        ends = [one.to_ns for one in recordings if one.to_ns is not None]
        return element(
            "tse:GetRecordingSummaryResponse",
            element(
                "tse:Summary",
                element("tt:DataFrom", format_utc(min(starts, default=now_ns))),
                element("tt:DataUntil", format_utc(max(ends, default=now_ns))),
                element("tt:NumberRecordings", str(len(recordings))),
            ),
        )

    async def _get_recording_information(self, call: Call) -> Element:
        found = await recording_of(self._model, call, "tse:RecordingToken")
        information = _information("tse:RecordingInformation", found)
        return element("tse:GetRecordingInformationResponse", information)

    async def _get_media_attributes(self, call: Call) -> Element:
        at_ns = _time(call.request, "tse:Time", self._clock.utc_ns())
        named = _texts(call.request, "tse:RecordingTokens")
        answer = element("tse:GetMediaAttributesResponse")
        for recording in _named(await self._model.recordings(asker(call)), named):
            found = await self._model.media(asker(call), recording, at_ns)
            if found is not None:
                answer.append(_media(recording, found))
        return answer

    # ---- searches

    async def _find_recordings(self, call: Call) -> Element:
        found = await self._scope(call)
        most = _number(call.request, "tse:MaxMatches", len(found))
        search = self._open(call, RecordingSearch(found[: max(0, most)]))
        return element("tse:FindRecordingsResponse", element("tse:SearchToken", search.token))

    async def _get_recording_search_results(self, call: Call) -> Element:
        search = self._search(call)
        if not isinstance(search.work, RecordingSearch):
            raise _no_such_search()
        found = search.work.take(_results(call.request))
        if search.work.completed:
            self.searches.end(search)
        return element(
            "tse:GetRecordingSearchResultsResponse",
            element(
                "tse:ResultList",
                element("tt:SearchState", _state(search)),
                *(_information("tt:RecordingInformation", recording) for recording in found),
            ),
        )

    async def _find_events(self, call: Call) -> Element:
        request = call.request
        now_ns = self._clock.utc_ns()
        start_ns = _time(request, "tse:StartPoint", now_ns)
        end_ns = _time(request, "tse:EndPoint", now_ns)
        recordings = await self._scope(call)
        tokens = [recording.token for recording in recordings]
        await self._model.searched(asker(call), tokens, min(start_ns, end_ns), max(start_ns, end_ns))
        starts = [one.from_ns for one in recordings if one.from_ns is not None]
        work = EventSearch(
            self._model,
            tokens,
            start_ns,
            end_ns,
            # Nothing happened to them before they began, and nothing has happened later than now.
            within=(min(starts, default=now_ns), now_ns),
            wanted=_event_filter(request),
            most=_number(request, "tse:MaxMatches", -1),
        )
        if text_of(request, "tse:IncludeStartState") in {"true", "1"}:
            await work.include_start_state()
        search = self._open(call, work)
        return element("tse:FindEventsResponse", element("tse:SearchToken", search.token))

    async def _get_event_search_results(self, call: Call) -> Element:
        search = self._search(call)
        if not isinstance(search.work, EventSearch):
            raise _no_such_search()
        most = _results(call.request)
        least = max(0, min(_number(call.request, "tse:MinResults", most), most))
        wait = max(0.0, min(_seconds(call.request, "tse:WaitTime", DEFAULT_WAIT), MAX_WAIT))
        found = await search.work.take(least, most, self._clock, wait)
        if search.work.completed:
            self.searches.end(search)
        return element(
            "tse:GetEventSearchResultsResponse",
            element("tse:ResultList", element("tt:SearchState", _state(search)), *map(_result, found)),
        )

    def _get_search_state(self, call: Call) -> Element:
        state = element("tse:State", _state(self._search(call)))
        return element("tse:GetSearchStateResponse", state)

    def _end_search(self, call: Call) -> Element:
        search = self._search(call)
        self.searches.end(search)
        reached_ns = search.work.reached_ns if isinstance(search.work, EventSearch) else self._clock.utc_ns()
        return element("tse:EndSearchResponse", element("tse:Endpoint", format_utc(reached_ns)))

    # ---- what requests say

    async def _scope(self, call: Call) -> list[Recording]:
        """The recordings that a search is about (Recording Search 5.2.4)."""
        scope = call.request.find(qname("tse:Scope"))
        every = await self._model.recordings(asker(call))
        if scope is None:
            return list(every)
        recordings, sources = _texts(scope, "tt:IncludedRecordings"), _texts(scope, "tt:IncludedSources/tt:Token")
        known = {recording.source for recording in every} | {recording.profile for recording in every}
        if not sources <= known:
            raise invalid_argument("there is no such source", "ter:InvalidSource")
        chosen = {one.token for one in _named(every, recordings)} if recordings else set[str]()
        chosen |= {one.token for one in every if {one.source, one.profile} & sources}
        text = text_of(scope, "tt:RecordingInformationFilter")
        try:
            fits = compile_filter(text) if text else None
        except FilterError as error:
            raise invalid_argument(str(error), "ter:InvalidFilterFault") from None
        return [
            one
            for one in every
            if (one.token in chosen or not (recordings or sources))
            and (fits is None or fits(_information("tt:RecordingInformation", one)))
        ]

    def _open(self, call: Call, work: RecordingSearch | EventSearch) -> Search:
        keep = _seconds(call.request, "tse:KeepAliveTime", 0.0)
        try:
            return self.searches.open(asker(call).user, work, keep)
        except TooManySearchesError:
            reason = "there are too many searches: end those that are not needed"
            raise FaultError(Fault("Receiver", reason, ("ter:Action", "ter:ResourceProblem"))) from None

    def _search(self, call: Call) -> Search:
        found = self.searches.find(text_of(call.request, "tse:SearchToken"), asker(call).user)
        if found is None:
            raise _no_such_search()
        return found


def asker(call: Call) -> Asker:
    """Who asks."""
    return Asker(call.user or "", call.peer)


async def recording_of(model: RecordingsModel, call: Call, name: str) -> Recording:
    """The recording whose token the request has under `name`. Raises FaultError."""
    (found,) = _named(await model.recordings(asker(call)), {text_of(call.request, name)})
    return found


def _named(recordings: Sequence[Recording], tokens: set[str]) -> list[Recording]:
    """Those of these tokens, all without any. Raises FaultError when there is none of a name."""
    found = [recording for recording in recordings if recording.token in tokens or not tokens]
    if tokens and len(found) < len(tokens):
        raise invalid_argument("there is no such recording", "ter:InvalidToken")
    return found


def _no_such_search() -> FaultError:
    return invalid_argument("there is no such search, or it has ended", "ter:InvalidToken")


def _event_filter(request: Element) -> EventFilter:
    try:
        return parse_event_filter(request.find(qname("tse:SearchFilter")), None)
    except EventFilterError as error:
        raise invalid_argument(str(error), "ter:InvalidFilterFault") from None


def _texts(parent: Element, path: str) -> set[str]:
    return {(found.text or "").strip() for found in parent.findall(path, dict(NS))}


def _time(request: Element, name: str, default: int) -> int:
    text = text_of(request, name)
    try:
        return max(0, min(parse_utc(text), LAST_NS)) if text else default
    except ValueError:
        raise invalid_argument(f"{text[:40]!r} is no time, as in 2026-01-31T12:00:00Z", "ter:InvalidArgs") from None


def _seconds(request: Element, name: str, default: float) -> float:
    text = text_of(request, name)
    try:
        return parse_duration(text) if text else default
    except ValueError as error:
        raise invalid_argument(str(error), "ter:InvalidArgs") from None


def _number(request: Element, name: str, default: int) -> int:
    text = text_of(request, name)
    try:
        return int(text[:12]) if text else default
    except ValueError:
        raise invalid_argument(f"{name.partition(':')[2]} is no number", "ter:InvalidArgs") from None


def _results(request: Element) -> int:
    return max(1, min(_number(request, "tse:MaxResults", DEFAULT_RESULTS), MAX_RESULTS))


# ---- what answers say


def _state(search: Search) -> str:
    return "Completed" if search.work.completed else "Searching"


def _information(name: str, recording: Recording) -> Element:
    """A `tt:RecordingInformation`, which filters look at, too."""
    made = element(name, element("tt:RecordingToken", recording.token), source_information("tt:Source", recording))
    if recording.from_ns is not None and recording.to_ns is not None:
        made.append(element("tt:EarliestRecording", format_utc(recording.from_ns)))
        made.append(element("tt:LatestRecording", format_utc(recording.to_ns)))
    made.append(element("tt:Content", recording.name))
    made.extend([track_information("tt:Track", track) for track in recording.tracks])
    stopped = "Stopped" if recording.tracks else "Initiated"
    made.append(element("tt:RecordingStatus", "Recording" if recording.recording else stopped))
    return made


def _result(event: RecordingEvent) -> Element:
    return element(
        "tt:Result",
        element("tt:RecordingToken", event.recording),
        element("tt:TrackToken", event.track),
        element("tt:Time", format_utc(event.told.utc_ns)),
        message_of(event.told, "tt:Event"),
        element("tt:StartStateEvent", str(event.start_state).lower()),
    )


def _media(recording: Recording, found: MediaAttributes) -> Element:
    return element(
        "tse:MediaAttributes",
        element("tt:RecordingToken", recording.token),
        *(_track(track, attributes) for track, attributes in found.tracks),
        element("tt:From", format_utc(found.from_ns)),
        element("tt:Until", format_utc(found.to_ns)),
    )


def _track(track: RecordingTrack, attributes: VideoAttributes | AudioAttributes | None) -> Element:
    made = element("tt:TrackAttributes", track_information("tt:TrackInformation", track))
    if isinstance(attributes, VideoAttributes) and attributes.encoding in _ENCODINGS:
        made.append(
            element(
                "tt:VideoAttributes",
                element("tt:Bitrate", str(attributes.bitrate_kbps)),
                element("tt:Width", str(attributes.width)),
                element("tt:Height", str(attributes.height)),
                element("tt:Encoding", attributes.encoding),
                element("tt:Framerate", f"{attributes.frame_rate:.3g}"),
            )
        )
    elif isinstance(attributes, AudioAttributes):
        made.append(
            element(
                "tt:AudioAttributes",
                element("tt:Bitrate", str(attributes.bitrate_kbps)),
                element("tt:Encoding", attributes.encoding),
                element("tt:Samplerate", str(attributes.sample_rate_khz)),
            )
        )
    elif track.type is TrackType.METADATA:
        made.append(
            element(
                "tt:MetadataAttributes",
                element("tt:CanContainPTZ", "false"),
                element("tt:CanContainAnalytics", "false"),
                element("tt:CanContainNotifications", "true"),
            )
        )
    return made
