"""Offers of Chromium and aiortc, what is chosen from them, and what is answered."""

from __future__ import annotations

import contextlib

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.errors import BadRequestError
from gateway.media.model import AudioParameters, Codec, Track, TrackKind, VideoParameters
from gateway.webrtc.ice import Credentials
from gateway.webrtc.sdp import LocalTransport, NoCodecError, build_answer, negotiate, parse_offer
from tests.webrtc_samples import CHROMIUM_OFFER, FINGERPRINT, SPS_HIGH, audio_track, video_track

LOCAL = LocalTransport(Credentials("gw", "gw-password"), "CD:" * 31 + "CD", ("1 1 udp 9 127.0.0.1 8189 typ host",))
H265_SPS = bytes.fromhex("42010101600000030090000003000003003ca00a080f16595952930b9a020000030002000003003c10")
ALLOWED_SPS_MAIN = bytes.fromhex("674d401fda014016e8")


def answer_to(text: str, *tracks: Track) -> str:
    offer = parse_offer(text)
    agreement = negotiate(offer, tracks)
    return build_answer(offer, agreement, LOCAL, session_id=1, ssrcs={m: 11 + m for m in range(64)})


def test_retransmissions_are_a_stream_of_their_own() -> None:
    offer = parse_offer(CHROMIUM_OFFER)
    agreement = negotiate(offer, (video_track(), audio_track(Codec.PCMU)))
    answer = build_answer(offer, agreement, LOCAL, session_id=1, ssrcs={0: 11, 1: 12}, rtx_ssrc=13)
    _, video, audio = sections(answer)
    assert video[0] == "m=video 9 UDP/TLS/RTP/SAVPF 103 104"
    for line in (
        "a=rtpmap:104 rtx/90000",
        "a=fmtp:104 apt=103",
        "a=ssrc-group:FID 11 13",
        "a=ssrc:11 cname:sightline",
        "a=ssrc:13 cname:sightline",
    ):
        assert line in video, line
    assert not any("rtx" in line or "FID" in line for line in audio)


def test_retransmissions_are_sent_only_where_lost_packets_are_asked_for() -> None:
    for without in ("a=rtcp-fb:103 nack\r\n", "a=fmtp:104 apt=103\r\n"):
        agreement = negotiate(parse_offer(CHROMIUM_OFFER.replace(without, "")), (video_track(),))
        assert agreement.video.rtx is None


def sections(sdp: str) -> list[list[str]]:
    assert sdp.endswith("\r\n")
    result: list[list[str]] = [[]]
    for line in sdp.split("\r\n")[:-1]:
        if line.startswith("m="):
            result.append([])
        result[-1].append(line)
    return result


def test_chromium_without_sound() -> None:
    session, video, audio = sections(answer_to(CHROMIUM_OFFER, video_track()))
    assert "a=ice-lite" in session
    assert "a=group:BUNDLE 0" in session
    assert video[0] == "m=video 9 UDP/TLS/RTP/SAVPF 103"
    for line in (
        "a=mid:0",
        "a=sendonly",
        "a=setup:passive",
        "a=rtcp-mux",
        "a=ice-ufrag:gw",
        "a=ice-pwd:gw-password",
        f"a=fingerprint:sha-256 {LOCAL.fingerprint}",
        "a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
        "a=rtcp-fb:103 nack",
        "a=rtcp-fb:103 nack pli",
        "a=rtcp-fb:103 ccm fir",
        "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        "a=candidate:1 1 udp 9 127.0.0.1 8189 typ host",
    ):
        assert line in video, line
    assert "a=rtcp-fb:103 goog-remb" in video
    assert not any("transport-cc" in line or "FID" in line for line in video)
    assert audio[0] == "m=audio 0 UDP/TLS/RTP/SAVPF 111 9 0 8"
    assert "a=inactive" in audio
    assert "a=mid:1" in audio


def test_chromium_with_sound_keeps_the_lips_in_step() -> None:
    session, video, audio = sections(answer_to(CHROMIUM_OFFER, video_track(), audio_track(Codec.PCMA)))
    assert "a=group:BUNDLE 0 1" in session
    assert audio[0] == "m=audio 9 UDP/TLS/RTP/SAVPF 8"
    assert "a=rtpmap:8 PCMA/8000" in audio
    assert not any("playout-delay" in line for line in video)


