"""Threads, supervised tasks and pauses."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import threading

import pytest

from gateway.base.clock import ManualClock
from gateway.base.supervise import Backoff, TaskOwner, forever
from gateway.base.workers import Threads


async def test_a_pool_returns_and_raises_what_the_function_does():
    threads = Threads("test")
    assert await threads.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 7, 0)
    threads.close()


async def test_whoever_would_overfill_a_pool_waits_and_a_cancelled_call_keeps_its_place():
    threads = Threads("test", 1, limit=1)
    gate = threading.Event()
    first = asyncio.create_task(threads.run(gate.wait, 10))
    await asyncio.sleep(0)
    second = asyncio.create_task(threads.run(threading.get_ident))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    assert not second.done()
    gate.set()
    assert await second != threading.get_ident()
    threads.close()


async def test_a_task_that_fails_is_logged_with_its_name(caplog):
    owner = TaskOwner("owner")

    async def fail():
        raise KeyError("mine")

    task = owner.start(fail(), name="work")
    with pytest.raises(KeyError):
        await task
    assert "owner: work failed" in caplog.text
    assert owner.running == 0


async def test_closing_an_owner_ends_its_tasks():
    owner = TaskOwner("owner")
    task = owner.start(_wait(), name="wait")
    await asyncio.sleep(0)
    await owner.close()
    assert task.cancelled()


async def _wait():
    await asyncio.get_running_loop().create_future()


async def test_what_should_never_end_is_started_again(caplog):
    clock, runs = ManualClock(), []

    async def work():
        runs.append(len(runs))
        if len(runs) == 1:
            raise ValueError
        if len(runs) == 3:
            await _wait()

    task = asyncio.create_task(forever("work", work, clock))
    for _ in range(3):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        clock.advance(1)
        await asyncio.sleep(0)
    assert runs == [0, 1, 2]
    assert "work failed" in caplog.text
    assert "work ended" in caplog.text
    task.cancel()


def test_pauses_begin_at_once_grow_to_the_ceiling_and_begin_again_after_success():
    clock = ManualClock()
    backoff = Backoff(clock, random_=lambda: 0.0)
    assert [backoff.failed() for _ in range(7)] == [0, 1, 1.5, 2.25, 3.375, 5, 5]
    clock.advance(600)
    assert [backoff.failed() for _ in range(3)] == [1.5**6, 1.5**7, 1.5**8]
    backoff.succeeded()
    assert backoff.failed() == 0


def test_pauses_are_jittered_downwards():
    backoff = Backoff(ManualClock(), random_=lambda: 1.0)
    backoff.failed()
    assert backoff.failed() == pytest.approx(0.8)


async def test_calls_of_one_turn_go_to_a_thread_together_and_fail_each_for_itself():
    threads = Threads("test", 3, together=3)
    calls = [threads.run(_thread_of, number) for number in range(5)]
    first, second, third, fourth, fifth = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(second, KeyError)
    assert first == third
    assert fourth == fifth
    threads.close()
    with pytest.raises(RuntimeError):
        await threads.run(_thread_of, 0)


def _thread_of(number: int) -> int:
    if number == 1:
        raise KeyError(number)
    return threading.get_ident()


def test_worker_processes_end_with_a_gateway_that_is_killed():
    """The pipe shows it: a worker that lives on holds its end open."""
    gateway = (
        "import asyncio, os\nfrom gateway.base.workers import Processes\n"
        "if __name__ == '__main__':\n"
        "    print(asyncio.run(Processes().run(os.getpid)), flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", gateway], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert worker != process.pid
        process.wait(20)
        ended, _, _ = select.select([process.stdout], [], [], 20)
        if not ended:
            os.kill(worker, 9)
        assert ended
        assert process.stdout.read() == b""
