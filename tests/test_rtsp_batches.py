"""Reading many sockets in few wake-ups: nothing is missed, and a look costs nothing while nothing arrives."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.rtsp.batches import Batches


@pytest.fixture
async def batches():
    batches = Batches(pause=0.001)
    yield batches
    batches.close()


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def never(error):
    raise AssertionError(error)


async def test_everything_sent_is_read_also_what_one_look_leaves(batches, pair):
    ours, theirs = pair
    theirs.setblocking(False)
    sent, got = bytes(range(256)) * 2000, bytearray()
    whole = asyncio.Event()

    def take(data):
        got.extend(data)
        if len(got) == len(sent):
            whole.set()

    batches.add(ours, take, never)
    async with asyncio.timeout(20):
        await asyncio.get_running_loop().sock_sendall(theirs, sent)
        await whole.wait()
    assert got == sent


async def test_what_arrives_close_together_is_handed_over_at_once(batches, pair):
    ours, theirs = pair
    reads = []
    done = asyncio.Event()

    def take(data):
        reads.append(data)
        if data.endswith(b"."):
            done.set()

    batches.add(ours, take, never)
    for n in range(50):
        theirs.send(b"x" * 100 if n < 49 else b".")
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await done.wait()
    assert len(reads) < 25


async def test_a_few_bytes_come_with_what_follows_them(batches, pair):
    ours, theirs = pair
    reads = []
    done = asyncio.Event()

    class Answering(socket.socket):
        """The camera's end of a connection: the rest is sent once the beginning was read."""

        def recv_into(self, buffer):
            size = super().recv_into(buffer)
            if bytes(buffer[:size]) == b"begin":
                theirs.send(b" and the rest" * 100)
            return size

    def take(data):
        reads.append(data)
        done.set()

    answering = Answering(fileno=ours.detach())
    batches.add(answering, take, never)
    theirs.send(b"begin")
    async with asyncio.timeout(20):
        await done.wait()
    batches.remove(answering)
    answering.close()
    assert reads == [b"begin" + b" and the rest" * 100]


async def test_a_few_bytes_alone_come_a_look_later(batches, pair):
    ours, theirs = pair
    came = asyncio.get_running_loop().create_future()
    batches.add(ours, came.set_result, never)
    theirs.send(b"hello")
    async with asyncio.timeout(20):
        assert await came == b"hello"


@pytest.mark.parametrize("last", [b"", b"goodbye"])
async def test_the_end_is_told_after_the_last_bytes(batches, pair, last):
    ours, theirs = pair
    heard = []
    ended = asyncio.get_running_loop().create_future()
    batches.add(ours, heard.append, ended.set_result)
    theirs.send(last)
    theirs.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(20):
        assert await ended is None
    assert b"".join(heard) == last
    batches.remove(ours)


async def test_one_that_removes_another_is_harmless(batches):
    pairs = [socket.socketpair() for _ in range(2)]
    done = asyncio.Event()

    def take(data):
        for ours, _ in pairs:
            batches.remove(ours)
        done.set()

    for ours, theirs in pairs:
        batches.add(ours, take, never)
        theirs.send(bytes(100))
    async with asyncio.timeout(20):
        await done.wait()
    await asyncio.sleep(0)
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


async def test_closing_twice_is_harmless(batches):
    batches.close()
    batches.close()
