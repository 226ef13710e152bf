"""Errors as RFC 9457 problem documents. Every answer that is not a success is made here."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from gateway.access.fetch import IssuerUnreachableError
from gateway.access.throttle import TooManyAttemptsError
from gateway.base.errors import (
    BadRequestError,
    CameraError,
    ConflictError,
    GoneError,
    LaterError,
    NotFoundError,
    RefusedError,
    SettingsError,
    SightlineError,
    StorageError,
)
from gateway.evidence.jobs import QueueFullError
from gateway.recording.moment import NoPictureError
from gateway.viewing.budget import BusyError
from gateway.viewing.ice_session import PreconditionFailedError, PreconditionRequiredError
from gateway.viewing.talk import TalkingError
from gateway.viewing.whep import FullError, NoCodecError, NotLiveError, UnplayableError
from web.reasons import ReasonNeededError
from web.refusals import leads_away, shown_path, suspect
from web.views import utc

log = logging.getLogger(__name__)

REASON_NEEDED = "/problems/reason-needed"
"""The type of the problem that a view wants a reason (RFC 9457 3.1.1); it has the member `reasons`."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATUS: dict[type[SightlineError], int] = {
    BadRequestError: 400,
    RefusedError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    GoneError: 410,
    SettingsError: 409,
    NotLiveError: 409,
    PreconditionFailedError: 412,
    NoCodecError: 422,
    PreconditionRequiredError: 428,
    TooManyAttemptsError: 429,
    CameraError: 502,
    UnplayableError: 502,
    BusyError: 503,
    FullError: 503,
    QueueFullError: 503,
    IssuerUnreachableError: 503,
    LaterError: 503,
    StorageError: 503,
}


class UnauthorizedError(SightlineError):
    """No log-in, or one that no longer holds."""


class UnsupportedMediaError(SightlineError):
    """The body is of a type this route does not read."""


_STATUS |= {UnauthorizedError: 401, UnsupportedMediaError: 415}


def problem(status: int, detail: str, **members: Any) -> web.Response:
    """A problem document: `type`, `title`, `status`, `detail`, and `members`."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    response = web.Response(status=status, text=json.dumps(body), content_type="application/problem+json")
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Sightline"'
    return response


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a handler raises into a problem document."""
    try:
        if leads_away(request.raw_path):
            await suspect(request, "path")
            raise NotFoundError("there is nothing at this path")
        return await handler(request)
    except SightlineError as error:
        status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
        members: dict[str, Any] = {}
        if isinstance(error, BadRequestError) and error.pointer:
            members["pointer"] = error.pointer
        if isinstance(error, ReasonNeededError):
            members |= {"type": REASON_NEEDED, "reasons": error.reasons}
        if isinstance(error, TalkingError):
            members["talking"] = error.name
        if isinstance(error, NoPictureError):
            members |= {"before": utc(error.before_ns), "after": utc(error.after_ns)}
        response = problem(status, str(error), **members)
        if isinstance(error, LaterError | TooManyAttemptsError):
            response.headers["Retry-After"] = str(error.retry_after)
        return response
    except web.HTTPException as error:
        if error.status < 400:
            raise
        if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            with contextlib.suppress(StorageError):  # it is refused all the same
                await suspect(request, "oversized")
        response = problem(error.status, error.text or error.reason)
        for name in ("Allow", "Content-Range"):
            if value := error.headers.get(name):
                response.headers[name] = value
        return response
    except ConnectionResetError:
        raise  # the client left: nobody reads an answer
    except Exception:
        log.exception("%s %s failed", request.method, shown_path(request))
        return problem(500, "The gateway failed on this request; its log says where.")
