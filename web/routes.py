"""What a route is: method, path, handler, and what the OpenAPI document says of it. One list per module of routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Schema = Mapping[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries or an answer brings."""

    content_type: str = "application/json"
    schema: Schema = field(default_factory=lambda: {"type": "object"})


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the HTTP interface."""

    method: str
    path: str
    handler: Handler
    summary: str
    """One line, an imperative."""
    tag: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    """Name → what it says."""
    takes: Body | None = None
    answers: Mapping[int, Body | None] = field(default_factory=lambda: {200: None})
    cross_origin: bool = False
    """Scripts of any site may call it and read the answer, with a bearer token; cookies are never shared with them."""

    @property
    def of_camera(self) -> bool:
        """Whether it is about one camera, `{id}`."""
        return self.path.startswith("/api/cameras/{id}")

    @property
    def name(self) -> str:
        """As the table of rights writes it."""
        return f"{self.method} {self.path}"
