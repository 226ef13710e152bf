"""Reading what a client sent: text, JSON bodies and time ranges, with errors that name the member at fault."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from aiohttp import web

from gateway.base.errors import BadRequestError
from gateway.base.rfc3339 import parse_utc
from gateway.media.model import UtcNs


async def text(request: web.Request, what: str, *, limit: int) -> str:
    """The body as text, of at most `limit` bytes; errors call it `what`.

    Raises:
        BadRequestError: it is longer, or not UTF-8.
    """
    raw = await request.content.read(limit + 1)
    while len(raw) <= limit and (more := await request.content.read(limit + 1 - len(raw))):
        raw += more
    if len(raw) > limit:
        raise BadRequestError(f"{what} is larger than {limit >> 10} KiB")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadRequestError(f"{what} is not UTF-8 text") from None


async def json_object(request: web.Request, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object in the body; `optional`: an empty body is an empty object.

    Raises:
        BadRequestError: it is not a JSON object.
    """
    raw = await request.read()
    if not raw and optional:
        return {}
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadRequestError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise BadRequestError("the body must be a JSON object")
    return value


def member(values: dict[str, Any], name: str) -> str:
    """The string member `name`.

    Raises:
        BadRequestError: it is missing or no string.
    """
    value = values.get(name)
    if not isinstance(value, str):
        raise BadRequestError(f'"{name}" is missing or not a string', pointer=f"/{name}")
    return value


def moment(values: dict[str, Any], name: str) -> UtcNs:
    """The member `name` as a time.

    Raises:
        BadRequestError: it is missing, or no RFC 3339 time.
    """
    try:
        return parse_utc(member(values, name))
    except ValueError:
        raise BadRequestError(f'"{name}" must be a time as in 2026-01-31T12:00:00Z', pointer=f"/{name}") from None


def moment_or_none(values: dict[str, Any], name: str) -> UtcNs | None:
    """As `moment`; None when it is null, or not there.

    Raises:
        BadRequestError: it is something else, and no RFC 3339 time.
    """
    return None if values.get(name) is None else moment(values, name)


def texts(values: dict[str, Any], name: str) -> list[str]:
    """The member `name` as a list of strings; [] when it is not there.

    Raises:
        BadRequestError: it is something else.
    """
    found = values.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadRequestError(f'"{name}" is no list of texts', pointer=f"/{name}")
    return found


def no_others(values: dict[str, Any], known: Collection[str]) -> None:
    """Raises BadRequestError when `values` has a member that is not among `known`: it would be ignored."""
    for name in values:
        if name not in known:
            listed = f"known are {', '.join(sorted(known))}" if known else "there are none"
            raise BadRequestError(f'unknown member "{name[:80]}"; {listed}', pointer=f"/{name}")


def interval(request: web.Request) -> tuple[UtcNs | None, UtcNs | None]:
    """`from` and `to` of the query, RFC 3339; None where they are not given.

    Raises:
        BadRequestError: one is no time, or they are in the wrong order.
    """
    start, end = instant(request, "from"), instant(request, "to")
    if start is not None and end is not None and start > end:
        raise BadRequestError('"from" is after "to"')
    return start, end


def instant(request: web.Request, name: str) -> UtcNs | None:
    """The query parameter `name` as a time, None when it is not given.

    Raises:
        BadRequestError: it is no RFC 3339 time.
    """
    text = request.query.get(name)
    if not text:
        return None
    try:
        # In a query a "+" that was not escaped arrives as a space.
        return parse_utc(text.strip().replace(" ", "+" if "T" in text else "T"))
    except ValueError:
        raise BadRequestError(f'"{name}" must be a time as in 2026-01-31T12:00:00Z') from None


def whole_number(request: web.Request, name: str, largest: int) -> int | None:
    """The query parameter `name` as a whole number from 1 to `largest`, None when it is not given.

    Raises:
        BadRequestError: it is something else.
    """
    text = request.query.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= largest):
        raise BadRequestError(f'"{name}" must be a whole number from 1 to {largest}')
    return int(text)
