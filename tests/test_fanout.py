"""Where a frame is sent from, in which order, and what becomes of it when the socket is full."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from gateway.base.clock import ManualClock
from gateway.webrtc import fanout as module
from gateway.webrtc.fanout import FRAME_DEADLINE, FanOut
from gateway.webrtc.kernel import Frame
from gateway.webrtc.outlet import Outlet
from tests.plain_srtp import MemorySocket, PlainSrtp

FRAME = Frame.of([b"payload"])


class WatchedSrtp(PlainSrtp):
    """Notes who encrypts what, and waits when told to."""

    def __init__(self) -> None:
        self.order: list[tuple[int, str]] = []
        """SSRC, thread."""
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.began = threading.Event()

    def seal(self, header: bytes, payload: bytes, ssrc: int, index: int, /) -> bytes:
        self.began.set()
        assert self.may_go_on.wait(10)
        self.order.append((ssrc, threading.current_thread().name))
        return super().seal(header, payload, ssrc, index)


class Stage:
    """A FanOut whose port is in memory, and any number of viewers."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.udp = MemorySocket()
        self.unreachable = 0
        self.rooms: list[int] = []
        """How many more datagrams fit each time that there is room again."""
        self.srtp = WatchedSrtp()
        self.fanout = FanOut(self, self.clock)

    def viewers(self, count: int) -> list[Outlet]:
        made = []
        for index in range(count):
            peer = SimpleNamespace(address=("192.0.2.1", index), srtp=self.srtp, port=self)
            outlet = Outlet(peer, payload_type=96, clock_rate=90_000, cname="x")
            outlet.open()
            made.append(outlet)
        return made

    async def room(self, seconds: float) -> bool:
        if not self.rooms:
            self.clock.advance(seconds)
            return False
        self.udp.capacity = self.rooms.pop(0)
        return True

    def got(self, outlet: Outlet) -> int:
        return len(self.udp.sent.get(outlet.peer.address, []))

    async def until_it_works(self) -> None:
        await asyncio.to_thread(self.srtp.began.wait, 10)

    @property
    def threads(self) -> set[str]:
        return {thread for _, thread in self.srtp.order}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    stage.srtp.may_go_on.set()
    await stage.fanout.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fan-out")]


async def test_few_packets_are_sent_at_once_and_many_in_the_thread(stage: Stage) -> None:
    few, many = stage.viewers(module.SMALL), stage.viewers(module.SMALL + 1)
    assert await stage.fanout.send(FRAME, 1, few) == []
    assert stage.threads == {"MainThread"}
    stage.srtp.order.clear()
    assert await stage.fanout.send(FRAME, 1, many) == []
    assert stage.threads == {"fan-out_0"}
    assert {stage.got(outlet) for outlet in few} == {2}, "the second of the same address"
    assert await stage.fanout.send(FRAME, 1, []) == []


async def test_the_loop_goes_on_and_nothing_overtakes(stage: Stage) -> None:
    many, one = stage.viewers(100), stage.viewers(1)
    stage.srtp.may_go_on.clear()
    first = asyncio.create_task(stage.fanout.send(FRAME, 1, many))
    await stage.until_it_works()
    second = asyncio.create_task(stage.fanout.send(FRAME, 1, one))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not stage.srtp.order
    stage.srtp.may_go_on.set()
    await asyncio.gather(first, second)
    assert stage.threads == {"fan-out_0"}, "the thread was busy"
    assert stage.srtp.order[-1][0] == one[0].ssrc
    stage.srtp.order.clear()
    await stage.fanout.send(FRAME, 1, one)
    assert stage.threads == {"MainThread"}, "now it is idle"


async def test_a_camera_with_many_viewers_lets_others_go_between(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE", 10)
    many, one = stage.viewers(100), stage.viewers(1)
    stage.srtp.may_go_on.clear()
    first = asyncio.create_task(stage.fanout.send(FRAME, 1, many))
    await stage.until_it_works()
    second = asyncio.create_task(stage.fanout.send(FRAME, 1, one))
    await asyncio.sleep(0)
    stage.srtp.may_go_on.set()
    await second
    place = [ssrc for ssrc, _ in stage.srtp.order].index(one[0].ssrc)
    assert place == 10
    await first
    assert len(stage.srtp.order) == 101


async def test_who_is_sent_away_meanwhile_disturbs_nobody(stage: Stage) -> None:
    many, one = stage.viewers(100), stage.viewers(1)
    stage.srtp.may_go_on.clear()
    first = asyncio.create_task(stage.fanout.send(FRAME, 1, many))
    await stage.until_it_works()
    first.cancel()
    for outlet in many:
        outlet.close()
    second = asyncio.create_task(stage.fanout.send(FRAME, 1, one))
    await asyncio.sleep(0)
    assert not stage.srtp.order, "the thread still has the keys of the first"
    stage.srtp.may_go_on.set()
    assert await second == []
    assert await stage.fanout.send(FRAME, 1, many) == []
    assert {stage.got(outlet) for outlet in many[1:]} == {1}, "what was under way, and nothing since"


async def test_a_full_socket_is_waited_for(stage: Stage) -> None:
    viewers = stage.viewers(10)
    stage.udp.capacity, stage.rooms = 3, [4, 2, 100]
    assert await stage.fanout.send(FRAME, 1, viewers) == []
    assert [stage.got(outlet) for outlet in viewers] == [1] * 10
    assert stage.rooms == []


async def test_a_socket_that_stays_full_hits_another_each_time(stage: Stage) -> None:
    viewers = stage.viewers(5)
    missed = []
    for _ in range(5):
        stage.udp.capacity = 3
        before = stage.clock.monotonic()
        late = await stage.fanout.send(FRAME, 1, viewers)
        assert stage.clock.monotonic() - before == pytest.approx(FRAME_DEADLINE)
        assert len(late) == 2
        missed += late
    assert all(missed.count(outlet) == 2 for outlet in viewers)
    assert stage.fanout.cut_short == 10


async def test_who_cannot_be_reached_is_counted(stage: Stage) -> None:
    class Unroutable(MemorySocket):
        def sendmsg(self, *_: object) -> None:
            raise OSError(101, "no network")

    stage.udp = Unroutable()
    assert await stage.fanout.send(FRAME, 1, stage.viewers(3)) == []
    assert stage.unreachable == 3
