"""Session descriptions: recorded cameras, their broken rules, control URLs, and what our own server says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.model import (
    AudioParameters,
    Codec,
    MetadataParameters,
    Track,
    TrackKind,
    VideoParameters,
)
from gateway.rtsp.protocol import Connection, Response, Role
from gateway.rtsp.sdp import (
    Media,
    SdpError,
    SessionDescription,
    TrackDescription,
    aggregate_url,
    base_url,
    control_url,
    describe,
    payload_type,
    tracks,
    without_userinfo,
)
from tests.data import shared

BASE = "rtsp://10.1.2.3/stream/"


def recorded(name: str) -> tuple[SessionDescription, str]:
    [response] = Connection(Role.CLIENT).receive(shared(f"rtsp/{name}.txt").read_bytes())
    assert isinstance(response, Response)
    return SessionDescription.parse(response.body), base_url("rtsp://asked/", response.headers.get("Content-Base"))


def read(*lines: str) -> tuple[TrackDescription, ...]:
    return tracks(SessionDescription.parse("\r\n".join(("v=0", *lines)).encode()), BASE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bunny_describe", ["AAC 12000/2", "H264 240x160"]),
        ("dahua_describe_h264_aac_onvif", ["H264 704x480", "AAC 48000/1", "ONVIF"]),
        ("dahua_describe_h265_pcma", ["H265 704x480", "PCMA 8000/1"]),
        ("hikvision_describe", ["H264 1920x1080", "ONVIF"]),
        ("reolink_describe", ["H264 2560x1440", "AAC 16000/1"]),
    ],
)
def test_recorded_cameras(name: str, expected: list[str]) -> None:
    description, base = recorded(name)
    found = []
    for number, described in enumerate(tracks(description, base)):
        track = described.track
        assert track.id == number
        match track.parameters:
            case VideoParameters() as video:
                assert video.complete
                assert track.clock_rate == 90000
                found.append(f"{track.codec} {video.width}x{video.height}")
            case AudioParameters() as audio:
                assert track.clock_rate == audio.sample_rate
                found.append(f"{track.codec} {audio.sample_rate}/{audio.channels}")
            case MetadataParameters("vnd.onvif.metadata"):
                found.append(str(track.codec))
    assert found == expected
    assert description.ignored_lines == 0
    assert SessionDescription.parse(description.encode()) == description


def test_recorded_control_urls() -> None:
    description, base = recorded("dahua_describe_h265_pcma")
    assert aggregate_url(description, base) == "rtsp://cam-driveway/cam/realmonitor?channel=1&subtype=2/"
    assert tracks(description, base)[1].control == ("rtsp://cam-driveway/cam/realmonitor?channel=1&subtype=2/trackID=1")
    description, base = recorded("hikvision_describe")
    assert aggregate_url(description, base) == (
        "rtsp://192.168.5.106:554/Streaming/Channels/101/?transportmode=unicast&profile=Profile_1"
    )
    assert tracks(description, base)[0].control == (
        "rtsp://192.168.5.106:554/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1"
    )


@pytest.mark.parametrize(
    ("base", "control", "expected"),
    [
        ("rtsp://h/cam", "*", "rtsp://h/cam"),
        ("rtsp://h/cam", "", "rtsp://h/cam"),
        ("rtsp://h/cam", "trackID=1", "rtsp://h/cam/trackID=1"),
        ("rtsp://h/cam/", "trackID=1", "rtsp://h/cam/trackID=1"),
        ("rtsp://h/cam/", "/trackID=1", "rtsp://h/cam/trackID=1"),
        ("rtsp://h/cam?a=1", "trackID=1", "rtsp://h/cam?a=1/trackID=1"),
        ("rtsp://h/cam", "?track=1", "rtsp://h/cam?track=1"),
        ("rtsp://h/cam", "RTSP://op:pw@192.168.0.9/x", "rtsp://192.168.0.9/x"),
    ],
)
def test_control_urls(base: str, control: str, expected: str) -> None:
    assert control_url(control, base) == expected


@pytest.mark.parametrize(
    ("content_base", "content_location", "expected"),
    [
        ("rtsp://cam/x/", "", "rtsp://cam/x/"),
        ("", "rtsp://cam/y", "rtsp://cam/y"),
        ("/relative/", "", "rtsp://asked/z"),
        ("http://cam/x/", "rtsp://", "rtsp://asked/z"),
    ],
)
def test_a_base_that_is_missing_or_wrong(content_base: str, content_location: str, expected: str) -> None:
    assert base_url("rtsp://op:pw@asked/z", content_base, content_location) == expected


def test_user_names_and_passwords_leave_the_url() -> None:
    assert without_userinfo("rtsp://op:p%40w@[::1]:554/x?y=a@b") == "rtsp://[::1]:554/x?y=a@b"
    assert without_userinfo("rtsp://h/x@y") == "rtsp://h/x@y"
    assert without_userinfo("rtsp://[broken") == "rtsp://[broken"


@pytest.mark.parametrize(
    "fmtp",
    [
        "",
        "a=fmtp:96 packetization-mode=1",
        "a=fmtp:96 sprop-parameter-sets=,",
        "a=fmtp:96 sprop-parameter-sets=!,€",
        "a=fmtp:96 sprop-parameter-sets=Z2Q=,aO48MA==",
    ],
)
def test_missing_or_broken_parameter_sets_come_in_band(fmtp: str) -> None:
    [described] = read("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", fmtp)
    assert described.track.codec is Codec.H264
    assert not isinstance(described.track.parameters, VideoParameters) or not described.track.parameters.complete


def test_parameter_sets_with_start_codes_and_zeros_around_them() -> None:
    [plain] = read(
        "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", "a=fmtp:96 sprop-parameter-sets=Z2QAM6zoAoALWQ==,aO48MA=="
    )
    [wrapped] = read(
        "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
        'a=fmtp:96 sprop-parameter-sets="AAAAAWdkADOs6AKAC1k=,AAABaO48MAAA"',
    )  # fmt: skip
    assert wrapped.track == plain.track
    assert isinstance(plain.track.parameters, VideoParameters)
    assert plain.track.parameters.complete


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a=rtpmap:97 MPEG4-GENERIC/16000", "a=fmtp:97 mode=AAC-hbr; config=1408"], (16000, 1, "1408")),
        (["a=rtpmap:97 mpeg4-generic/44100", "a=fmtp:97 config=1190"], (48000, 2, "1190")),
        (["a=rtpmap:97 MPEG4-GENERIC/48000/2"], (48000, 2, "1190")),
        (["a=rtpmap:97 MPEG4-GENERIC/16000", "a=fmtp:97 config=zz"], (16000, 1, "1408")),
        (["a=rtpmap:97 MPEG4-GENERIC/47999/99", "a=fmtp:97 config="], (47999, 1, "17805dbf88")),
        (["a=rtpmap:97 MPEG4-GENERIC/16000", "a=fmtp:97 config=17805DBF90"], (47999, 2, "17805dbf90")),
    ],
)
def test_aac_by_its_config_or_else_by_its_rtpmap(lines: list[str], expected: tuple[int, int, str]) -> None:
    [described] = read("m=audio 0 RTP/AVP 97", *lines)
    assert described.track.codec is Codec.AAC
    parameters = described.track.parameters
    assert isinstance(parameters, AudioParameters)
    assert (parameters.sample_rate, parameters.channels, parameters.config.hex()) == expected


@pytest.mark.parametrize(
    ("line", "rtpmap", "codec", "name"),
    [
        ("audio 0 RTP/AVP 0", "", Codec.PCMU, "PCMU"),
        ("audio 0 RTP/AVP 8", "", Codec.PCMA, "PCMA"),
        ("audio 0 RTP/AVP 97", "97 pcma/8000/1", Codec.PCMA, "pcma"),
        ("audio 0 RTP/AVP 97", "97 G726-32/8000", Codec.UNSUPPORTED, "G726-32"),
        ("audio 0 RTP/AVP 97", "", Codec.UNSUPPORTED, "payload type 97"),
        ("audio 0 RTP/AVP 97 8", "97 G726-32/8000", Codec.PCMA, "PCMA"),
        ("video 0 RTP/AVP 26", "", Codec.UNSUPPORTED, "JPEG"),
        ("video 0 RTP/AVP 96", "96 HEVC/90000", Codec.H265, "HEVC"),
        ("application 0 RTP/AVP 9", "9 VND.ONVIF.METADATA/90000", Codec.ONVIF_METADATA, "VND.ONVIF.METADATA"),
        ("application 0 RTP/AVP 9", "9 vnd.onvif.metadata+gzip/9", Codec.ONVIF_METADATA, "vnd.onvif.metadata+gzip"),
        ("application 0 RTP/AVP 9", "9 vnd.onvif.metadata.gzip/9", Codec.ONVIF_METADATA, "vnd.onvif.metadata.gzip"),
        ("application 0 RTP/AVP 9", "9 vnd.onvif.metadata.exi.ext/9", Codec.UNSUPPORTED, "vnd.onvif.metadata.exi.ext"),
        ("text 0 RTP/AVP 98", "98 t140/1000", Codec.UNSUPPORTED, "t140"),
    ],
)  # fmt: skip
def test_codecs_by_their_names(line: str, rtpmap: str, codec: Codec, name: str) -> None:
    [described] = read(f"m={line}", f"a=rtpmap:{rtpmap}")
    assert (described.track.codec, described.track.name) == (codec, name)
    if described.track.kind is TrackKind.METADATA:
        assert described.track.parameters == MetadataParameters(name.lower())


def test_mpeg4_audio_that_is_not_aac_is_named_as_unsupported() -> None:
    [described] = read("m=audio 0 RTP/AVP 97", "a=rtpmap:97 MPEG4-GENERIC/8000", "a=fmtp:97 mode=CELP-cbr")
    assert described.track.codec is Codec.UNSUPPORTED


def test_an_audio_backchannel_is_no_track_of_the_camera() -> None:
    found = read("m=audio 0 RTP/AVP 0", "a=sendonly", "m=video 0 RTP/AVP 26", "a=sendonly")
    assert [(described.track.id, described.track.name) for described in found] == [(0, "JPEG")]


def test_lines_that_cannot_be_read_are_passed_over() -> None:
    description = SessionDescription.parse(
        b"v=0\nnonsense\nm=video\nm=audio x RTP/AVP 8 zz 999\nc=IN IP4 1.2.3.4\na=control:a\n\0\n"
    )
    assert description.media == (Media("audio", (8,), (("control", "a"),), connection="IN IP4 1.2.3.4"),)
    assert description.ignored_lines == 2


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"a=control:*\r\n", b"\xff\xfe"])
def test_what_is_no_description_says_so(body: bytes) -> None:
    with pytest.raises(SdpError):
        SessionDescription.parse(body)


def test_our_own_description_gives_the_same_tracks_back() -> None:
    description, base = recorded("dahua_describe_h265_pcma")
    ours = [described.track for described in tracks(description, base)]
    h264 = tracks(*recorded("reolink_describe"))
    ours += [Track(2, *_rest(h264[0].track)), Track(3, *_rest(h264[1].track))]
    ours.append(Track(4, TrackKind.METADATA, Codec.ONVIF_METADATA, 90000, MetadataParameters(), "vnd.onvif.metadata"))
    ours.append(Track(5, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters(), "H264"))
    ours.append(Track(6, TrackKind.VIDEO, Codec.H265, 90000, VideoParameters(), "H265"))
    ours.append(Track(7, TrackKind.AUDIO, Codec.PCMU, 16000, AudioParameters(16000, 2), "PCMU"))
    built = SessionDescription.parse(describe(ours, name="Unit 12\r\nm=video 0 RTP/AVP 26", session_id=7).encode())
    read_back = tracks(built, BASE)
    assert [described.track for described in read_back] == ours
    assert [described.payload_type for described in read_back] == [payload_type(track) for track in ours]
    assert [described.control for described in read_back] == [f"{BASE}trackID={n}" for n in range(len(ours))]


def _rest(track: Track) -> tuple[TrackKind, Codec, int, VideoParameters | AudioParameters | MetadataParameters, str]:
    return track.kind, track.codec, track.clock_rate, track.parameters, track.name


def test_an_unsupported_track_cannot_be_described() -> None:
    with pytest.raises(ValueError, match="G726"):
        describe([Track(0, TrackKind.AUDIO, Codec.UNSUPPORTED, 8000, AudioParameters(), "G726")], name="", session_id=1)


sdp_lines = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [b"m=video 0 RTP/AVP 96", b"m=audio 0 RTP/AVP 97 0", b"a=rtpmap:96 H264/90000", b"a=rtpmap:96 H265/0",
         b"a=rtpmap:97 MPEG4-GENERIC/999999/77", b"a=control:", b"a=control:rtsp://[", b"a=fmtp:97 config=ff",
         b"a=fmtp:96 sprop-parameter-sets=Z0Lw,Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg=="]
    ),
    st.binary(max_size=40).map(lambda data: b"a=fmtp:96 sprop-sps=" + data),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(sdp_lines, max_size=12))
def test_no_description_makes_reading_fail(lines: list[bytes]) -> None:
    description = SessionDescription.parse(b"\n".join([b"v=0", *lines]))
    for described in tracks(description, BASE):
        assert described.control
        assert described.track.clock_rate > 0
