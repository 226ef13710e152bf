"""Users over HTTP: list, add, change, remove."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.rights import Role
from gateway.access.secrets import new_password
from gateway.access.users import User, crosses
from gateway.base.errors import BadRequestError
from web.body import json_object, member, no_others
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import USERS
from web.services import address, principal, services
from web.views import utc

_CHANGEABLE = frozenset({"role", "groups", "cameras", "password"})


async def list_users(request: web.Request) -> web.Response:
    """`GET /api/users`."""
    return web.json_response({"users": [_shown(user) for user in await services(request).users.list()]})


async def add_user(request: web.Request) -> web.Response:
    """`POST /api/users`: 201 with the User; without a password one is made, and shown in this answer alone."""
    users, who = services(request).users, principal(request)
    values = await json_object(request)
    no_others(values, _CHANGEABLE | {"name"})
    name, role = member(values, "name"), _role(values)
    groups, cameras = _names(values, "groups") or (), _cameras(request, values) or ()
    made = None if values.get("password") is not None else new_password()
    await users.add(
        name,
        role,
        made or member(values, "password"),
        groups=groups,
        cameras=cameras,
        actor=who.name,
        address=address(request),
    )
    await _take_effect(request)
    shown = _shown(await users.user(name)) | ({} if made is None else {"password": made})
    return web.json_response(shown, status=201, headers={"Location": str(request.rel_url / name)})


async def change_user(request: web.Request) -> web.Response:
    """`PATCH /api/users/{name}`: the members that are given change. What no longer holds ends at once.

    A password that is null is made, and shown in this answer alone; so is the one that a change to or from the role
    nvr needs, where none is given.
    """
    users, who, name = services(request).users, principal(request), request.match_info["name"]
    values = await json_object(request)
    no_others(values, _CHANGEABLE)
    role = _role(values) if "role" in values else None
    password = member(values, "password") if values.get("password") is not None else None
    needed = role is not None and crosses((await users.user(name)).role, role)
    made = new_password() if password is None and ("password" in values or needed) else None
    changed = await users.change(
        name,
        role=role,
        groups=_names(values, "groups"),
        cameras=_cameras(request, values),
        password=made if password is None else password,
        but=who.key,
        actor=who.name,
        address=address(request),
    )
    await _take_effect(request)
    return web.json_response(_shown(changed) | ({} if made is None else {"password": made}))


async def remove_user(request: web.Request) -> web.Response:
    """`DELETE /api/users/{name}`: with every log-in and token of theirs."""
    users, who, name = services(request).users, principal(request), request.match_info["name"]
    await users.remove(name, actor=who.name, address=address(request))
    await _take_effect(request)
    return web.Response(status=204)


async def _take_effect(request: web.Request) -> None:
    """Have NVRs log in as the account is now, before its change is answered."""
    await services(request).nvr_accounts.load()


def _role(values: dict[str, Any]) -> Role:
    try:
        return Role(member(values, "role"))
    except ValueError:
        raise BadRequestError(f'"role" is one of {", ".join(role.value for role in Role)}', pointer="/role") from None


def _names(values: dict[str, Any], key: str) -> list[str] | None:
    """The groups, or the cameras, that a user is to be limited to; None: nothing is said of it."""
    names = values.get(key)
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        what = "names of camera groups" if key == "groups" else "ids of cameras"
        raise BadRequestError(f'"{key}" must be a list of {what}', pointer=f"/{key}")
    return names


def _cameras(request: web.Request, values: dict[str, Any]) -> list[str] | None:
    """Those of `_names`.

    Raises:
        BadRequestError: one of them is not there, so that somebody who mistypes limits nobody to nothing.
    """
    cameras = _names(values, "cameras")
    for camera in cameras or ():
        if camera not in services(request).fleet.cameras:
            raise BadRequestError(f'there is no camera "{camera}"', pointer="/cameras")
    return cameras


def _shown(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role.value,
        "groups": list(user.groups),
        "cameras": list(user.cameras),
        "has_password": user.has_password,
        "created_utc": utc(user.created_ns),
        "issuer": user.issuer,
    }


_USER = Body(schema=ref("User"))
ROUTES = [
    Route("GET", "/api/users", list_users, "List the users", "accounts", answers={200: Body(schema=USERS)}),
    Route(
        "POST",
        "/api/users",
        add_user,
        "Add a user",
        "accounts",
        takes=Body(schema=ref("NewUser")),
        answers={201: _USER},
    ),
    Route(
        "PATCH",
        "/api/users/{name}",
        change_user,
        "Change a user's role, limits or password",
        "accounts",
        takes=Body(schema=ref("UserChange")),
        answers={200: _USER},
    ),
    Route("DELETE", "/api/users/{name}", remove_user, "Remove a user", "accounts", answers={204: None}),
]
