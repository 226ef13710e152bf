"""A TAK client made of pytak: `receive.py URL` prints each event that comes, as a line."""

from __future__ import annotations

import asyncio
import sys
from configparser import ConfigParser

import pytak


async def main() -> None:
    parser = ConfigParser()
    parser["tak"] = {"COT_URL": sys.argv[1], "TAK_PROTO": "0"}
    config = parser["tak"]
    reader, _ = await pytak.protocol_factory(config)
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    worker = pytak.RXWorker(queue, config, reader)
    print("ready", flush=True)
    while True:
        await worker.run_once()
        while not queue.empty():
            print(queue.get_nowait().decode(), flush=True)


asyncio.run(main())
