"""Talking to a camera end to end: aiortc speaks, the whole gateway passes it on, simulated cameras hear it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from gateway.simulator.camera import SimulatedCamera
from gateway.simulator.loudspeaker import Loudspeaker
from tests.running import Client, Running, running
from tests.speaker import Speaker

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}
POLICY = {"privacy": [{"hide": ["stream"], "recording": True}]}
OFF = CameraSettings(id="off", url="rtsp://127.0.0.1:1/s")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulation() -> AsyncIterator[Simulation]:
    async with Simulation(count=4, interfaces=("lo",), password="hush", width=320, height=180, fps=8) as simulation:
        yield simulation


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    cameras = [
        CameraSettings.model_validate(
            {
                "id": camera.id,
                "name": camera.name,
                "url": camera.rtsp_url,
                "username": camera.username,
                "password": camera.password,
                "transport": "udp" if index == 1 else "tcp",
                "record": False,
            }
        )
        for index, camera in enumerate(simulation.cameras)
    ]
    async with running(tmp_path_factory.mktemp("gateway"), *cameras, OFF, policy=POLICY) as gateway:
        for camera in cameras:
            await gateway.camera(camera.id)
        await until(lambda: all(gateway.fleet.camera(camera.id).talk is not None for camera in cameras))
        yield gateway


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def post(client: Client, camera: str, offer: str, query: str = ""):
    return await client.call("POST", f"/api/cameras/{camera}/talk{query}", data=offer, headers=client.headers | SDP)


@contextlib.asynccontextmanager
async def talking(client: Client, camera: str, query: str = "", frequency: float = 440.0) -> AsyncIterator[str]:
    """Talk; the Location of the talk."""
    speaker = Speaker(frequency)
    status, answer, response = await post(client, camera, await speaker.offer(), query)
    try:
        assert status == 201, answer
        await speaker.accept(answer.decode())
        yield response.headers["Location"]
    finally:
        await speaker.close()


async def quiet(gateway: Running, camera: str) -> None:
    """Until nobody talks to `camera`."""
    client = gateway.client()
    async with asyncio.timeout(20):
        while (await client.get(f"/api/cameras/{camera}"))["talking"] is not None:
            await asyncio.sleep(0.02)


def hears(loudspeaker: Loudspeaker, frequency: float) -> bool:
    """Whether the last second was a tone as the speaker's."""
    return abs(loudspeaker.frequency - frequency) <= 2 and 0.15 < loudspeaker.level < 0.2


async def test_cameras_say_whether_they_can_be_talked_to(gateway: Running) -> None:
    cameras = (await gateway.client(Role.DISPATCHER).get("/api/cameras"))["cameras"]
    found = {camera["id"]: (camera["talk"], camera["talking"]) for camera in cameras}
    assert found == {
        "unit-12": (True, None),
        "unit-07": (True, None),
        "unit-03": (True, None),
        "unit-21": (False, None),
        "off": (False, None),
    }


async def test_a_tone_is_heard_at_each_camera_that_is_talked_to(gateway: Running, simulation: Simulation) -> None:
    """By TCP in mu-law; by UDP, and converted to A-law. All at once: one who talks to one keeps nobody from another."""
    heard = [camera for camera in simulation.cameras if camera.id != "unit-21"]
    assert len(heard) == 3
    await asyncio.gather(*(a_tone_is_heard(gateway, camera) for camera in heard))


async def a_tone_is_heard(gateway: Running, camera: SimulatedCamera) -> None:
    unit, client = camera.id, gateway.client(Role.DISPATCHER)
    viewing = gateway.fleet.camera(unit).source
    async with talking(client, unit) as location:
        await until(lambda: camera.loudspeaker.packets >= 60)
        assert hears(camera.loudspeaker, 440), (unit, camera.loudspeaker.frequency, camera.loudspeaker.level)
        assert camera.loudspeaker.unplayable == 0
        assert (await client.get(f"/api/cameras/{unit}"))["talking"] == "dispatcher"
        status, _, _ = await client.call("DELETE", location)
        assert status == 200
    await quiet(gateway, unit)
    status, _, _ = await client.call("DELETE", location)
    assert status == 404
    assert gateway.fleet.camera(unit).source is viewing, "the picture's connection was left alone"
    end, begin = [entry for entry in await gateway.audit() if entry.action == "talk" and entry.camera == unit]
    assert (begin.actor, begin.outcome, end.outcome) == ("dispatcher", "done", "ended")
    assert end.detail["view"] == begin.id
    assert end.detail["seconds"] > 1
    assert end.detail["why"] == "the speaker ended it"


