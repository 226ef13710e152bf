"""SDP fragments: what a viewer says of ICE after the answer, and what it is told at a restart."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.errors import BadRequestError
from gateway.media.model import Codec
from gateway.webrtc.ice import Credentials, host_candidates
from gateway.webrtc.sdp import LocalTransport, negotiate, parse_offer
from gateway.webrtc.sdp_fragment import MAX_FRAGMENT, build_fragment, parse_fragment, tagged_media
from tests.webrtc_samples import CHROMIUM_OFFER, audio_track, video_track

THEIRS = Credentials("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
# The example of draft-ietf-wish-whep-03 4.4.2.
TRICKLE = """a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1
a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw network-id 1
a=candidate:7 1 udp 1 7f2c9d4e-66c3-4a0f-9d0b-0d6f4b5f0c11.local 50123 typ host
a=end-of-candidates
""".replace("\n", "\r\n")


def test_the_drafts_example_is_understood() -> None:
    fragment = parse_fragment(TRICKLE)
    assert fragment.credentials == THEIRS
    assert fragment.candidates == 3


@pytest.mark.parametrize("text", ["a=end-of-candidates\n", "a=candidate:1 1 udp 1 host.local 9 typ host\r\n"])
def test_candidates_need_no_credentials(text: str) -> None:
    assert parse_fragment(text).credentials is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "says nothing of ICE"),
        ("a=mid:0\n", "says nothing of ICE"),
        ('{"candidate": ""}', "a line that is none"),
        ("a=ice-ufrag:EsAw\n", "needs an a=ice-ufrag"),
        ("a=end-of-candidates\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\n", "needs an a=ice-ufrag"),
        ("a=ice-ufrag:EsAw\na=ice-pwd:short\n", "at least 22"),
        ("a=ice-ufrag:E\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\n", "at least 4"),
        ("a=ice-ufrag:Es:w\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\n", "needs an a=ice-ufrag"),
        ("a=end-of-candidates\n" + "a=x:" + "y" * MAX_FRAGMENT, "more than"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(BadRequestError, match=said):
        parse_fragment(text)


@settings(max_examples=100)
@given(st.text(max_size=300) | st.lists(st.sampled_from(TRICKLE.split("\r\n")), max_size=12).map("\n".join))
def test_anything_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadRequestError):
        fragment = parse_fragment(text)
        assert fragment.credentials is None or len(fragment.credentials.password) >= 22


@pytest.mark.parametrize("audio", [(), (audio_track(Codec.PCMU),)])
def test_a_restart_is_answered_with_all_there_is_to_know(audio: tuple) -> None:
    offer = parse_offer(CHROMIUM_OFFER)
    agreement = negotiate(offer, (video_track(), *audio))
    assert agreement.credentials == Credentials("4ZcD", "2/1muCWoOi3uLifh0NuRHlvT")
    ours = Credentials.make()
    local = LocalTransport(ours, "AB", host_candidates([("192.0.2.7", 8189)]))
    text = build_fragment(tagged_media(offer, agreement), local)
    lines = text.split("\r\n")
    assert lines[:5] == [
        "a=ice-lite",
        "a=ice-options:trickle ice2",
        "a=group:BUNDLE 0 1" if audio else "a=group:BUNDLE 0",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "a=mid:0",
    ]
    assert parse_fragment(text).credentials == ours
    assert parse_fragment(text).candidates == 2
    assert lines[-2:] == ["a=end-of-candidates", ""]
