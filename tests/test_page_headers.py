"""What a browser is told with every answer, errors too: nothing of somebody else's runs, frames or reads it."""

from __future__ import annotations

import itertools
import re

from gateway.access.rights import Role
from tests.running import running
from web.app import all_routes
from web.page import CONTENT_SECURITY_POLICY


def policy(header: str) -> dict[str, list[str]]:
    """The directives of a Content-Security-Policy (W3C CSP Level 3, 2.2.1)."""
    return {name: values for name, *values in (part.split() for part in header.split(";"))}


def test_the_policy_runs_no_inline_script_and_asks_nobody_else() -> None:
    said = policy(CONTENT_SECURITY_POLICY)
    assert said["default-src"] == said["base-uri"] == said["frame-ancestors"] == said["form-action"] == ["'none'"]
    assert said["script-src"] == said["style-src"] == said["connect-src"] == said["worker-src"] == ["'self'"]
    assert {value for values in said.values() for value in values} <= {"'none'", "'self'", "data:", "blob:"}
    assert "data:" not in said["media-src"]


async def test_every_answer_says_so(tmp_path) -> None:
    async with running(tmp_path) as gateway:
        looked = 0
        somebody = gateway.client(Role.ADMINISTRATOR).headers
        read = [route for route in all_routes() if route.method == "GET"]
        for route, headers in itertools.product(read, ({}, somebody)):
            path = re.sub(r"\{[^}]*\}", "0", route.path)
            async with gateway.http.get(path, headers=headers, allow_redirects=False) as response:
                said = response.headers
                where = f"{path}: {response.status}"
                assert said["X-Content-Type-Options"] == "nosniff", where
                assert said["Referrer-Policy"] == "no-referrer", where
                assert "geolocation=()" in said["Permissions-Policy"], where
                assert "microphone=(self)" in said["Permissions-Policy"], where
                assert said["Cross-Origin-Opener-Policy"] == "same-origin", where
                readable = "cross-origin" if route.cross_origin else "same-origin"
                assert said["Cross-Origin-Resource-Policy"] == readable, where
                directives = policy(said["Content-Security-Policy"])
                assert directives["default-src"] == directives["base-uri"] == ["'none'"], where
                assert directives["frame-ancestors"] == ["'none'"], where
                looked += 1
        assert looked > 120
