"""A process that is the viewers: `whep_viewer`, as many as asked for.

It reads one line of JSON, {"url", "headers", "count", "gro"}, opens that many sessions and answers with a line, in
which attempts that failed are named; each further line is answered with what has come so far. It ends them all when its
standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time

import aiohttp
import uvloop
from aiortc.rtcdtlstransport import RTCCertificate

from benchmarks.whep_viewer import Tally, Viewer

AT_ONCE = 8
ATTEMPTS = 5
CLOSE_SECONDS = 60.0


async def main() -> None:
    loop = asyncio.get_running_loop()
    order = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    url, headers, tally, certificate = order["url"], order["headers"], Tally(), RTCCertificate.generateCertificate()
    viewers: list[Viewer] = []
    failures: list[str] = []
    turns = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:

        async def open_() -> None:
            async with turns:
                for attempt in range(ATTEMPTS):
                    viewer = Viewer(tally, certificate, gro=order["gro"])
                    try:
                        await viewer.open(http, url, headers)
                    except RuntimeError as error:
                        failures.append(str(error))
                        await viewer.close(http, headers)
                        if attempt == ATTEMPTS - 1:
                            raise
                    else:
                        viewers.append(viewer)
                        return

        async def close(viewer: Viewer) -> None:
            async with turns:
                await viewer.close(http, headers)

        try:
            async with asyncio.TaskGroup() as opening:
                for _ in range(order["count"]):
                    opening.create_task(open_())
            print(json.dumps({"connected": len(viewers), "failures": failures}), flush=True)
            while await loop.run_in_executor(None, sys.stdin.readline):
                told = {
                    "packets": tally.packets,
                    "bytes": tally.bytes,
                    "lost": tally.lost,
                    "receiving": sum(viewer.packets > 0 for viewer in viewers),
                    "cpu": time.process_time(),
                }
                print(json.dumps(told), flush=True)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.gather(*map(close, viewers), return_exceptions=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    # Viewers elsewhere would not interrupt who sends to them at each packet, and do not here.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    uvloop.run(main())
