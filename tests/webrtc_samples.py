"""Offers as browsers and aiortc write them, H.264 made on the spot, and a viewer that is not ours (aiortc)."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from aioice import stun
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from gateway.media.h264 import split_annex_b, video_parameters
from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    TimeSource,
    Track,
    TrackKind,
    VideoParameters,
)
from gateway.webrtc.ice import Credentials

UTC = 1_700_000_000 * NS
FRAME_TICKS = 3000
FRAME_NS = NS // 30
SPS_BASELINE = bytes.fromhex("6742c01fda014016e8")
SPS_HIGH = bytes.fromhex("6764001facd9405005bb")

FINGERPRINT = ":".join(["AB"] * 32)
_TRANSPORT = f"""a=ice-ufrag:4ZcD
a=ice-pwd:2/1muCWoOi3uLifh0NuRHlvT
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
"""
CHROMIUM_OFFER = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=video 50123 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 109 114 39 40
c=IN IP4 192.0.2.7
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 7f2c9d4e-66c3-4a0f-9d0b-0d6f4b5f0c11.local 50123 typ host generation 0 network-cost 999
{_TRANSPORT}a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:toffset
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=recvonly
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 nack
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:103 H264/90000
a=rtcp-fb:103 goog-remb
a=rtcp-fb:103 transport-cc
a=rtcp-fb:103 ccm fir
a=rtcp-fb:103 nack
a=rtcp-fb:103 nack pli
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:104 rtx/90000
a=fmtp:104 apt=103
a=rtpmap:107 H264/90000
a=rtcp-fb:107 nack
a=fmtp:107 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f
a=rtpmap:108 H264/90000
a=rtcp-fb:108 nack pli
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f
a=rtpmap:109 H264/90000
a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=f4001f
a=rtpmap:114 red/90000
a=rtpmap:39 AV1/90000
a=rtpmap:40 H265/90000
m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8
c=IN IP4 0.0.0.0
{_TRANSPORT}a=mid:1
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
""".replace("\n", "\r\n")


def binding(
    credentials: Credentials, *, password: str | None = None, controlled: bool = False, nominate: bool = False
) -> bytes:
    """A Binding request as a viewer of the session with `credentials` sends it."""
    attributes: dict[str, object] = {"USERNAME": f"{credentials.ufrag}:theirs", "PRIORITY": 1}
    attributes["ICE-CONTROLLED" if controlled else "ICE-CONTROLLING"] = 7
    if nominate:
        attributes["USE-CANDIDATE"] = None
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes=attributes)
    message.add_message_integrity((password or credentials.password).encode())
    return bytes(message)


def video_track(sps: bytes = SPS_BASELINE, codec: Codec = Codec.H264, id_: int = 0) -> Track:
    return Track(id_, TrackKind.VIDEO, codec, 90_000, VideoParameters(sps, (b"\x68\xce\x3c\x80",)))


def audio_track(codec: Codec, id_: int = 1) -> Track:
    return Track(id_, TrackKind.AUDIO, codec, 8000, AudioParameters())


def picture(
    index: int, *, key: bool = False, track: Track, origin: int = 0, size: int = 3000, reference: bool = True
) -> AccessUnit:
    """A unit with the right NAL types and nothing a decoder could use; `index` counts 30 to the second."""
    head = 0x65 if key else (0x41 if reference else 0x01)
    nal = bytes([head]) + index.to_bytes(4, "big") * (size // 4)
    ticks, utc = origin + index * FRAME_TICKS, UTC + index * FRAME_NS
    return AccessUnit(track, ticks, ticks, utc, TimeSource.RTCP, utc, (nal,), key, len(nal))


@lru_cache
def encoded(frames: int, gop: int, width: int = 320, height: int = 240) -> tuple[AccessUnit, ...]:
    """Pictures that decode: `frames` of them, a keyframe every `gop`."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 30)
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": f"keyint={gop}",
    }
    units: list[AccessUnit] = []
    track: Track | None = None
    for index in range(frames):
        luma = np.full((height, width), 40 + index % 180, np.uint8)
        luma[index % 200 : index % 200 + 40] = 235
        chroma = np.full((height // 2, width), 128, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")
        frame.pts = index
        (packet,) = encoder.encode(frame)
        nals = tuple(split_annex_b(bytes(packet)))
        if track is None:
            track = Track(0, TrackKind.VIDEO, Codec.H264, 90_000, video_parameters(nals))
        ticks, utc = index * FRAME_TICKS, UTC + index * FRAME_NS
        size = sum(map(len, nals))
        units.append(AccessUnit(track, ticks, ticks, utc, TimeSource.RTCP, utc, nals, bool(packet.is_keyframe), size))
    return tuple(units)


class AiortcViewer:
    """A WHEP player made of aiortc."""

    def __init__(self, *kinds: str) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.received: dict[str, int] = dict.fromkeys(kinds, 0)
        self.picture: av.VideoFrame | None = None
        """The newest that was decoded."""
        self._tasks: list[asyncio.Task[None]] = []
        self.connection.on("track", lambda track: self._tasks.append(asyncio.ensure_future(self._watch(track))))
        for kind in kinds:
            self.connection.addTransceiver(kind, direction="recvonly")

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def _watch(self, track) -> None:
        try:
            while True:
                frame = await track.recv()
                self.received[track.kind] += 1
                if track.kind == "video":
                    self.picture = frame
        except MediaStreamError:
            pass

    def sequences(self, ssrc: int) -> tuple[int, int]:
        """The first sequence number that came of its video, and the highest, extended to 32 bits."""
        stream = self.connection.getTransceivers()[0].receiver._RTCRtpReceiver__remote_streams[ssrc]
        return stream.base_seq, stream.cycles + stream.max_seq

    def transport(self):
        """Its DTLS transport, to send what a well-behaved viewer would not."""
        return self.connection.getTransceivers()[0].receiver.transport

    async def close(self) -> None:
        await self.connection.close()
        await asyncio.gather(*self._tasks)
