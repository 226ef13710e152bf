"""An incident's room and the instant replay in Chromium: a moment ago beside what is live, on one clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.rfc3339 import format_utc, parse_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS
from gateway.simulator import Simulation
from tests.browser.chromium import COUNT_FRAMES, SECONDS, chromium, log_in, opened
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

FPS = 15
RECORDED_SECONDS = 5
PICTURE_MS = 1000 / FPS
REPLAYED = """([videos, wanted, near]) => {
  const utc = video => Number(video.dataset.frameUtc);
  const shows = video => video.readyState >= 2 && !video.seeking && Math.abs(utc(video) - wanted) < near;
  return videos.every(shows) && videos.map(utc);
}"""
"""When each <video> shows a picture so near to a moment: the moments of their pictures."""
AGE = "video => Date.now() - Number(video.dataset.frameUtc ?? 0)"
"""How old the picture on the screen is, milliseconds."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """Two units that are recorded, from some seconds before a test on."""
    async with Simulation(count=2, interfaces=("lo",), width=320, height=180, fps=FPS) as simulation:
        cameras = [
            CameraSettings.model_validate(
                {
                    "id": one.id,
                    "name": one.name,
                    "onvif": one.onvif_url,
                    "username": one.username,
                    "password": one.password,
                }
            )
            for one in simulation.cameras
        ]
        async with running(tmp_path_factory.mktemp("room"), *cameras) as gateway:
            for camera in cameras:
                await gateway.camera(camera.id)
                await recorded(gateway, camera.id)
            yield gateway


async def recorded(gateway: Running, camera: str) -> None:
    """Until there is something to be played again."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = (await gateway.client().get(f"/api/cameras/{camera}/recordings"))["recordings"]
            if found and parse_utc(found[0]["start"]) < time.time_ns() - RECORDED_SECONDS * NS:
                return
            await asyncio.sleep(0.1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


async def test_the_last_seconds_are_played_again_while_live_goes_on(browser, gateway, record_property) -> None:
    unit = next(iter(gateway.fleet.cameras))
    async with opened(browser, f"{gateway.url}/#/unit/{unit}") as page:
        await log_in(page, Role.DISPATCHER.value)
        live = page.get_by_test_id("video")
        await live.evaluate(COUNT_FRAMES, 3)
        await page.keyboard.press("r")
        replay = page.get_by_test_id("replay-video")
        await replay.wait_for()
        assert "REPLAY" in await page.get_by_test_id("replay-mark").inner_text()
        # To the newest that is on the disk, as somebody goes on pressing until it is there.
        async with asyncio.timeout(SECONDS):
            while not 0 < (behind := await replay.evaluate(AGE)) < 5000:  # some of that for the browser to fetch it in
                await page.keyboard.press("ArrowRight")
                await asyncio.sleep(0.2)
        record_property("newest_replayed_ms", round(behind))
        counted = await live.evaluate(COUNT_FRAMES, 5)
        assert len(set(counted["times"])) == 5, "live goes on beside it"
        await page.keyboard.press("b")
        await page.get_by_text("Bookmarked.").wait_for()
        (bookmark,) = (await gateway.client().get(f"/api/cameras/{unit}/bookmarks"))["bookmarks"]
        assert bookmark["created_by"] == Role.DISPATCHER.value
        assert f"#/archive/{unit}?at=" in (await page.get_by_test_id("replay-archive").get_attribute("href") or "")
        await page.keyboard.press("Escape")
        await replay.wait_for(state="detached")
        await live.evaluate(COUNT_FRAMES, 2)


async def test_an_incident_is_followed_live_and_replayed_on_one_clock(browser, gateway) -> None:
    first, second = gateway.fleet.cameras
    client = gateway.client(Role.DISPATCHER)
    status, alert, _ = await client.call("POST", f"/api/cameras/{first}/sos", json={"text": "Help"})
    assert status in {200, 201}
    async with opened(browser, gateway.url) as page:
        await log_in(page, Role.DISPATCHER.value)
        await page.get_by_test_id("alert-incident").click()
        await page.wait_for_url("**/#/incident/*")
        number = int(page.url.split("/incident/")[1].split("?")[0])
        status, incident, _ = await client.call("POST", f"/api/incidents/{number}/cameras", json={"camera": second})
        assert status == 201, incident
        for camera in (first, second):
            tile = page.locator(f'[data-testid="tile"][data-camera="{camera}"]')
            await tile.get_by_test_id("video").evaluate(COUNT_FRAMES, 3)
        recorded = [await client.get(f"/api/cameras/{camera}/recordings") for camera in (first, second)]
        then_ns = max(parse_utc(one["recordings"][0]["start"]) for one in recorded) + NS
        note, then_ms = {"text": "He runs", "utc": format_utc(then_ns)}, then_ns / 1_000_000
        assert (await client.call("POST", f"/api/incidents/{number}/notes", json=note))[0] == 201
        await page.get_by_test_id("note").filter(has_text="He runs").get_by_test_id("note-when").click()

        pictures = page.get_by_test_id("archive-video")
        await pictures.nth(1).wait_for()
        shown = await page.wait_for_function(REPLAYED, arg=[await pictures.element_handles(), then_ms, 3 * PICTURE_MS])
        times = await shown.json_value()
        assert max(times) - min(times) <= PICTURE_MS, "within a picture of each other"
        lit = page.get_by_test_id("note").filter(has_text="He runs")
        assert "lit" in (await lit.get_attribute("class") or ""), "its moment is on the screen"
        await page.wait_for_url("**/#/incident/*?at=*")

        await page.keyboard.press("n")
        await page.keyboard.type("The other one follows")
        await page.keyboard.press("Control+Enter")
        await page.get_by_test_id("note").filter(has_text="follows").wait_for()
        notes = (await client.get(f"/api/incidents/{number}/notes"))["notes"]
        (written,) = [one for one in notes if "follows" in one["text"]]
        about_ms = parse_utc(written["utc"]) / 1_000_000
        assert abs(about_ms - then_ms) < 3 * PICTURE_MS, "it is about the moment that is replayed"

        await page.get_by_test_id("room-hold").click()
        assert await page.get_by_test_id("room-hold-of").count() == 2
        await page.get_by_test_id("holds-close").click()
        await page.get_by_test_id("room-live").click()
        await page.get_by_test_id("room-tiles").get_by_test_id("video").first.evaluate(COUNT_FRAMES, 2)
        assert (await client.call("POST", f"/api/alerts/{alert['id']}/resolve", json={"word": "a test"}))[0] == 200
    async with opened(browser, f"{gateway.url}/#/incident/{number}", width=390, height=844) as page:
        await log_in(page)
        await page.get_by_test_id("room-export").click()
        await page.get_by_test_id("reason-confirm").click()
        await page.get_by_test_id("export-job").first.wait_for()
        await page.get_by_test_id("room-share").click()
        await page.get_by_test_id("share-recipient").fill("A. Lawyer")
        await page.get_by_test_id("share-submit").click()
        await page.get_by_test_id("secret").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
