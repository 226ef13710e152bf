"""Talking to a unit from the page: Chromium with a microphone that beeps, and somebody who looks on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from gateway.simulator.loudspeaker import Loudspeaker
from tests.browser.chromium import SECONDS, chromium, log_in, opened
from tests.running import Running, running

REFUSE = """() => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };
}"""
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium(microphone=True) as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Running, Loudspeaker]]:
    async with Simulation(count=1, interfaces=("lo",), password="hush", width=320, height=180, fps=8) as simulation:
        camera = simulation.cameras[0]
        settings = CameraSettings.model_validate(
            {
                "id": camera.id,
                "name": camera.name,
                "url": camera.rtsp_url,
                "username": camera.username,
                "password": camera.password,
                "record": False,
            }
        )
        async with running(tmp_path_factory.mktemp("gateway"), settings) as gateway:
            await gateway.camera(camera.id)
            yield gateway, camera.loudspeaker


async def text_of(page: Any, test_id: str, wanted: str) -> None:
    await page.get_by_test_id(test_id).filter(has_text=wanted).wait_for()


async def test_one_talks_and_the_other_sees_who(gateway: tuple[Running, Loudspeaker], browser: Any) -> None:
    running_gateway, loudspeaker = gateway
    url = f"{running_gateway.url}/#/unit/unit-12"
    async with opened(browser, url) as speaker, opened(browser, url, width=390, height=844) as other:
        await log_in(speaker, Role.DISPATCHER.value)
        await log_in(other, Role.SUPERVISOR.value)
        button = speaker.get_by_test_id("talk")
        await button.wait_for()
        await other.get_by_test_id("talk").wait_for()

        # Held by a key: heard until it is let go of.
        await button.focus()
        await speaker.keyboard.down(" ")
        await text_of(speaker, "talk-state", "Talking to Unit 12 · 0:0")
        await text_of(other, "other-talks", "dispatcher is talking")
        async with asyncio.timeout(SECONDS):
            while loudspeaker.level < 0.005:
                await asyncio.sleep(0.02)
        assert await speaker.get_by_test_id("video").evaluate("video => video.muted")
        await speaker.keyboard.up(" ")
        await text_of(speaker, "talk-state", "Talk")
        await other.get_by_test_id("talk").wait_for()

        # Clicked: heard until it is clicked again, on a phone as well.
        await other.get_by_test_id("talk").click()
        await text_of(other, "talk-state", "Talking to Unit 12")
        await text_of(speaker, "other-talks", "supervisor is talking")
        heard = loudspeaker.packets
        async with asyncio.timeout(SECONDS):
            while loudspeaker.packets < heard + 10:
                await asyncio.sleep(0.02)
        await other.get_by_test_id("talk").click()
        await button.wait_for()


async def test_who_has_no_microphone_is_told_what_to_do(gateway: tuple[Running, Loudspeaker], browser: Any) -> None:
    async with opened(browser, f"{gateway[0].url}/#/unit/unit-12") as page:
        await log_in(page, Role.DISPATCHER.value)
        await page.evaluate(REFUSE)
        await page.get_by_test_id("talk").click()
        await text_of(page, "talk-problem", "Allow it beside the address")
        await text_of(page, "talk-state", "Talk")
