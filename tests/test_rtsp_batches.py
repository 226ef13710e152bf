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


async def test_everything_sent_is_read_also_what_one_look_leaves(batches, pair):
    ours, theirs = pair
    got = bytearray()
    whole = asyncio.Event()

    def ready():
        got.extend(ours.recv(3))
        if len(got) == 20:
            whole.set()

    batches.add(ours, ready)
    theirs.send(b"0123456789")
    async with asyncio.timeout(20):
        while len(got) < 10:
            await asyncio.sleep(0)
        theirs.send(b"0123456789")
        await whole.wait()
    assert got == b"0123456789" * 2


async def test_what_arrives_close_together_is_one_read(batches, pair):
    ours, theirs = pair
    reads = []
    done = asyncio.Event()

    def ready():
        reads.append(ours.recv(1000))
        if reads[-1].endswith(b"."):
            done.set()

    batches.add(ours, ready)
    for n in range(50):
        theirs.send(b"x" if n < 49 else b".")
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await done.wait()
    assert len(reads) < 25


async def test_the_end_is_told_and_a_socket_may_be_removed_meanwhile(batches, pair):
    ours, theirs = pair
    ended = asyncio.Event()

    def ready():
        if not ours.recv(10):
            batches.remove(ours)
            ended.set()

    batches.add(ours, ready)
    theirs.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(20):
        await ended.wait()


async def test_one_that_removes_another_is_harmless(batches):
    pairs = [socket.socketpair() for _ in range(2)]
    done = asyncio.Event()

    def ready():
        for ours, _ in pairs:
            batches.remove(ours)
        done.set()

    for ours, theirs in pairs:
        batches.add(ours, ready)
        theirs.send(b"x")
    async with asyncio.timeout(20):
        await done.wait()
    await asyncio.sleep(0)
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


async def test_closing_twice_is_harmless(batches):
    batches.close()
    batches.close()
