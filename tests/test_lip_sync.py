"""Picture and sound tell the same time: what each packet's timestamp means by the sender reports (RFC 3550 6.4.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.base.supervise import TaskOwner
from gateway.media.model import NS, AccessUnit, Codec, Gap, GapReason, TimeSource, UtcNs
from gateway.media.rtcp import SenderReport, ntp_to_utc_ns, parse_rtcp
from gateway.viewing.sound import Sound
from gateway.webrtc.fanout import FanOut
from tests.viewing_stage import SOUND, TRACK, Stage
from tests.webrtc_samples import FRAME_NS, UTC, picture

SAMPLES = 160
SOUND_NS = SAMPLES * NS // 8000
TOLERANCE_NS = NS // 1000


class Cinema(Stage):
    """A camera with picture and sound, and one who watches both; notes what every packet was captured at."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks = TaskOwner("cinema")
        self.sound = Sound(self.hub, FanOut(self.port, self.clock), self.clock, self.tasks)
        self.video_origin, self.sound_origin = 0, 777_777
        self.utc_offset = 0
        self.heard = 0
        self.seen = 0
        self.reported = 0
        self.reports: dict[int, SenderReport] = {}
        self.errors: list[tuple[float, int, UtcNs]] = []
        """When, of which stream, and how far what its timestamp means is from when it was captured."""

    def start(self) -> None:
        viewer = self.join("v", Codec.PCMU)
        self.sound.add(viewer)
        assert viewer.audio is not None
        self.ssrcs = {96: viewer.video.ssrc, 0: viewer.audio.ssrc}

    async def play(self, seconds: float) -> None:
        """Everything goes on; a 20 ms sound every 20 ms, a picture every 33 ms, both by the camera's own clock."""
        until = self.clock.utc_ns() + round(seconds * NS)
        while self.clock.utc_ns() < until:
            elapsed = self.clock.utc_ns() - UTC
            while self.seen * FRAME_NS <= elapsed:
                index = self.seen
                unit = picture(index, key=index % 30 == 0, track=TRACK, origin=self.video_origin, size=400)
                unit.utc_ns += self.utc_offset
                await self.publish(unit)
                self.judge(96, unit.utc_ns)
                self.seen += 1
            while self.heard * SOUND_NS <= elapsed:
                at, utc = self.heard * SAMPLES + self.sound_origin, UTC + self.heard * SOUND_NS
                unit = AccessUnit(
                    SOUND, at, at, utc + self.utc_offset, TimeSource.RTCP, utc, (bytes(SAMPLES),), True, SAMPLES
                )
                await self.publish(unit)
                self.judge(0, unit.utc_ns)
                self.heard += 1
            self.clock.advance(0.005)
            await self.settle()

    def judge(self, payload_type: int, utc_ns: UtcNs) -> None:
        sent = self.port.signalled.get(self.addresses["v"], [])
        for datagram in sent[self.reported :]:
            for packet in parse_rtcp(datagram):
                if isinstance(packet, SenderReport):
                    self.reports[packet.ssrc] = packet
        self.reported = len(sent)
        packets = self.packets("v", payload_type)
        report = self.reports.get(self.ssrcs[payload_type])
        if packets and report is not None:
            rate = 90_000 if payload_type else 8000
            ticks = (packets[-1].timestamp - report.rtp_timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
            means = ntp_to_utc_ns(report.ntp) + ticks * NS // rate
            self.errors.append(((self.clock.utc_ns() - UTC) / NS, payload_type, means - utc_ns))


@pytest.fixture
async def cinema() -> AsyncIterator[Cinema]:
    cinema = Cinema()
    await cinema.run()
    await cinema.publish(picture(0, key=True, track=TRACK, size=400))
    cinema.seen = 1
    cinema.start()
    await cinema.pass_time(0.01)
    yield cinema
    assert cinema.task is not None
    cinema.task.cancel()
    await asyncio.gather(cinema.task, return_exceptions=True)
    await cinema.tasks.close()


async def test_every_packet_means_the_moment_it_was_captured(cinema: Cinema) -> None:
    await cinema.play(4)
    assert len(cinema.errors) > 300
    assert max(abs(error) for at, _, error in cinema.errors if at > 0.5) < TOLERANCE_NS


async def test_also_after_the_camera_came_back_with_other_clocks(cinema: Cinema) -> None:
    await cinema.play(2)
    await cinema.publish(Gap(UTC, None, GapReason.DISCONNECTED))
    cinema.video_origin, cinema.sound_origin, cinema.utc_offset = -(10**9), 5 * 10**8, 90 * NS
    cinema.seen = -(-cinema.seen // 30) * 30
    await cinema.play(3)
    wrong = [at for at, _, error in cinema.errors if at > 0.5 and abs(error) >= TOLERANCE_NS]
    assert not wrong, "told with the first packet of the new clock, not a second later"


async def test_also_when_the_cameras_clock_is_set(cinema: Cinema) -> None:
    await cinema.play(2.5)
    cinema.utc_offset = -3600 * NS
    await cinema.play(1)
    wrong = [at for at, _, error in cinema.errors if at > 0.5 and abs(error) >= TOLERANCE_NS]
    assert not wrong
