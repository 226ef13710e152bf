"""The page about NVRs, in Chromium: an account made there reads by RTSP, is listed, cut off and revoked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from tests.browser.chromium import chromium, log_in, opened
from tests.rtsp_reader import RtspReader
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

RECORDERS = ("milestone", "homeAssistant", "frigate", "synology", "blueIris", "unifi")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser, tmp_path_factory) -> AsyncIterator[Running]:
    """Two live cameras, `north` and `south`."""
    async with Simulation(count=2, interfaces=("lo",), password="hush hush", width=320, height=180) as simulation:
        cameras = [
            CameraSettings.model_validate(
                {
                    "id": name,
                    "name": f"Unit {name}",
                    "onvif": camera.onvif_url,
                    "username": camera.username,
                    "password": camera.password,
                    "record": False,
                }
            )
            for name, camera in zip(("north", "south"), simulation.cameras, strict=True)
        ]
        async with running(tmp_path_factory.mktemp("gateway"), *cameras) as gateway:
            for camera in cameras:
                await gateway.camera(camera.id)
            yield gateway


async def plays(gateway: Running, login: str, camera: str = "north") -> RtspReader:
    """An NVR that plays a camera."""
    nvr = await RtspReader.connect(gateway.rtsp_port, camera, login=login)
    answers = await nvr.set_up(0, 1, 2)
    assert [answer.status for answer in answers] == [200] * 4
    assert (await nvr.call("PLAY", **{"User-Agent": "Recorder 7"})).status == 200
    return nvr


async def end_of(nvr: RtspReader) -> None:
    """Wait until the gateway has let it go."""
    async with asyncio.timeout(20):
        while await nvr.read():
            pass
    await nvr.close()


async def test_an_account_is_made_entered_and_revoked(browser, gateway: Running) -> None:
    async with opened(browser, f"{gateway.url}/#/settings/nvr") as page:
        await log_in(page)
        await page.get_by_test_id("nvr-no-readers").wait_for()
        await page.get_by_test_id("nvr-add").click()
        await page.get_by_test_id("user-name").fill("frigate")
        await page.get_by_test_id("user-camera").and_(page.locator('[value="north"]')).check()
        assert await page.get_by_test_id("user-role").count() == 0, "it can be an NVR's only"
        await page.get_by_test_id("user-submit").click()
        password = await page.get_by_test_id("secret").input_value()
        await page.get_by_test_id("shown-once-done").click()
        account = page.locator('[data-testid="nvr-account"][data-account="frigate"]')
        await account.get_by_text("only Unit north").wait_for()

        nvr = await plays(gateway, f"frigate:{password}")
        reader = page.locator('[data-testid="nvr-reader"][data-account="frigate"]')
        await reader.get_by_text("Unit north").wait_for()
        assert "Recorder 7" in await reader.inner_text()
        assert await reader.locator(".chip").all_inner_texts() == ["live", "sound", "positions"]
        await account.get_by_text("RTSP from 127.0.0.1").wait_for()
        await reader.get_by_test_id("nvr-end").click()
        await end_of(nvr)
        await reader.wait_for(state="detached")

        nvr = await plays(gateway, f"frigate:{password}")
        await reader.wait_for()
        await account.get_by_test_id("nvr-revoke").click()
        await page.get_by_test_id("confirm").click()
        await end_of(nvr)
        await account.wait_for(state="detached")
        await page.get_by_test_id("nvr-no-readers").wait_for()
    refused = await RtspReader.connect(gateway.rtsp_port, "north", login=f"frigate:{password}")
    assert (await refused.call("DESCRIBE")).status == 401
    await refused.close()
    actions = [row.action for row in await gateway.audit() if row.detail.get("user") == "frigate"]
    assert actions == ["user_remove", "session_end", "user_add"]


async def test_it_says_what_to_enter_into_each_recorder(browser, gateway: Running) -> None:
    async with opened(browser, f"{gateway.url}/#/settings/nvr", width=390, height=844) as page:
        await log_in(page)
        entry = page.get_by_test_id("nvr-entry")
        await entry.wait_for()
        await page.get_by_test_id("nvr-host").fill("gateway.example")
        port = gateway.url.rpartition(":")[2]
        shown = [await field.input_value() for field in await entry.locator("input").all()]
        assert shown == [
            "gateway.example",
            port,
            f"http://gateway.example:{port}/onvif/device_service",
            str(gateway.rtsp_port),
            "nvr",
        ]
        await page.get_by_test_id("nvr-units").locator("input").nth(1).wait_for()
        units = await page.get_by_test_id("nvr-units").locator("input").all()
        assert [await unit.input_value() for unit in units] == [
            f"rtsp://gateway.example:{gateway.rtsp_port}/{camera}" for camera in ("north", "south")
        ]
        for recorder in RECORDERS:
            await page.get_by_test_id(f"nvr-recorder-{recorder}").click()
            text = await page.get_by_test_id("nvr-recipe").inner_text()
            assert ("only read" in text) != ("tested in part" in text), recorder
            assert recorder in ("frigate", "blueIris") or "onvif.devices" in text, recorder
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390, recorder
        await page.get_by_test_id("nvr-recorder-frigate").click()
        file = await page.get_by_test_id("nvr-file").inner_text()
        assert f"path: rtsp://nvr:PASSWORD@gateway.example:{gateway.rtsp_port}/north" in file


async def test_it_is_for_those_who_may_configure(browser, gateway: Running) -> None:
    async with opened(browser, f"{gateway.url}/#/settings/nvr") as page:
        await log_in(page, Role.SUPERVISOR.value)
        await page.get_by_test_id("no-right").wait_for()
