"""The page on a phone whose link is poor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from tests.browser.chromium import chromium, log_in, opened, watch
from tests.running import Running, running
from tests.slow_link import LEAD, slow_link

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
SMALLEST = {"width": 360, "height": 640}


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
