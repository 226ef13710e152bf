"""What is kept, in Chromium: the disk and its banner, the proof of the archive, holds, exports, and who wore a unit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS
from gateway.recording.files import Space, SystemFiles
from gateway.store.engine import open_catalog
from gateway.store.tables import recordings, segments
from tests.browser.chromium import SECONDS, chromium, log_in, opened
from tests.browser.recorded import READ_NUMBER, filmed, record
from tests.media_samples import T0
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LENGTH = 20
"""Seconds that are recorded of the units `a` and `b` from `T0` on."""
HOUR_NS = 3600 * NS
DAYS = 12
"""Of the unit `north`: a gibibyte an hour, until an hour ago, which only the catalog knows of."""
TOTAL = 2 << 40
ROOM = 1 << 40
LOW, FULL = TOTAL // 10, 1 << 20
POLICY = {
    "reasons": ["Complaint"],
    "rule": [{"cameras": ["b"], "ask_reason": ["recorded"]}],
    "retention": [
        {"keep_at_least": "30000d"},
        {"cameras": ["north"], "keep": "90d", "keep_at_least": "90d"},
        {"category": "arrest", "keep": "30000d"},
    ],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def free() -> list[int]:
    """Bytes that are free on the disk: the last item."""
    return [ROOM]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser, free, tmp_path_factory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("archive")
    track, units = filmed(LENGTH)
    for camera in ("a", "b"):
        await record(folder, camera, track, units, (0, LENGTH))
    await make_up(folder, "north")
    idle = {"url": "rtsp://127.0.0.1:9/none", "connect": "on_demand", "record": False}
    cameras = [CameraSettings.model_validate({"id": id_, "name": f"Unit {id_}", **idle}) for id_ in ("a", "b", "north")]
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "unmounted"
    evidence = {"anchor_file": elsewhere / "anchors.jsonl", "anchor_every": "1s"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemFiles, "space", lambda _: Space(TOTAL, free[-1]))
        patch.setattr("gateway.recording.disk_space.LOOK_SECONDS", 0.05)
        async with running(folder, *cameras, policy=POLICY, evidence=evidence) as gateway:
            yield gateway


async def make_up(folder: Path, camera: str) -> None:
    """Fill the catalog with what there are no files of."""
    last = SystemClock().utc_ns() // HOUR_NS * HOUR_NS
    starts = range(last - DAYS * 24 * HOUR_NS, last, HOUR_NS)
    common = {"camera": camera, "bytes": 1 << 30, "sha256": bytes(32), "tracks": [], "adopted": False}

    def work(connection: Any) -> None:
        values = {"camera": camera, "start_ns": starts[0], "end_ns": last}
        (recording,) = connection.execute(insert(recordings).values(**values)).inserted_primary_key
        rows = [
            common | {"path": f"{at}.mp4", "start_ns": at, "end_ns": at + HOUR_NS, "recording_id": recording}
            for at in starts
        ]
        connection.execute(insert(segments), rows)

    database = open_catalog(folder)
    await database.write(work)
    database.close()


def address(gateway: Running, unit: str, seconds: float) -> str:
    return f"{gateway.url}/#/archive/{unit}?at={format_utc(T0 + round(seconds * NS))}"


async def shows(page: Any, camera: str, number: int) -> None:
    """Wait until this picture is on the screen."""
    film = page.locator(f'video[data-camera="{camera}"]')
    ready = "video => video.readyState >= 2 && !video.seeking && video.dataset.frameUtc !== ''"
    async with asyncio.timeout(SECONDS):
        while not await film.evaluate(ready) or await film.evaluate(READ_NUMBER) != number:
            await asyncio.sleep(0.05)


async def test_the_storage_page_says_how_long_it_goes_well_and_what_to_do(browser, gateway, free) -> None:
    async with opened(browser, f"{gateway.url}/#/settings/storage", width=390, height=844) as page:
        await log_in(page, Role.AUDITOR.value)
        await page.get_by_test_id("disk-free").filter(has_text="1.0 TiB of 2.0 TiB free (50 %)").wait_for()
        # (1 TiB less 5 % of 2 TiB) at 24 GiB a day
        await page.get_by_test_id("disk-forecast").filter(has_text="Full in about 38 days").wait_for()
        north = page.locator('[data-testid="storage-unit"][data-camera="north"]')
        kept = await north.get_by_test_id("storage-kept").inner_text()
        assert "12 days of 90 days" in kept
        assert "Room runs out first, at about 50 days" in kept
        assert await page.get_by_test_id("storage-unit").count() == 3
        assert await page.get_by_test_id("storage-warning").count() == 0
        free.append(LOW)
        await page.get_by_test_id("storage-warning").filter(has_text="205 GiB of 2.00 TiB are free").wait_for()
        await page.get_by_test_id("storage-advice").filter(has_text="larger disk").wait_for()
        assert await page.get_by_test_id("disk-banner").count() == 0, "it says so itself"
        free.append(ROOM)
        await page.get_by_test_id("storage-warning").wait_for(state="detached")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390

        await page.route("**/api/storage", empty)
        await page.reload()
        await page.get_by_test_id("storage-none").filter(has_text="Nothing is recorded yet").wait_for()
        await page.get_by_test_id("disk-unknown").wait_for()


async def empty(route: Any) -> None:
    """What is answered while the disk has not said anything and nothing is recorded."""
    answer = await route.fetch()
    report = await answer.json() | {"disk": None, "full_days": None, "cameras": []}
    await route.fulfill(response=answer, json=report)


async def test_the_banner_stays_away_until_it_gets_worse(browser, gateway, free) -> None:
    banner = '[data-testid="disk-banner"]'
    async with opened(browser, gateway.url) as page:
        await log_in(page)
        free.append(LOW)
        await page.locator(f'{banner}[data-level="low"]').wait_for()
        await page.get_by_test_id("disk-dismiss").click()
        await page.locator(banner).wait_for(state="detached")
        await page.reload()
        await page.get_by_test_id("tile").first.wait_for()
        assert await page.locator(banner).count() == 0
        free.append(FULL)
        worse = page.locator(f'{banner}[data-level="full"]')
        await worse.filter(has_text="Nothing is recorded until there is more").wait_for()
        await page.get_by_test_id("disk-more").click()
        await page.get_by_test_id("storage-advice").filter(has_text="Make room now").wait_for()
        await page.get_by_test_id("nav-wall").click()
        await worse.wait_for()
        await page.get_by_test_id("disk-dismiss").click()
        free.append(ROOM)
        while (await gateway.client().get("/api/storage"))["level"] != "ok":
            await asyncio.sleep(0.05)
        free.append(LOW)  # another time
        await page.locator(f'{banner}[data-level="low"]').wait_for()
        free.append(ROOM)
        await page.locator(banner).wait_for(state="detached")


async def test_the_audit_page_says_how_far_the_archive_can_be_proved(browser, gateway) -> None:
    async with opened(browser, f"{gateway.url}/#/settings/audit") as page:
        await log_in(page, Role.AUDITOR.value)
        problem = page.get_by_test_id("evidence-problem")
        await problem.filter(has_text="Anchors do not reach").wait_for()
        assert "Look whether it is mounted" in await problem.inner_text()
        await page.get_by_test_id("evidence-verified").filter(has_text="sightline verify").wait_for()
        await page.get_by_test_id("evidence-details").locator("summary").click()
        await page.get_by_test_id("evidence-keys").get_by_text("signs now").wait_for()
        await page.get_by_test_id("evidence-ledgers").get_by_text("Unit a").wait_for()

        place = gateway.file[-1].evidence.anchor_file
        assert place is not None
        place.parent.mkdir()
        while not (await gateway.client().get("/api/evidence"))["anchored_utc"]:
            await asyncio.sleep(0.1)
        await page.reload()
        await page.get_by_test_id("evidence-anchored").filter(has_text="is anchored outside this gateway").wait_for()
        assert await problem.count() == 0


async def test_a_hold_is_placed_in_a_category_of_the_policy_and_released(browser, gateway) -> None:
    async with opened(browser, address(gateway, "a", 5)) as page:
        await log_in(page, Role.SUPERVISOR.value)
        await shows(page, "a", 50)
        await page.get_by_test_id("tab-holds").click()
        await page.get_by_test_id("hold-begin").click()
        category = page.get_by_test_id("hold-category")
        await category.wait_for()
        assert await category.locator("option").evaluate_all("all => all.map(one => one.value)") == ["", "arrest"]
        await category.select_option("arrest")
        await page.get_by_test_id("hold-reason").fill("Complaint 2026-118")
        await page.get_by_test_id("hold-submit").click()
        await page.get_by_test_id("holds").get_by_text("arrest: Complaint 2026-118").wait_for()
        (hold,) = (await gateway.client().get("/api/cameras/a/holds"))["holds"]
        assert (hold["category"], hold["placed_by"]) == ("arrest", "supervisor")

        await page.get_by_test_id("hold-release").click()
        await page.get_by_test_id("release-reason").fill("The case is closed")
        await page.get_by_test_id("release-submit").click()
        await page.get_by_test_id("holds").wait_for(state="detached")
        assert (await gateway.client().get("/api/cameras/a/holds"))["holds"] == []


async def test_an_export_is_asked_for_comes_and_is_removed(browser, gateway) -> None:
    async with opened(browser, address(gateway, "a", 2)) as page:
        await log_in(page, Role.SUPERVISOR.value)
        await shows(page, "a", 20)
        await page.keyboard.press("i")
        await page.keyboard.press("ArrowRight")
        await shows(page, "a", 120)
        await page.keyboard.press("o")
        await page.keyboard.press("e")
        form = page.get_by_test_id("export-form")
        await form.get_by_text("10 s in all").wait_for()
        await page.get_by_test_id("export-reason").fill("Prosecutor")
        await page.get_by_test_id("export-submit").click()
        file = page.get_by_test_id("export-file").filter(has_text=".mp4")
        await file.wait_for()
        async with page.expect_download() as begun:
            await file.click()
        assert Path(await (await begun.value).path()).read_bytes()[4:8] == b"ftyp"
        await page.get_by_test_id("export-remove").click()
        await page.get_by_test_id("confirm").click()
        await file.wait_for(state="detached")
        assert (await gateway.client(Role.SUPERVISOR).get("/api/exports"))["exports"] == []


async def test_a_wearer_is_assigned_found_and_their_recordings_opened(browser, gateway) -> None:
    values = {"wearer": "P. Baker", "from": format_utc(T0 + 4 * NS), "to": format_utc(T0 + 9 * NS)}
    status, body, _ = await gateway.client().call("POST", "/api/cameras/b/assignments", json=values)
    assert status == 201, body
    async with opened(browser, address(gateway, "a", 5)) as page:
        await log_in(page)
        await shows(page, "a", 50)
        await page.get_by_test_id("tab-wearers").click()
        await page.get_by_test_id("assign").click()
        await page.get_by_test_id("wearer-name").fill("J. Able")
        await page.get_by_test_id("wearer-save").click()
        await page.get_by_test_id("wearers").get_by_text("J. Able").wait_for()

        search = page.get_by_test_id("wearer-search-name")
        await search.fill("nobody")
        await page.keyboard.press("Enter")
        await page.get_by_test_id("wearer-none").wait_for()
        await search.fill("bak")
        await page.keyboard.press("Enter")
        await page.get_by_test_id("wearer-search-reason").fill("Complaint")
        await page.keyboard.press("Enter")
        found = page.get_by_test_id("wearer-found")
        await found.get_by_text("P. Baker").wait_for()
        await found.get_by_test_id("wearer-moment").click()
        # The unit asks for a reason of its own: looking who wore it is not watching it.
        await page.get_by_test_id("archive-reason").click()
        await page.get_by_test_id("reason-offer").first.check()
        await page.get_by_test_id("reason-submit").click()
        await shows(page, "b", 40)
    (row,) = [row for row in await gateway.audit() if row.action == "wearers" and row.reason == "Complaint"]
    assert row.detail["asked"] == "bak"
