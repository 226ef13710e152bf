"""Chromium with a page in it, for tests of the page: how it is started and what is asked of a page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.access.rights import Role
from tests.running import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
BUILT_PAGE = Path(__file__).resolve().parents[2] / "web/static/index.html"
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
# A machine without graphics: a map that is drawn in software takes the time of the test beside it.
NO_WEBGL = ["--disable-gpu", "--disable-software-rasterizer"]
WEBGL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu-compositing"]
MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
HIDE_WEBGL = """{
  const {getContext} = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
    return kind.startsWith('webgl') ? null : getContext.call(this, kind, ...more);
  };
}"""
FRAMES = 25
SECONDS = 30.0
"""How long anything on the page may take."""
COUNT_FRAMES = """(video, wanted) => new Promise(resolve => {
  const times = [];
  const shown = (_, frame) => {
    times.push(frame.rtpTimestamp);
    times.length < wanted ? video.requestVideoFrameCallback(shown) : resolve({
      times, size: [video.videoWidth, video.videoHeight], decoded: video.getVideoPlaybackQuality().totalVideoFrames,
    });
  };
  video.requestVideoFrameCallback(shown);
})"""
"""Waits until so many pictures have been on the screen; their RTP timestamps, the size, and how many were decoded.

Of a live picture Chromium's `mediaTime` is when it planned to show it: two that come late may have the same.
"""


@contextlib.asynccontextmanager
async def chromium(*, webgl: bool = False, microphone: bool = False, program: Path = CHROMIUM) -> AsyncIterator[Any]:
    """A browser, which can show a map if `webgl`, and has a `microphone` that beeps; skips where there is none.

    `program` starts it.
    """
    playwright = pytest.importorskip("playwright.async_api")
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    if not BUILT_PAGE.exists():
        pytest.skip("the page is not built: run make setup")
    flags = FLAGS + (WEBGL if webgl else NO_WEBGL) + (MICROPHONE if microphone else [])
    async with playwright.async_playwright() as p:
        browser = await p.chromium.launch(executable_path=str(program), args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def opened(browser: Any, url: str, *, width: int = 1280, height: int = 800) -> AsyncIterator[Any]:
    """A page at `url` that knows no cookies. Scripts that fail, and what its own policy blocks, fail the test."""
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    context.set_default_timeout(SECONDS * 1000)
    try:
        async with tab(context, url, webgl=True) as page:
            yield page
    finally:
        await context.close()


@contextlib.asynccontextmanager
async def tab(context: Any, url: str, *, webgl: bool = False) -> AsyncIterator[Any]:
    """Another page at `url`, which knows what the others of its context do: cookies, and files that were loaded.

    Without `webgl` it shows no map, even in a browser that can.
    """
    page = await context.new_page()
    if not webgl:
        await page.add_init_script(HIDE_WEBGL)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None
    )
    try:
        await page.goto(url)
        yield page
        assert faults == []
    finally:
        await page.close()


async def log_in(page: Any, name: str = Role.ADMINISTRATOR.value, password: str = PASSWORD) -> None:
    await page.get_by_test_id("login-username").fill(name)
    await page.get_by_test_id("login-password").fill(password)
    await page.get_by_test_id("login-submit").click()


def tile(page: Any, camera_id: str) -> Any:
    """A unit on the wall."""
    return page.locator(f'unit-tile[data-camera="{camera_id}"]')


async def watch(video: Any) -> dict[str, Any]:
    """Let `FRAMES` pictures go by, and tell of them what `COUNT_FRAMES` does."""
    async with asyncio.timeout(SECONDS):
        seen: dict[str, Any] = await video.evaluate(COUNT_FRAMES, FRAMES)
    return seen
