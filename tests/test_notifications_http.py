"""A whole gateway that tells a web hook and a mail server of alerts: routes, live settings, and who may ask."""

from __future__ import annotations

import asyncio
import json

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from tests.receivers import SECRET, mail_server, receiver
from tests.running import running
from tests.test_webhooks import verified

pytestmark = pytest.mark.asyncio(loop_scope="module")
UNIT = CameraSettings(id="unit", name="Unit 12", url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
CHANNELS = "/api/alerts/channels"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory):
    """The gateway, who takes its web hooks, and its mail server."""
    data_dir = tmp_path_factory.mktemp("gateway")
    async with receiver() as told, mail_server() as server:
        alerts = {
            "webhook": [{"name": "ops", "url": told.url, "secret": SECRET}],
            "mail": [
                {"name": "desk", "host": "127.0.0.1", "port": server.port, "security": "none",
                 "from": "s@example.org", "to": ["a@example.org"]}
            ],
        }  # fmt: skip
        http = {"listen": "127.0.0.1:0", "public_url": "https://sightline.example"}
        async with running(data_dir, UNIT, alerts=alerts, http=http) as gateway:
            yield gateway, told, server


async def delivered(client, alert: int, count: int) -> list[dict]:
    """The deliveries of an alert, once so many have been."""
    async with asyncio.timeout(60):
        while True:
            found = (await client.get(f"/api/alerts/{alert}/deliveries"))["deliveries"]
            if sum(delivery["delivered"] is not None for delivery in found) == count:
                return found
            await asyncio.sleep(0.02)


async def test_a_call_for_help_reaches_both_and_its_resolution_the_web_hook(stage):
    gateway, told, server = stage
    dispatcher = gateway.client(Role.DISPATCHER)
    told.got.clear()
    _, alert, _ = await dispatcher.call("POST", "/api/cameras/unit/sos", json={"text": "Help"})
    await told.until(1)
    headers, body = told.got[0]
    assert verified(SECRET, headers, body)
    message = json.loads(body)
    assert message["data"] == alert
    assert (message["type"], message["unit"]) == ("alert.opened", "Unit 12")
    assert message["url"] == f"https://sightline.example/#/alerts/{alert['id']}"
    found = await delivered(dispatcher, alert["id"], 2)
    assert [(one["channel"], one["type"], one["attempts"], one["next"], one["error"]) for one in found] == [
        ("webhook:ops", "alert.opened", 1, None, None), ("mail:desk", "alert.opened", 1, None, None),
    ]  # fmt: skip
    assert found[0]["id"] == headers["webhook-id"]
    assert server.mails[0]["Subject"] == "[Sightline] SOS: Unit 12"
    assert message["url"] in server.mails[0].get_content()
    await dispatcher.call("POST", f"/api/alerts/{alert['id']}/resolve", json={"word": "a drill"})
    await told.until(2)
    assert json.loads(told.got[1][1])["data"]["resolved"]["word"] == "a drill"
    assert len(server.mails) == 1
    states = (await gateway.client().get(CHANNELS))["channels"]
    assert [(state["name"], state["kind"], state["given_up"], state["error"]) for state in states] == [
        ("ops", "webhook", 0, None), ("desk", "mail", 0, None),
    ]  # fmt: skip
    assert SECRET not in json.dumps(states)
    ops, desk = states
    assert (ops["grades"], ops["resolved"], desk["grades"]) == (["high", "activity"], True, ["high"])
    newest, first = ops["deliveries"]
    assert (newest["type"], first["type"], first["id"]) == ("alert.resolved", "alert.opened", found[0]["id"])
    assert newest["alert"] == first["alert"] == alert["id"]


async def test_a_channel_is_tried_out_and_the_audit_has_it(stage):
    gateway, told, server = stage
    client = gateway.client()
    told.got.clear()
    status, answer, _ = await client.call("POST", f"{CHANNELS}/ops/test")
    assert (status, answer) == (200, {"delivered": True, "error": None})
    assert json.loads(told.got[0][1])["type"] == "alert.test"
    assert verified(SECRET, *told.got[0])
    before = len(server.mails)
    assert (await client.call("POST", f"{CHANNELS}/desk/test"))[1]["delivered"]
    assert server.mails[before]["Subject"] == "[Sightline] Test"
    told.answers = [500]
    _, answer, _ = await client.call("POST", f"{CHANNELS}/ops/test")
    assert answer == {"delivered": False, "error": "the receiver answers 500 Internal Server Error"}
    assert (await client.call("POST", f"{CHANNELS}/nobody/test"))[0] == 404
    rows = [(row.outcome, row.detail["channel"]) for row in await gateway.audit() if row.action == "channel_test"]
    assert rows == [("refused", "ops"), ("done", "desk"), ("done", "ops")]