async def test_one_speaker_at_a_time_unless_an_administrator_takes_over(
    gateway: Running, simulation: Simulation
) -> None:
    loudspeaker = simulation.cameras[0].loudspeaker
    dispatcher, supervisor = gateway.client(Role.DISPATCHER), gateway.client(Role.SUPERVISOR)
    other = Speaker()
    offer = await other.offer()
    async with (
        gateway.http.ws_connect("/api/events", headers=dispatcher.headers) as socket,
        talking(dispatcher, "unit-12"),
    ):
        told = [await socket.receive_json()]
        async with asyncio.timeout(20):
            while not (told[-1]["type"] == "camera" and told[-1]["camera"]["talking"] == "dispatcher"):
                told.append(await socket.receive_json())
        status, problem, _ = await post(supervisor, "unit-12", offer)
        assert (status, problem["talking"]) == (409, "dispatcher")
        assert problem["detail"].startswith("dispatcher is talking to this camera")
        status, _, _ = await post(supervisor, "unit-12", offer, "?take_over=true")
        assert status == 403
        async with talking(gateway.client(), "unit-12", "?take_over=true", frequency=880):
            await until(lambda: hears(loudspeaker, 880))
            told = [message async for message in until_message(socket, "talk_ended")]
            assert told[-1]["camera"] == "unit-12"
            assert told[-1]["reason"] == "administrator took over"
    await other.close()
    await quiet(gateway, "unit-12")


async def until_message(socket, kind: str) -> AsyncIterator[dict]:
    async with asyncio.timeout(20):
        while True:
            message = await socket.receive_json()
            yield message
            if message["type"] == kind:
                return


async def test_what_cannot_be_is_refused_and_said(gateway: Running) -> None:
    client, speaker = gateway.client(Role.DISPATCHER), Speaker()
    offer = await speaker.offer()
    await speaker.close()
    status, problem, _ = await post(client, "unit-21", offer)
    assert (status, problem["detail"]) == (
        409,
        "Unit 21 cannot be talked to: the camera has no backchannel that takes G.711",
    )
    status, _, _ = await post(gateway.client(Role.AUDITOR), "unit-12", offer)
    assert status == 403
    status, problem, _ = await post(client, "unit-12", offer.replace("sendonly", "recvonly"))
    assert (status, "sends no sound" in problem["detail"]) == (400, True)
    opus = "\r\n".join(line for line in offer.splitlines() if "PCM" not in line).replace(" 0 8", "")
    status, problem, _ = await post(client, "unit-12", opus + "\r\n")
    assert (status, "OPUS" in problem["detail"]) == (422, True)
    status, problem, _ = await client.call("POST", "/api/cameras/unit-12/talk", data=offer, headers=client.headers)
    assert status == 415
    assert (await client.get("/api/cameras/unit-12"))["talking"] is None


async def test_nobody_talks_to_a_wearer_who_wants_privacy(gateway: Running) -> None:
    client = gateway.client()
    speaker = Speaker()
    offer = await speaker.offer()
    await speaker.close()
    async with talking(client, "unit-12"):
        status, body, _ = await client.call(
            "PUT", "/api/cameras/unit-12/privacy", json={"on": True, "reason": "a break"}
        )
        assert status == 200, body
        await quiet(gateway, "unit-12")
        status, problem, _ = await post(client, "unit-12", offer)
        assert (status, "privacy mode is on" in problem["detail"]) == (403, True)
    over = {"on": False, "reason": "the break is over"}
    status, body, _ = await client.call("PUT", "/api/cameras/unit-12/privacy", json=over)
    assert status == 200, body
    ended = [entry for entry in await gateway.audit() if (entry.action, entry.outcome) == ("talk", "ended")]
    assert "privacy mode is on" in ended[0].detail["why"]


async def test_a_talk_ends_with_the_right_and_with_the_camera(gateway: Running, simulation: Simulation) -> None:
    camera, administrator = simulation.cameras[2], gateway.client()
    before = camera.loudspeaker.packets
    dispatcher = gateway.client(Role.DISPATCHER)
    async with (
        gateway.http.ws_connect("/api/events", headers=dispatcher.headers) as socket,
        talking(dispatcher, camera.id),
    ):
        await until(lambda: camera.loudspeaker.packets > before)
        status, body, _ = await administrator.call("PATCH", "/api/users/dispatcher", json={"groups": ["elsewhere"]})
        assert status == 200, body
        told = [message async for message in until_message(socket, "talk_ended")]
        assert "dispatcher" in told[-1]["reason"]
        await administrator.call("PATCH", "/api/users/dispatcher", json={"groups": []})
    await quiet(gateway, camera.id)
    async with talking(dispatcher, camera.id):
        heard = camera.loudspeaker.packets
        await until(lambda: camera.loudspeaker.packets > heard)
        gone = asyncio.create_task(camera.vanish(0.2))
        await quiet(gateway, camera.id)
        await gone
    why = [
        entry.detail["why"] for entry in await gateway.audit() if entry.action == "talk" and entry.outcome == "ended"
    ]
    assert why[0].startswith("the camera ended it")
