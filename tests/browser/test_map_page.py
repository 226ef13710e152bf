"""The dispatcher's map in Chromium, by keys: units that stand together are one mark, one of them is searched and
followed, its past is played, and Escape leads back to what is now.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, Fix
from tests.browser.chromium import chromium, log_in, opened
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LAT, LON = 52.52, 13.405


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """Three units that stand together, of which one walked there."""
    idle = {"url": "rtsp://127.0.0.1:9/none", "connect": "on_demand", "record": False}
    cameras = [CameraSettings.model_validate({"id": id_, "name": f"Unit {id_}", **idle}) for id_ in "abc"]
    async with running(tmp_path_factory.mktemp("map"), *cameras) as gateway:
        now = SystemClock().utc_ns()
        for n, camera in enumerate("abc"):
            for ago in range(4 if camera == "b" else 1, -1, -1):
                at = now - ago * NS
                fix = Fix(at, LAT + n / 1e5 - ago / 1e5, LON, accuracy_m=5.0, received_ns=at)
                gateway.fleet.camera(camera).take_fix(fix)
        yield gateway


async def test_a_unit_is_found_followed_and_looked_back_at(gateway) -> None:
    async with chromium(webgl=True) as browser, opened(browser, f"{gateway.url}/#/map") as page:
        await log_in(page)
        ready = page.locator("[data-testid=map][data-ready=yes]")
        await ready.wait_for()
        # Three within metres are one mark, which says how many and how the worst is.
        cluster = page.get_by_test_id("map-cluster")
        await cluster.wait_for(state="attached")
        assert "3 units" in await cluster.inner_text()

        await page.keyboard.press("Control+k")
        await page.keyboard.type("unit b")
        await page.locator('[data-testid=found][data-kind=unit][aria-selected="true"]').wait_for()
        await page.keyboard.press("Control+Enter")
        following = page.get_by_test_id("following")
        await following.wait_for()
        assert "Following Unit b" in await following.inner_text()

        await page.get_by_test_id("map-look-back").click()
        replay = page.get_by_test_id("map-replay")
        await replay.get_by_text("not live").wait_for()
        assert "UTC" in await replay.get_by_test_id("replay-at").inner_text()
        await page.keyboard.press("Escape")
        await replay.wait_for(state="detached")
        await page.get_by_test_id("map-nearest").wait_for()
