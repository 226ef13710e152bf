"""The archive's page in Chromium, over recordings whose every picture says when it was taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS
from tests.browser.chromium import SECONDS, chromium, log_in, opened
from tests.browser.recorded import READ_NUMBER, filmed, record, walk
from tests.media_samples import T0
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LENGTH = 40
UNITS = {"a": [(0, LENGTH)], "b": [(0, 10), (22, LENGTH)], "c": [(0, LENGTH)], "d": [(0, LENGTH)]}
"""What is recorded of each, in seconds after `T0`."""
PLACES = [(52.5 + n * 2e-5, 13.4) for n in range(LENGTH)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser, tmp_path_factory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("archive")
    track, units = filmed(LENGTH)
    for camera, spans in UNITS.items():
        await record(folder, camera, track, units, *spans)
    await walk(folder, "a", PLACES)
    # Nothing is asked of the cameras: only what is recorded matters.
    idle = {"url": "rtsp://127.0.0.1:9/none", "connect": "on_demand", "record": False}
    cameras = [CameraSettings.model_validate({"id": id_, "name": f"Unit {id_}", **idle}) for id_ in UNITS]
    async with running(folder, *cameras) as gateway:
        yield gateway


def address(gateway: Running, units: str, seconds: float) -> str:
    return f"{gateway.url}/#/archive/{units}?at={format_utc(T0 + round(seconds * NS))}"


def video(page: Any, camera: str) -> Any:
    return page.locator(f'video[data-camera="{camera}"]')


async def shows(film: Any, fits: Callable[[int], bool]) -> int:
    """Wait until a picture with such a number is on the screen."""
    async with asyncio.timeout(SECONDS):
        while True:
            ready = await film.evaluate(
                "video => video.readyState >= 2 && !video.seeking && video.dataset.frameUtc !== ''"
            )
            number: int = await film.evaluate(READ_NUMBER)
            if ready and fits(number):
                return number
            await asyncio.sleep(0.05)


async def test_a_link_opens_at_its_picture_and_keys_step_from_there(browser, gateway) -> None:
    async with opened(browser, address(gateway, "a", 12.3)) as page:
        await log_in(page)
        film = video(page, "a")
        await shows(film, lambda number: number == 123)
        for key, number in ((".", 124), (".", 125), (",", 124), ("ArrowRight", 224), ("ArrowLeft", 124)):
            await page.keyboard.press(key)
            await shows(film, lambda shown, number=number: shown == number)
        await page.wait_for_url(lambda url: format_utc(T0 + 124 * NS // 10)[:23] in url)
        await page.reload()
        await shows(film, lambda number: number == 124)

        await page.keyboard.press("Space")
        await shows(film, lambda number: number > 130)
        await page.keyboard.press("Space")
        assert await film.evaluate("video => video.paused")
        await page.keyboard.press("?")
        await page.get_by_text("In the archive").wait_for()


async def test_the_bar_seeks_and_says_what_is_missing_and_playing_jumps_over_it(browser, gateway) -> None:
    async with opened(browser, address(gateway, "b", 8)) as page:
        await log_in(page)
        film = video(page, "b")
        await shows(film, lambda number: number == 80)
        for _ in range(8):
            await page.keyboard.press("+")
        bar = page.get_by_test_id("time-line")
        start = end = 0
        async with asyncio.timeout(SECONDS):
            while end - start != 30_000:  # as near as it goes
                start, end = [int(await bar.get_attribute(name) or 0) for name in ("data-from", "data-to")]
        box = await bar.bounding_box()

        def x(seconds: float) -> float:
            return float(box["x"] + (T0 / 1e6 + seconds * 1000 - start) / (end - start) * box["width"])

        await page.mouse.move(x(12), box["y"] + 12)
        await page.get_by_test_id("tip").filter(has_text=": camera disconnected").wait_for()
        await page.mouse.click(x(12), box["y"] + 12)
        await (
            page.get_by_test_id("picture-message").filter(has_text="Nothing of Unit b: camera disconnected").wait_for()
        )
        await page.mouse.click(x(9), box["y"] + 12)
        await shows(film, lambda number: 85 < number < 95)
        await page.keyboard.press("k")
        await page.get_by_test_id("archive-said").filter(has_text="Jumped over").wait_for()
        await shows(film, lambda number: number >= 220)


async def test_four_units_stay_in_step_while_one_has_a_gap(browser, gateway) -> None:
    async with opened(browser, address(gateway, "a,b,c,d", 6)) as page:
        await log_in(page)
        films = page.get_by_test_id("archive-video")
        for camera in UNITS:
            await shows(video(page, camera), lambda number: number == 60)
        await page.keyboard.press("k")
        await page.get_by_test_id("picture-message").filter(has_text="Nothing of Unit b").wait_for()
        await shows(video(page, "a"), lambda number: number > 150)
        assert await video(page, "b").evaluate("video => video.paused")
        await page.keyboard.press("k")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("k")
        await shows(video(page, "b"), lambda number: number > 255)
        # All at the same instant, several times: what each shows says when it was taken.
        read = f"videos => videos.map({READ_NUMBER})"
        for _ in range(10):
            numbers = await films.evaluate_all(read)
            assert max(numbers) - min(numbers) <= 1, numbers
            await asyncio.sleep(0.1)


async def test_a_click_on_the_map_goes_to_when_the_wearer_was_there(gateway) -> None:
    async with chromium(webgl=True) as browser, opened(browser, address(gateway, "a", 20)) as page:
        await log_in(page)
        film = video(page, "a")
        await shows(film, lambda number: number == 200)
        await page.locator('[data-testid="trail-map"][data-ready="yes"][data-units="1"]').wait_for()
        box = await page.get_by_test_id("trail-map").bounding_box()
        # The walk goes straight north and fills the map: a quarter from its top is where it was near the end.
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.35)
        late = await shows(film, lambda number: number > 230)
        place = page.get_by_test_id("archive-place")
        assert abs(float(await place.get_attribute("data-lat")) - (52.5 + late / 10 * 2e-5)) < 1e-5


async def test_bookmarks_are_set_removed_and_taken_back(browser, gateway) -> None:
    async with opened(browser, address(gateway, "c", 5)) as page:
        await log_in(page)
        await shows(video(page, "c"), lambda number: number == 50)
        await page.keyboard.press("b")
        await page.get_by_test_id("bookmark-text").fill("Car turns off its lights")
        await page.keyboard.press("Enter")
        listed = page.get_by_test_id("bookmark-go").filter(has_text="Car turns off its lights")
        await listed.wait_for()
        await page.keyboard.press("ArrowRight")
        await shows(video(page, "c"), lambda number: number == 150)
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("[")
        await shows(video(page, "c"), lambda number: number == 50)
        await page.get_by_test_id("bookmark-remove").click()
        await listed.wait_for(state="detached")
        await page.get_by_test_id("undo").click()
        await listed.wait_for()


async def test_a_day_with_nothing_offers_to_go_where_something_is_also_on_a_phone(browser, gateway) -> None:
    async with opened(browser, f"{gateway.url}/#/archive/d?at=2024-03-01T12:00:00Z", width=390, height=844) as page:
        await log_in(page)
        await page.get_by_test_id("empty-day").filter(has_text="2024-03-01").wait_for()
        await page.get_by_test_id("go-first").click()
        await shows(video(page, "d"), lambda number: number == 0)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