def test_the_first_form_of_the_video_that_the_offer_has_is_chosen() -> None:
    made = video_track(b"\x67\x42\xe0\x1f")
    sps = (H265_SPS, H265_SPS.replace(b"\x3c\xa0", b"\x99\xa0", 1))
    hevc, higher_level = (Track(0, TrackKind.VIDEO, Codec.H265, 90_000, VideoParameters(s, (b"x",))) for s in sps)
    constrained = CHROMIUM_OFFER.replace("4d001f", "42e01f")
    for text, tracks, payload_type in (
        (CHROMIUM_OFFER, (hevc, made), 40),
        (CHROMIUM_OFFER, (higher_level, made), 103),
        (CHROMIUM_OFFER.replace("H265/90000", "x/90000"), (hevc, made), 103),
        (constrained, (higher_level, made), 108),
    ):
        video = negotiate(parse_offer(text), tracks).video
        assert (video.format.payload_type, video.track is made) == (payload_type, payload_type != 40)
    parameters = "a=fmtp:40 profile-id=1;tier-flag=0;level-id=180;tx-mode=SRST"
    text = CHROMIUM_OFFER.replace("a=rtpmap:40 H265/90000", f"a=rtpmap:40 H265/90000\r\n{parameters}")
    _, video, _ = sections(answer_to(text, higher_level, made))
    assert {"a=rtpmap:40 H265/90000", parameters} <= set(video)
    for other in ("profile-id=3", "tx-mode=MRST", "level-id=x", "level-id=30"):
        text = CHROMIUM_OFFER.replace("a=rtpmap:40 H265/90000", f"a=rtpmap:40 H265/90000\r\na=fmtp:40 {other}")
        assert negotiate(parse_offer(text), (hevc, made)).video.track is made


def test_opus_is_answered_as_its_rfc_says() -> None:
    opus = Track(1, TrackKind.AUDIO, Codec.OPUS, 48_000, AudioParameters(48_000))
    _, _, audio = sections(answer_to(CHROMIUM_OFFER, video_track(), opus))
    assert audio[0] == "m=audio 9 UDP/TLS/RTP/SAVPF 111"
    assert "a=rtpmap:111 opus/48000/2" in audio, "always two, whatever is sent (RFC 7587 7)"


def test_aac_is_refused_and_the_picture_goes_on() -> None:
    _, video, audio = sections(answer_to(CHROMIUM_OFFER, video_track(), audio_track(Codec.AAC)))
    assert video[0].startswith("m=video 9 ")
    assert audio[0].startswith("m=audio 0 ")


@pytest.mark.parametrize(
    ("sps", "payload_type"),
    [(b"\x67\x42\xc0\x1f", 103), (ALLOWED_SPS_MAIN, 108), (SPS_HIGH, 109), (b"\x67\x58\x00\x1f", 109), (b"", 109)],
    ids=["baseline", "main", "high", "extended", "unknown"],
)
def test_payload_type_suits_the_cameras_profile(sps: bytes, payload_type: int) -> None:
    offer = parse_offer(CHROMIUM_OFFER)
    assert negotiate(offer, (video_track(sps),)).video.format.payload_type == payload_type


def test_packetization_mode_0_is_never_chosen() -> None:
    only_mode_0 = CHROMIUM_OFFER.replace("packetization-mode=1", "packetization-mode=0")
    with pytest.raises(NoCodecError, match="packetization-mode 0"):
        answer_to(only_mode_0, video_track())


def test_an_unnamed_packetization_mode_is_the_last_choice() -> None:
    some_unnamed = CHROMIUM_OFFER.replace(";packetization-mode=1;profile-level-id=42001f", ";profile-level-id=42001f")
    assert negotiate(parse_offer(some_unnamed), (video_track(),)).video.format.payload_type == 108
    all_unnamed = CHROMIUM_OFFER.replace("packetization-mode=1;", "")
    assert negotiate(parse_offer(all_unnamed), (video_track(),)).video.format.payload_type == 103


@pytest.mark.parametrize(
    ("text", "track", "says"),
    [
        (CHROMIUM_OFFER, video_track(codec=Codec.H265), "the camera sends H265, the offer has AV1, H264"),
        (CHROMIUM_OFFER.replace("H264/90000", "VP9/90000"), video_track(), r"sends H264 \(profile-level-id 42c01f"),
        (CHROMIUM_OFFER.replace("a=recvonly", "a=sendonly"), video_track(), "wants to receive no video"),
        (CHROMIUM_OFFER, audio_track(Codec.PCMU), "sends no video"),
    ],
)
def test_no_codec_fits_and_the_error_says_why(text: str, track: Track, says: str) -> None:
    with pytest.raises(NoCodecError, match=says):
        answer_to(text, track)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no SDP"),
        ("hello", "no SDP"),
        ("v=0\r\ns=-\r\n", "no media"),
        ("v=0\r\nm=video\r\n", "m= line"),
        ("v=0\r\n" + "m=video 9 RTP/AVP 96\r\n" * 65, "65 m= lines"),
        ("v=0\r\n" + "a=x\r\n" * 60_000, "characters"),
        (CHROMIUM_OFFER.replace("a=rtcp-mux\r\n", ""), "rtcp-mux"),
        (CHROMIUM_OFFER.replace("a=setup:actpass", "a=setup:passive"), "setup:passive"),
        (CHROMIUM_OFFER.replace("a=fingerprint", "a=x"), "fingerprint"),
        (CHROMIUM_OFFER.replace("a=ice-pwd", "a=x"), "ice-pwd"),
    ],
)
def test_unusable_offers_are_refused_with_a_sentence(text: str, says: str) -> None:
    with pytest.raises(BadRequestError, match=says):
        answer_to(text, video_track())


