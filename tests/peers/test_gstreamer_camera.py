"""The RTSP client reads a camera that is not ours: GStreamer's, with digest and metadata, over TCP and UDP."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from gateway.base.clock import SystemClock
from gateway.base.errors import CameraError, Fault
from gateway.media.model import Codec, VideoParameters
from gateway.media.rtcp import RtcpPacket, SenderReport, parse_rtcp
from gateway.media.rtp import Reorder, RtpPacket, parse_rtp
from gateway.rtsp.client import RtspClient
from tests.peers.conftest import GstCamera

pytestmark = pytest.mark.peer
SECONDS = 60.0


class Receiver:
    """Keeps every packet, in the order of its sequence numbers."""

    def __init__(self, tracks: int) -> None:
        self.packets: list[list[RtpPacket]] = [[] for _ in range(tracks)]
        self.reports: list[tuple[int, RtcpPacket]] = []
        self.order = [Reorder() for _ in range(tracks)]
        self.changed = asyncio.Event()

    def rtp(self, index: int, packets: list[bytes]) -> None:
        for data in packets:
            self.packets[index] += [packet for packet, _ in self.order[index].push(parse_rtp(data), 0)]
        self.changed.set()

    def rtcp(self, index: int, packets: list[bytes]) -> None:
        self.reports += [(index, packet) for data in packets for packet in parse_rtcp(data)]
        self.changed.set()

    def end(self, error: CameraError) -> None:
        pytest.fail(f"{error} ({error.where})")

    async def wait(self, *counts: int, report: bool = False) -> None:
        """Until each track has had so many packets, and the first a sender report if `report`."""
        async with asyncio.timeout(SECONDS):
            while any(len(packets) < count for packets, count in zip(self.packets, counts, strict=True)) or (
                report and not self.reported(0)
            ):
                self.changed.clear()
                await self.changed.wait()

    def reported(self, index: int) -> bool:
        return any(at == index and isinstance(packet, SenderReport) for at, packet in self.reports)


Transport = Literal["tcp", "udp"]


async def playing(url: str, transport: Transport, receiver: Receiver) -> RtspClient:
    """A session that plays. GStreamer answers 503 to who comes while it makes the stream ready for another."""
    async with asyncio.timeout(SECONDS):
        while True:
            session = await RtspClient.open(url, transport=transport, clock=SystemClock())
            try:
                await session.play(receiver)
            except CameraError as error:
                await session.close()
                if "503" not in error.reason:
                    raise
                await asyncio.sleep(0.2)
            else:
                return session


async def test_two_readers_over_tcp_and_udp(gst_camera: GstCamera) -> None:
    receivers = Receiver(3), Receiver(3)
    async with await RtspClient.open(gst_camera.url(), transport="tcp", clock=SystemClock()) as first:
        await first.play(receivers[0])
        await receivers[0].wait(1, 1, 1)
        async with await playing(gst_camera.url(), "udp", receivers[1]) as second:
            for receiver in receivers:
                await receiver.wait(50, 50, 6, report=True)
    for session, receiver in zip((first, second), receivers, strict=True):
        assert [described.track.codec for described in session.tracks] == [Codec.H264, Codec.PCMA, Codec.ONVIF_METADATA]
        video = session.tracks[0].track.parameters
        assert isinstance(video, VideoParameters)
        assert (video.complete, video.width, video.height) == (True, 320, 240)
        for described, packets in zip(session.tracks, receiver.packets, strict=True):
            assert {packet.payload_type for packet in packets} == {described.payload_type}
            assert len({packet.ssrc for packet in packets}) == 1
        assert [order.lost for order in receiver.order] == [0, 0, 0]
        documents = b"".join(packet.payload for packet in receiver.packets[2]).split(b"<?xml")
        assert b' version="1.0"?><tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"/>' in documents


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_digest(gst_camera: GstCamera, transport: Transport) -> None:
    async with await RtspClient.open(
        gst_camera.url(private=True),
        username=gst_camera.user,
        password=gst_camera.password,
        transport=transport,
        clock=SystemClock(),
    ) as session:
        receiver = Receiver(3)
        await session.play(receiver)
        await receiver.wait(10, 10, 2)


async def test_large_keyframes_lose_nothing_over_udp(gst_camera: GstCamera) -> None:
    async with await RtspClient.open(gst_camera.url("/big"), transport="udp", clock=SystemClock()) as session:
        receiver = Receiver(1)
        await session.play(receiver)
        await receiver.wait(500)
    assert receiver.order[0].lost == 0


@pytest.mark.parametrize(
    ("path", "private", "password", "fault"),
    [
        ("/stream", True, "wrong", Fault.AUTHENTICATION),
        ("/stream", True, "", Fault.AUTHENTICATION),
        ("/nothing", False, "", Fault.REFUSED),
        ("/sound", False, "", Fault.NO_VIDEO),
    ],
)
async def test_refusals(gst_camera: GstCamera, path: str, private: bool, password: str, fault: Fault) -> None:
    username = gst_camera.user if password else ""
    url = gst_camera.url(path, private=private)
    with pytest.raises(CameraError) as caught:
        await RtspClient.open(url, username=username, password=password, clock=SystemClock())
    assert caught.value.fault is fault
