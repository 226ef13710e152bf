"""Who outside is told of alerts: how far each message got, how each channel does, and a message that tries one out."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.audit import Action, Outcome
from gateway.incidents.delivery import Delivery
from gateway.incidents.outbox import ChannelState
from web.alerts import find
from web.routes import Body, Route
from web.schemas_incidents import CHANNELS, DELIVERIES, TESTED
from web.services import address, principal, services
from web.views import utc


async def deliveries(request: web.Request) -> web.Response:
    """`GET /api/alerts/{alert}/deliveries`: who is told of it, for whom the alert is told."""
    found = await services(request).desk.outbox.of_alert((await find(request)).id)
    return web.json_response({"deliveries": [delivery_json(delivery) for delivery in found]})


async def channels(request: web.Request) -> web.Response:
    """`GET /api/alerts/channels`: those of the settings; where they lead, and their secrets, stay there."""
    states = await services(request).desk.outbox.states()
    return web.json_response({"channels": [channel_json(state) for state in states]})


async def test(request: web.Request) -> web.Response:
    """`POST /api/alerts/channels/{channel}/test`: sends at once. 200, with why not where it was not taken."""
    parts, name, who = services(request), request.match_info["channel"], principal(request).name
    problem = await parts.desk.outbox.test(name, by=who)
    outcome = Outcome.DONE if problem is None else Outcome.REFUSED
    await parts.audit.record(
        Action.CHANNEL_TEST, actor=who, address=address(request), outcome=outcome, channel=name, problem=problem
    )
    return web.json_response({"delivered": problem is None, "error": problem})


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """A Delivery of the public surface: not what it says, which is the alert's."""
    return {
        "id": delivery.message_id,
        "channel": delivery.channel,
        "type": delivery.message["type"],
        "created": utc(delivery.created_ns),
        "attempts": delivery.attempts,
        "next": utc(delivery.next_ns),
        "delivered": utc(delivery.delivered_ns),
        "error": delivery.error,
    }


def channel_json(state: ChannelState) -> dict[str, Any]:
    """A channel and how it does."""
    return {
        "name": state.name,
        "kind": state.kind,
        "waiting": state.waiting,
        "delivered": state.delivered,
        "given_up": state.given_up,
        "delivered_utc": utc(state.delivered_ns),
        "failed_utc": utc(state.failed_ns),
        "error": state.error,
        "grades": [grade.value for grade in state.told.grades],
        "kinds": [kind.value for kind in state.told.kinds],
        "groups": list(state.told.groups),
        "resolved": state.told.resolved,
        "positions": state.told.positions,
        "deliveries": [{"alert": delivery.alert, **delivery_json(delivery)} for delivery in state.last],
    }


ROUTES = [
    Route(
        "GET",
        "/api/alerts/{alert}/deliveries",
        deliveries,
        "Show who outside was told of an alert",
        "alerts",
        answers={200: Body(schema=DELIVERIES)},
    ),
    Route(
        "GET",
        "/api/alerts/channels",
        channels,
        "Show who is told of alerts",
        "alerts",
        answers={200: Body(schema=CHANNELS)},
    ),
    Route(
        "POST",
        "/api/alerts/channels/{channel}/test",
        test,
        "Try out a channel",
        "alerts",
        answers={200: Body(schema=TESTED)},
    ),
]
