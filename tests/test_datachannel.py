"""Positions over data channels: aiortc as the viewer, real DTLS and SCTP."""

from __future__ import annotations

import asyncio
import gc
import json
import os

import pytest
from aiortc.rtcdtlstransport import State
from aiortc.rtcsctptransport import DataChunk

from gateway.base.clock import SystemClock
from gateway.base.metrics import REGISTRY
from gateway.media.model import Fix
from gateway.positions.formats import fix_json
from gateway.viewing.whep import Session
from gateway.webrtc import datachannel
from tests.webrtc_samples import UTC, AiortcViewer
from tests.whep_service import OWNER, Service, camera, serving, until


def fix(number: int) -> Fix:
    return Fix(UTC + number, 59.3 + number / 1000, 18.1, carrier="onvif-event")


class Follower(AiortcViewer):
    """Opens a data channel beside the picture, and keeps what comes."""

    def __init__(self) -> None:
        super().__init__("video")
        self.channel = self.connection.createDataChannel("positions")
        self.told: list[dict[str, object]] = []
        self.channel.on("message", lambda text: self.told.append(json.loads(text)))

    async def follow(self, service: Service) -> Session:
        offer = await self.offer()
        session = await service.whep.create("cam", service.hub, offer, owner=OWNER, position=lambda: fix(0))
        await self.accept(session.answer)
        return session


async def test_fixes_come_as_json_beside_the_picture_the_newest_at_once() -> None:
    viewer, plain = Follower(), AiortcViewer("video")
    async with serving(SystemClock()) as service, camera(service.hub):
        session = await viewer.follow(service)
        other = await service.watch(plain)
        await until(lambda: viewer.told and viewer.received["video"])
        assert viewer.told == [fix_json(fix(0))]
        service.whep.positions.tell("cam", fix(1))
        service.whep.positions.tell("another camera", fix(2))
        service.whep.positions.tell("cam", fix(3))
        await until(lambda: len(viewer.told) == 3)
        assert viewer.told[1:] == [fix_json(fix(1)), fix_json(fix(3))]
        await until(lambda: other.peer.srtp is not None)
        assert other.peer.data is None, "who offers no data channel costs none"
        await service.whep.delete(session.id, OWNER)
        service.whep.positions.tell("cam", fix(4))
        assert not service.whep.positions._channels
        await viewer.close()
        await plain.close()


async def test_who_may_not_see_positions_gets_no_channel() -> None:
    viewer = Follower()
    async with serving(SystemClock()) as service, camera(service.hub):
        session = await service.whep.create("cam", service.hub, await viewer.offer(), owner=OWNER)
        assert "m=application 0 " in session.answer
        assert "m=video 9 " in session.answer
        await viewer.close()


async def test_for_one_that_does_not_read_the_oldest_go() -> None:
    viewer = Follower()
    async with serving(SystemClock()) as service, camera(service.hub):
        session = await viewer.follow(service)
        await until(lambda: viewer.told)
        viewer.connection.sctp._handle_data = deaf = _Deaf(viewer.connection.sctp._handle_data)
        for number in range(1, 500):
            service.whep.positions.tell("cam", fix(number))
            await asyncio.sleep(0)
        data = session.peer.data
        assert data.dropped > 400
        assert sum(map(len, data._waiting.values())) <= datachannel.MAX_WAITING
        assert len(data._sctp._outbound_queue) + len(data._sctp._sent_queue) < 40
        await deaf.hear()
        await until(lambda: viewer.told[-1] == fix_json(fix(499)))
        assert len(viewer.told) < 100
        await viewer.close()


async def test_a_message_on_a_transport_that_has_just_ended_goes_nowhere() -> None:
    viewer, failures = Follower(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with serving(SystemClock()) as service, camera(service.hub):
        session = await viewer.follow(service)
        await until(lambda: viewer.told)
        session.peer._dtls._transport._state = State.CLOSED
        service.whep.positions.tell("cam", fix(1))
        for _ in range(5):
            await asyncio.sleep(0)
        gc.collect()
        assert failures == []
        await viewer.close()


class _Deaf:
    def __init__(self, hears) -> None:
        self.hears, self.kept, self.deaf = hears, [], True

    async def __call__(self, data: bytes) -> None:
        if self.deaf:
            self.kept.append(data)
        else:
            await self.hears(data)

    async def hear(self) -> None:
        self.deaf = False
        for data in self.kept:
            await self.hears(data)


async def _flood(viewer: Follower) -> None:
    for _ in range(200):
        viewer.channel.send(os.urandom(1000))


async def _unfinished(viewer: Follower) -> None:
    """Begin a message, and go on with it for ever."""
    sctp = viewer.connection.sctp
    for number in range(100):
        chunk = DataChunk()
        chunk.flags, chunk.stream_id, chunk.stream_seq, chunk.protocol = 2, 1, 0, 51
        chunk.tsn, chunk.user_data = (sctp._local_tsn + number) & 0xFFFFFFFF, bytes(1000)
        await sctp._send_chunk(chunk)
        for _ in range(5):
            await asyncio.sleep(0)


async def _nonsense(viewer: Follower) -> None:
    """Open a channel that is open already."""
    sctp = viewer.connection.sctp
    await sctp._send(viewer.channel.id, 50, b"\x03" + bytes(11))


async def _channels(viewer: Follower) -> None:
    for _ in range(20):
        viewer.connection.createDataChannel("more")


@pytest.mark.parametrize(
    ("attack", "counted"),
    [
        (_flood, "data channel that sends too much"),
        (_unfinished, "data channel that sends too much"),
        (_nonsense, "SCTP that makes no sense"),
        (_channels, "data channel beyond those allowed"),
    ],
)
async def test_who_sends_too_much_or_nonsense_loses_the_channel_and_keeps_the_picture(attack, counted: str) -> None:
    def count() -> float:
        labels = {"camera": "", "what": counted}
        return REGISTRY.get_sample_value("sightline_bad_input_total", labels) or 0

    viewer, before = Follower(), count()
    async with serving(SystemClock()) as service, camera(service.hub):
        session = await viewer.follow(service)
        await until(lambda: viewer.told)
        await attack(viewer)
        await until(lambda: count() > before)
        assert session.peer.data.channels in (0, datachannel.MAX_CHANNELS)
        seen = viewer.received["video"]
        await until(lambda: viewer.received["video"] > seen + 3)
        assert service.whep.sessions == (session,)
        await viewer.close()
