"""Saved walls over HTTP: one's own, and nobody else's.

What they may show is not asked here: a wall that names a camera shows nothing of it to who may not see it.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.walls import MAX_CAMERA, MAX_NAME, MAX_TILES, Arrangement, Layout, Wall
from gateway.base.errors import BadRequestError, NotFoundError
from web.body import json_object, member, no_others
from web.routes import Body, Route
from web.schema_forms import TEXT, TIME, list_of, object_of, or_null
from web.services import principal, services
from web.views import utc

MEMBERS = frozenset({"name", "layout", "tiles"})


async def walls(request: web.Request) -> web.Response:
    """`GET /api/walls`: one's own, in the order of their names."""
    own = await services(request).walls.of(principal(request).name)
    return web.json_response({"walls": [_json(wall) for wall in own]})


async def save(request: web.Request) -> web.Response:
    """`POST /api/walls` {name, layout, tiles}: 201 with the wall."""
    wall = await services(request).walls.add(principal(request).name, await _arrangement(request))
    return web.json_response(_json(wall), status=201, headers={"Location": f"/api/walls/{wall.id}"})


async def change(request: web.Request) -> web.Response:
    """`PUT /api/walls/{wall}` {name, layout, tiles}: 200 with the wall as it is now."""
    number, arrangement = _number(request), await _arrangement(request)
    return web.json_response(_json(await services(request).walls.change(principal(request).name, number, arrangement)))


async def remove(request: web.Request) -> web.Response:
    """`DELETE /api/walls/{wall}`. 204."""
    await services(request).walls.remove(principal(request).name, _number(request))
    return web.Response(status=204)


async def _arrangement(request: web.Request) -> Arrangement:
    """What the request says of a wall.

    Raises:
        BadRequestError: a member is missing or does not fit.
    """
    values = await json_object(request)
    no_others(values, MEMBERS)
    try:
        layout = Layout(member(values, "layout"))
    except ValueError:
        raise BadRequestError(f'"layout" is one of {", ".join(Layout)}', pointer="/layout") from None
    tiles = values.get("tiles")
    if not isinstance(tiles, list) or not all(tile is None or isinstance(tile, str) for tile in tiles):
        raise BadRequestError('"tiles" must be a list of cameras\' ids, null where a place is empty', pointer="/tiles")
    return Arrangement(member(values, "name").strip(), layout, tuple(tiles))


def _number(request: web.Request) -> int:
    """The one that the path names.

    Raises:
        NotFoundError: it is no number.
    """
    text = request.match_info["wall"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFoundError(f"you have no wall {text[:20]}")
    return int(text)


def _json(wall: Wall) -> dict[str, Any]:
    """A Wall of the public surface."""
    arrangement = wall.arrangement
    return {
        "id": wall.id,
        "name": arrangement.name,
        "layout": arrangement.layout.value,
        "tiles": list(arrangement.tiles),
        "changed": utc(wall.changed_ns),
    }


_SAID = {
    "name": {**TEXT, "minLength": 1, "maxLength": MAX_NAME, "description": "no two walls of one person share it"},
    "layout": {
        "enum": [layout.value for layout in Layout],
        "description": "how many places a screen has: auto, as many as there are cameras; 1+5: a large one and five",
    },
    "tiles": {
        "type": "array",
        "items": or_null({**TEXT, "minLength": 1, "maxLength": MAX_CAMERA}),
        "maxItems": MAX_TILES,
        "description": "the camera in each place, in the order of reading, page after page; null: it is empty. "
        "Cameras that one may not see are not checked, and not shown",
    },
}
_NEW = Body(schema=object_of(["name", "layout", "tiles"], **_SAID))
_WALL = object_of(["id", "name", "layout", "tiles", "changed"], id={"type": "integer"}, **_SAID, changed=TIME)
_SHOWN = Body(schema=_WALL)
_ALL, _ONE = "/api/walls", "/api/walls/{wall}"

ROUTES = [
    Route("GET", _ALL, walls, "List one's own walls", "walls", answers={200: Body(schema=list_of("walls", _WALL))}),
    Route("POST", _ALL, save, "Save a wall", "walls", takes=_NEW, answers={201: _SHOWN}),
    Route("PUT", _ONE, change, "Change a wall of one's own", "walls", takes=_NEW, answers={200: _SHOWN}),
    Route("DELETE", _ONE, remove, "Delete a wall of one's own", "walls", answers={204: None}),
]
