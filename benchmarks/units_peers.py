"""The other sides of `benchmarks.units`, each a process: units that say where they are, maps that follow them, and the
plain program that the gateway is held against. `python -m benchmarks.units_peers send|follow|baseline`.

Each reads orders as lines of JSON from its standard input and answers with a line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sqlite3
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

from gateway.simulator.walk import Walk

EARLY = 5.0
"""Seconds of sending that do not count: sockets, caches and blocks are new."""


def source(unit: int) -> str:
    """Each unit has an address of its own, by which it is known."""
    return f"127.1.{unit // 200}.{unit % 200 + 1}"


def sentences(fix_utc_ns: int, lat: float, lon: float, altitude: float) -> bytes:
    """GGA and RMC, as a receiver says a moment in one datagram."""
    moment = datetime(1970, 1, 1) + timedelta(microseconds=fix_utc_ns // 1000)
    clock, day = f"{moment:%H%M%S}.{moment.microsecond // 1000:03}", f"{moment:%d%m%y}"
    where = f"{_angle(lat, 2)},{'N' if lat >= 0 else 'S'},{_angle(lon, 3)},{'E' if lon >= 0 else 'W'}"
    told = (f"GPGGA,{clock},{where},1,09,0.9,{altitude:.1f},M,47.0,M,,", f"GPRMC,{clock},A,{where},2.7,,{day},,,A")
    return b"".join(f"${text}*{_checksum(text):02X}\r\n".encode() for text in told)


def _angle(value: float, digits: int) -> str:
    degrees, rest = divmod(abs(value), 1)
    return f"{int(degrees):0{digits}}{rest * 60:09.6f}"


def _checksum(text: str) -> int:
    total = 0
    for letter in text.encode():
        total ^= letter
    return total


async def send() -> None:
    """{"port", "units", "seconds"}: each unit sends once a second; {} at once, and {"sent"} when it is done."""
    order = await _order()
    units, seconds = order["units"], order["seconds"]
    walks = [Walk(unit) for unit in range(units)]
    sockets = []
    for unit in range(units):
        each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        each.bind((source(unit), 0))
        each.connect(("127.0.0.1", order["port"]))
        sockets.append(each)
    _say({})
    began, sent = time.monotonic() + 0.2, 0
    for number in range(units * seconds):
        await asyncio.sleep(max(0.0, began + number / units - time.monotonic()))
        unit, now = number % units, time.time_ns() // 1_000_000 * 1_000_000
        fix = walks[unit].fix(now)
        sockets[unit].send(sentences(now, fix.lat, fix.lon, fix.altitude_m or 0.0))
        sent += 1
    _say({"sent": sent})
    await _order()


async def follow() -> None:
    """{"url", "headers", "paths": {path: sockets}}: follows; each further line is answered with what came since the
    one before: for each path the least and the most of a socket, and the lag of each position at one of them, ms.
    """
    order = await _order()
    counts: dict[str, Counter[int]] = {path: Counter() for path in order["paths"]}
    lags: list[float] = []
    closed = 0
    async with aiohttp.ClientSession(headers=order["headers"], connector=aiohttp.TCPConnector(limit=0)) as http:

        async def one(path: str, number: int, opened: asyncio.Event) -> None:
            nonlocal closed
            probe = number == 0 and "positions" in path
            async with http.ws_connect(order["url"] + path, max_msg_size=0) as ws:
                opened.set()
                first = await ws.receive()  # where everyone is
                assert first.type is aiohttp.WSMsgType.TEXT
                async for message in ws:
                    # Each position has exactly one of these, in any of the forms; reading them all as JSON would take
                    # the core that the gateway is measured on.
                    counts[path][number] += message.data.count('"received_utc":')
                    if probe:
                        arrived = time.time()
                        for feature in json.loads(message.data).get("features", ()):
                            utc = datetime.fromisoformat(feature["properties"]["utc"])
                            lags.append(1e3 * (arrived - utc.timestamp()))
                closed += 1

        opened = [asyncio.Event() for count in order["paths"].values() for _ in range(count)]
        waiting = iter(opened)
        tasks = [
            asyncio.create_task(one(path, number, next(waiting)))
            for path, count in order["paths"].items()
            for number in range(count)
        ]
        await asyncio.gather(*(event.wait() for event in opened))
        _say({"following": len(tasks)})
        while (await _order()) is not None:
            told = {
                path: [min(count.values(), default=0), max(count.values(), default=0), len(count)]
                for path, count in counts.items()
            }
            _say({"counts": told, "lags": sorted(lags), "closed": closed})
            for count in counts.values():
                for number in count:
                    count[number] = 0
            lags.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Baseline(asyncio.DatagramProtocol):
    """What does the same with nothing spared and nothing checked: a row and a message to every client for each fix."""

    def __init__(self, path: str) -> None:
        self.sockets: set[web.WebSocketResponse] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE fixes (unit, utc, lat, lon, altitude_m, speed_mps, received_utc)")
        self._database.execute("CREATE INDEX by_unit ON fixes (unit, utc)")

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Read a unit's two sentences, keep them, tell everybody."""
        gga, rmc = (line.split(",") for line in data.decode().split("\r\n")[:2])
        day, clock = rmc[9], rmc[1]
        utc = datetime.strptime(f"{day} {clock}", "%d%m%y %H%M%S.%f").replace(tzinfo=UTC)
        fix = {
            "unit": addr[0],
            "utc": utc.isoformat(),
            "lat": _degrees(rmc[3], rmc[4], 2),
            "lon": _degrees(rmc[5], rmc[6], 3),
            "altitude_m": float(gga[9]),
            "speed_mps": float(rmc[7]) * 0.514444,
            "received_utc": datetime.now(UTC).isoformat(),
        }
        self._database.execute("INSERT INTO fixes VALUES (?, ?, ?, ?, ?, ?, ?)", tuple(fix.values()))
        message = json.dumps({"features": [{"properties": fix}]})
        task = asyncio.get_running_loop().create_task(self._tell(message))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _tell(self, message: str) -> None:
        for each in list(self.sockets):
            with contextlib.suppress(ConnectionError):
                await each.send_str(message)

    async def commit(self) -> None:
        """Once a second."""
        while True:
            await asyncio.sleep(1)
            self._database.commit()

    @property
    def kept(self) -> int:
        """How many rows there are."""
        return int(self._database.execute("SELECT count(*) FROM fixes").fetchone()[0])


def _degrees(text: str, side: str, digits: int) -> float:
    value = float(text[:digits]) + float(text[digits:]) / 60
    return -value if side in "SW" else value


async def baseline() -> None:
    """{"path", "port"}: {"url"}; each further line is answered with {"kept"}."""
    order = await _order()
    plain = Baseline(order["path"])
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: plain, local_addr=("127.0.0.1", order["port"]))

    async def positions(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        await ws.send_str("{}")
        plain.sockets.add(ws)
        async for _ in ws:
            pass
        plain.sockets.discard(ws)
        return ws

    app = web.Application()
    app.router.add_get("/positions", positions)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    committing = loop.create_task(plain.commit())
    assert runner.addresses
    _say({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"})
    while (await _order()) is not None:
        _say({"kept": plain.kept})
    committing.cancel()
    transport.close()
    await runner.cleanup()


async def _order() -> Any:
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return json.loads(line) if line else None


def _say(told: object) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    uvloop.run({"send": send, "follow": follow, "baseline": baseline}[sys.argv[1]]())
