"""Trying cameras out over HTTP, step by step, as lines of JSON (one object a line, application/x-ndjson).

Who tests holds the connection: leaving it ends the test. One at a time for each person, a few in all, each step within
a time of its own. What is entered for a test is neither stored nor logged; the audit says which address was tried.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.rights import Right
from gateway.base.errors import CameraError, ConflictError, LaterError, RefusedError
from gateway.base.settings import CameraSettings
from gateway.base.supervise import TaskOwner
from gateway.hub import Hub
from gateway.ingest.checkup import check_up
from gateway.ingest.fleet import CameraStatus
from gateway.ingest.registry import camera_settings
from gateway.ingest.trial import TrialParts, try_camera
from gateway.ingest.trial_steps import Found, Step, StepName, StepState, Tell
from gateway.recording.disk_space import Level
from web.body import json_object
from web.cameras import keeps_within
from web.routes import Body, Route
from web.schema_forms import NUMBER, TEXT, TEXT_OR_NULL, object_of, ref
from web.services import Services, address, principal, services

MOST = 4
"""Tests at a time, of all people together: each decodes a picture."""
RETRY_SECONDS = 5
PICTURE_WIDTH = 640
_LOOK_SECONDS = 1.0
"""How soon it is noticed that whoever tests has gone."""
NDJSON = "application/x-ndjson"

Test = Callable[[Tell], Awaitable[None]]


class CameraTests:
    """Those that are under way."""

    def __init__(self) -> None:
        self._by: set[str] = set()
        self._tasks = TaskOwner("camera test")

    async def stream(self, request: web.Request, test: Test) -> web.StreamResponse:
        """Run `test` and send its steps as they are told.

        Raises:
            ConflictError: this person tests already.
            LaterError: too many do.
        """
        who = principal(request).name
        if who in self._by:
            raise ConflictError("you are testing a camera already: wait until that is over, or cancel it")
        if len(self._by) >= MOST:
            raise LaterError("others are testing cameras: try again in a moment", retry_after=RETRY_SECONDS)
        self._by.add(who)
        told: asyncio.Queue[Step] = asyncio.Queue()  # a test has a dozen steps, each told twice
        task = self._tasks.start(_ended(test(told.put_nowait)), name=who)
        try:
            return await _send(request, task, told)
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._by.discard(who)

    async def close(self) -> None:
        """End them all."""
        await self._tasks.close()


CAMERA_TESTS: web.AppKey[CameraTests] = web.AppKey("camera_tests", CameraTests)


async def _ended(test: Awaitable[None]) -> bool:
    """Whether it came to its end; why not stands in its last step."""
    try:
        await test
    except CameraError:
        return False
    return True


async def _send(request: web.Request, task: asyncio.Task[bool], told: asyncio.Queue[Step]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": NDJSON, "X-Accel-Buffering": "no"})
    await response.prepare(request)
    while not (task.done() and told.empty()):
        step = asyncio.ensure_future(told.get())
        await asyncio.wait({step, task}, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if step.done():
            await _line(response, _step_json(step.result()))
        else:
            step.cancel()
        if request.transport is None or request.transport.is_closing():
            return response
    if not task.cancelled():
        await _line(response, {"works": task.result()})
    await response.write_eof()
    return response


async def _line(response: web.StreamResponse, value: dict[str, Any]) -> None:
    await response.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "step": step.name.value,
        "state": step.state.value,
        "seconds": None if step.seconds is None else round(step.seconds, 3),
        "says": step.says,
        "advice": step.advice or None,
        "picture": None if step.picture is None else base64.b64encode(step.picture).decode(),
    }


# ---- the routes


async def test_address(request: web.Request) -> web.StreamResponse:
    """`POST /api/cameras/test`: a camera that is not added, as `POST /api/cameras` takes it; the id may be missing."""
    parts, who = services(request), principal(request)
    settings = camera_settings({"id": "test"} | await json_object(request))
    keeps_within(request, settings.id, settings.groups)
    shown = Right.LIVE in parts.authority.rights_in(who, settings.id, settings.groups)
    return await _stream(request, settings, None, partial(try_camera, settings, _parts(parts, shown=shown)))


async def test_camera(request: web.Request) -> web.StreamResponse:
    """`POST /api/cameras/{id}/test`: as it is, or with changes as `PATCH` takes them, which are not kept.

    One that is live is not connected to again unless something is to change: its connection tells.
    """
    parts, who = services(request), principal(request)
    camera = parts.fleet.camera(request.match_info["id"])
    changes = await json_object(request, optional=True)
    authority, private = parts.authority, parts.authority.private(camera.id)
    shown = (
        authority.may(who, Right.LIVE, camera.id)
        and not (private is not None and private.hides_stream)
        and not authority.reason_needed(who, Right.LIVE, camera.id)
    )
    made_with = _parts(parts, shown=shown)
    settings = parts.registry.changed(camera.settings, changes)
    if "groups" in changes:
        keeps_within(request, camera.id, settings.groups)
    if not changes and camera.status is CameraStatus.LIVE:
        return await _stream(request, settings, camera.id, partial(check_up, camera, made_with))
    return await _stream(request, settings, camera.id, partial(try_camera, settings, made_with))


async def _stream(request: web.Request, settings: CameraSettings, camera: str | None, test: Test) -> web.StreamResponse:
    await services(request).audit.record(
        Action.CAMERA_TEST,
        actor=principal(request).name,
        address=address(request),
        camera=camera,
        tried=settings.onvif or settings.url,
    )
    return await request.app[CAMERA_TESTS].stream(request, test)


def _parts(parts: Services, *, shown: bool) -> TrialParts:
    """What it is made with; `shown`: who asks may see the picture."""
    return TrialParts(
        parts.ingest, partial(_picture, parts) if shown else _no_picture, partial(_recorded, parts.keeping.space.level)
    )


async def _picture(parts: Services, hub: Hub) -> bytes:
    jpeg, _ = await parts.snapshots.newest(hub, width=PICTURE_WIDTH)
    return jpeg


async def _no_picture(_: Hub) -> bytes:
    raise RefusedError("you have no right to its picture, or it is private.")


def _recorded(level: Level, settings: CameraSettings) -> Found:
    if not settings.record:
        return Found("It is not recorded: recording is switched off for it.")
    if level is Level.FULL:
        return Found("It would be recorded, but the disk is full.", "Make room: Settings, Storage says how.")
    if settings.record_on == "event":
        return Found(f"It is recorded on an event, with {settings.pre_roll} from before it.")
    return Found("It is recorded as long as it is connected.")


_STEP = object_of(
    ["step", "state", "seconds", "says", "advice", "picture"],
    step={"enum": [name.value for name in StepName]},
    state={"enum": [state.value for state in StepState]},
    seconds={**NUMBER, "description": "how long it took; null: it is under way"},
    says={**TEXT, "description": "what was found, or what went wrong"},
    advice={**TEXT_OR_NULL, "description": "what to do about it"},
    picture={**TEXT_OR_NULL, "description": "a JPEG in Base64, with the step `picture`"},
)
_LINES = Body(NDJSON, {"oneOf": [_STEP, object_of(["works"], works={"type": "boolean"})]})
ROUTES = [
    Route(
        "POST",
        "/api/cameras/test",
        test_address,
        "Try out a camera that is not added, step by step",
        "cameras",
        takes=Body(schema=ref("CameraChange")),
        answers={200: _LINES},
    ),
    Route(
        "POST",
        "/api/cameras/{id}/test",
        test_camera,
        "Try out a camera step by step, as it is or with changes",
        "cameras",
        takes=Body(schema=ref("CameraChange")),
        answers={200: _LINES},
    ),
]