def with_data(mid: str = "1", protocol: str = "UDP/DTLS/SCTP webrtc-datachannel") -> str:
    start = CHROMIUM_OFFER.index("m=audio")
    data = f"m=application 9 {protocol}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=sctp-port:4999\r\n"
    sound = CHROMIUM_OFFER[start:].replace("a=mid:1", "a=mid:s")
    return CHROMIUM_OFFER[:start] + data + sound


def test_data_channels_go_with_the_video_and_the_order_is_kept() -> None:
    agreement = negotiate(parse_offer(with_data()), (video_track(),))
    assert agreement.data is not None
    assert agreement.data.sctp_port == 4999
    session, video, data, audio = sections(answer_to(with_data(), video_track()))
    assert "a=group:BUNDLE 0 1" in session
    assert data[0] == "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
    assert {"a=mid:1", "a=sctp-port:5000", "a=setup:passive", "a=ice-ufrag:gw"} <= set(data)
    assert video[0].startswith("m=video 9 ")
    assert audio[0].startswith("m=audio 0 ")


@pytest.mark.parametrize(
    "text", [with_data(mid="d"), with_data(protocol="DTLS/SCTP 5000"), with_data().replace("sctp-port:4999", "x")]
)
def test_data_channels_that_are_not_the_videos_are_refused(text: str) -> None:
    _, _, data, _ = sections(answer_to(text, video_track()))
    assert data[0].startswith("m=application 0 ")


def test_sound_outside_the_bundle_is_refused() -> None:
    unbundled = CHROMIUM_OFFER.replace("a=group:BUNDLE 0 1\r\n", "")
    session, video, audio = sections(answer_to(unbundled, video_track(), audio_track(Codec.PCMU)))
    assert not any(line.startswith("a=group") for line in session)
    assert video[0].startswith("m=video 9 ")
    assert audio[0].startswith("m=audio 0 ")


def test_transport_may_stand_at_session_level() -> None:
    lines = f"a=fingerprint:sha-256 {FINGERPRINT}\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=setup:actpass\r\n"
    bare = "v=0\r\n" + lines + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n"
    agreement = negotiate(parse_offer(bare), (video_track(),))
    assert agreement.fingerprints == (("sha-256", FINGERPRINT),)


async def test_aiortc_offers_and_accepts_the_answer() -> None:
    connection = RTCPeerConnection()
    try:
        connection.addTransceiver("audio", direction="recvonly")
        connection.addTransceiver("video", direction="recvonly")
        offer = await connection.createOffer()
        answer = RTCSessionDescription(
            answer_to(offer.sdp.replace("c=IN", "a=x-unknown:1\r\nc=IN"), video_track(), audio_track(Codec.PCMU)),
            "answer",
        )
        _, audio, video = sections(answer.sdp)
        assert audio[0].startswith("m=audio 9 ")
        assert video[0].startswith("m=video 9 ")
    finally:
        await connection.close()


OFFER_LINES = CHROMIUM_OFFER.split("\r\n")


@settings(max_examples=80)
@given(
    st.lists(st.sampled_from(OFFER_LINES) | st.text(max_size=40) | st.text(max_size=30).map("a=".__add__), max_size=60)
)
def test_any_text_is_answered_or_refused(lines: list[str]) -> None:
    with contextlib.suppress(BadRequestError, NoCodecError):
        answer_to("\r\n".join(["v=0", *lines]), video_track(), audio_track(Codec.PCMU))


@settings(max_examples=80)
@given(st.data())
def test_a_mangled_offer_is_answered_or_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(CHROMIUM_OFFER)))
    text = CHROMIUM_OFFER[:at] + data.draw(st.text(max_size=8)) + CHROMIUM_OFFER[at + data.draw(st.integers(0, 80)) :]
    with contextlib.suppress(BadRequestError, NoCodecError):
        answer_to(text, video_track(), audio_track(Codec.PCMU))
