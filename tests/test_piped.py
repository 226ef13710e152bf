"""A worker process at the other end of two pipes, and another when it dies."""

from __future__ import annotations

import asyncio
import io

import pytest

from gateway.base.clock import ManualClock
from gateway.base.piped import PipedWorker, keep_working
from gateway.base.records import MAX_RECORD, records, reply
from gateway.base.workers import WorkerDiedError


async def test_one_that_cannot_run_is_tried_again_at_growing_distances() -> None:
    clock, deaths = ManualClock(), asyncio.Queue[float]()

    async def wait(_: PipedWorker) -> None:
        await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(
        keep_working(
            lambda: PipedWorker("no.such.module", "", clock),
            clock,
            feed=wait,
            take=lambda _: None,
            died=lambda: deaths.put_nowait(clock.monotonic()),
        )
    )
    start = clock.monotonic()
    async with asyncio.timeout(20):
        assert await deaths.get() == start
        clock.advance(0)
        assert await deaths.get() == start, "the first time at once"
        clock.advance(0.5)
        await asyncio.sleep(0)
        assert deaths.empty(), "the second time after a pause"
        clock.advance(0.5)
        assert await deaths.get() == start + 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_makes_no_sense_counts_as_death() -> None:
    for written in (b"", b"\1\0", b"\5\0\0\0abc", (MAX_RECORD + 1).to_bytes(4, "little") + b"abc"):
        async with PipedWorker("timeit", "pass", ManualClock()) as worker:
            reader = asyncio.StreamReader()
            reader.feed_data(written)
            reader.feed_eof()
            worker._process.stdout = reader
            with pytest.raises(WorkerDiedError):
                await worker.receive()


def test_records_are_read_as_they_were_written_up_to_one_cut_short() -> None:
    pipe = io.BytesIO()
    for parts in ((b"a", b"bc"), (b"",), (bytes(70_000),)):
        reply(pipe, *parts)
    whole = pipe.getvalue()
    assert list(records(io.BytesIO(whole))) == [b"abc", b"", bytes(70_000)]
    assert list(records(io.BytesIO(whole[:-1]))) == [b"abc", b""]
    assert list(records(io.BytesIO(whole + b"\1"))) == [b"abc", b"", bytes(70_000)]


async def test_one_that_wrote_more_than_was_read_ends_all_the_same() -> None:
    flood = "import sys\nwhile True: sys.stdout.buffer.write(b'\\1\\0\\0\\0x' * 10000)"
    async with asyncio.timeout(20):
        async with PipedWorker("timeit", flood, ManualClock()) as worker:
            assert await worker.receive() == b"x"
            process = worker._process
            assert process is not None
            assert process.stdout is not None
            while not process.stdout._paused:  # type: ignore[attr-defined] # by its reader, of whom nothing is taken
                await asyncio.sleep(0.01)
        assert worker.pid is None
