"""The page whose link is poor or gone, or whose gateway was away: it comes back, and says what it missed."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from tests.browser.chromium import SECONDS, chromium, log_in, opened, watch
from tests.running import Running, running
from tests.slow_link import LEAD, slow_link

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
SMALLEST = {"width": 360, "height": 640}
CONTROLLED = """() => new Promise(resolve => {
  const {serviceWorker} = navigator;
  if (serviceWorker.controller) resolve();
  else serviceWorker.addEventListener('controllerchange', () => resolve());
})"""
KEPT = """async () => {
  const kept = [];
  for (const name of await caches.keys())
    for (const request of await (await caches.open(name)).keys()) kept.push(new URL(request.url).pathname);
  return kept;
}"""


def cameras(simulation: Simulation) -> list[CameraSettings]:
    return [
        CameraSettings.model_validate(
            {
                "id": unit.id,
                "name": unit.name,
                "onvif": unit.onvif_url,
                "username": unit.username,
                "password": unit.password,
            }
        )
        for unit in simulation.cameras
    ]


def free() -> str:
    """An address that a second gateway can take when the first has gone."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def incident(gateway: Running, camera: str) -> None:
    asked = {"title": "Disturbance", "origin": {"camera": camera}}
    status, body, _ = await gateway.client().call("POST", "/api/incidents", json=asked)
    assert status == 201, body


async def fits(page: Any) -> None:
    """Nothing sticks out sideways, and what is touched is large enough."""
    width = page.viewport_size["width"]
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    for button in await page.locator("nav-rail button:visible").all():
        box = await button.bounding_box()
        assert box["width"] >= 44, await button.get_attribute("data-testid")
        assert box["height"] >= 44


async def test_a_phone_on_a_slow_link_sees_what_is_going_on_then_a_picture(tmp_path: Path) -> None:
    async with Simulation(count=1, interfaces=("lo",), width=320, height=180) as simulation:
        (camera,) = cameras(simulation)
        async with (
            running(tmp_path, camera) as gateway,
            slow_link(gateway.url) as link,
            chromium() as browser,
            opened(browser, link.url, **PHONE) as page,
        ):
            await gateway.camera(camera.id)
            await incident(gateway, camera.id)
            await page.expose_function("throughSlowLink", link.through)
            await page.evaluate(f"{LEAD} null")
            await log_in(page)
            await page.get_by_test_id("duty-incident").filter(has_text="Disturbance").wait_for()
            await fits(page)
            await page.set_viewport_size(SMALLEST)
            await fits(page)
            unit = page.get_by_test_id("duty-unit")
            assert camera.name in await unit.inner_text()
            async with page.expect_request("**/whep*") as asked:
                await unit.click()
            assert "link=slow" in (await asked.value).url, "the first load has told how slow it is"
            picture = page.get_by_test_id("unit-picture")
            await watch(picture.get_by_test_id("video"))
            assert await page.get_by_test_id("link-banner").count() == 0


@pytest.mark.soak  # an absence and the retries after it take their time
async def test_a_restarted_gateway_is_found_again_and_what_was_missed_is_said(tmp_path: Path) -> None:
    http = {"listen": free()}
    async with Simulation(count=2, interfaces=("lo",), width=320, height=180) as simulation, chromium() as browser:
        first, second = cameras(simulation)
        async with running(tmp_path, first, second, http=http) as gateway:
            await gateway.camera(first.id)
            await gateway.camera(second.id)
            page = await (await browser.new_context(viewport=PHONE)).new_page()
            await page.goto(gateway.url)
            await log_in(page)
            await page.get_by_test_id("duty-unit").nth(1).wait_for()
        banner = page.get_by_test_id("link-banner")
        await banner.filter(has_text="The gateway does not answer").wait_for()
        assert await page.locator("duty-page state-mark[look=unknown]").count() == 2, "nothing old looks new"
        await page.evaluate("new Promise(resolve => setTimeout(resolve, 4000))")  # less than that is no absence
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            gone = CameraSettings(id=second.id, name=second.name, url=f"rtsp://127.0.0.1:{closed.getsockname()[1]}/s")
            async with running(tmp_path, first, gone, http=http):
                note = page.get_by_test_id("away-note").filter(has_text=f"{second.name} went offline")
                await note.wait_for(timeout=SECONDS * 1000)
                assert "You were away" in await note.inner_text()
                assert await banner.count() == 0
                await note.get_by_role("link", name=f"{second.name} went offline").click()
                await page.get_by_test_id("unit-name").filter(has_text=second.name).wait_for()
                await page.get_by_test_id("away-dismiss").click()
                assert await page.get_by_test_id("away-note").count() == 0
        await page.context.close()


@pytest.mark.soak  # waits for retries, and for the worker that comes 8 s after the log-in
async def test_it_is_an_app_that_begins_without_a_gateway_and_keeps_nothing_of_anybodys(tmp_path: Path) -> None:
    http = {"listen": free()}
    async with chromium() as browser:
        context = await browser.new_context(viewport=PHONE)
        context.set_default_timeout(SECONDS * 1000)
        page = await context.new_page()
        async with running(tmp_path, http=http) as gateway:
            await page.goto(gateway.url)
            await log_in(page)
            await page.get_by_test_id("nav-duty").wait_for()
            devtools = await context.new_cdp_session(page)
            assert (await devtools.send("Page.getAppManifest"))["errors"] == []
            await page.evaluate(CONTROLLED)
            kept = await page.evaluate(KEPT)
        assert "/" in kept
        assert all(path == "/" or path.startswith("/assets/") for path in kept), kept

        await page.reload()
        await page.get_by_test_id("link-banner").filter(has_text="The gateway does not answer").wait_for()
        await page.get_by_test_id("offline-start").wait_for()
        assert await page.get_by_test_id("nav-duty").count() == 0
        async with running(tmp_path, http=http):
            await page.get_by_test_id("nav-duty").wait_for()
        await context.close()
