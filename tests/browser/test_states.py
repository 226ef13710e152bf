"""What every page says in Chromium when the gateway fails, when one has no right, and when no answer comes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.base.settings import CameraSettings
from tests.browser.chromium import chromium, log_in, opened
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SETTINGS = "account users groups policy audit fleet cameras cameras/a phones storage nvr notifications"
PAGES = ["/archive/a", "/alerts", "/geofences", "/incidents", "/incident/1"]
PAGES += [f"/settings/{section}" for section in SETTINGS.split()]
STANDING = ["/", "/map", "/unit/a", "/duty"]
"""They live on the WebSocket: what a single call answers changes little in them."""
BROKEN = "The disk does not answer. Look at the server's log."
REFUSED = "This needs a right that you do not have. Ask an administrator."
RAW = re.compile(r"undefined|\[object|\bNaN\b|\bnull\b|Invalid Date|\{\"|/problems/|Traceback")
"""What no page may ever say."""
KEPT = re.compile(r"/api/(session|events|tickets|cameras/?$|openapi)")
TEXT = """() => {
  const said = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE) said.push(node.textContent);
    if (node.localName === 'style' || node.localName === 'script' || node.hidden) return;
    for (const child of (node.shadowRoot ?? node).childNodes) walk(child);
  };
  walk(document.querySelector('control-room').shadowRoot.querySelector('main'));
  return said.join(' ');
}"""
GO = """path => new Promise(resolve => {
  location.hash = path;
  requestAnimationFrame(() => requestAnimationFrame(resolve));
})"""
"""Goes to another page and waits until it is drawn."""
MOTION = """() => {
  const slow = [];
  const walk = root => {
    for (const element of root.querySelectorAll('*')) {
      const {animationName, animationDuration, transitionDuration} = getComputedStyle(element);
      const most = text => Math.max(...text.split(',').map(parseFloat));
      if ((animationName !== 'none' && most(animationDuration) > 0.01) || most(transitionDuration) > 0.01)
        slow.push(`${root.host?.localName} ${element.localName}.${element.className}`);
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document);
  return slow;
}"""
"""What moves for longer than one sees."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A unit that is not there, and an incident."""
    unit = CameraSettings(id="a", name="Unit a", url="rtsp://127.0.0.1:9/none", connect="on_demand", record=False)
    async with running(tmp_path_factory.mktemp("states"), unit) as gateway:
        made = {"title": "Fight at the gate", "cameras": ["a"]}
        assert (await gateway.client().call("POST", "/api/incidents", json=made))[0] == 201
        yield gateway


def problem(status: int, detail: str) -> dict[str, Any]:
    """An answer (RFC 9457)."""
    body = json.dumps({"type": "about:blank", "title": "No", "status": status, "detail": detail})
    return {"status": status, "content_type": "application/problem+json", "body": body}


async def test_every_page_has_a_face_for_what_goes_wrong(gateway) -> None:
    answer: dict[str, Any] | None = None
    over = asyncio.Event()

    async def take(route: Any) -> None:
        if KEPT.search(route.request.url):
            await route.continue_()
        elif answer is None:
            await over.wait()
            await route.abort()
        else:
            await route.fulfill(**answer)

    faceless: list[str] = []
    async with chromium() as browser, opened(browser, gateway.url) as page:
        await log_in(page)
        await page.locator(".stage").wait_for()
        await page.route(re.compile("/api/"), take)
        for status, face in ((500, BROKEN), (403, REFUSED), (None, "Loading")):
            answer = problem(status, face) if status else None
            for path in PAGES + STANDING:
                await page.evaluate(GO, path)
                await page.locator(".stage").wait_for()
                if path in PAGES:
                    try:
                        await page.get_by_text(face).first.wait_for(timeout=3000)
                    except Exception:
                        faceless.append(f"{face}: {path}")
                said = await page.evaluate(TEXT)
                if found := RAW.search(said):
                    faceless.append(f"{face}: {path}: {said[max(0, found.start() - 60) : found.end() + 60]}")
        over.set()
        assert faceless == []


async def test_nothing_moves_for_those_who_do_not_want_it_and_a_narrow_page_is_not_scrolled_sideways(gateway) -> None:
    async with chromium() as browser, opened(browser, gateway.url, width=320, height=640) as page:
        await page.emulate_media(reduced_motion="reduce")
        await log_in(page)
        await page.locator(".stage").wait_for()
        for path in PAGES[1:] + STANDING:
            await page.evaluate(GO, path)
            await page.locator(".stage").wait_for()
            assert await page.evaluate(MOTION) == [], path
            # WCAG 2.2, 1.4.10 Reflow
            widths = await page.evaluate(
                "[document.documentElement, document.querySelector('control-room').shadowRoot.querySelector('main')]"
                ".map(one => one.scrollWidth)"
            )
            assert max(widths) <= 320, path
