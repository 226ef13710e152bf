"""kill -9 between an alert and its delivery: after the start its web hook is told, once.

The gateway is a process of its own. What was answered with 201 is an alert that somebody relies on: none may be missing
at the receiver, however often the gateway is killed, and what comes twice has the same id.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.command_line import beside, serving
from tests.receivers import SECRET, Receiver, receiver
from tests.test_webhooks import verified

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

ROUNDS = 5
UNITS = 20


def write(config: Path, url: str) -> None:
    listen = 'listen = "127.0.0.1:0"'
    config.write_text(
        f"[http]\n{listen}\n[webrtc]\n{listen}\n[rtsp]\n{listen}\ntls_{listen}\n[onvif]\nannounce = false\n"
        f'[[alerts.webhook]]\nname = "ops"\nurl = "{url}"\nsecret = "{SECRET}"\n'
        + "".join(
            f'[[cameras]]\nid = "unit-{n}"\nurl = "rtsp://127.0.0.1:1/s"\nconnect = "on_demand"\nrecord = false\n'
            for n in range(UNITS)
        )
    )


async def log_in(config: Path) -> dict[str, str]:
    await beside("user", "add", "ann", "--role", "administrator", "--config", config)
    token = (await beside("token", "create", "t", "--user", "ann", "--config", config)).out.strip()
    return {"Authorization": f"Bearer {token}"}


def told_of(told: Receiver) -> dict[int, set[str]]:
    """The alerts that were taken, each with the ids of the messages that said so; all must be proved."""
    found: dict[int, set[str]] = {}
    for headers, body in told.got:
        assert verified(SECRET, headers, body)
        found.setdefault(json.loads(body)["data"]["id"], set()).add(headers["webhook-id"])
    return found


async def test_killed_between_an_alert_and_its_delivery(tmp_path):
    config = tmp_path / "sightline.toml"
    async with receiver(0) as told:  # who never answers the first
        write(config, told.url)
        headers = await log_in(config)
        async with serving(config) as served, aiohttp.ClientSession(served.url, headers=headers) as http:
            async with http.post("/api/cameras/unit-1/sos") as answer:
                alert = (await answer.json())["id"]
            await told.until(1)
            served.process.send_signal(signal.SIGKILL)
        async with serving(config) as served, aiohttp.ClientSession(served.url, headers=headers) as http:
            await told.until(2)
            await asyncio.sleep(3)
            async with http.get(f"/api/alerts/{alert}/deliveries") as answer:
                (delivery,) = (await answer.json())["deliveries"]
            assert delivery["delivered"] is not None
        assert len(told.got) == 2  # the one that was never answered, and this one
        assert told_of(told) == {alert: {delivery["id"]}}


async def test_killed_at_any_moment_no_alert_is_missing(tmp_path):
    config, chance = tmp_path / "sightline.toml", random.Random(8)
    async with receiver() as told:
        write(config, told.url)
        headers, answered = await log_in(config), set[int]()
        for _ in range(ROUNDS):
            async with serving(config) as served, aiohttp.ClientSession(served.url, headers=headers) as http:
                kill = asyncio.get_running_loop().call_later(
                    chance.uniform(0.05, 1.5), served.process.send_signal, signal.SIGKILL
                )
                try:
                    while True:
                        for n in range(UNITS):
                            async with http.post(f"/api/cameras/unit-{n}/sos") as answer:
                                alert = (await answer.json())["id"]
                            answered.add(alert)
                            async with http.post(f"/api/alerts/{alert}/resolve", json={"word": "next"}) as answer:
                                await answer.read()
                except aiohttp.ClientError:
                    kill.cancel()
        async with serving(config) as served, aiohttp.ClientSession(served.url, headers=headers) as http:
            for alert in answered:
                async with asyncio.timeout(60):
                    while True:
                        async with http.get(f"/api/alerts/{alert}/deliveries") as answer:
                            deliveries = (await answer.json())["deliveries"]
                        if all(delivery["delivered"] for delivery in deliveries):
                            break
                        await asyncio.sleep(0.1)
        found = told_of(told)
        assert answered <= found.keys()
        assert all(len(ids) <= 2 for ids in found.values())  # that it was raised, and that it was resolved
        messages = [headers["webhook-id"] for headers, _ in told.got]
        assert len(messages) - len(set(messages)) <= ROUNDS  # at most what was on its way at each kill