async def test_who_may_ask(stage):
    gateway, _, _ = stage
    for role, listed, tried in (
        (Role.ADMINISTRATOR, 200, 200), (Role.AUDITOR, 200, 403), (Role.DISPATCHER, 403, 403),
    ):  # fmt: skip
        assert (await gateway.client(role).call("GET", CHANNELS))[0] == listed
        assert (await gateway.client(role).call("POST", f"{CHANNELS}/ops/test"))[0] == tried
    assert (await gateway.client().call("GET", "/api/alerts/7000/deliveries"))[0] == 404


async def test_settings_that_are_read_again_tell_others_and_show_no_secret(stage):
    gateway, told, _ = stage
    async with receiver() as other:
        again = await gateway.read_again(
            UNIT, alerts={"webhook": [{"name": "new", "url": other.url, "secret": SECRET}]}
        )
        assert [change["key"] for change in again["applied"] if change["key"].startswith("alerts")] == [
            "alerts.mail", "alerts.webhook",
        ]  # fmt: skip
        assert SECRET not in json.dumps(again)
        told.got.clear()
        _, alert, _ = await gateway.client().call("POST", "/api/cameras/unit/sos")
        await other.until(1)
        assert json.loads(other.got[0][1])["data"]["id"] == alert["id"]
        assert json.loads(other.got[0][1])["url"] is None  # the settings do not say where people reach the page
        assert told.got == []
        assert [state["name"] for state in (await gateway.client().get(CHANNELS))["channels"]] == ["new"]
        await gateway.client().call("POST", f"/api/alerts/{alert['id']}/resolve", json={"word": "next"})
        await delivered(gateway.client(), alert["id"], 2)


async def test_receivers_that_hang_refuse_or_are_away_delay_neither_the_alert_nor_the_others(stage):
    gateway, _, _ = stage
    async with receiver() as away:
        nobody = away.url
    async with receiver(*[0] * 50) as hangs, receiver(*[500] * 200) as refuses, receiver() as well:
        urls = {"hangs": hangs.url, "refuses": refuses.url, "away": nobody, "well": well.url}
        hooks = [{"name": name, "url": url, "secret": SECRET} for name, url in urls.items()]
        await gateway.read_again(UNIT, alerts={"webhook": hooks})
        client, numbers = gateway.client(), []
        for n in range(3):
            _, alert, _ = await client.call("POST", "/api/cameras/unit/sos", json={"text": f"call {n}"})
            await client.call("POST", f"/api/alerts/{alert['id']}/resolve", json={"word": "next"})
            numbers.append(alert["id"])
        await well.until(6)
        assert len(hangs.got) < 3  # the first of its six takes ten seconds
        assert [json.loads(body)["data"]["id"] for _, body in well.got] == [n for n in numbers for _ in range(2)]
        states = {state["name"]: state for state in (await client.get(CHANNELS))["channels"]}
        assert states["well"]["waiting"] <= 1  # it is written after it is taken
        assert [states[name]["waiting"] for name in ("hangs", "refuses", "away")] == [6, 6, 6]
        assert "500" in states["refuses"]["error"]
        await gateway.read_again(UNIT, alerts={"webhook": hooks[3:]})


async def test_settings_that_do_not_hold_change_nothing(stage, tmp_path):
    gateway, _, _ = stage
    wrong = {"name": "x", "url": "https://h/", "secret": SECRET, "certificates": tmp_path / "nowhere.pem"}
    before = (await gateway.client().get(CHANNELS))["channels"]
    with pytest.raises(AssertionError, match="cannot be read"):
        await gateway.read_again(UNIT, alerts={"webhook": [wrong]})
    assert [state["name"] for state in (await gateway.client().get(CHANNELS))["channels"]] == [
        state["name"] for state in before
    ]
