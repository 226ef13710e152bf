"""A gateway whose cameras record on an event: set off by a camera's own alarm, and by who sees it live."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from tests.running import running
from tests.scripted_camera import running as listening
from tests.test_bad_cameras import FilmingCamera, saying
from tests.test_onvif_alarms import DOCUMENT

pytestmark = pytest.mark.asyncio(loop_scope="module")
AWAY = CameraSettings(id="away", url="rtsp://127.0.0.1:1/s", record_on="event")
ALWAYS = CameraSettings(id="always", url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
ON = {"on": True, "reason": "shots are heard"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory):
    async with contextlib.AsyncExitStack() as stack:
        filming = await stack.enter_async_context(listening(FilmingCamera(extra=saying(DOCUMENT, every=15))))
        camera = CameraSettings(id="filming", url=filming.url(), record_on="event", pre_roll="2s")
        folder = tmp_path_factory.mktemp("gateway")
        yield await stack.enter_async_context(running(folder, camera, AWAY, ALWAYS))


async def test_a_digital_input_of_the_camera_is_recorded_from_before_it(gateway):
    client = gateway.client()
    async with client.http.ws_connect("/api/events", headers=client.headers) as socket, asyncio.timeout(30):
        camera = {}
        while not camera.get("recording"):
            message = json.loads(await socket.receive_str())
            cameras = [message["camera"]] if message["type"] == "camera" else message.get("cameras", [])
            camera = next((camera for camera in cameras if camera["id"] == "filming"), camera)
    assert camera["record_on"] == "event"
    assert camera["recorded_because"] == "the camera reported a digital input"


async def test_a_digital_input_in_the_stream_is_a_call_for_help(gateway):
    client = gateway.client()
    async with client.http.ws_connect("/api/events", headers=client.headers) as socket, asyncio.timeout(30):
        alerts = (await socket.receive_json())["alerts"]
        while not alerts:
            message = await socket.receive_json()
            alerts = [message["alert"]] if message["type"] == "alert" else []
    assert (alerts[0]["kind"], alerts[0]["camera"], alerts[0]["grade"]) == ("sos", "filming", "high")
    assert alerts[0]["detail"]["event"] == "tns1:Device/Trigger/DigitalInput"


async def test_who_sees_it_live_can_have_it_recorded_and_the_audit_says_so(gateway):
    dispatcher = gateway.client(Role.DISPATCHER)
    status, camera, _ = await dispatcher.call("POST", "/api/cameras/away/recording", json=ON)
    assert (status, camera["recorded_because"]) == (200, "dispatcher asked for it")
    row = (await gateway.audit())[0]
    assert (row.action, row.actor, row.camera, row.reason, row.detail) == (
        "trigger", "dispatcher", "away", "shots are heard", {"on": True}
    )  # fmt: skip
    status, camera, _ = await dispatcher.call("POST", "/api/cameras/away/recording", json=ON | {"on": False})
    assert (status, camera["recorded_because"]) == (200, "dispatcher asked for it")  # for the post-roll


@pytest.mark.parametrize(
    ("camera", "body", "status", "said"),
    [
        ("away", {"reason": "shots are heard"}, 400, '"on" is missing'),
        ("away", {"on": True}, 400, '"reason" is missing'),
        ("always", ON, 409, "is not recorded"),
        ("nobody", ON, 404, "no camera"),
    ],
)
async def test_what_cannot_be_is_refused_and_says_why(gateway, camera, body, status, said):
    answered, problem, _ = await gateway.client().call("POST", f"/api/cameras/{camera}/recording", json=body)
    assert answered == status
    assert said in problem["detail"]


async def test_the_way_in_is_not_disturbed_when_it_changes_what_a_camera_records_on(gateway):
    applied = await gateway.read_again(AWAY.model_copy(update={"record_on": "always"}), ALWAYS)
    assert "cameras[away].record_on" in {change["key"] for change in applied["applied"]}
    camera = await gateway.client().get("/api/cameras/away")
    assert (camera["record_on"], camera["recorded_because"]) == ("always", None)
