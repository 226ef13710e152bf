"""Requests that nobody sends by mistake: noted for the audit, counted, and answered like any other that fails.

A flood of them is one audit row a minute, kind and source (`gateway.access.tally`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.access.audit import Action
from gateway.base.metrics import REFUSALS
from web.services import SERVICES, address

_SUSPICIOUS = re.compile(r"[%\\]|/\.|\.\.")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


async def suspect(
    request: web.Request, kind: str, *, actor: str = "", action: Action = Action.REFUSAL, **detail: str
) -> None:
    """Count and note what an attacker does: a forged log-in, another site's page, a path that leads away.

    Raises:
        StorageError: it could not be noted.
    """
    REFUSALS.labels(kind).inc()
    await request.app[SERVICES].tally.refused(
        action, kind, actor=actor, address=address(request), asked=_CONTROL.sub("?", _asked(request)), **detail
    )


def leads_away(raw_path: str) -> bool:
    """Whether a path, decoded as often as something behind us might decode it, climbs out of where it begins."""
    path = raw_path.partition("?")[0]
    if not _SUSPICIOUS.search(path):
        return False
    if "%2f" in path.lower():
        return True  # no id and no name has a slash in it
    decoded = unquote(unquote(path))
    return bool(_CONTROL.search(decoded)) or not {".", ".."}.isdisjoint(re.split(r"[/\\]", decoded))


class ServerLog(logging.LoggerAdapter[logging.Logger]):
    """What aiohttp's server logs to. What is no fault of ours is not logged, each time with a traceback: requests that
    are no HTTP are told, and a client that leaves before its answer is whole, as players do at each seek, is no event.
    """

    def __init__(self, told: Callable[[str, str], None]) -> None:
        super().__init__(logging.getLogger("aiohttp.server"))
        self._told = told
        """Called with the address that sent it, and what is wrong."""

    def exception(self, msg: object, *args: Any, **more: Any) -> None:
        """An error that no handler caught."""
        error = more.get("exc_info")
        if not isinstance(error, ConnectionResetError) and not self._malformed(error, args):
            super().exception(msg, *args, **more)

    def debug(self, msg: object, *args: Any, **more: Any) -> None:
        """What is not HTTP at all."""
        if not self._malformed(more.get("exc_info"), args):
            super().debug(msg, *args, **more)

    def _malformed(self, error: object, args: tuple[object, ...]) -> bool:
        if not isinstance(error, HttpProcessingError):
            return False
        REFUSALS.labels("malformed").inc()
        lines = error.message.splitlines()
        self._told(str(args[0]) if args else "unknown", lines[0][:200] if lines else type(error).__name__)
        return True


def shown_path(request: web.Request) -> str:
    """The path for logs and the audit: without the key that some have in it."""
    key = request.match_info.get("key")
    return request.path.replace(key, "…") if key else request.path


def _asked(request: web.Request) -> str:
    return f"{request.method} {shown_path(request)}"[:200]
