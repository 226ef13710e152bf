"""A hundred thousand datagrams a second, sentences without an end, strangers: nobody else's track moves, and the
gateway has other things to do.

The gateway is a process of its own, so that what a flood costs it can be told from what it costs to send one.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
import socket
import sys
from functools import reduce
from operator import xor
from pathlib import Path

import aiohttp
import pytest

from tests.command_line import beside, serving
from tests.free_ports import free_ports

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

SECONDS = 6.0
MOST_CPU = 0.2
"""Of a core, on average, while it lasts: what it costs to read as much as is read."""
SENDERS = 3
FLOODS = {
    "positions": b"$GPGGA,120000.00,5130.0,N,00007.5,W,1,08,1.0,35.5,M,47.0,M,,*41\r\n",
    "no end": b"$GPGGA," + b"1" * 60_000,
    "beginnings": b"$" * 60_000,
    "noise": bytes(range(256)) * 4,
}
SEND = """
import socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((sys.argv[1], 0))
sock.connect(("127.0.0.1", int(sys.argv[2])))
data, end, count = sys.stdin.buffer.read(), time.monotonic() + float(sys.argv[3]), 0
while time.monotonic() < end:
    for _ in range(200):
        sock.send(data)
    count += 200
print(count)
"""


def sentence() -> bytes:
    now = dt.datetime.now(dt.UTC)
    body = f"GPGGA,{now:%H%M%S}.{now.microsecond // 10_000:02},5957.0,N,01100.6,E,1,08,1.0,35.5,M,47.0,M,,"
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n".encode()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def flood(host: str, port: int, data: bytes) -> int:
    """How many were sent."""
    senders = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SEND,
            host,
            str(port),
            str(SECONDS),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(SENDERS)
    ]
    told = await asyncio.gather(*(sender.communicate(data) for sender in senders))
    return sum(int(out) for out, _ in told)


async def receive(port: int, until: asyncio.Task[int]) -> int:
    """A receiver that tells five moments a second as long as the flood lasts; how many."""
    count = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.2", 0))
        while not until.done():
            sock.sendto(sentence(), ("127.0.0.1", port))
            count += 1
            await asyncio.sleep(0.2)
    await asyncio.sleep(1.5)
    return count


@pytest.mark.parametrize("host", ["127.0.0.3", "127.0.0.9"], ids=["one that is named", "a stranger"])
async def test_a_flood_costs_little_and_moves_nobody(tmp_path, host: str) -> None:
    config, first = tmp_path / "sightline.toml", free_ports(2)
    listen = 'listen = "127.0.0.1:0"'
    config.write_text(
        f"[http]\n{listen}\n[webrtc]\n{listen}\n[rtsp]\n{listen}\ntls_{listen}\n[onvif]\nannounce = false\n"
        + "".join(
            f'[[cameras]]\nid = "{name}"\nurl = "rtsp://127.0.0.1:1/s"\nconnect = "on_demand"\nrecord = false\n'
            f'position = "udp://127.0.0.1:{port}"\nposition_from = ["{sender}"]\n'
            for name, port, sender in (("flooded", first, "127.0.0.3"), ("other", first + 1, "127.0.0.2"))
        )
    )
    await beside("user", "add", "ann", "--role", "administrator", "--config", config)
    token = (await beside("token", "create", "t", "--user", "ann", "--config", config)).out.strip()
    headers = {"Authorization": f"Bearer {token}"}
    all_sent = all_told = 0
    async with serving(config) as served, aiohttp.ClientSession(served.url, headers=headers) as http:
        await asyncio.sleep(5)  # what a start leaves to be done
        for kind, data in FLOODS.items():
            before = cpu_seconds(served.process.pid)
            flooding = asyncio.create_task(flood(host, first, data))
            all_told += await receive(first + 1, flooding)
            sent, spent = flooding.result(), cpu_seconds(served.process.pid) - before
            all_sent += sent
            print(f"{kind} from {host}: {sent / SECONDS:.0f} datagrams a second, {spent / SECONDS:.2f} of a core")
            assert spent / SECONDS < MOST_CPU
        async with http.get("/metrics") as answer:
            metrics = await answer.text()
        async with http.get("/api/cameras/other/positions") as answer:
            kept = (await answer.json())["fixes"]
        async with http.get("/api/cameras/flooded/positions") as answer:
            forged = (await answer.json())["fixes"]
    assert len(kept) == all_told
    assert {round(fix["lat"], 6) for fix in kept} == {59.95}
    assert len(forged) <= (host == "127.0.0.3")  # the same again and again
    refused = re.findall(r"sightline_position_datagrams_refused_total\{.*\} ([\d.e+]+)", metrics)
    assert sum(map(float, refused)) > all_sent / 2
