"""A night's work with the keys alone, in Chromium: from the log-in to the end of an incident, no pointer ever touched.

That the Tab key comes to every control of every page is `test_every_page`'s.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.media.model import Fix
from tests.browser.chromium import chromium, opened
from tests.running import PASSWORD, Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

FOCUSED = """() => {
  let node = document.activeElement;
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
  return node;
}"""
MOST_TABS = 120
POINTERS = ("pointerdown", "mousedown", "touchstart")
NO_POINTER = "kinds => { for (const kind of kinds) addEventListener(kind, () => { throw new Error(kind); }, true); }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """Two units that say where they are."""
    idle = {"url": "rtsp://127.0.0.1:9/none", "connect": "on_demand", "record": False}
    cameras = [CameraSettings.model_validate({"id": id_, "name": f"Unit {id_}", **idle}) for id_ in "ab"]
    quiet = {"camera_offline": "off", "unit_lost": "off", "not_recording": "off"}
    async with running(tmp_path_factory.mktemp("keys"), *cameras, alerts=quiet) as gateway:
        now = SystemClock().utc_ns()
        for n, camera in enumerate(cameras):
            gateway.fleet.camera(camera.id).take_fix(Fix(now, 52.52 + n / 1000, 13.4, accuracy_m=9.0, received_ns=now))
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser, gateway) -> AsyncIterator[Any]:
    """Logged in as an administrator, by the keys."""
    async with opened(browser, gateway.url) as page:
        await page.evaluate(NO_POINTER, POINTERS)
        await page.get_by_test_id("login-username").wait_for()
        await tab_to(page, "login-username")
        await page.keyboard.type(Role.ADMINISTRATOR.value)
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_test_id("wall").wait_for()
        yield page


async def focused(page: Any, attribute: str = "data-testid") -> str:
    """What the element that has the focus says of itself."""
    node = await page.evaluate_handle(FOCUSED)
    return await node.evaluate("(node, name) => node?.getAttribute(name) ?? ''", attribute) or ""


async def tab_to(page: Any, test_id: str, within: str = "") -> None:
    """Press Tab until the focus is on that control; `within`: text of the row that it is in."""
    wanted = page.get_by_test_id(test_id)
    await wanted.first.wait_for()
    for _ in range(MOST_TABS):
        if await focused(page) == test_id:
            node = await page.evaluate_handle(FOCUSED)
            row = await node.evaluate("node => (node.closest('li, tr, [data-user], article') ?? node).textContent")
            if within in row:
                return
        await page.keyboard.press("Tab")
    pytest.fail(f"the Tab key does not come to {test_id}")


async def use(page: Any, test_id: str, within: str = "") -> None:
    """Come to a control by Tab, and press it."""
    await tab_to(page, test_id, within)
    await page.keyboard.press("Enter")


async def test_a_unit_is_found_and_looked_at(page) -> None:
    await page.keyboard.press("2")
    await page.keyboard.press("Enter")
    await page.get_by_test_id("unit-name").filter(has_text="Unit b").wait_for()
    await page.keyboard.press("Escape")
    await page.get_by_test_id("wall").wait_for()
    await page.keyboard.press("/")
    await page.keyboard.type("unit a")
    await page.get_by_test_id("found").first.wait_for()
    await page.keyboard.press("Enter")
    await page.get_by_test_id("unit-name").filter(has_text="Unit a").wait_for()
    await page.keyboard.press("m")
    await page.get_by_test_id("list-unit").first.wait_for()
    await use(page, "list-follow", "Unit b")
    assert await focused(page, "aria-pressed") == "true"


async def test_a_call_for_help_becomes_an_incident_that_is_worked_on_shared_and_closed(page, gateway) -> None:
    await page.keyboard.press("1")
    await page.keyboard.press("Enter")
    await use(page, "sos")
    await page.get_by_test_id("reason-text").wait_for()
    assert await focused(page) == "reason-text", "who is asked for a word can type it at once"
    await page.keyboard.type("Shots fired")
    await page.keyboard.press("Enter")
    await page.get_by_test_id("alert-text").filter(has_text="Shots fired").wait_for()

    await use(page, "alert-incident")
    await page.get_by_test_id("incident-name").filter(has_text="Shots fired").wait_for()
    await page.keyboard.press("n")
    await page.keyboard.type("Ambulance called")
    await page.keyboard.press("Control+Enter")
    await page.get_by_test_id("note").filter(has_text="Ambulance called").wait_for()

    await use(page, "alert-resolve")
    await page.get_by_test_id("resolve-word").wait_for()
    await page.keyboard.type("officer is safe")
    await page.keyboard.press("Enter")
    await page.get_by_test_id("alert-banner").wait_for(state="detached")

    await use(page, "share")
    await page.get_by_test_id("share-recipient").wait_for()
    await page.keyboard.type("the prosecutor")
    await page.keyboard.press("Enter")
    assert "/#/share" in await page.get_by_test_id("secret").input_value()
    await use(page, "shown-once-done")
    await page.get_by_test_id("share-row").filter(has_text="the prosecutor").wait_for()

    await use(page, "incident-close")
    await use(page, "confirm")
    await page.get_by_test_id("incident-reopen").wait_for()
    (incident,) = (await gateway.client().get("/api/incidents"))["incidents"]
    assert incident["closed"] is not None


async def test_a_camera_and_a_user_are_added_changed_and_removed(page, gateway) -> None:
    await page.keyboard.press(",")
    await use(page, "settings-cameras")
    await use(page, "cameras-add")
    await page.get_by_test_id("camera-form").wait_for()
    assert await focused(page, "name") == "name", "the first field has the focus"
    for value in ("Unit c", "rtsp://127.0.0.1:9/none"):
        await page.keyboard.type(value)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.locator('[data-testid="camera"]').filter(has_text="Unit c").wait_for()

    await use(page, "settings-users")
    await use(page, "add-user")
    await page.get_by_test_id("user-name").wait_for()
    await page.keyboard.type("ann")
    await page.keyboard.press("Enter")
    await use(page, "shown-once-done")
    await page.locator('[data-user="ann"]').wait_for()
    await use(page, "edit-user", "ann")
    await tab_to(page, "user-role")
    await page.keyboard.type("Aud")
    await use(page, "user-submit")
    await page.locator('[data-user="ann"]').get_by_text("Auditor").wait_for()
    await use(page, "undo")
    await page.locator('[data-user="ann"]').get_by_text("Dispatcher").wait_for()
    users = (await gateway.client().get("/api/users"))["users"]
    assert {user["name"]: user["role"] for user in users}["ann"] == "dispatcher"


async def test_a_dialog_keeps_the_focus_and_gives_it_back(page) -> None:
    await page.keyboard.press("1")
    before = await focused(page)
    await page.keyboard.press("?")
    await page.get_by_test_id("help").get_by_test_id("dialog-close").wait_for()
    for _ in range(6):
        await page.keyboard.press("Tab")
        inside = await page.evaluate("document.querySelector('control-room').shadowRoot.activeElement?.localName")
        assert inside in {"keyboard-help", None}, "the page behind is out of reach"
    await page.keyboard.press("Escape")
    await page.get_by_test_id("help").wait_for(state="detached")
    assert await focused(page) == before
