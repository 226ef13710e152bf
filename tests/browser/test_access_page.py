"""Who may see what, in Chromium: users, reasons, the end of a right, privacy, the audit and its proof."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from tests.browser.chromium import chromium, log_in, opened, tile, watch
from tests.running import PASSWORD, Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

POLICY = {
    "watermark": True,
    "tell_wearer": True,
    "reasons": ["Officer calls for help"],
    "rule": [{"groups": ["north"], "ask_reason": ["live"]}],
    "privacy": [{"hide": ["stream"]}],
}
WHEN_SAID = """text => new Promise(resolve => {
  const look = () => {
    const said = document.querySelector('control-room').shadowRoot.querySelector('unit-view').shadowRoot
      .querySelector('picture-message')?.message ?? '';
    said.includes(text) ? resolve({at: Date.now(), said}) : requestAnimationFrame(look);
  };
  look();
})"""
"""When the page says `text` over the large picture (milliseconds since the Unix epoch), and all of what it says."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser, tmp_path_factory) -> AsyncIterator[Running]:
    """Two live cameras: `north`, which is not watched without a reason, and `south`."""
    async with Simulation(count=2, interfaces=("lo",), password="hush hush", width=320, height=180) as simulation:
        cameras = [
            CameraSettings.model_validate(
                {
                    "id": group,
                    "name": f"Unit {group}",
                    "onvif": camera.onvif_url,
                    "username": camera.username,
                    "password": camera.password,
                    "groups": [group],
                }
            )
            for group, camera in zip(("north", "south"), simulation.cameras, strict=True)
        ]
        roles = {"officers": Role.SUPERVISOR.value}
        oidc = [{"name": "station", "issuer": "http://127.0.0.1:9", "client_id": "sightline", "roles": roles}]
        async with running(tmp_path_factory.mktemp("gateway"), *cameras, policy=POLICY, oidc=oidc) as gateway:
            for camera in cameras:
                await gateway.camera(camera.id)
            yield gateway


async def add_user(gateway: Running, name: str, role: Role, *groups: str) -> None:
    values = {"name": name, "role": role.value, "groups": groups, "password": PASSWORD}
    status, body, _ = await gateway.client().call("POST", "/api/users", json=values)
    assert status == 201, body


async def test_a_user_is_added_changed_back_and_sees_only_their_group(browser, gateway) -> None:
    async with opened(browser, f"{gateway.url}/#/settings/users") as page:
        assert await page.get_by_test_id("login-provider").get_attribute("href") == "/api/session/oidc/station"
        await log_in(page)
        await page.get_by_test_id("add-user").click()
        await page.get_by_test_id("user-name").fill("ann")
        await page.get_by_test_id("user-group").and_(page.locator('[value="south"]')).check()
        await page.get_by_test_id("user-submit").click()
        password = await page.get_by_test_id("secret").input_value()
        await page.get_by_test_id("shown-once-done").click()
        row = page.locator('[data-user="ann"]')
        await row.get_by_text("only south").wait_for()

        await row.get_by_test_id("edit-user").click()
        await page.get_by_test_id("user-role").select_option("auditor")
        await page.get_by_test_id("user-submit").click()
        await row.get_by_text("Auditor").wait_for()
        await page.get_by_test_id("undo").click()
        await row.get_by_text("Dispatcher").wait_for()

    async with opened(browser, gateway.url) as page:
        await log_in(page, "ann", password)
        await tile(page, "south").wait_for()
        assert await page.get_by_test_id("tile").count() == 1
        await page.get_by_test_id("nav-settings").click()
        await page.get_by_test_id("settings-account").wait_for()
        assert await page.get_by_test_id("settings-users").count() == 0
        await page.goto(f"{gateway.url}/#/settings/users")
        await page.reload()
        await page.get_by_test_id("no-right").wait_for()


async def test_a_reason_is_asked_and_the_end_of_a_right_is_said_within_a_second(browser, gateway) -> None:
    await add_user(gateway, "bob", Role.DISPATCHER)
    async with opened(browser, f"{gateway.url}/#/unit/north") as page:
        await log_in(page, "bob")
        await page.get_by_test_id("reason-dialog").wait_for()
        await page.keyboard.press("Escape")
        await page.get_by_test_id("give-reason").click()
        # By keyboard alone: the first reason has the focus.
        await page.get_by_test_id("reason-offer").first.wait_for()
        await page.keyboard.press("Space")
        await page.keyboard.press("Enter")
        picture = page.get_by_test_id("unit-picture")
        await watch(picture.get_by_test_id("video"))
        mark = await picture.get_by_test_id("watermark").get_attribute("data-text")
        assert mark is not None
        assert mark.startswith("bob · ")

        before = await page.evaluate("Date.now()")
        values = {"groups": ["south"]}
        status, body, _ = await gateway.client().call("PATCH", "/api/users/bob", json=values)
        assert status == 200, body
        seen = await page.evaluate(WHEN_SAID, "Your right to watch Unit north ended at")
        assert seen["at"] - before < 1000
        assert await picture.get_by_test_id("video").evaluate("video => video.srcObject") is None
        assert await picture.locator("canvas").evaluate("canvas => canvas.width") == 0, "nor the last picture"
        assert await picture.get_by_test_id("watermark").count() == 0

    async with opened(browser, f"{gateway.url}/#/settings/audit?actor=bob&action=live_view") as page:
        await log_in(page, Role.AUDITOR.value)
        await page.get_by_test_id("audit-row").filter(has_text="Officer calls for help").first.wait_for()
        await page.get_by_test_id("verify-day").click()
        proof = page.get_by_test_id("proof")
        await proof.wait_for()
        assert await proof.get_attribute("data-holds") == "yes"


async def test_privacy_hides_the_picture_and_ends_with_a_reason(browser, gateway) -> None:
    async with opened(browser, f"{gateway.url}/#/unit/south", width=390, height=844) as page:
        await log_in(page)
        state = page.get_by_test_id("unit-state")
        await state.and_(page.locator('[look="live"]')).wait_for()
        await page.get_by_test_id("privacy").click()
        await page.get_by_test_id("reason-text").fill("Visit to a doctor")
        await page.get_by_test_id("reason-confirm").click()
        await state.and_(page.locator('[look="private"]')).wait_for()
        assert (await gateway.client().get("/api/cameras/south"))["private"]
        await page.get_by_test_id("privacy").click()
        await page.get_by_test_id("reason-text").fill("It is over")
        await page.get_by_test_id("reason-confirm").click()
        await state.and_(page.locator('[look="live"]')).wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_the_policy_is_read_and_explained(browser, gateway) -> None:
    async with opened(browser, f"{gateway.url}/#/settings/policy?user=dispatcher&camera=north") as page:
        await log_in(page)
        explained = page.get_by_test_id("explanation")
        await explained.get_by_text("A reason is asked before a live view").wait_for()
        await page.get_by_test_id("policy-whole").get_by_text("hides stream").wait_for()
        assert "deterrent" in await page.get_by_test_id("watermark-deters").inner_text()
