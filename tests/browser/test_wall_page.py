"""The wall in Chromium, against a whole gateway: arranged by keys and by pointer, saved, and found again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from tests.browser.chromium import SECONDS, chromium, log_in, opened, tab, tile
from tests.running import running

pytestmark = pytest.mark.browser

UNITS = 5
MANY = 150
IN_SIGHT = """wall => [...wall.shadowRoot.querySelectorAll('unit-tile')].filter(tile => {
  const {top, bottom} = tile.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}).map(({camera}) => camera.id)"""


async def test_a_wall_is_arranged_saved_and_there_again_and_sends_no_picture_that_nobody_sees(tmp_path: Path) -> None:
    async with (
        chromium() as browser,
        Simulation(count=1, interfaces=("lo",), password="hush hush", width=320, height=180) as simulation,
    ):
        (camera,) = simulation.cameras
        units = [
            CameraSettings.model_validate(
                {
                    "id": f"u{n}",
                    "name": f"Unit {n}",
                    "url": camera.rtsp_url,
                    "username": camera.username,
                    "password": camera.password,
                }
            )
            for n in range(1, UNITS + 1)
        ]
        async with running(tmp_path, *units) as gateway, opened(browser, gateway.url) as page:
            await asyncio.gather(*(gateway.camera(unit.id) for unit in units))
            await log_in(page)
            await page.get_by_test_id("wall").wait_for()
            assert await shown(page) == ["u1", "u2", "u3", "u4", "u5"]

            await page.get_by_test_id("wall-layout").select_option("4")
            await until_shown(page, ["u1", "u2", "u3", "u4"])
            await until_watched(gateway, {"u1", "u2", "u3", "u4"})
            await page.keyboard.press("PageDown")
            await until_shown(page, ["u5", None, None, None])
            await until_watched(gateway, {"u5"})  # the other pictures are sent no more
            await page.keyboard.press("PageUp")
            await until_shown(page, ["u1", "u2", "u3", "u4"])

            # By the keys: picked up, put two places further, and the announcement for who does not see it.
            await page.keyboard.press("1")
            await page.keyboard.press("g")
            await page.keyboard.press("ArrowDown")
            await until_shown(page, ["u3", "u2", "u1", "u4"])
            said = page.get_by_test_id("wall-said")
            await said.get_by_text("Unit 1: place 3 of 4").wait_for(state="attached")
            await page.keyboard.press("Escape")
            await until_shown(page, ["u1", "u2", "u3", "u4"])
            await page.keyboard.press("g")
            await page.keyboard.press("ArrowRight")
            await page.keyboard.press("Enter")
            await until_shown(page, ["u2", "u1", "u3", "u4"])
            assert await page.locator("unit-view").count() == 0, "the keys were the wall's, and opened nothing"

            # By the pointer: its session goes on meanwhile, and a drag is no click.
            sessions = await session_ids(page)
            await dragged(page, tile(page, "u4"), tile(page, "u2"))
            await until_shown(page, ["u4", "u1", "u3", "u2"])
            assert await session_ids(page) == sessions
            await page.get_by_test_id("wall-undo").click()
            await until_shown(page, ["u2", "u1", "u3", "u4"])

            await page.get_by_test_id("wall-more").click()
            await page.get_by_test_id("wall-save-as").click()
            await page.get_by_test_id("wall-name").fill("Night shift")
            await page.get_by_test_id("wall-name-submit").click()
            await page.wait_for_url("**/#/wall/*")
            await tile(page, "u3").hover()
            await tile(page, "u3").get_by_test_id("tile-remove").click()
            await until_shown(page, ["u2", "u1", None, "u4"])
            await page.goto("about:blank")
            await page.goto(gateway.url)
            await until_shown(page, ["u2", "u1", None, "u4"])
            async with tab(page.context, gateway.url) as other:
                await until_shown(other, ["u2", "u1", None, "u4"])
            await page.get_by_test_id("empty-place").select_option("u5")
            await until_shown(page, ["u2", "u1", "u5", "u4"])

            # On the full screen there is nothing but the tiles.
            await page.keyboard.press("Escape")
            await page.evaluate("document.activeElement.blur()")
            await page.keyboard.press("f")
            await page.get_by_test_id("wall-bar").wait_for(state="hidden")
            assert await page.get_by_test_id("search").is_hidden()
            await page.keyboard.press("f")
            await page.get_by_test_id("wall-bar").wait_for()

            # The large view goes on with the tile's session: there is no moment without a picture.
            before = (await session_ids(page))["u1"]
            await page.keyboard.press("2")
            await page.keyboard.press("2")
            await page.wait_for_url("**/#/unit/u1")
            view = page.locator("unit-view live-picture")
            assert await view.evaluate("picture => picture.feed?.session?.id") == before
            await until_watched(gateway, {"u1"})


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
async def test_of_hundreds_of_tiles_those_in_sight_are_in_the_page(tmp_path: Path, width: int, height: int) -> None:
    """The others have their place, and come when one scrolls or tabs to them; what has the focus stays."""
    idle = {"url": "rtsp://127.0.0.1:9/none", "connect": "on_demand", "record": False}
    units = [CameraSettings.model_validate({"id": f"u{n:03}", "name": f"Unit {n:03}", **idle}) for n in range(MANY)]
    async with (
        running(tmp_path, *units, alerts={"camera_offline": "off", "unit_lost": "off"}) as gateway,
        chromium() as browser,
        opened(browser, f"{gateway.url}/#/wall/all", width=width, height=height) as page,
    ):
        await log_in(page)
        await tile(page, "u000").wait_for()
        await until_in_sight(page, "u000")
        assert len(await shown(page)) < MANY / 3

        await page.keyboard.press("1")
        await page.locator("unit-wall .tiles").evaluate("tiles => tiles.scrollIntoView(false)")
        last = units[-1].id
        await until_in_sight(page, last)
        assert len(await shown(page)) < MANY / 3
        assert await tile(page, "u000").evaluate("tile => tile.chosen"), "the focus is where it was"

        await tile(page, last).get_by_test_id("tile-open").focus()
        for _ in range(4):  # over the tile's own tools
            await page.keyboard.press("Shift+Tab")
            if await tile(page, units[-2].id).evaluate("tile => tile.chosen"):
                break
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/#/unit/{units[-2].id}")


async def until_in_sight(page: Any, unit: str) -> None:
    """Until a tile is in sight, and of the others all that stand between those that are."""
    async with asyncio.timeout(SECONDS):
        while unit not in (seen := await page.locator("unit-wall").evaluate(IN_SIGHT)):
            await asyncio.sleep(0.05)
    numbers = [int(one[1:]) for one in seen]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))


async def dragged(page: Any, source: Any, target: Any) -> None:
    """Drag one tile onto another with the mouse."""
    start, end = await source.bounding_box(), await target.bounding_box()
    await page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=5)
    await page.mouse.up()


async def shown(page: Any) -> list[str | None]:
    """The unit in each place of the page, in the order of reading; None: the place is empty."""
    places: list[str | None] = await page.locator("unit-wall").evaluate(
        "wall => [...wall.shadowRoot.querySelectorAll('unit-tile, empty-place')].map(one => one.camera?.id ?? null)"
    )
    return places


async def until_shown(page: Any, wanted: list[str | None]) -> None:
    await page.locator("unit-wall").wait_for()
    async with asyncio.timeout(SECONDS):
        while await shown(page) != wanted:
            await asyncio.sleep(0.05)


async def session_ids(page: Any) -> dict[str, str]:
    """The WHEP session of each tile that has a picture, once all have one."""
    async with asyncio.timeout(SECONDS):
        while True:
            found: dict[str, str | None] = await page.locator("unit-wall").evaluate(
                "wall => Object.fromEntries([...wall.shadowRoot.querySelectorAll('unit-tile')]"
                ".map(tile => [tile.camera.id, tile.picture.session]))"
            )
            if all(found.values()):
                return {unit: session for unit, session in found.items() if session is not None}
            await asyncio.sleep(0.05)


async def until_watched(gateway: Any, wanted: set[str]) -> None:
    """Until the gateway sends the pictures of these units, and no others."""
    async with asyncio.timeout(SECONDS):
        while True:
            cameras = (await gateway.client().get("/api/cameras"))["cameras"]
            if {camera["id"] for camera in cameras if camera["viewers"]} == wanted:
                break
            await asyncio.sleep(0.05)
