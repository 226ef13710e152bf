"""For whoever runs the gateway: is it up, how is it, and what can be called."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway import __version__
from gateway.base.metrics import REGISTRY
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import COMPONENTS
from web.schemas_incidents import COMPONENTS as OF_INCIDENTS


async def healthz(_: web.Request) -> web.Response:
    """`GET /healthz`: the process answers."""
    return web.json_response({"status": "ok"})


async def readyz(_: web.Request) -> web.Response:
    """`GET /readyz`: it listens and its database is migrated, or this could not be asked; whatever the cameras do."""
    return web.json_response({"status": "ready", "version": __version__})


async def metrics(_: web.Request) -> web.Response:
    """`GET /metrics` in Prometheus's text format."""
    text = await asyncio.get_running_loop().run_in_executor(None, generate_latest, REGISTRY)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def openapi(routes: list[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `routes`."""
    paths: dict[str, Any] = {}
    for route in routes:
        variables = [part[1:-1] for part in route.path.replace(".", "/").split("/") if part.startswith("{")]
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in variables
        ]
        parameters += [
            {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
            for name, text in route.query.items()
        ]
        operation: dict[str, Any] = {
            "summary": route.summary,
            "tags": [route.tag],
            "parameters": parameters,
            "responses": {str(status): _answer(body) for status, body in route.answers.items()}
            | {"default": _answer(Body("application/problem+json", ref("Problem")), "It did not work out")},
        }
        if route.takes is not None:
            operation["requestBody"] = {"required": True, "content": _content(route.takes)}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sightline", "version": __version__, "license": {"name": "Apache-2.0"}},
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": COMPONENTS | OF_INCIDENTS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "sightline_session"},
            },
        },
    }


def _answer(body: Body | None, text: str = "It worked") -> dict[str, Any]:
    return {"description": text} | ({} if body is None else {"content": _content(body)})


def _content(body: Body) -> dict[str, Any]:
    return {body.content_type: {"schema": body.schema}}


ROUTES = [
    Route("GET", "/healthz", healthz, "Say that the process answers", "operations"),
    Route("GET", "/readyz", readyz, "Say that it is ready", "operations"),
    Route(
        "GET",
        "/metrics",
        metrics,
        "Show the counters (Prometheus)",
        "operations",
        answers={200: Body("text/plain", {"type": "string"})},
    ),
]
