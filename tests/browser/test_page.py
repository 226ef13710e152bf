"""The page in Chromium, against a whole gateway and simulated cameras: what a dispatcher sees and does."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.base.settings import CameraSettings
from gateway.media.model import NS
from gateway.positions.geodesy import distance_m
from gateway.simulator import Simulation
from gateway.simulator.camera import SimulatedCamera
from tests.browser.chromium import FRAMES, SECONDS, chromium, log_in, opened, tile, watch
from tests.command_line import beside
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulation(browser) -> AsyncIterator[Simulation]:
    """Two cameras: one that the gateway knows, one to be found."""
    async with Simulation(count=2, interfaces=("lo",), password="hush hush", width=320, height=180) as simulation:
        yield simulation


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(simulation, tmp_path_factory) -> AsyncIterator[Running]:
    """One camera is live, and where another should be nothing listens."""
    camera = simulation.cameras[0]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        absent = CameraSettings(id="absent", name="Absent", url=f"rtsp://127.0.0.1:{closed.getsockname()[1]}/s")
        live = CameraSettings.model_validate(
            {
                "id": camera.id,
                "name": camera.name,
                "onvif": camera.onvif_url,
                "username": camera.username,
                "password": camera.password,
            }
        )
        async with running(tmp_path_factory.mktemp("gateway"), live, absent) as gateway:
            await gateway.camera(camera.id)
            yield gateway


def seconds(text: str | None) -> float:
    assert text
    return dt.datetime.fromisoformat(text).timestamp()


async def test_only_the_right_password_lets_in(browser, gateway) -> None:
    async with opened(browser, gateway.url) as page:
        await log_in(page, password="wrong horse")
        error = page.get_by_test_id("login-error")
        await error.wait_for()
        assert "password is wrong" in await error.inner_text()
        assert await page.get_by_test_id("tile").count() == 0
        await log_in(page)
        await page.get_by_test_id("wall").wait_for()
        assert await page.get_by_test_id("login-username").count() == 0
        await page.reload()
        await page.get_by_test_id("wall").wait_for()


async def test_pictures_count_up_and_the_overlay_moves_with_them(browser, gateway, simulation) -> None:
    camera: SimulatedCamera = simulation.cameras[0]
    async with opened(browser, gateway.url) as page:
        await log_in(page)
        unit = tile(page, camera.id)
        seen = await watch(unit.get_by_test_id("video"))
        assert seen["size"] == [320, 180]
        assert seen["decoded"] >= FRAMES
        assert all(0 < (b - a) % 2**32 < 2**31 for a, b in itertools.pairwise(seen["times"])), seen["times"]
        assert await unit.get_by_test_id("tile-state").get_attribute("look") == "live"
        assert await unit.get_by_test_id("tile-name").inner_text() == camera.name

        overlay = unit.get_by_test_id("overlay").and_(page.locator('[data-matched="frame"]'))
        await overlay.wait_for()
        places = []
        for _ in range(3):
            said = await overlay.evaluate("line => ({...line.dataset, text: line.textContent})")
            places.append((said["lat"], said["lon"], said["fixUtc"], said["frameUtc"]))
            fix_at, frame_at = seconds(said["fixUtc"]), seconds(said["frameUtc"])
            assert -0.001 <= frame_at - fix_at < 2.0, "the fix of the frame on screen, not the newest"
            # Between two fixes the place is that of the frame; after the newest one it stays.
            distances = [
                distance_m(float(said["lat"]), float(said["lon"]), truth.lat, truth.lon)
                for truth in (camera.walk.fix(round(at * NS)) for at in (fix_at, frame_at))
            ]
            assert min(distances) < 1.0, said
            assert f"{float(said['lat']):.5f}" in said["text"]
            # The place of a frame just before a fix is that of the fix, to a centimetre.
            elsewhere = f':not([data-fix-utc="{said["fixUtc"]}"], [data-lat="{said["lat"]}"])'
            await overlay.and_(page.locator(elsewhere)).wait_for()
        assert len({place[:2] for place in places}) == 3, places


async def test_a_slow_link_is_said_over_the_picture(browser, gateway, simulation) -> None:
    camera = simulation.cameras[0]
    session: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    sockets: list[Any] = []

    def pass_on(socket: Any) -> None:
        def received(message: str) -> None:
            said = json.loads(message)
            if said["type"] == "anchor" and not session.done():
                session.set_result(said["session"])
            socket.send(message)

        sockets.append(socket)
        socket.connect_to_server().on_message(received)

    async with opened(browser, gateway.url) as page:
        await page.route_web_socket("**/api/events?*", pass_on)
        await log_in(page)
        await watch(tile(page, camera.id).get_by_test_id("video"))
        mark = tile(page, camera.id).get_by_test_id("quality")
        assert await mark.count() == 0

        async def say(quality: str, trouble: str | None) -> None:
            told = {"type": "quality", "session": await session, "quality": quality, "trouble": trouble}
            sockets[-1].send(json.dumps(told))

        await say("reduced", "slow link")
        await mark.filter(has_text="Reduced quality: slow link").wait_for()
        await say("original", "slow link, no smaller picture")
        await mark.filter(has_text="Slow link").wait_for()
        await say("original", None)
        await mark.wait_for(state="detached")


async def test_a_camera_that_cannot_be_reached_says_why(browser, gateway) -> None:
    async with opened(browser, gateway.url) as page:
        await log_in(page)
        unit = tile(page, "absent")
        message = unit.get_by_test_id("picture-message").filter(has_text="Nothing listens on port")
        await message.wait_for()
        assert await unit.get_by_test_id("tile-state").get_attribute("look") == "offline"


async def test_the_map_shows_the_units_and_leads_to_their_large_view(gateway, simulation) -> None:
    camera = simulation.cameras[0]
    async with chromium(webgl=True) as browser, opened(browser, gateway.url) as page:
        await log_in(page)
        await page.locator('[data-testid="map"][data-ready="yes"][data-units="1"]').wait_for()
        unit = page.get_by_test_id("map-unit")
        assert await unit.get_attribute("data-camera") == camera.id
        assert camera.name in await unit.inner_text()
        await page.locator('[data-testid="map"] canvas.maplibregl-canvas').wait_for()
        await page.locator('[data-testid="map"] canvas.unit-overlay').wait_for()
        await unit.focus()
        await page.keyboard.press("Enter")
        await page.get_by_test_id("unit-name").filter(has_text=camera.name).wait_for()


async def test_a_unit_is_seen_large_and_escape_leads_back(browser, gateway, simulation) -> None:
    camera = simulation.cameras[0]
    async with opened(browser, gateway.url) as page:
        await log_in(page)
        await tile(page, camera.id).get_by_test_id("tile-open").click()
        picture = page.get_by_test_id("unit-picture")
        assert (await watch(picture.get_by_test_id("video")))["decoded"] >= FRAMES
        await page.get_by_test_id("unit-details").filter(has_text="Battery").wait_for()
        assert await page.get_by_test_id("remove-camera").is_disabled(), "it belongs to the settings file"
        async with asyncio.timeout(SECONDS):
            while (await gateway.client().get(f"/api/cameras/{camera.id}"))["viewers"] < 1:
                await asyncio.sleep(0.05)
        await page.keyboard.press("Escape")
        await page.get_by_test_id("wall").wait_for()
        assert await picture.count() == 0


async def test_a_camera_is_found_added_and_removed(browser, simulation, tmp_path) -> None:
    camera = simulation.cameras[1]
    async with running(tmp_path) as gateway, opened(browser, gateway.url) as page:
        await log_in(page)
        await page.get_by_test_id("empty").wait_for()
        await page.get_by_test_id("find-cameras").click()
        device = page.locator(f'[data-testid="device"][data-onvif="{camera.onvif_url}"]')
        await device.wait_for()
        assert camera.name in await device.inner_text()
        await page.get_by_test_id("find-username").fill(camera.username)
        await page.get_by_test_id("find-password").fill(camera.password)
        await device.get_by_test_id("device-add").click()
        await device.locator('state-mark[look="live"]').wait_for()
        await page.get_by_test_id("find-done").click()
        (listed,) = (await gateway.client().get("/api/cameras"))["cameras"]
        added = await gateway.client().get(f"/api/cameras/{listed['id']}")
        assert (added["name"], added["settings"]["has_password"]) == (camera.name, True)
        unit = tile(page, added["id"])
        assert (await watch(unit.get_by_test_id("video")))["decoded"] >= FRAMES

        await unit.get_by_test_id("tile-open").click()
        await page.get_by_test_id("remove-camera").click()
        await page.get_by_test_id("confirm").click()
        await page.get_by_test_id("empty").wait_for()
        assert (await gateway.client().get("/api/cameras"))["cameras"] == []


async def test_logging_out_and_a_session_that_ends_lead_to_the_log_in(browser, gateway) -> None:
    config = gateway.data_dir / "sightline.toml"
    config.write_text('data_dir = "."\n')
    made = await beside("user", "add", "guest", "--role", "dispatcher", "--config", config)
    async with opened(browser, gateway.url) as page:
        await log_in(page)
        await page.get_by_test_id("wall").wait_for()
        await page.get_by_test_id("log-out").click()
        await page.get_by_test_id("login-username").wait_for()
        assert await page.get_by_text("session has ended").count() == 0

        await log_in(page, "guest", made.out.strip())
        await page.get_by_test_id("wall").wait_for()
        assert await page.get_by_test_id("nav-find").count() == 0, "a dispatcher adds no cameras"
        assert (await beside("user", "remove", "guest", "--config", config)).code == 0
        await page.get_by_text("session has ended").wait_for()
        assert await page.get_by_test_id("wall").count() == 0


async def test_it_fits_a_phone(browser, gateway, simulation) -> None:
    camera = simulation.cameras[0]
    async with opened(browser, gateway.url, width=390, height=844) as page:
        await log_in(page)
        await page.get_by_test_id("duty-unit").first.wait_for()
        await page.get_by_test_id("nav-wall").click()
        unit = tile(page, camera.id)
        assert (await watch(unit.get_by_test_id("video")))["decoded"] >= FRAMES
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        box = await unit.bounding_box()
        assert box["width"] > 300
        await page.get_by_test_id("nav-map").click()
        await page.get_by_text("The map needs WebGL").wait_for()
        await page.get_by_test_id("map-unit").filter(has_text=camera.name).wait_for()
        await unit.get_by_test_id("video").wait_for(state="hidden")
        await page.get_by_test_id("nav-wall").click()
        await unit.get_by_test_id("tile-open").click()
        await page.get_by_test_id("unit-picture").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
