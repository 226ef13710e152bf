"""A whole gateway tells NVRs what is recorded and what happens, over ONVIF, and plays it, by RTSP."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.base.clock import SystemClock
from gateway.ingest.fleet import CameraStatus
from gateway.media.model import NS
from onvif_protocol.soap import (
    Element,
    build_envelope,
    build_username_token,
    element,
    format_utc,
    parse_envelope,
    parse_fault,
    qname,
    text_of,
)
from tests.accounts import PASSWORD
from tests.media_samples import T0
from tests.nvr_archive import RATE, archive
from tests.onvif_schema import violations
from tests.recording_rig import CAMERA
from tests.replay_stage import ReplayReader
from tests.running import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

NONCES = itertools.count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    async with archive(tmp_path_factory.mktemp("gateway"), onvif={"announce": False}) as running:
        limited = {"name": "only-7", "role": "nvr", "password": PASSWORD, "cameras": ["unit-7"]}
        status, body, _ = await running.client().call("POST", "/api/users", json=limited)
        assert status == 201, body
        yield running


async def post(gateway: Running, body: Element, path: str = "/onvif/device_service", user: str = "nvr") -> Element:
    nonce = str(next(NONCES)).encode()
    token = build_username_token(user, PASSWORD, nonce=nonce, utc_ns=SystemClock().utc_ns())
    async with gateway.http.post(path, data=build_envelope(body, [token], keep=("tns1",))) as response:
        return parse_envelope(await response.read()).body


async def ask(gateway: Running, name: str, *content: Element, path: str = "/onvif/x", user: str = "nvr") -> Element:
    """The answer, which is valid but for elements that these schemas do not know."""
    answer = await post(gateway, element(name, *content), path, user)
    assert answer.tag == qname(name) + "Response", [text.strip() for text in answer.itertext()]
    assert [wrong for wrong in violations(answer) if "strict wildcard" not in wrong] == []
    return answer


async def test_the_services_are_announced(gateway):
    answer = await ask(gateway, "tds:GetServices", element("tds:IncludeCapability", "true"))
    told = {text_of(one, "tds:Namespace").rpartition("/ver")[2] for one in answer}
    assert {"10/events/wsdl", "10/search/wsdl", "10/recording/wsdl", "10/replay/wsdl"} <= told


async def test_of_a_camera_silent_since_the_start_is_told_what_was_recorded_of_it(gateway):
    encoder = "tt:VideoEncoderConfiguration"
    names = ("Resolution/tt:Width", "Resolution/tt:Height", "RateControl/tt:FrameRateLimit", "H264/tt:GovLength")
    told = ["1920"]
    async with asyncio.timeout(20):
        while told[0] == "1920":  # until it is read, in the background
            (profile,) = await ask(gateway, "trt:GetProfile", element("trt:ProfileToken", CAMERA))
            told = [text_of(profile, f"{encoder}/tt:{name}") for name in names]
    assert told == ["64", "48", str(RATE), str(RATE)]
    (profile,) = await ask(gateway, "trt:GetProfile", element("trt:ProfileToken", "unit-7"))
    assert text_of(profile, f"{encoder}/tt:Resolution/tt:Width") == "1920", "nothing is known of it"


async def test_what_is_recorded_is_told_to_who_may_see_it(gateway):
    answer = await ask(gateway, "tse:GetRecordingSummary")
    assert text_of(answer, "tse:Summary/tt:DataFrom") == format_utc(T0)
    assert text_of(answer, "tse:Summary/tt:NumberRecordings") == "2"
    answer = await ask(gateway, "tse:GetRecordingInformation", element("tse:RecordingToken", CAMERA))
    information = answer[0]
    assert text_of(information, "tt:Source/tt:Name") == "Unit 12"
    assert [text_of(track, "tt:TrackType") for track in information.iter(qname("tt:Track"))] == [
        "Video", "Audio", "Metadata",
    ]  # fmt: skip
    assert text_of(information, "tt:RecordingStatus") == "Stopped"
    refused = await post(
        gateway, element("tse:GetRecordingInformation", element("tse:RecordingToken", CAMERA)), user="only-7"
    )
    fault = parse_fault(parse_envelope(build_envelope(refused, keep=("ter",))))
    assert fault is not None
    assert fault.subcodes[-1] == "ter:InvalidToken"


async def test_how_it_is_coded(gateway):
    answer = await ask(gateway, "tse:GetMediaAttributes", element("tse:Time", format_utc(T0 + 5 * NS)))
    video = answer.find(f".//{qname('tt:VideoAttributes')}")
    assert video is not None
    assert [text_of(video, f"tt:{name}") for name in ("Width", "Height", "Encoding", "Framerate")] == [
        "64", "48", "H264", str(RATE),
    ]  # fmt: skip
    assert text_of(answer, "tse:MediaAttributes/tt:TrackAttributes/tt:AudioAttributes/tt:Encoding") == "G711"


async def test_events_say_where_something_is_missing(gateway):
    started = await ask(
        gateway,
        "tse:FindEvents",
        element("tse:StartPoint", format_utc(T0)),
        element("tse:EndPoint", format_utc(T0 + 3600 * NS)),
        element("tse:Scope", element("tt:IncludedRecordings", CAMERA)),
        element("tse:SearchFilter"),
        element("tse:IncludeStartState", "true"),
        element("tse:KeepAliveTime", "PT10S"),
    )
    answer = await ask(
        gateway, "tse:GetEventSearchResults", element("tse:SearchToken", text_of(started, "tse:SearchToken"))
    )
    told = [
        (result.findtext(qname("tt:Time")), item.get("Value"), text_of(result, "tt:StartStateEvent"))
        for result in answer.iter(qname("tt:Result"))
        for item in result.iter(qname("tt:SimpleItem"))
        if item.get("Name") == "IsRecording"
    ]
    assert told == [
        (format_utc(T0), "true", "true"),
        (format_utc(T0), "true", "false"),
        (format_utc(T0 + 30 * NS), "false", "false"),
        (format_utc(T0 + 60 * NS), "true", "false"),
        (format_utc(T0 + 70 * NS), "false", "false"),
    ]
    rows = await gateway.audit()
    assert any(row.action == "recordings" and row.actor == "nvr" and "interval" in row.detail for row in rows)


async def test_times_beyond_all_times_find_what_there_is(gateway):
    started = await ask(
        gateway,
        "tse:FindEvents",
        element("tse:StartPoint", "0001-01-01T00:00:00Z"),
        element("tse:EndPoint", "9999-12-31T23:59:59Z"),
        element("tse:Scope"),
        element("tse:SearchFilter"),
        element("tse:IncludeStartState", "true"),
        element("tse:KeepAliveTime", "PT10S"),
    )
    token = element("tse:SearchToken", text_of(started, "tse:SearchToken"))
    answer = await ask(gateway, "tse:GetEventSearchResults", token)
    assert text_of(answer, "tse:ResultList/tt:SearchState") == "Completed"
    assert len(await ask(gateway, "tse:GetMediaAttributes", element("tse:Time", "9999-12-31T23:59:59Z"))) == 0


async def test_jobs_say_whether_a_camera_is_being_recorded(gateway):
    answer = await ask(gateway, "trc:GetRecordingJobState", element("trc:JobToken", CAMERA))
    assert text_of(answer, "trc:State/tt:State") == "Idle"
    assert len(await ask(gateway, "trc:GetRecordings")) == 2


async def test_what_is_recorded_is_played_where_it_says(gateway):
    transport = element("tt:Transport", element("tt:Protocol", "RTSP"))
    setup = element("trp:StreamSetup", element("tt:Stream", "RTP-Unicast"), transport)
    answer = await ask(gateway, "trp:GetReplayUri", setup, element("trp:RecordingToken", CAMERA))
    uri = text_of(answer, "trp:Uri")
    assert uri == f"rtsp://127.0.0.1:{gateway.rtsp_port}/{CAMERA}/replay"
    reader = await ReplayReader.connect(gateway.rtsp_port, f"{CAMERA}/replay", f"nvr:{PASSWORD}")
    await reader.set_up(0, 1, 2)
    assert (await reader.play(0, 100)).status == 200
    await reader.until(lambda: any("T" in one.flags for one in reader.units(0)))
    pictures = reader.units(0)
    assert len(pictures) == 40 * RATE
    assert [one.at for one in pictures if "E" in one.flags] == [29.9, 69.9]
    await reader.close()


async def test_a_pull_point_tells_of_a_camera_that_is_lost(gateway):
    answer = await ask(gateway, "tev:CreatePullPointSubscription")
    path = "/onvif/" + text_of(answer, "tev:SubscriptionReference/wsa:Address").rpartition("/")[2]
    limit = element("tev:MessageLimit", "100")
    answer = await ask(gateway, "tev:PullMessages", element("tev:Timeout", "PT1S"), limit, path=path)
    topics = {(topic.text or "").strip() for topic in answer.iter(qname("wsnt:Topic"))}
    assert {"tns1:VideoSource/SignalLoss", "tns1:RecordingConfig/JobState"} <= topics
    gateway.fleet.camera("unit-7").set_status(CameraStatus.OFFLINE, "gone")
    answer = await ask(gateway, "tev:PullMessages", element("tev:Timeout", "PT5S"), limit, path=path)
    items = [item.get("Value") for item in answer.iter(qname("tt:SimpleItem"))]
    assert items == ["unit-7", "true"]
    await ask(gateway, "wsnt:Unsubscribe", path=path)
