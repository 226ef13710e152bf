"""`video.mp4` in a plain <video> of Chromium: it starts, knows its length, and seeks over a gap by Range."""

from __future__ import annotations

import pytest

from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS
from tests.browser.chromium import chromium, log_in, opened
from tests.browser.recorded import READ_NUMBER, filmed, record
from tests.media_samples import T0
from tests.running import running

pytestmark = pytest.mark.browser

OPEN = """url => {
  const video = document.createElement('video');
  video.muted = true;
  document.body.prepend(video);
  return new Promise((resolve, reject) => {
    video.onloadeddata = () => resolve(video.duration);
    video.onerror = () => reject(new Error(video.error.message));
    video.src = url;
  });
}"""
SEEK = """(video, seconds) => new Promise(resolve => {
  video.onseeked = () => resolve(video.currentTime);
  video.currentTime = seconds;
})"""
PLAY = """video => new Promise(resolve => {
  const from = video.currentTime;
  video.ontimeupdate = () => { if (video.currentTime > from + 0.5) { video.pause(); resolve(); } };
  video.play();
})"""


async def test_a_download_plays_in_the_browser_and_seeks_over_a_gap(tmp_path):
    async with chromium() as browser:
        track, units = filmed(40)
        await record(tmp_path, "a", track, units, (0, 12), (25, 40))
        idle = {"id": "a", "url": "rtsp://127.0.0.1:9/none", "connect": "on_demand", "record": False}
        async with (
            running(tmp_path, CameraSettings.model_validate(idle)) as gateway,
            opened(browser, gateway.url) as page,
        ):
            await log_in(page)
            await page.get_by_test_id("login-submit").wait_for(state="detached")
            begin, end = (format_utc(T0 + seconds * NS) for seconds in (5, 38))
            duration = await page.evaluate(OPEN, f"/api/cameras/a/video.mp4?from={begin}&to={end}")
            assert 33 <= duration <= 34.1, "what it decodes before the beginning counts"
            film = page.locator("video").first
            for seconds, number in ((2.05, 70), (25.05, 300), (0.05, 50), (31.05, 360)):
                await film.evaluate(SEEK, seconds)
                assert await film.evaluate(READ_NUMBER) == number
            await film.evaluate(SEEK, 22.0)
            await film.evaluate(PLAY)
