"""Transport, Session, RTP-Info and Public as cameras write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rtsp.headers import RtpInfo, Session, Transport, public


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=30A98EE7", Transport(True, interleaved=(0, 1), ssrc=0x30A98EE7)),
        (
            'RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=  4cacc3d1;mode="play"',
            Transport(True, interleaved=(2, 3), ssrc=0x4CACC3D1, mode="PLAY"),
        ),
        (
            "RTP/AVP/TCP;unicast;destination=192.168.1.210;source=192.168.5.206;interleaved=0-1",
            Transport(True, interleaved=(0, 1), source="192.168.5.206", destination="192.168.1.210"),
        ),
        (
            "rtp/avp/udp; unicast; Client_Port=5000-5001; server_port=6970",
            Transport(False, client_port=(5000, 5001), server_port=(6970, 6971)),
        ),
        ("RTP/AVP;multicast;ssrc=nonsense;interleaved=0-999", Transport(False, unicast=False)),
    ],
)
def test_transport(value: str, expected: Transport) -> None:
    assert Transport.parse(value) == (expected,)
    assert Transport.parse(expected.encode()) == (expected,)


def test_several_transports_keep_their_order_without_unknown_ones() -> None:
    found = Transport.parse("RAW/RAW/UDP;unicast, RTP/AVP/TCP;interleaved=0-1,RTP/AVP;client_port=5000-5001")
    assert [transport.tcp for transport in found] == [True, False]
    assert Transport.parse("") == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("       708345999;timeout=60", Session("708345999", 60)),
        ("F8F8E425", Session("F8F8E425", 60)),
        ("1;timeout=0", Session("1", 60)),
        ('1; Timeout = "30"; x=y', Session("1", 30)),
        ("1;timeout=never", Session("1", 60)),
        (";timeout=5", None),
        ("", None),
    ],
)
def test_session(value: str, expected: Session | None) -> None:
    assert Session.parse(value) == expected


def test_a_session_is_written_with_its_timeout() -> None:
    assert Session.parse(Session("abc", 12).encode()) == Session("abc", 12)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "url=trackID=1;seq=1;rtptime=0,url=rtsp://w.net/vod/mp4:B_115k.mov/trackID=2;seq=65535;rtptime=4294967295",
            (RtpInfo("trackID=1", 1, 0), RtpInfo("rtsp://w.net/vod/mp4:B_115k.mov/trackID=2", 65535, 4294967295)),
        ),
        (
            "url=rtsp://192.168.5.106:554/trackID=1?transportmode=unicast&profile=P_1;seq=24104;rtptime=1270711678",
            (RtpInfo("rtsp://192.168.5.106:554/trackID=1?transportmode=unicast&profile=P_1", 24104, 1270711678),),
        ),
        (
            "url=trackID=1;seq=16852;rtptime=1070938629;ssrc=dcc4a0d8,url=trackID=2;seq=39409;rtptime=1;ssrc=9fc9fff8",
            (RtpInfo("trackID=1", 16852, 1070938629), RtpInfo("trackID=2", 39409, 1)),
        ),
        ("URL=a;b,c; seq=65536; rtptime=-3", (RtpInfo("a;b,c"),)),
        ("seq=1", ()),
        ("", ()),
    ],
)
def test_rtp_info(value: str, expected: tuple[RtpInfo, ...]) -> None:
    assert RtpInfo.parse(value) == expected
    assert RtpInfo.parse(",".join(info.encode() for info in expected)) == expected


def test_public_names_methods() -> None:
    assert public("OPTIONS, describe,,PLAY") == {"OPTIONS", "DESCRIBE", "PLAY"}


@given(st.text())
def test_no_text_makes_parsing_fail(text: str) -> None:
    Transport.parse("RTP/AVP;" + text)
    Session.parse(text)
    RtpInfo.parse("url=" + text)
    public(text)
