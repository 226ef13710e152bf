"""Why somebody wants to see something, where the policy asks: the header `X-Reason`, or `reason` in the query."""

from __future__ import annotations

from urllib.parse import unquote

from aiohttp import web

from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, RefusedError
from web.services import principal, services

HEADER = "X-Reason"
"""Percent-encoded UTF-8 (RFC 3986 2.1): header fields carry ASCII."""
SAID = web.RequestKey("said", str)
"""What was said before, by who let this request's visitor in: it asks for no other reason."""
MIN_REASON = 3
MAX_REASON = 200


class ReasonNeededError(RefusedError):
    """The policy asks why, and nothing was said. `reasons` are those it offers to choose from."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(f"the policy asks for a reason: say why in the header {HEADER}")
        self.reasons = reasons


def reason(request: web.Request, right: Right, camera: str) -> str | None:
    """Why the request uses `right`, as it says; one may give a reason where none is asked.

    Raises:
        ReasonNeededError: it must say why, and does not.
        BadRequestError: what it says is no reason: too short, too long, or not text.
    """
    raw = request.headers.get(HEADER)
    try:
        given = request.query.get("reason", "") if raw is None else unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise BadRequestError(f"{HEADER} is not percent-encoded UTF-8") from None
    if SAID in request:
        return request[SAID]
    authority = services(request).authority
    if not given.strip():
        if authority.reason_needed(principal(request), right, camera):
            raise ReasonNeededError(authority.policy.reasons)
        return None
    return checked(given)


def checked(given: str) -> str:
    """A reason, its blanks in order.

    Raises:
        BadRequestError: it is too short, too long, or has what cannot be shown.
    """
    given = " ".join(given.split())
    if not MIN_REASON <= len(given) <= MAX_REASON or not given.isprintable():
        raise BadRequestError(f"a reason has {MIN_REASON} to {MAX_REASON} printable characters")
    return given
