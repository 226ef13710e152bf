"""Sending a picture to many readers in one call: the kernel against its twin, and who is a member when."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from gateway.base.clock import SystemClock
from gateway.hub import Subscription
from gateway.rtsp import kernel
from gateway.rtsp.kernel import twin
from tests.rtsp_reader import RtspReader
from tests.rtsp_stage import Stage, frame_numbers, until

SEND = [twin.send_to_all]
if kernel.COMPILED:
    SEND.append(kernel.send_to_all)


@contextlib.contextmanager
def pairs(count: int) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    with contextlib.ExitStack() as stack:
        made = [socket.socketpair() for _ in range(count)]
        for ours, theirs in made:
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
            stack.enter_context(ours)
            stack.enter_context(theirs)
        yield made


@pytest.mark.parametrize("send_to_all", SEND)
def test_each_socket_takes_what_it_can(send_to_all: Callable[[list[int], bytes], list[tuple[int, int]]]) -> None:
    with pairs(4) as (quick, full, broken, last):
        with contextlib.suppress(BlockingIOError):
            while True:
                full[0].send(bytes(1000))
        broken[1].close()
        data = bytes(range(200))
        fds = [ours.fileno() for ours, _ in (quick, full, broken, last)]
        assert send_to_all(fds, data) == [(1, 0)]
        assert (quick[1].recv(1000), last[1].recv(1000)) == (data, data)
        assert send_to_all([], data) == []
        large = bytes(range(256)) * 4000
        ((place, sent),) = send_to_all(fds[:1], large)
        assert (place, 0 < sent < len(large)) == (0, True)
        assert quick[1].recv(len(large), socket.MSG_WAITALL | socket.MSG_DONTWAIT) == large[:sent]


@pytest.mark.skipif(not kernel.COMPILED, reason="nothing was compiled")
@pytest.mark.parametrize("arguments", [(), ((1,), b""), ([1], "text"), (["one"], b""), ([1 << 70], b"")])
def test_the_kernel_refuses_what_it_cannot_use(arguments: tuple[object, ...]) -> None:
    with pytest.raises((TypeError, OverflowError)):
        kernel.send_to_all(*arguments)  # type: ignore[arg-type]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage(SystemClock())
    stage.port = await stage.server.listen("127.0.0.1")
    stage.publish(key=True)
    yield stage
    await stage.server.close()
    await stage.mount.close()


async def playing(stage: Stage) -> RtspReader:
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    await reader.call("PLAY")
    return reader


def members(stage: Stage) -> int:
    return len(stage.mount._fan._members)


async def caught_up(stage: Stage, reader: RtspReader) -> None:
    while frame_numbers(reader.packets[0])[-1:] != [stage.frames - 1]:
        assert await reader.read()


async def test_who_keeps_up_is_a_member_until_it_is_answered_or_leaves(stage: Stage) -> None:
    readers = [await playing(stage) for _ in range(3)]
    for _ in range(2):
        stage.publish()
        for reader in readers:
            await caught_up(stage, reader)
    assert members(stage) == 3
    await readers[0].call("GET_PARAMETER")
    assert members(stage) == 2, "nobody else sends while an answer may wait"
    for _ in range(2):
        stage.publish()
        for reader in readers:
            await caught_up(stage, reader)
    assert members(stage) == 3
    await readers[1].call("PAUSE")
    await readers[2].close()
    await until(lambda: members(stage) == 1)
    for reader in readers[:2]:
        await reader.close()


async def test_frames_and_answers_never_mix_however_slow_the_reader(stage: Stage) -> None:
    """Two sessions on one connection, answers in between, a socket that is full now and then: the stream stays one."""
    reader = await playing(stage)
    reader.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    (front,) = stage.server._fronts
    assert front._sending._socket is not None
    front._sending._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    first, reader.session = reader.session, ""
    await reader.call("SETUP", reader.url + "/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=2-3")
    await reader.call("PLAY")
    waited = 0
    for turn in range(6):
        for _ in range(5):
            stage.publish(size=40_000)
        await until(lambda: _sent(stage))
        waited += any(session.outlet.waiting for session in stage.server.sessions.values())
        reader.session = first
        assert (await reader.call("GET_PARAMETER")).status == 200, turn
    assert waited, "the socket was never full"
    # The last answer came after all that was sent before it.
    numbers = frame_numbers(reader.packets[0])
    assert numbers == list(range(stage.frames))
    assert frame_numbers(reader.packets[2]) == numbers
    await reader.close()


def _sent(stage: Stage) -> bool:
    """Whether the mount has handed over all that was published."""
    feed = stage.mount._feed
    return isinstance(feed, Subscription) and feed.position == stage.hub.end
