"""What a viewer, or a stranger, does to the port changes nothing for the others; and sessions leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.base.clock import SystemClock
from gateway.media.rtcp import Nack, PictureLossIndication, ReceiverReport, ReportBlock, build_rtcp
from gateway.viewing.whep import Session
from gateway.webrtc import peer
from gateway.webrtc.dtls import Dtls
from gateway.webrtc.ice import Credentials
from gateway.webrtc.outlet import Outlet
from gateway.webrtc.peer import Peer
from tests.webrtc_samples import AiortcViewer, binding
from tests.whep_service import OWNER, Service, camera, serving, until

PICTURES = 30


class Audience:
    """A viewer that behaves, and what it must go on getting."""

    def __init__(self, service: Service, viewer: AiortcViewer, session: Session) -> None:
        self.service, self.viewer, self.session = service, viewer, session

    async def lost(self) -> int:
        stats = await self.viewer.connection.getStats()
        return sum(one.packetsLost for one in stats.values() if one.type == "inbound-rtp")

    async def undisturbed(self) -> None:
        """Returns after `PICTURES` more, none of whose packets was lost or came twice."""
        seen = self.viewer.received["video"]
        await until(lambda: self.viewer.received["video"] >= seen + PICTURES)
        assert await self.lost() == 0
        assert self.session.viewer.video.resent == 0
        assert self.session in self.service.whep.sessions


@contextlib.asynccontextmanager
async def watching() -> AsyncIterator[Audience]:
    viewer = AiortcViewer("video")
    async with serving(SystemClock()) as service, camera(service.hub):
        session = await service.watch(viewer)
        try:
            await until(lambda: viewer.received["video"] >= 5)
            yield Audience(service, viewer, session)
        finally:
            await viewer.close()


async def test_strangers_that_guess_passwords_and_send_garbage() -> None:
    chance = random.Random(4)
    async with watching() as audience:
        port = audience.session.peer.port
        guess = binding(audience.session.peer.credentials, password="guess")
        nobody = binding(Credentials("nobody", "x"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.connect(("127.0.0.1", port.address.port))
            for _ in range(100):
                for _ in range(50):
                    stranger.send(guess)
                    stranger.send(nobody)
                    stranger.send(chance.randbytes(chance.randrange(1, 1400)))
                await asyncio.sleep(0.005)
            await audience.undisturbed()
        assert port.refused["STUN with bad credentials"] == 5000
        assert port.refused["STUN for no session"] == 5000
        assert port.refused.total() == 15_000, "each of them is counted"
        assert port.routes == 1


async def test_a_viewer_that_lies_in_its_reports() -> None:
    liar = AiortcViewer("video")
    async with watching() as audience:
        session = await audience.service.watch(liar)
        await until(lambda: liar.received["video"] >= 5)
        asked, outlet, honest = len(audience.service.asked), session.viewer.video, audience.session.viewer.video
        everything = tuple(range(0, 0x10000, 250))
        lies = [
            build_rtcp(
                ReceiverReport(1, (ReportBlock(one.ssrc, 255, 0x7FFFFF, 0xFFFFFFFF, 0xFFFFFFFF),)),
                Nack(1, one.ssrc, everything),
                PictureLossIndication(1, one.ssrc),
            )
            for one in (outlet, honest)
        ]
        for turn in range(100):
            await liar.transport()._send_rtp(lies[turn % 2])
            await asyncio.sleep(0.005)
        await audience.undisturbed()
        assert len(audience.service.asked) - asked <= 5, "the camera is asked once a second at most"
        await liar.close()


async def test_a_viewer_that_vanishes_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = AiortcViewer("video")
    async with watching() as audience:
        session = await audience.service.watch(gone)
        await until(lambda: gone.received["video"] >= 5)
        for protocol in gone.transport().transport._connection._protocols:
            protocol.transport.abort()
        await audience.undisturbed()
        assert session in audience.service.whep.sessions
        session.peer._heard -= peer.CONSENT_SECONDS
        await until(lambda: session not in audience.service.whep.sessions)
        await audience.undisturbed()
        await gone.close()


async def test_sessions_that_played_leave_no_task_socket_or_object_behind() -> None:
    async with serving(SystemClock()) as service, camera(service.hub):
        await open_and_close(service, 1)
        tasks, files = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        gc.collect()
        gc.disable()
        try:
            await open_and_close(service, 30)
            await until(lambda: len(asyncio.all_tasks()) <= tasks)
            assert len(os.listdir("/proc/self/fd")) <= files
            assert service.hub.readers == ()
            # Without the collector, which may come an hour later and leave holes in the heap.
            assert not [thing for thing in gc.get_objects() if type(thing) in (Session, Peer, Dtls, Outlet)]
        finally:
            gc.enable()


async def open_and_close(service: Service, count: int) -> None:
    """Sessions that end in every way there is but silence: by DELETE, by the viewer's goodbye."""
    for index in range(count):
        viewer = AiortcViewer("video")
        session = await service.watch(viewer)
        port = session.peer.port
        await until(lambda viewer=viewer: viewer.received["video"])
        if index % 2:
            await service.whep.delete(session.id, OWNER)
            await viewer.close()
        else:
            await viewer.close()
            await until(lambda session=session: session not in service.whep.sessions)
        assert (port.peers, port.routes) == (0, 0)


async def test_media_moves_only_to_where_the_viewer_nominates() -> None:
    async with watching() as audience:
        port, credentials = audience.session.peer.port, audience.session.peer.credentials
        home = audience.session.peer.address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.setblocking(False)
            elsewhere.bind(("127.0.0.1", 0))
            elsewhere.connect(("127.0.0.1", port.address.port))
            loop = asyncio.get_running_loop()
            elsewhere.send(binding(credentials))  # a browser checks every pair it has
            await loop.sock_recv(elsewhere, 2048)
            assert audience.session.peer.address == home
            await audience.undisturbed()
            elsewhere.send(binding(credentials, nominate=True))
            async with asyncio.timeout(5):
                while not 128 <= (await loop.sock_recv(elsewhere, 2048))[0] <= 191:
                    pass  # the answer; what follows is media
            assert audience.session.peer.address == elsewhere.getsockname()
