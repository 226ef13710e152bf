"""The pages about devices, in Chromium: a camera is tested, mended, added and removed; a phone reports where it is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.simulator import Simulation
from gateway.simulator.camera import SimulatedCamera
from tests.browser.chromium import chromium, log_in, opened
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filming() -> AsyncIterator[SimulatedCamera]:
    async with Simulation(count=1, interfaces=("lo",), password="hush hush", width=320, height=180) as simulation:
        yield simulation.cameras[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser, tmp_path_factory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


async def test_a_camera_is_tested_mended_added_and_removed(browser, gateway: Running, filming: SimulatedCamera) -> None:
    async with opened(browser, f"{gateway.url}/#/settings/cameras") as page:
        await log_in(page)
        await page.get_by_test_id("cameras-none").wait_for()
        await page.get_by_test_id("cameras-add").click()
        await page.get_by_test_id("form-name").fill("Unit 12")
        await page.get_by_test_id("form-address").fill(filming.onvif_url)
        await page.get_by_test_id("form-username").fill(filming.username)
        await page.get_by_test_id("form-password").fill("not that one")
        await page.get_by_test_id("test-start").click()
        wrong = page.locator('[data-testid="test-step"][data-state="failed"]')
        await wrong.wait_for()
        assert await wrong.get_attribute("data-step") == "log_in"
        assert "password" in await wrong.inner_text()
        await page.get_by_text("the log-in is refused").wait_for()

        await page.get_by_test_id("form-password").fill("hush hush")
        await page.get_by_test_id("test-start").click()
        await page.get_by_test_id("test-picture").wait_for()
        await page.get_by_test_id("test-verdict").filter(has_text=re.compile("It works")).wait_for()
        picture = page.get_by_test_id("test-picture")
        assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
        await page.get_by_test_id("form-submit").click()

        await page.locator('[data-testid="camera"][data-camera="unit-12"]').click()
        await page.locator('[data-testid="camera-state"][look="live"]').wait_for()
        await page.goto(f"{gateway.url}/#/settings/fleet")
        unit = page.locator('[data-testid="fleet-unit"][data-camera="unit-12"]')
        await unit.get_by_text("recording").wait_for()
        assert await page.get_by_test_id("fleet-live").inner_text() == "1 of 1"

        await page.goto(f"{gateway.url}/#/settings/cameras/unit-12")
        await page.get_by_test_id("camera-remove").click()
        assert await page.get_by_test_id("confirm").is_disabled(), "not before its id is written"
        await page.get_by_test_id("confirm-word").fill("unit-12")
        await page.get_by_test_id("confirm").click()
        await page.get_by_test_id("cameras-none").wait_for()
        assert gateway.fleet.cameras == {}


async def test_a_phone_gets_a_key_and_its_first_position_is_seen(browser, gateway: Running) -> None:
    unit = {"id": "unit-7", "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
    assert (await gateway.client().call("POST", "/api/cameras", json=unit))[0] == 201
    async with opened(browser, f"{gateway.url}/#/settings/phones", width=390, height=844) as page:
        await log_in(page)
        await page.get_by_test_id("phone-unit").select_option("unit-7")
        await page.get_by_test_id("phone-make").click()
        await page.get_by_test_id("phone-qr").locator("svg").wait_for()
        await page.get_by_text("Waiting for the first position").wait_for()
        address = await page.get_by_test_id("phone-url").locator("input").input_value()
        report = {"id": "unit-7", "lat": "52.5", "lon": "13.4", "batt": "81"}
        status, taken, _ = await gateway.client(None).call("POST", address.removeprefix(gateway.url), params=report)
        assert (status, taken["accepted"]) == (200, 1), "making the key has set where the position comes from"
        await page.get_by_text("Received").wait_for()
        await page.get_by_test_id("phone-done").click()
        key = page.locator('[data-testid="phone"][data-camera="unit-7"]')
        await key.get_by_text("received").wait_for()
        await key.get_by_test_id("phone-revoke").click()
        await page.get_by_test_id("confirm").click()
        await page.get_by_test_id("phones-none").wait_for()
        assert gateway.fleet.camera("unit-7").health is not None


async def test_who_may_not_configure_finds_none_of_these_pages(browser, gateway: Running) -> None:
    async with opened(browser, f"{gateway.url}/#/settings/fleet") as page:
        await log_in(page, Role.DISPATCHER)
        await page.get_by_test_id("no-right").wait_for()
        assert await page.get_by_test_id("settings-cameras").count() == 0
