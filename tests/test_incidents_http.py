"""Incidents over HTTP: opened from what happens, grown, written about, closed; what they need is not deleted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, Fix
from tests.running import Client, Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
CAMERAS = [
    CameraSettings.model_validate({"id": "unit-1", "name": "Unit 1", "groups": ["north"], **IDLE}),
    CameraSettings.model_validate({"id": "unit-2", "groups": ["north"], **IDLE}),
    CameraSettings.model_validate({"id": "unit-3", "groups": ["south"], **IDLE}),
]
POLICY = {"retention": [{"keep": "30d"}, {"category": "arrest", "keep": "365d"}]}
WHY = {"X-Reason": "opened%20by%20mistake"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("gateway"), *CAMERAS, policy=POLICY) as made:
        yield made


async def opened(client: Client, **more: Any) -> dict[str, Any]:
    status, body, response = await client.call("POST", "/api/incidents", json={"cameras": ["unit-1"]} | more)
    assert status == 201, body
    assert response.headers["Location"] == f"/api/incidents/{body['id']}"
    return body


async def another(gateway: Running, name: str, role: Role = Role.DISPATCHER, **more: Any) -> Client:
    """A client of another user."""
    admin = gateway.client()
    status, body, _ = await admin.call("POST", "/api/users", json={"name": name, "role": role.value, **more})
    assert status == 201, body
    _, made, _ = await admin.call("POST", "/api/tokens", json={"name": "test", "user": name})
    return Client(gateway.http, {"Authorization": f"Bearer {made['token']}"})


async def holding(gateway: Running, camera: str) -> list[dict[str, Any]]:
    return (await gateway.client().get(f"/api/cameras/{camera}/holds"))["holds"]


async def test_it_is_on_hold_from_the_first_moment_and_closed_it_stays_so(gateway):
    client = gateway.client(Role.DISPATCHER)
    made = await opened(client, title="  Fight at  the gate ", cameras=["unit-1", "unit-2"], tags=["gate", "gate"])
    assert (made["title"], made["tags"], made["live"], made["to"]) == ("Fight at the gate", ["gate"], True, None)
    assert made["may"] == ["change", "close"]  # dispatchers do not export
    for one in made["cameras"]:
        (hold,) = await holding(gateway, one["camera"])
        assert (hold["id"], hold["from"], hold["to"]) == (one["hold"], made["from"], None)
        assert (hold["category"], hold["reason"]) == (None, f"incident {made['id']}: Fight at the gate")
    path = f"/api/incidents/{made['id']}"
    status, closed, _ = await client.call("POST", f"{path}/close")
    assert (status, closed["live"], closed["closed_by"]) == (200, False, "dispatcher")
    (hold,) = await holding(gateway, "unit-1")
    assert (hold["from"], hold["to"]) == (made["from"], closed["to"])
    assert (await client.call("POST", f"{path}/close"))[0] == 409
    assert (await client.call("PATCH", path, json={"title": "x"}))[0] == 409
    status, again, _ = await client.call("POST", f"{path}/reopen")
    assert (status, again["live"], again["closed"]) == (200, True, None)
    (hold,) = await holding(gateway, "unit-1")
    assert (hold["from"], hold["to"]) == (made["from"], None)
    assert (await client.call("POST", f"{path}/reopen"))[0] == 409
    assert (await client.call("DELETE", path))[0] == 400  # why?
    assert (await client.call("DELETE", path, headers=client.headers | WHY))[0] == 204
    assert (await client.call("GET", path))[0] == 404
    assert await holding(gateway, "unit-1") == await holding(gateway, "unit-2") == []
    steps = [row.action for row in await gateway.audit() if row.action.startswith("incident")]
    assert steps[::-1] == ["incident_open", "incident_close", "incident_reopen", "incident_remove"]
