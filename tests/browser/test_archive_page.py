"""The archive's page in Chromium, over recordings whose every picture says when it was taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, GapReason
from gateway.store import tables
from tests.browser.chromium import SECONDS, chromium, log_in, tab
from tests.browser.recorded import READ_NUMBER, filmed, note, record, walk
from tests.media_samples import T0
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LENGTH = 40
SIZE = {"width": 1280, "height": 800}
UNITS = {"a": [(0, LENGTH)], "b": [(0, 10), (12, LENGTH)], "c": [(0, 10), (14, LENGTH)], "d": [(0, LENGTH)]}
"""What is recorded of each, in seconds after `T0`: b was away in between, c lost packets, d came from a card."""
SILENT = (20, 30)
"""Of a packets with sound were lost."""
PRIVATE = (30, 34)
"""Of d the privacy mode hid the picture."""
PLACES = [(52.5 + n * 2e-5, 13.4) for n in range(LENGTH)]
IDLE = {"url": "rtsp://127.0.0.1:9/none", "connect": "on_demand", "record": False}
"""Nothing is asked of the cameras: only what is recorded matters."""


def ns(seconds: float) -> int:
    return T0 + round(seconds * NS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium(webgl=True) as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("archive")
    track, units = filmed(LENGTH)
    for camera, spans in UNITS.items():
        between = GapReason.LOSS if camera == "c" else GapReason.DISCONNECTED
        await record(folder, camera, track, units, *spans, between=between)
    await walk(folder, "a", PLACES)
    lost = {"reason": GapReason.LOSS.value, "track": "audio", "packets": 1, "detail": ""}
    hidden = {"hides_position": False, "hides_stream": True, "recording": True}
    await note(
        folder,
        tables.gaps.insert().values(camera="a", start_ns=ns(SILENT[0]), end_ns=ns(SILENT[1]), **lost),
        tables.privacy.insert().values(camera="d", start_ns=ns(PRIVATE[0]), end_ns=ns(PRIVATE[1]), **hidden),
        tables.segments.update().where(tables.segments.c.camera == "d").values(imported=True),
    )
    cameras = [CameraSettings.model_validate({"id": id_, "name": f"Unit {id_}", **IDLE}) for id_ in [*UNITS, "e"]]
    async with running(folder, *cameras) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(browser, gateway) -> AsyncIterator[Any]:
    """A context of the browser in which somebody is logged in."""
    context = await browser.new_context(viewport=SIZE, locale="en-GB")
    context.set_default_timeout(SECONDS * 1000)
    async with tab(context, f"{gateway.url}/#/settings/account") as page:
        await log_in(page)
        await page.get_by_test_id("nav-archive").wait_for()
    yield context
    await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def only_tab(desk, gateway) -> AsyncIterator[Any]:
    """A tab for all tests that need no map: to load the page anew takes longer than most of them."""
    async with tab(desk, gateway.url) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="module")
async def archive(only_tab, gateway) -> Callable[[str], Awaitable[Any]]:
    """Opens an address in the tab, where nothing is left of what was done before."""

    async def open_(address: str) -> Any:
        await only_tab.set_viewport_size(SIZE)
        await only_tab.unroute_all()
        await only_tab.goto(f"{gateway.url}/#/settings/account")
        await only_tab.locator("archive-page").wait_for(state="detached")
        await only_tab.goto(address)
        return only_tab

    return open_


def address(gateway: Running, units: str, seconds: float) -> str:
    return f"{gateway.url}/#/archive/{units}?at={format_utc(ns(seconds))}"


SEE = f"""video => ({{
  ready: video.readyState >= 2 && !video.seeking && video.dataset.frameUtc !== '',
  number: ({READ_NUMBER})(video),
  state: [video.readyState, video.seeking, video.currentTime, video.error?.message],
  frame: video.dataset.frameUtc,
  said: video.getRootNode().querySelector('picture-message')?.message,
}})"""
"""Which picture is on the screen, and what else tells why it is not another."""
READ_CONTROLS = """elements => elements.filter(one => one.checkVisibility()).map(one => {
  const {top, bottom, left, right} = one.getBoundingClientRect();
  return {id: one.dataset.testid, top, bottom, left, right};
})"""
"""Those that are to be seen, and where."""
FIND_CUT = """words => words.filter(word => {
  const text = document.createRange();
  text.selectNodeContents(word);
  return text.getBoundingClientRect().right > word.closest('button').getBoundingClientRect().right;
}).map(word => word.textContent)"""
"""What does not fit on its button."""


@dataclass
class Bar:
    """The bar of time, at its closest, and where on it a moment is."""

    page: Any
    box: dict[str, float]
    start: int
    end: int

    @classmethod
    async def of(cls, page: Any) -> Bar:
        """The bar of a page whose picture has come."""
        for _ in range(8):
            await page.keyboard.press("+")
        bar = page.get_by_test_id("time-line")
        start = end = 0
        async with asyncio.timeout(SECONDS):
            while end - start != 30_000:  # as near as it goes
                start, end = [int(await bar.get_attribute(name) or 0) for name in ("data-from", "data-to")]
        return cls(page, await bar.bounding_box(), start, end)

    async def point(self, seconds: float, *, click: bool = False) -> None:
        """Put the mouse on a moment."""
        x = self.box["x"] + (T0 / 1e6 + seconds * 1000 - self.start) / (self.end - self.start) * self.box["width"]
        await self.page.mouse.move(x, self.box["y"] + 12)
        if click:
            await self.page.mouse.click(x, self.box["y"] + 12)


async def kinds(page: Any) -> list[str]:
    """What the legend explains."""
    await page.get_by_test_id("legend").wait_for()
    found: list[str] = (
        await page.get_by_test_id("legend").locator("li").evaluate_all("items => items.map(item => item.dataset.kind)")
    )
    return found


def video(page: Any, camera: str) -> Any:
    return page.locator(f'video[data-camera="{camera}"]')


async def shows(film: Any, fits: Callable[[int], bool]) -> int:
    """Wait until a picture with such a number is on the screen."""
    seen: dict[str, Any] = {}
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                seen = await film.evaluate(SEE)
                if seen["ready"] and fits(seen["number"]):
                    return int(seen["number"])
                await asyncio.sleep(0.03)
    except TimeoutError:
        pytest.fail(f"the picture does not come: {seen}")


async def test_a_link_opens_at_its_picture_and_keys_step_from_there(archive, gateway) -> None:
    page = await archive(address(gateway, "a", 12.3))
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
    await page.keyboard.press("Escape")
    await page.get_by_text("In the archive").wait_for(state="hidden")


async def test_the_bar_seeks_and_says_what_is_missing_and_playing_jumps_over_it(archive, gateway) -> None:
    page = await archive(address(gateway, "b", 8))
    film = video(page, "b")
    await shows(film, lambda number: number == 80)
    bar = await Bar.of(page)
    await bar.point(11)
    await page.get_by_test_id("tip").filter(has_text=": camera disconnected").wait_for()
    await bar.point(11, click=True)
    await page.get_by_test_id("picture-message").filter(has_text="Nothing of Unit b: camera disconnected").wait_for()
    await bar.point(9, click=True)
    await shows(film, lambda number: 85 < number < 95)
    await page.keyboard.press("k")
    await page.get_by_test_id("archive-said").filter(has_text="Jumped over").wait_for()
    await shows(film, lambda number: number >= 120)


async def test_four_units_stay_in_step_while_one_has_a_gap(archive, gateway) -> None:
    page = await archive(address(gateway, "a,b,c,d", 9.5))
    films = page.get_by_test_id("archive-video")
    for camera in UNITS:
        await shows(video(page, camera), lambda number: number == 95)
    await page.keyboard.press("k")
    await page.get_by_test_id("picture-message").filter(has_text="Nothing of Unit b").wait_for()
    await shows(video(page, "a"), lambda number: number > 105)
    assert await video(page, "b").evaluate("video => video.paused")
    await page.keyboard.press("k")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("k")
    await shows(video(page, "b"), lambda number: number > 215)
    # All at the same instant, several times: what each shows says when it was taken.
    read = f"videos => videos.map({READ_NUMBER})"
    for _ in range(10):
        numbers = await films.evaluate_all(read)
        assert max(numbers) - min(numbers) <= 1, numbers
        await asyncio.sleep(0.1)


async def test_a_click_on_the_map_goes_to_when_the_wearer_was_there(desk, gateway) -> None:
    async with tab(desk, address(gateway, "a", 20), webgl=True) as page:
        film = video(page, "a")
        await shows(film, lambda number: number == 200)
        await page.locator('[data-testid="trail-map"][data-ready="yes"][data-units="1"]').wait_for()
        box = await page.get_by_test_id("trail-map").bounding_box()
        # The walk goes straight north and fills the map: a quarter from its top is where it was near the end.
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.35)
        late = await shows(film, lambda number: number > 230)
        place = page.get_by_test_id("archive-place")
        assert abs(float(await place.get_attribute("data-lat")) - (52.5 + late / 10 * 2e-5)) < 1e-5


async def test_bookmarks_are_set_removed_and_taken_back(archive, gateway) -> None:
    page = await archive(address(gateway, "b", 5))
    await shows(video(page, "b"), lambda number: number == 50)
    await page.keyboard.press("b")
    await page.get_by_test_id("bookmark-text").fill("Car turns off its lights")
    await page.keyboard.press("Enter")
    listed = page.get_by_test_id("bookmark-go").filter(has_text="Car turns off its lights")
    await listed.wait_for()
    await page.keyboard.press("ArrowRight")
    await shows(video(page, "b"), lambda number: number == 150)
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("[")
    await shows(video(page, "b"), lambda number: number == 50)
    await page.get_by_test_id("bookmark-remove").click()
    await listed.wait_for(state="detached")
    await page.get_by_test_id("undo").click()
    await listed.wait_for()


async def test_a_day_with_nothing_offers_to_go_where_something_is_also_on_a_phone(archive, gateway) -> None:
    page = await archive(f"{gateway.url}/#/archive/d?at=2024-03-01T12:00:00Z")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.get_by_test_id("empty-day").filter(has_text="2024-03-01").wait_for()
    await page.get_by_test_id("go-first").click()
    await shows(video(page, "d"), lambda number: number == 0)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


def rows(controls: list[dict[str, Any]]) -> int:
    """In how many rows they stand."""
    ends: list[float] = []
    for top, bottom in sorted((one["top"], one["bottom"]) for one in controls):
        if not ends or top >= ends[-1]:
            ends.append(bottom)
    return len(ends)


async def test_one_row_has_every_control_on_a_phone_two_and_a_sheet(archive, gateway) -> None:
    page = await archive(address(gateway, "a", 5))
    await shows(video(page, "a"), lambda number: number == 50)
    controls = page.locator("archive-controls").locator("button, select, [data-testid=clock]")
    await page.keyboard.press("i")
    await page.get_by_test_id("clear-marks").wait_for()
    await page.set_viewport_size({"width": 1440, "height": 900})
    everything = await controls.evaluate_all(READ_CONTROLS)
    assert rows(everything) == 1
    await page.set_viewport_size({"width": 390, "height": 844})
    at_hand = await controls.evaluate_all(READ_CONTROLS)
    assert rows(at_hand) == 2
    assert {one["id"] for one in at_hand} >= {"clock", "play", "rate", "sound", "frame-back", "recording-ahead"}
    await page.get_by_test_id("more").click()
    sheet = await controls.evaluate_all(READ_CONTROLS)
    assert {one["id"] for one in everything} <= {one["id"] for one in sheet}
    outside = [one for one in sheet if one["left"] < 0 or one["right"] > 390 or one["bottom"] > 844]
    assert outside == []
    assert await page.locator("archive-controls").locator(".word").evaluate_all(FIND_CUT) == []
    await page.keyboard.press("Escape")
    await page.get_by_test_id("link").wait_for(state="hidden")
    assert await page.get_by_test_id("clock").is_visible()
    await page.get_by_test_id("more").click()
    await page.get_by_test_id("bookmark").click()
    await page.get_by_test_id("bookmark-text").wait_for()
    assert await page.get_by_test_id("mark-in").is_hidden()


async def test_pictures_missing_in_a_recording_are_a_gap_and_a_lost_packet_with_sound_is_none(archive, gateway) -> None:
    page = await archive(address(gateway, "c", 5))
    film = video(page, "c")
    await shows(film, lambda number: number == 50)
    await page.keyboard.press("Shift+ArrowRight")
    await shows(film, lambda number: number == 140)
    await page.keyboard.press("Shift+ArrowLeft")
    await shows(film, lambda number: number == 0)
    bar = await Bar.of(page)
    await bar.point(12, click=True)
    await page.get_by_test_id("picture-message").filter(has_text="Nothing of Unit c: packets lost").wait_for()
    assert await kinds(page) == ["recorded", "gap"]

    await page.goto(address(gateway, "a", 25))
    await shows(video(page, "a"), lambda number: number == 250)
    assert await kinds(page) == ["recorded", "partial"]
    bar = await Bar.of(page)
    await bar.point(26)
    await page.get_by_test_id("tip").filter(has_text="Recorded").wait_for()
    await page.get_by_test_id("tip").filter(has_text="Gap in the sound of 10 s: packets lost").wait_for()
    await page.keyboard.press("Shift+ArrowRight")  # there is nothing to go to
    await page.keyboard.press("Shift+ArrowLeft")
    await shows(video(page, "a"), lambda number: number == 0)

    await page.goto(address(gateway, "d", 25))
    await shows(video(page, "d"), lambda number: number == 250)
    assert await kinds(page) == ["recorded", "imported", "private"]
    bar = await Bar.of(page)
    await bar.point(20)
    await page.get_by_test_id("tip").filter(has_text="Imported from a dock or a card").wait_for()


async def test_pointing_at_the_bar_shows_the_picture_of_then(archive, gateway) -> None:
    page = await archive(address(gateway, "a", 25))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/snapshot.jpg" in request.url else None)
    await shows(video(page, "a"), lambda number: number == 250)
    bar = await Bar.of(page)
    for tenth in range(120, 190, 2):  # somebody passes
        await bar.point(tenth / 10)
    await bar.point(19.1)
    thumbnail = page.get_by_test_id("thumbnail")
    await thumbnail.wait_for()
    async with asyncio.timeout(SECONDS):
        while not await thumbnail.evaluate("img => img.complete && img.naturalWidth > 0"):
            await asyncio.sleep(0.02)
    number = await thumbnail.evaluate(READ_NUMBER)
    assert number in (180, 200)  # the keyframe before, or the one after
    assert int(await thumbnail.get_attribute("data-utc") or 0) == ns(number / 10) // 1_000_000
    said = format_utc(ns(number / 10))[11:19]
    assert await page.locator("figcaption").inner_text() == f"Picture of {said} UTC"
    assert 1 <= len(asked) <= 4, "one where the pointer rests, not one for each place it passed"
    await bar.point(13.9)
    await page.locator("figcaption").filter(has_not_text=said).wait_for()
    before = len(asked)
    await bar.point(19.1)
    await page.locator("figcaption").filter(has_text=said).wait_for()
    assert len(asked) == before, "what was fetched is kept"


async def test_what_cannot_be_shown_says_why(archive, gateway) -> None:
    page = await archive(address(gateway, "b", 11))
    message = page.get_by_test_id("picture-message")
    await message.filter(has_text="Nothing of Unit b: camera disconnected").wait_for()
    await page.get_by_test_id("archive-skip").click()
    await shows(video(page, "b"), lambda number: number == 120)

    await page.goto(address(gateway, "d", 32))
    await message.filter(has_text="The wearer of Unit d was in privacy mode").wait_for()
    await page.get_by_test_id("archive-skip").click()
    await shows(video(page, "d"), lambda number: number >= PRIVATE[1] * 10)

    await page.goto(address(gateway, "e", 5))
    await message.filter(has_text="Nothing of Unit e has been recorded yet").wait_for()
    await page.get_by_test_id("empty-day").filter(has_text="Nothing of Unit e has been recorded yet").wait_for()

    await page.goto(address(gateway, "z", 5))
    await message.filter(has_text="no right to the recordings of z").wait_for()
    assert await page.get_by_test_id("archive-video").is_hidden()


async def test_a_link_that_breaks_is_said_and_playing_goes_on_after_it(archive, gateway) -> None:
    page = await archive(address(gateway, "a", 5))
    film = video(page, "a")
    await shows(film, lambda number: number == 50)
    await page.route("**/api/cameras/a/**", lambda route: route.abort())
    await page.keyboard.press("k")
    for _ in range(3):  # beyond what was fetched
        await page.keyboard.press("ArrowRight")
    await page.get_by_test_id("picture-message").filter(has_text="does not answer").wait_for()
    await page.unroute("**/api/cameras/a/**")
    await shows(film, lambda number: number > 365)
    await page.get_by_test_id("picture-message").wait_for(state="detached")
